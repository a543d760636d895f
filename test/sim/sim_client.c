#include "sim.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TIME_ENOUGH = 50000, /* ms in which no deadline of the server comes; the first is one minute */
    PIECE = 16384
};

/* From the least that the kernel gives to the most. */
static void set_buffers(struct sim *s, const int pair[2])
{
    for (int i = 0; i < 2; i++) {
        int octets = sim_chance(s, 70) ? 1 + (int)sim_pick(s, 20000) : 1 << 20;

        if (sim_chance(s, 80))
            setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
    }
}

struct sim_client *sim_client_new(struct sim *s)
{
    struct sim_client *c = calloc(1, sizeof *c);
    int pair[2];

    assert(c && s->client_count < SIM_CLIENTS);
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    set_buffers(s, pair);
    c->sim = s;
    c->number = s->client_count;
    c->fd = pair[0];
    c->came = s->clock;
    c->groups = 1 + sim_pick(s, 12);
    c->rowdy = sim_chance(s, 8);
    c->slow = sim_chance(s, 25);
    c->hurried = sim_chance(s, 30);
    c->named = -1;
    c->excused = s->closing;
    s->clients[s->client_count++] = c;
    pf_hall_guest(s->hall, pair[1], 0);
    c->guest = s->closing ? NULL : s->hall->guests;
    for (unsigned i = 0; i < c->number; i++) /* memory of a guest that is gone comes again */
        if (s->clients[i]->guest == c->guest)
            s->clients[i]->guest = NULL;
    return c;
}

void sim_client_free(struct sim_client *c)
{
    sim_client_leave(c);
    sim_text_done(&c->out);
    sim_text_done(&c->in);
    sim_text_done(&c->want);
    free(c);
}

struct sim_client *sim_client_of(struct sim *s, const struct pf_store_op *op)
{
    const struct pf_guest_session *guest =
        (const void *)((const char *)op - offsetof(struct pf_guest_session, op));

    for (unsigned i = 0; i < s->client_count; i++)
        if (s->clients[i]->guest == guest)
            return s->clients[i];
    sim_fail(s, "an op belongs to no guest");
}

bool sim_client_excused(const struct sim_client *c)
{
    return c->excused || c->sim->closing || c->sim->clock - c->came > TIME_ENOUGH;
}

/* What went out as a whole is what the server may act upon. */
static void note_sent(struct sim_client *c)
{
    while (c->told != c->tail && c->queue[c->told % SIM_QUEUE].end <= c->sent) {
        const struct sim_command *q = &c->queue[c->told++ % SIM_QUEUE];
        uint64_t bit = q->number >= 1 && q->number <= SIM_MESSAGES ? (uint64_t)1 << (q->number - 1) : 0;

        if (q->verb == SIM_DELE)
            c->may_delete |= bit;
        else if (q->verb == SIM_RETR)
            c->may_fetch |= bit;
        else if (q->verb == SIM_RSET)
            c->may_delete = 0;
        else if (q->verb == SIM_QUIT)
            c->quit_sent = true;
    }
}

bool sim_client_send(struct sim_client *c, size_t most)
{
    size_t len = c->out.len < most ? c->out.len : most;
    ssize_t n;

    if (c->fd < 0 || c->half_closed || len == 0)
        return false;
    n = send(c->fd, c->out.at, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) { /* the server has gone; reading will tell */
        c->out.len = 0;
        return false;
    }
    if (n < 0)
        return false;
    c->sent += (uint64_t)n;
    c->out.len -= (size_t)n;
    memmove(c->out.at, c->out.at + n, c->out.len);
    note_sent(c);
    return true;
}

bool sim_client_read(struct sim_client *c, size_t most)
{
    unsigned char piece[PIECE];
    ssize_t n;

    if (c->fd < 0 || c->eof)
        return false;
    n = read(c->fd, piece, most < sizeof piece ? most : sizeof piece);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n > 0) {
        sim_put(&c->in, piece, (size_t)n);
        sim_hear(c);
        return true;
    }
    if (n < 0) /* a reset: what the server had said may be lost */
        c->excused = true;
    c->eof = true;
    sim_hear_end(c);
    return true;
}

void sim_client_half_close(struct sim_client *c)
{
    if (c->fd < 0 || c->half_closed)
        return;
    sim_trace(c->sim, "client %u half-closes", c->number);
    shutdown(c->fd, SHUT_WR);
    c->half_closed = true;
}

void sim_client_leave(struct sim_client *c)
{
    if (c->fd < 0)
        return;
    sim_trace(c->sim, "client %u leaves", c->number);
    close(c->fd);
    c->fd = -1;
    c->sim->counts.hangups += !c->eof;
}
