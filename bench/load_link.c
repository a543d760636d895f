#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"

enum {
    BUFFER = 256 * 1024,
    PIECES = 4,         /* a guest takes so much at once before the next one may */
    SLOW_ROOM = 4096,   /* of a socket whose owner reads slowly: else the kernel would read for him */
    SLOW_SEGMENT = 1440 /* as on a wire; loopback's of 64 KiB make kernels buffer a MB for each */
};

static unsigned char buffer[BUFFER];

/* With TLS 1.3 tickets come after the handshake; the last one is kept. */
static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct load_guest *guest = SSL_get_app_data(ssl);

    SSL_SESSION_free(guest->ticket);
    guest->ticket = ticket;
    return 1;
}

void load_link_init(struct load_plan *plan)
{
    if (plan->tls == LOAD_PLAIN)
        return;
    plan->context = SSL_CTX_new(TLS_client_method());
    bench_need(plan->context != NULL, "TLS");
    /* A load says no more than the passwords that it was given for it; what the client spends is not
     * measured. */
    SSL_CTX_set_verify(plan->context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(plan->context, SSL_MODE_RELEASE_BUFFERS);
    /* A server that hangs up without a word is another's fault; its session would never be resumed. */
    SSL_CTX_set_options(plan->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (plan->tls == LOAD_RESUMED) {
        SSL_CTX_set_session_cache_mode(plan->context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(plan->context, keep_ticket);
    }
}

static void watch(struct load_guest *guest, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = guest};

    bench_need(epoll_ctl(guest->poll, how, guest->fd, &event) == 0, "epoll");
}

static int call(const struct load_plan *plan)
{
    int fd = socket(plan->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1,
        room = SLOW_ROOM, segment = SLOW_SEGMENT;

    bench_need(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (plan->slow) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    if (plan->from_len) { /* the port is chosen when both ends are known: there are many more then */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        bench_need(bind(fd, (const struct sockaddr *)&plan->from, plan->from_len) == 0, "bind");
    }
    bench_need(connect(fd, (const struct sockaddr *)&plan->to, plan->to_len) == 0 ||
                   errno == EINPROGRESS,
               "connect");
    return fd;
}

static void shake(struct load_guest *guest)
{
    bool want_ticket = guest->plan->tls == LOAD_RESUMED && guest->ticket;
    int result = SSL_connect(guest->ssl);

    if (result != 1) {
        if (SSL_get_error(guest->ssl, result) != SSL_ERROR_WANT_READ)
            load_fail(guest, "TLS handshake");
        return;
    }
    if (want_ticket != SSL_session_reused(guest->ssl))
        load_fail(guest, want_ticket ? "TLS session was not resumed" : "TLS session was resumed");
    guest->state = LOAD_TALKING;
    if (guest->answered == 0) /* the greeting comes by itself */
        return;
    load_talk_ask(guest);
    if (guest->asked == guest->answered)
        guest->state = LOAD_STAYING;
}

void load_link_shake(struct load_guest *guest)
{
    guest->ssl = SSL_new(guest->plan->context);
    bench_need(guest->ssl && SSL_set_fd(guest->ssl, guest->fd) == 1, "TLS");
    SSL_set_app_data(guest->ssl, guest);
    if (guest->plan->tls == LOAD_RESUMED && guest->ticket)
        SSL_set_session(guest->ssl, guest->ticket);
    guest->state = LOAD_SHAKING;
    shake(guest);
}

void load_link_open(struct load_guest *guest, int poll)
{
    bool first = guest->plan->tls != LOAD_PLAIN && !guest->plan->stls; /* the client speaks first */

    guest->began = bench_seconds();
    guest->fd = call(guest->plan);
    guest->poll = poll;
    guest->state = first ? LOAD_CALLING : LOAD_TALKING;
    watch(guest, EPOLL_CTL_ADD, first ? EPOLLOUT : EPOLLIN);
}

/* Commands are small and a socket's buffer is not: one that takes less is broken. */
void load_link_send(struct load_guest *guest, const char *at, size_t len)
{
    size_t sent = 0;
    bool ok;

    if (guest->ssl)
        ok = SSL_write_ex(guest->ssl, at, len, &sent) == 1;
    else
        ok = send(guest->fd, at, len, MSG_NOSIGNAL) == (ssize_t)len;
    if (!ok)
        load_fail(guest, "sending");
}

enum got { GOT, GOT_LATER, GOT_END };

static enum got receive(struct load_guest *guest, size_t most, size_t *out_len)
{
    int problem;
    ssize_t n;

    if (!guest->ssl) {
        n = recv(guest->fd, buffer, most, 0);
        if (n < 0)
            return errno == EAGAIN ? GOT_LATER : GOT_END;
        *out_len = (size_t)n;
        return n ? GOT : GOT_END;
    }
    ERR_clear_error();
    if (SSL_read_ex(guest->ssl, buffer, most, out_len) == 1)
        return GOT;
    problem = SSL_get_error(guest->ssl, 0);
    return problem == SSL_ERROR_WANT_READ ? GOT_LATER : GOT_END;
}

/* Works when all that came has been read, and until the kernel thinks better of it. */
static void acknowledge(const struct load_guest *guest)
{
    int on = 1;

    if (guest->plan->hasty)
        setsockopt(guest->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* So that whoever reads slowly has not read much before he does. */
static size_t piece(const struct load_guest *guest)
{
    return guest->plan->slow ? LOAD_LINE : sizeof buffer;
}

static bool sips(const struct load_guest *guest)
{
    return guest->plan->slow && guest->state == LOAD_STAYING;
}

void load_link_ready(struct load_guest *guest)
{
    enum got got = GOT;

    if (guest->state == LOAD_CALLING) {
        watch(guest, EPOLL_CTL_MOD, EPOLLIN);
        load_link_shake(guest);
    } else if (guest->state == LOAD_SHAKING) {
        shake(guest);
    }
    /* What OpenSSL has read already makes no socket readable: with TLS all is taken. */
    for (int i = 0; got == GOT && (i < PIECES || guest->ssl) && !sips(guest); i++) {
        size_t len = 0;

        if (guest->state == LOAD_SHAKING)
            return;
        got = receive(guest, piece(guest), &len);
        if (got == GOT)
            load_talk_take(guest, buffer, len);
    }
    acknowledge(guest);
    if (got == GOT_END && guest->state != LOAD_ENDING)
        load_fail(guest, "the connection ended early");
    if (got == GOT_END)
        guest->state = LOAD_OVER;
    if (sips(guest))
        watch(guest, EPOLL_CTL_DEL, 0);
}

void load_link_sip(struct load_guest *guest, size_t most)
{
    size_t len = 0;

    if (!sips(guest)) /* not yet */
        return;
    if (receive(guest, most < sizeof buffer ? most : sizeof buffer, &len) == GOT_END)
        load_fail(guest, "the connection of a slow client ended");
}

void load_link_close(struct load_guest *guest)
{
    if (guest->ssl) /* else OpenSSL takes the session for broken and never resumes it */
        SSL_set_shutdown(guest->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(guest->ssl);
    guest->ssl = NULL;
    close(guest->fd);
    guest->fd = -1;
}
