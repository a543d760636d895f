/* Serves one message from memory to whoever comes to the port that it prints, 64 at once on one poll(2): what the
 * engine asks, the program has at hand. An example of libpostfach(3); plain text, any password, nothing is removed. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <postfach/pop3_server.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct guest {
    struct pf_pop3_server *engine; /* NULL: the seat is free */
    struct pf_bytes left, body;    /* what it has not taken yet: of `in`, and of the message while it is asked for */
    bool ended, closing;           /* the client says no more; CLOSE was asked */
    unsigned char in[2048], out[PF_POP3_OUT_MIN];
};

enum { SEATS = 64 };
static const char mail[] = "Subject: hello\n\nOne line.\n.A dot at the head of a line.\n";
static const struct pf_row row = {.octets = sizeof mail - 1 + 4, .uidl_len = 2}; /* its 4 line ends count two each */

static int step(struct guest *g, int fd, pf_time now) /* 1: there may be more to do at once; -1: it is over */
{
    static const enum pf_tell_kind kinds[] = {[PF_ASK_PASS] = PF_TELL_AUTH, [PF_ASK_OPEN] = PF_TELL_OPEN,
                                              [PF_ASK_BODY] = PF_TELL_BODY, [PF_ASK_COMMIT] = PF_TELL_COMMIT};
    struct pf_ask ask = {.kind = PF_ASK_BODY};
    struct pf_tell tell = {.listing = {&row, (const unsigned char *)"u1", 1, row.octets}, /* err is PF_OK: always yes */
                           .expire_days = PF_EXPIRE_NEVER, .no_delete = true};

    g->left = pf_bytes_skip(g->left, pf_pop3_server_feed(g->engine, g->left, now));
    if (g->ended && !g->left.len)
        pf_pop3_server_eof(g->engine, now);
    bool asked = pf_pop3_server_ask(g->engine, &ask), known = asked && ask.kind != PF_ASK_CLOSE;
    g->closing |= asked && ask.kind == PF_ASK_CLOSE;
    g->body = asked && ask.kind == PF_ASK_BODY ? pf_bytes_of(mail) : g->body;
    if (g->body.len) { /* as much as there is room for */
        g->body = pf_bytes_skip(g->body, pf_pop3_server_body(g->engine, g->body, false));
        known = !g->body.len || !pf_pop3_server_body_wanted(g->engine);
        g->body.len = known ? 0 : g->body.len;
    }
    tell.kind = known ? kinds[ask.kind] : PF_TELL_AUTH;
    if (known)
        pf_pop3_server_tell(g->engine, &tell, now);
    struct pf_bytes out = pf_pop3_server_out(g->engine);
    ssize_t n = out.len ? send(fd, out.at, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    bool lost = (n < 0 && errno != EAGAIN) || (asked && g->closing && ask.close == PF_CLOSE_STALL);
    pf_pop3_server_sent(g->engine, n > 0 ? (size_t)n : 0, now);
    return lost || (g->closing && !pf_pop3_server_out(g->engine).len) ? -1 : n > 0 || asked;
}

static void turn(struct guest *g, struct pollfd *p, pf_time now) /* as far as it goes */
{
    ssize_t n = p->revents & ~POLLOUT && !g->left.len ? recv(p->fd, g->in, sizeof g->in, MSG_DONTWAIT) : -1;
    int more = 1;

    g->ended |= n == 0;
    g->left = n > 0 ? pf_bytes_from(g->in, (size_t)n) : g->left;
    while (more > 0)
        more = step(g, p->fd, now);
    p->events = (short)((g->left.len || g->ended ? 0 : POLLIN) | (pf_pop3_server_out(g->engine).len ? POLLOUT : 0));
    if (more < 0) {
        pf_pop3_server_free(g->engine);
        close(p->fd);
        *g = (struct guest){.engine = NULL};
        p->fd = -1;
    }
}

int main(void)
{
    static struct guest guests[SEATS], *g;
    static struct pf_pop3_server_settings set;
    struct pollfd fds[SEATS + 1] = {[SEATS] = {.revents = POLLIN}}; /* the guests', and behind them the door */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *at = (struct sockaddr *)&a;
    struct timespec t;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    pf_pop3_server_settings_init(&set);
    set.plaintext_login = true;
    if (bind(door, at, sizeof a) || listen(door, SEATS) || getsockname(door, at, &(socklen_t){sizeof a}) ||
        printf("%u\n", ntohs(a.sin_port)) < 0 || fflush(stdout))
        return 1;
    do { /* each second the engines look at the clock; pf_pop3_server_deadline tells when they must */
        clock_gettime(CLOCK_MONOTONIC, &t);
        pf_time now = (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
        bool full = true;
        for (int i = 0; i < SEATS; full &= guests[i++].engine != NULL) {
            g = &guests[i];
            if (!g->engine && fds[SEATS].revents && (fds[i].fd = accept4(door, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                if (!(g->engine = pf_pop3_server_new(&set, false, now)))
                    return 1;
                pf_pop3_server_lend(g->engine, g->out, sizeof g->out);
            }
            if (g->engine)
                turn(g, &fds[i], now);
        }
        fds[SEATS] = (struct pollfd){.fd = full ? -1 : door, .events = POLLIN};
    } while (poll(fds, SEATS + 1, 1000) >= 0);
}
