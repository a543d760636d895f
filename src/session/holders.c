#include "session/holders.h"

#include "session/guest.h"

#include <stdio.h>
#include <string.h>

enum { BUSY = -1, SPAN_TEXT = 24 };

static struct pf_guest_session **list_of(struct pf_hall *hall, enum pf_hold_kind kind)
{
    return kind == PF_HOLD_BOX ? &hall->holds : &hall->waits;
}

static void enlist(struct pf_guest_session *g, enum pf_hold_kind kind)
{
    struct pf_guest_session **list = list_of(g->hall, kind);

    g->hold.kind = kind;
    g->hold.prev = NULL;
    g->hold.next = *list;
    if (g->hold.next)
        g->hold.next->hold.prev = g;
    *list = g;
}

static void delist(struct pf_guest_session *g)
{
    if (g->hold.kind == PF_HOLD_NOTHING)
        return;
    if (g->hold.prev)
        g->hold.prev->hold.next = g->hold.next;
    else
        *list_of(g->hall, g->hold.kind) = g->hold.next;
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
    for (struct pf_guest_session *w = g->hall->waits; w; w = w->hold.next)
        if (strcmp(w->user->maildrop, g->user->maildrop) == 0 && !w->hold.retry.queued)
            pf_loop_later(g->hall->parts.loop, &w->hold.retry);
}

static struct pf_guest_session *holder_for(const struct pf_guest_session *g)
{
    for (struct pf_guest_session *h = g->hall->holds; h; h = h->hold.next)
        if (strcmp(h->user->maildrop, g->user->maildrop) == 0)
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

/* What a holder is told about: how long it has it, and for how long nothing came from there. */
struct spans {
    char held[SPAN_TEXT], idle[SPAN_TEXT];
    const char *state; /* in front of `idle` */
};

static struct spans spans_of(const struct pf_guest_session *h)
{
    pf_time idle = idle_of(h);
    struct spans spans = {.state = idle == BUSY ? "busy now" : "idle for "};

    span_text(pf_guest_now(h) - h->hold.since, spans.held);
    if (idle != BUSY)
        span_text(idle, spans.idle);
    return spans;
}

/* An address has at most 39 octets: those of IPv4 in IPv6 are shown as IPv4. Where from is told only to
 * the one who is there himself: not where a master is at work, nor where two users share a maildrop.
 * The text has "lock" in it: old clients look for that word where they know no response codes (RC-013). */
static void tell_client(const struct pf_guest_session *h, const char *user, char *room, size_t cap)
{
    struct spans spans = spans_of(h);
    bool same = strcmp(h->user->name, user) == 0 && !h->user->master[0];

    snprintf(room, cap, "maildrop has been locked for %.9s by a session%s%.40s, %s%.9s", spans.held,
             same ? " from " : "", same ? h->hold.from : "", spans.state, spans.idle);
}

static void tell_log(const struct pf_guest_session *h, char *room, size_t cap)
{
    struct spans spans = spans_of(h);

    snprintf(room, cap, "from %.40s for %.12s, %s%.12s", h->hold.from, spans.held, spans.state, spans.idle);
}

static void describe(const struct pf_guest_session *g, const struct pf_guest_session *h, struct pf_err *err)
{
    char facts[120];

    tell_client(h, g->user->name, err->say, sizeof err->say);
    tell_log(h, facts, sizeof facts);
    snprintf(err->log, sizeof err->log, "%.200s is locked by another session %s", g->user->maildrop, facts);
}

/* Who wants a maildrop, here or in another process. */
struct wanter {
    const char *user, *address; /* NULL: not known in this process */
    pf_time limit;              /* that the holder must have been idle for; 0: it stays */
};

static void log_yielded(const struct wanter *w, const struct pf_guest_session *h, pf_time idle)
{
    struct pf_field fields[] = {
        PF_TEXT_FIELD("user", w->user),
        PF_TEXT_FIELD("address", w->address ? w->address : ""),
        PF_TEXT_FIELD("holder", h->hold.from),
        PF_NUMBER_FIELD("held", (uint64_t)(pf_guest_now(h) - h->hold.since)),
        PF_NUMBER_FIELD("idle", (uint64_t)idle),
    };
    size_t count = sizeof fields / sizeof fields[0];

    if (!w->address)
        memmove(&fields[1], &fields[2], (--count - 1) * sizeof fields[0]);
    pf_log_event(h->hall->parts.log, PF_EVENT_yielded, fields, count);
}

/* True when the holder is on its way out, or was shown it. */
static bool leaves(const struct wanter *w, struct pf_guest_session *h)
{
    pf_time idle;

    if (h->stage == PF_STAGE_SERVE)
        pf_guest_turn(h); /* a command that is in the socket already counts */
    if (h->stage == PF_STAGE_GONE || pf_pop3_server_stats(h->engine)->quit)
        return true;
    idle = idle_of(h);
    if (w->limit == 0 || idle == BUSY || idle < w->limit)
        return false;
    log_yielded(w, h, idle);
    pf_pop3_server_yield(h->engine, pf_guest_now(h));
    pf_guest_turn(h);
    return true;
}

static struct pf_guest_session *holder_by_number(const struct pf_hall *hall, uint64_t session)
{
    for (struct pf_guest_session *h = hall->holds; h; h = h->hold.next)
        if (h->id == session)
            return h;
    return NULL;
}

void pf_hall_wanted(struct pf_hall *hall, struct pf_store_wanted *asked)
{
    struct pf_guest_session *h = holder_by_number(hall, asked->session);
    struct wanter wanter = {.user = asked->user};

    asked->found = h;
    if (!h)
        return;
    wanter.limit = h->generation->conf->idle_yield_time;
    asked->leaves = leaves(&wanter, h);
    tell_client(h, asked->user, asked->say, sizeof asked->say);
    tell_log(h, asked->facts, sizeof asked->facts);
}

static void out_of_patience(struct pf_timer *timer, void *self)
{
    struct pf_guest_session *g = self, *h = holder_for(g);
    struct pf_err err;

    (void)timer;
    pf_hold_forget(g);
    g->hold.until = 0;
    pf_fail(&err, PF_IN_USE, 0, "holders", "%s was not unlocked in time", g->user->maildrop);
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
    const struct wanter wanter = {g->user->name, pf_conn_info(g->conn)->peer, g->generation->conf->idle_yield_time};
    pf_time now = pf_guest_now(g);

    if (h && g->hold.until == 0)
        g->hold.until = now + PF_HOLD_PATIENCE;
    if (h && now < g->hold.until && leaves(&wanter, h) && begin_to_wait(g))
        return true;
    g->hold.until = 0; /* the next login on this connection has its own */
    if (h)
        describe(g, h, err);
    return false;
}
