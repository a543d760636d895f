#include "session/holders.h"

#include "session/guest.h"

#include <stdio.h>
#include <string.h>

enum { BUSY = -1, SPAN_TEXT = 24 };

static void enlist(struct pf_guest_session *g, enum pf_hold_kind kind)
{
    struct pf_hall *hall = g->hall;

    g->hold.kind = kind;
    g->hold.prev = NULL;
    g->hold.next = hall->holds;
    if (g->hold.next)
        g->hold.next->hold.prev = g;
    hall->holds = g;
}

static void delist(struct pf_guest_session *g)
{
    if (g->hold.kind == PF_HOLD_NOTHING)
        return;
    if (g->hold.prev)
        g->hold.prev->hold.next = g->hold.next;
    else
        g->hall->holds = g->hold.next;
    if (g->hold.next)
        g->hold.next->hold.prev = g->hold.prev;
    g->hold.next = g->hold.prev = NULL;
    g->hold.kind = PF_HOLD_NOTHING;
}

void pf_hold_forget(struct pf_guest_session *g)
{
    pf_timer_free(g->hold.patience);
    g->hold.patience = NULL;
    if (g->hold.kind == PF_HOLD_WAITING)
        delist(g);
}

void pf_hold_taken(struct pf_guest_session *g)
{
    g->hold.since = pf_guest_now(g);
    /* Who departed while the store was opening has no address any more, and will not keep the box. */
    snprintf(g->hold.from, sizeof g->hold.from, "%s", g->conn ? pf_conn_info(g->conn)->peer : "");
    enlist(g, PF_HOLD_BOX);
}

void pf_hold_freed(struct pf_guest_session *g)
{
    delist(g);
    for (struct pf_guest_session *w = g->hall->holds; w; w = w->hold.next)
        if (w->hold.kind == PF_HOLD_WAITING && strcmp(w->maildrop, g->maildrop) == 0 && !w->hold.retry.queued)
            pf_loop_later(g->hall->parts.loop, &w->hold.retry);
}

static struct pf_guest_session *holder_for(const struct pf_guest_session *g)
{
    for (struct pf_guest_session *h = g->hall->holds; h; h = h->hold.next)
        if (h->hold.kind == PF_HOLD_BOX && strcmp(h->maildrop, g->maildrop) == 0)
            return h;
    return NULL;
}

/* For how long nothing has come from a holder that may be ended without any loss, or BUSY. */
static pf_time idle_of(const struct pf_guest_session *h)
{
    pf_time deadline;

    if (h->stage != PF_STAGE_SERVE || !pf_pop3_server_in_transaction(h->engine) || h->close_wanted ||
        h->question || h->body_open || h->op_busy || pf_pop3_server_out(h->engine).len ||
        pf_conn_untaken(h->conn))
        return BUSY;
    deadline = pf_pop3_server_deadline(h->engine); /* nothing is under way: it is that of being idle */
    return deadline == PF_NEVER ? BUSY : pf_guest_now(h) - (deadline - h->generation->conf->idle_time);
}

static const char *span_text(pf_time ms, char *room)
{
    enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

    if (ms < 2 * MINUTE)
        snprintf(room, SPAN_TEXT, "%lld s", (long long)(ms / SECOND));
    else if (ms < 2 * HOUR)
        snprintf(room, SPAN_TEXT, "%lld min", (long long)(ms / MINUTE));
    else
        snprintf(room, SPAN_TEXT, "%lld h", (long long)(ms / HOUR));
    return room;
}

/* An address has at most 39 octets: those of IPv4 in IPv6 are shown as IPv4. Where from is told only to
 * the one who is there himself: not where a master is at work, nor where two users share a maildrop.
 * The text has "lock" in it: old clients look for that word where they know no response codes (RC-013). */
static void describe(const struct pf_guest_session *g, const struct pf_guest_session *h, struct pf_err *err)
{
    pf_time idle = idle_of(h);
    char held_text[SPAN_TEXT], idle_text[SPAN_TEXT] = "";
    bool same = strcmp(h->user.name, g->user.name) == 0 && !h->user.master[0];
    const char *held = span_text(pf_guest_now(h) - h->hold.since, held_text);

    if (idle != BUSY)
        span_text(idle, idle_text);
    snprintf(err->say, sizeof err->say, "maildrop has been locked for %.9s by a session%s%.40s, %s%.9s", held,
             same ? " from " : "", same ? h->hold.from : "", idle == BUSY ? "busy now" : "idle for ", idle_text);
    snprintf(err->log, sizeof err->log, "%.200s is locked by another session from %.40s for %.12s, %s%.12s",
             g->maildrop, h->hold.from, held, idle == BUSY ? "busy now" : "idle for ", idle_text);
}

static void log_yielded(const struct pf_guest_session *g, const struct pf_guest_session *h, pf_time idle)
{
    const struct pf_field fields[] = {
        PF_TEXT_FIELD("user", g->user.name),
        PF_TEXT_FIELD("address", pf_conn_info(g->conn)->peer),
        PF_TEXT_FIELD("holder", h->hold.from),
        PF_NUMBER_FIELD("held", (uint64_t)(pf_guest_now(h) - h->hold.since)),
        PF_NUMBER_FIELD("idle", (uint64_t)idle),
    };

    pf_log_event(g->hall->parts.log, PF_EVENT_yielded, fields, sizeof fields / sizeof fields[0]);
}

/* True when the holder is on its way out, or was shown it. */
static bool leaves(const struct pf_guest_session *g, struct pf_guest_session *h)
{
    pf_time limit = g->generation->conf->idle_yield_time, idle;

    if (h->stage == PF_STAGE_SERVE)
        pf_guest_turn(h); /* a command that is in the socket already counts */
    if (h->stage == PF_STAGE_GONE || pf_pop3_server_stats(h->engine)->quit)
        return true;
    idle = idle_of(h);
    if (limit == 0 || idle == BUSY || idle < limit)
        return false;
    log_yielded(g, h, idle);
    pf_pop3_server_yield(h->engine, pf_guest_now(h));
    pf_guest_turn(h);
    return true;
}

static void out_of_patience(struct pf_timer *timer, void *self)
{
    struct pf_guest_session *g = self, *h = holder_for(g);
    struct pf_err err;

    (void)timer;
    pf_hold_forget(g);
    g->hold.until = 0;
    pf_fail(&err, PF_IN_USE, 0, "holders", "%s was not unlocked in time", g->maildrop);
    if (h)
        describe(g, h, &err);
    pf_guest_refuse_open(g, &err);
    pf_guest_turn(g);
}

static void open_again(struct pf_later *later)
{
    struct pf_guest_session *g =
        (struct pf_guest_session *)(void *)((char *)later - offsetof(struct pf_guest_session, hold.retry));

    if (g->hold.kind != PF_HOLD_WAITING)
        return;
    pf_hold_forget(g);
    pf_guest_open_box(g);
}

static bool begin_to_wait(struct pf_guest_session *g)
{
    g->hold.patience = pf_timer_new(g->hall->parts.loop, out_of_patience, g);
    if (!g->hold.patience)
        return false;
    g->hold.retry.run = open_again;
    pf_timer_set(g->hold.patience, g->hold.until);
    enlist(g, PF_HOLD_WAITING);
    return true;
}

bool pf_hold_wait(struct pf_guest_session *g, struct pf_err *err)
{
    struct pf_guest_session *h = err->code == PF_IN_USE ? holder_for(g) : NULL;
    pf_time now = pf_guest_now(g);

    if (h && g->hold.until == 0)
        g->hold.until = now + PF_HOLD_PATIENCE;
    if (h && now < g->hold.until && leaves(g, h) && begin_to_wait(g))
        return true;
    g->hold.until = 0; /* the next login on this connection has its own */
    if (h)
        describe(g, h, err);
    return false;
}
