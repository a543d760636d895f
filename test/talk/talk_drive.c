#include "talk_play.h"

#include <stdlib.h>

enum {
    OUT_WHOLE = 65536,
    ROUNDS_MAX = 20000000, /* turns of one settling: beyond that the engine runs in a circle */
    WAKES_MAX = 100        /* deadlines within one wait */
};

static void lend(struct play *p)
{
    if (p->lent)
        return;
    p->lent_cap = p->cut == TALK_OCTETS ? PF_POP3_OUT_MIN : OUT_WHOLE;
    if (p->cut == TALK_RANDOM)
        p->lent_cap = PF_POP3_OUT_MIN + talk_dice(p, OUT_WHOLE - PF_POP3_OUT_MIN);
    p->lent = malloc(p->lent_cap);
    if (!p->lent)
        abort();
    pf_pop3_server_lend(p->engine, p->lent, p->lent_cap);
}

static bool feed(struct play *p)
{
    bool waits = p->open, bare = !p->lent;
    size_t took, len = p->queue.len;
    unsigned char *copy;

    if (!len || p->closing)
        return false;
    copy = malloc(len); /* of exact size: a read past its end is seen by the sanitizer */
    if (!copy)
        abort();
    memcpy(copy, p->queue.at, len);
    took = pf_pop3_server_feed(p->engine, pf_bytes_from(copy, len), p->now);
    free(copy);
    if (took > len)
        talk_wrong(p, "took %zu of %zu octets", took, len);
    else if (took && (waits || bare))
        talk_wrong(p, "takes input while %s", waits ? "a question is open" : "no buffer is lent");
    else
        talk_drop(&p->queue, took);
    if (pf_pop3_server_secret_taken(p->engine))
        p->secret_taken = true;
    return took > 0;
}

static bool in_loan(const struct play *p, struct pf_bytes out)
{
    return out.at >= p->lent && out.len <= p->lent_cap &&
           out.at - p->lent <= (ptrdiff_t)(p->lent_cap - out.len);
}

static bool send_out(struct play *p)
{
    struct pf_bytes out;
    size_t n;

    if (p->stalled || !p->lent)
        return false;
    out = pf_pop3_server_out(p->engine);
    if (!out.len)
        return false;
    if (!in_loan(p, out)) {
        talk_wrong(p, "shows output outside the buffer it was lent");
        return false;
    }
    n = p->cut == TALK_OCTETS ? 1 : out.len;
    if (p->cut == TALK_RANDOM)
        n = 1 + talk_dice(p, out.len);
    talk_put(&p->out, pf_bytes_head(out, n));
    talk_put(&p->transcript, pf_bytes_head(out, n));
    pf_pop3_server_sent(p->engine, n, p->now);
    return true;
}

static bool turn(struct play *p)
{
    bool moved;

    if (p->closed || p->why[0])
        return false;
    lend(p);
    moved = feed(p);
    moved |= talk_world(p);
    moved |= send_out(p);
    if (p->closing && !moved && (!pf_pop3_server_out(p->engine).len || p->why_closed == PF_CLOSE_STALL))
        p->closed = true;
    return moved;
}

/* A quiet engine gives its buffer back, and takes nothing without one. */
static void give_back(struct play *p)
{
    static const unsigned char probe[] = "NOOP\r\n";

    if (p->open || p->closing || p->stalled || p->why[0] || !p->lent)
        return;
    if (!pf_pop3_server_unlend(p->engine)) {
        talk_wrong(p, "keeps the buffer though nothing is pending");
        return;
    }
    free(p->lent);
    p->lent = NULL;
    if (pf_pop3_server_feed(p->engine, pf_bytes_from(probe, sizeof probe - 1), p->now))
        talk_wrong(p, "takes input while no buffer is lent");
}

void talk_settle(struct play *p)
{
    size_t rounds = 0;

    while (turn(p))
        if (++rounds > ROUNDS_MAX) {
            talk_wrong(p, "never comes to rest");
            return;
        }
    if (p->closed || p->why[0] || p->stalled)
        return;
    if (p->open && p->ask.kind != PF_ASK_TLS)
        talk_wrong(p, "takes no octets of a body, and has nothing to send");
    else if (p->queue.len && !p->open)
        talk_wrong(p, "leaves %zu octets of input, and asks nothing", p->queue.len);
    else if (p->cut == TALK_RANDOM && talk_dice(p, 2))
        give_back(p);
}

void talk_drive(struct play *p, struct pf_bytes in)
{
    while (in.len && !p->closed && !p->why[0]) {
        size_t n = in.len;

        if (p->cut == TALK_OCTETS)
            n = 1;
        else if (p->cut == TALK_RANDOM)
            n = 1 + talk_dice(p, talk_dice(p, 2) ? 8 : in.len);
        if (n > in.len || p->together)
            n = in.len;
        talk_put(&p->queue, pf_bytes_head(in, n));
        in = pf_bytes_skip(in, n);
        if (p->cut == TALK_OCTETS)
            talk_settle(p);
        else
            for (size_t turns = talk_dice(p, 4); turns && p->cut == TALK_RANDOM; turns--)
                turn(p);
    }
    talk_settle(p);
}

static void look_at_clock(struct play *p)
{
    if (p->closed || p->closing)
        return;
    pf_pop3_server_feed(p->engine, pf_bytes_from(NULL, 0), p->now);
    talk_settle(p);
}

void talk_wait(struct play *p, pf_time span)
{
    pf_time end = p->now + span;

    look_at_clock(p); /* as any loop does once in a turn */
    for (int wakes = 0; !p->closed && !p->why[0]; wakes++) {
        pf_time deadline = pf_pop3_server_deadline(p->engine);

        if (deadline > end)
            break;
        if (wakes > WAKES_MAX) {
            talk_wrong(p, "a deadline comes again and again");
            return;
        }
        if (deadline - 1 > p->now) { /* just before it nothing may happen */
            p->now = deadline - 1;
            look_at_clock(p);
        }
        if (p->closed || p->out.len) {
            talk_wrong(p, "acts before its deadline");
            return;
        }
        if (deadline > p->now)
            p->now = deadline;
        look_at_clock(p);
    }
    p->now = end;
    if (!p->why[0])
        look_at_clock(p);
}

void talk_drive_offer(struct play *p)
{
    const struct talk *t = p->talk;
    const char *names = p->tls_active && t->offer_in_tls ? t->offer_in_tls : t->offer;
    uint64_t bits = 0;

    if (!names)
        return;
    for (size_t i = 0; i < t->settings.mechanism_count; i++) {
        const char *name = t->mechanisms[i].name;

        for (const char *at = names; *at; at += strcspn(at, " "), at += strspn(at, " "))
            if (strcspn(at, " ") == strlen(name) && !strncmp(at, name, strlen(name)))
                bits |= UINT64_C(1) << i;
    }
    pf_pop3_server_offer(p->engine, bits);
}

void talk_drive_connect(struct play *p)
{
    struct pf_err err = {0};

    talk_drive_done(p);
    talk_world_connect(p);
    p->stalled = false;
    p->queue.len = p->out.len = 0;
    p->engine = pf_pop3_server_new(&p->talk->settings, p->talk->tls, p->now);
    if (!p->engine)
        abort();
    talk_drive_offer(p);
    if (p->talk->xclient)
        pf_pop3_server_xclient(p->engine);
    if (p->talk->timestamp)
        pf_pop3_server_apop(p->engine, p->talk->timestamp);
    if (p->talk->refuse != PF_OK) {
        pf_fail(&err, p->talk->refuse, 0, "talk", "as the talk wants it");
        pf_pop3_server_refuse(p->engine, &err);
    }
    talk_settle(p);
}

void talk_drive_done(struct play *p)
{
    pf_pop3_server_free(p->engine);
    free(p->lent);
    p->engine = NULL;
    p->lent = NULL;
}
