#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { BUFFER = 256 * 1024, PIECES = 4 }; /* a guest takes so much at once before the next one may */

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
    /* What the client spends is not measured, and there is nobody between it and the server. */
    SSL_CTX_set_verify(plan->context, SSL_VERIFY_NONE, NULL);
    if (plan->tls == LOAD_RESUMED) {
        SSL_CTX_set_session_cache_mode(plan->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(plan->context, keep_ticket);
    }
}

static int join(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_need(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_need(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
    bench_need(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
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
}

void load_link_open(struct load_guest *guest)
{
    guest->began = bench_seconds();
    guest->fd = join(guest->plan->port);
    guest->state = LOAD_TALKING;
    if (guest->plan->tls == LOAD_PLAIN)
        return;
    guest->ssl = SSL_new(guest->plan->context);
    bench_need(guest->ssl && SSL_set_fd(guest->ssl, guest->fd) == 1, "TLS");
    SSL_set_app_data(guest->ssl, guest);
    if (guest->plan->tls == LOAD_RESUMED && guest->ticket)
        SSL_set_session(guest->ssl, guest->ticket);
    guest->state = LOAD_SHAKING;
    shake(guest);
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

static enum got receive(struct load_guest *guest, size_t *out_len)
{
    int problem;
    ssize_t n;

    if (!guest->ssl) {
        n = recv(guest->fd, buffer, sizeof buffer, 0);
        if (n < 0)
            return errno == EAGAIN ? GOT_LATER : GOT_END;
        *out_len = (size_t)n;
        return n ? GOT : GOT_END;
    }
    ERR_clear_error();
    if (SSL_read_ex(guest->ssl, buffer, sizeof buffer, out_len) == 1)
        return GOT;
    problem = SSL_get_error(guest->ssl, 0);
    return problem == SSL_ERROR_WANT_READ ? GOT_LATER : GOT_END;
}

void load_link_ready(struct load_guest *guest)
{
    enum got got = GOT;

    if (guest->state == LOAD_SHAKING)
        shake(guest);
    /* What OpenSSL has read already makes no socket readable: with TLS all is taken. */
    for (int i = 0; got == GOT && (i < PIECES || guest->ssl); i++) {
        size_t len = 0;

        if (guest->state == LOAD_SHAKING)
            return;
        got = receive(guest, &len);
        if (got == GOT)
            load_talk_take(guest, buffer, len);
    }
    if (got == GOT_END && guest->state != LOAD_ENDING)
        load_fail(guest, "the connection ended early");
    if (got == GOT_END)
        guest->state = LOAD_OVER;
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
