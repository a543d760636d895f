#include "session/desk_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A line of a session, where it stands in the text. */
struct line {
    uint64_t age;
    size_t at, len;
};

/* One process that is asked. */
struct part {
    struct pf_ipc_ask ask;
    struct round *round;
    struct pf_desk_peer *peer;
    bool open;
    uint64_t before; /* number of the last session that was told */
    size_t octets;   /* of its lines */
};

struct round {
    struct pf_desk *desk;
    struct pf_ctl_ask *ask;
    struct pf_timer *timer;
    unsigned open, silent;
    size_t share; /* how many octets of lines a process may have */
    struct pf_ctl_text lines;
    struct line *list;
    size_t count, room;
    bool failed; /* no memory */
    size_t part_count;
    struct part parts[];
};

static void free_round(struct round *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].open)
            pf_ipc_abandon(&r->parts[i].ask);
    pf_timer_free(r->timer);
    pf_ctl_text_done(&r->lines);
    free(r->list);
    free(r);
}

void pf_desk_round_abandon(struct pf_ctl_ask *ask)
{
    free_round(ask->state);
}

/* Without the figures or lines of this process, or without some of them. */
static void miss(struct part *p, const char *how)
{
    struct pf_ctl_text *missing = &p->round->ask->missing;

    if (missing->len)
        pf_ctl_put_bytes(missing, PF_LIT(", "));
    pf_ctl_put_bytes(missing, pf_bytes_of(p->peer->name));
    pf_ctl_put_bytes(missing, pf_bytes_of(how));
    p->round->silent++;
}

/* The oldest first; of the same age as they came. */
static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->age != y->age)
        return x->age > y->age ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static void bring_sessions(struct round *r)
{
    if (r->count)
        qsort(r->list, r->count, sizeof r->list[0], compare);
    for (size_t i = 0; i < r->count; i++)
        pf_ctl_put_bytes(&r->ask->text, pf_bytes_from(r->lines.at + r->list[i].at, r->list[i].len));
    r->ask->text.failed = r->ask->text.failed || r->failed || r->lines.failed;
}

static void bring_stats(struct round *r)
{
    struct pf_desk *desk = r->desk;
    struct pf_stats *own = desk->parts.stats, *all = pf_stats_new(NULL);

    pf_stats_gauge(own, PF_STAT_processes, desk->count + 2); /* this one, and the keeper */
    pf_stats_gauge(own, PF_STAT_processes_silent, r->silent);
    if (all) {
        pf_stats_add(all, own);
        pf_stats_add(all, desk->past);
        for (const struct pf_desk_peer *peer = desk->peers; peer; peer = peer->next)
            pf_stats_add(all, peer->last);
    }
    r->ask->stats = all;
}

static void finish(struct round *r)
{
    struct pf_ctl_ask *ask = r->ask;

    if (ask->wish == PF_CTL_WISH_SESSIONS)
        bring_sessions(r);
    else if (ask->wish == PF_CTL_WISH_STATS)
        bring_stats(r);
    free_round(r);
    pf_ctl_answered(ask);
}

static void late(struct pf_timer *timer, void *self)
{
    struct round *r = self;

    (void)timer;
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].open)
            miss(&r->parts[i], "");
    finish(r);
}

static bool list_line(struct round *r, const struct line *line)
{
    size_t room = r->room ? r->room * 2 : 256;
    struct line *list;

    if (r->count == r->room) {
        list = reallocarray(r->list, room, sizeof list[0]);
        if (!list)
            return false;
        r->list = list;
        r->room = room;
    }
    r->list[r->count++] = *line;
    return true;
}

static void put_session(struct part *p, struct pf_ctl_session *session)
{
    struct round *r = p->round;
    struct line line = {.age = session->age, .at = r->lines.len};
    char text[PF_CTL_SESSION_LINE];

    session->gate = p->peer->number;
    pf_ctl_session_line(session, r->ask->all, text);
    pf_ctl_put(&r->lines, text);
    line.len = r->lines.len - line.at;
    p->octets += line.len;
    r->failed = r->failed || !list_line(r, &line);
}

/* A page of sessions; *out_more: there are others. False when it is none. */
static bool take_sessions(struct part *p, struct pf_bytes payload, bool *out_more)
{
    struct pf_ctl_session session;
    uint64_t before = p->before;

    if (payload.len < PF_DESK_SESSIONS_HEAD || payload.at[0] > 1 || (payload.at[0] && payload.len == 1))
        return false;
    *out_more = payload.at[0];
    payload = pf_bytes_skip(payload, PF_DESK_SESSIONS_HEAD);
    while (payload.len) {
        if (!pf_desk_get_session(&payload, before, &session))
            return false;
        before = session.number;
        if (p->octets < p->round->share)
            put_session(p, &session);
    }
    p->before = before;
    return true;
}

static bool take(struct part *p, struct pf_bytes payload, bool *out_more)
{
    struct pf_ctl_ask *ask = p->round->ask;
    uint32_t count;

    switch (ask->wish) {
    case PF_CTL_WISH_SESSIONS:
        return take_sessions(p, payload, out_more);
    case PF_CTL_WISH_KICK:
        if (!pf_desk_get_count(payload, &count))
            return false;
        ask->kicked += count;
        return true;
    case PF_CTL_WISH_STATS:
        return pf_stats_unpack(p->peer->last, p->peer->role, payload);
    case PF_CTL_WISH_RELOAD:
        break;
    }
    return false;
}

static void answered(struct pf_ipc_ask *ask);

static const uint16_t kinds[] = {
    [PF_CTL_WISH_SESSIONS] = PF_DESK_SESSIONS,
    [PF_CTL_WISH_KICK] = PF_DESK_KICK,
    [PF_CTL_WISH_STATS] = PF_DESK_STATS,
};

/* False when it cannot be asked now. */
static bool ask_peer(struct part *p)
{
    const struct pf_ctl_ask *ask = p->round->ask;
    unsigned char room[8 + PF_CTL_NAME_MAX];
    struct pf_span payload = {room, 0, sizeof room};
    struct pf_ipc_frame frame = {.kind = kinds[ask->wish]};

    if (ask->wish == PF_CTL_WISH_SESSIONS)
        pf_desk_put_before(&payload, p->before);
    else if (ask->wish == PF_CTL_WISH_KICK)
        pf_desk_put_who(&payload, &ask->who);
    frame.payload = pf_span_bytes(&payload);
    p->ask = (struct pf_ipc_ask){.done = answered};
    p->open = pf_ipc_ask(p->peer->ipc, &p->ask, &frame) == PF_OK;
    return p->open;
}

/* True when this process is through with its answer. */
static bool go_on(struct part *p, struct pf_ipc_frame *answer)
{
    bool more = false;

    if (answer->kind != kinds[p->round->ask->wish] || !take(p, answer->payload, &more)) {
        pf_ipc_drop(p->peer->ipc, "not an answer to the desk");
        miss(p, " (what it said makes no sense)");
        return true;
    }
    if (!more)
        return true;
    if (p->octets < p->round->share && ask_peer(p))
        return false;
    miss(p, " in part");
    return true;
}

static void answered(struct pf_ipc_ask *ask)
{
    struct part *p = (struct part *)ask;
    struct round *r = p->round;

    static_assert(offsetof(struct part, ask) == 0, "an ask is its part");
    p->open = false;
    if (ask->why) {
        if (!p->peer->bye)
            miss(p, "");
    } else if (!go_on(p, ask->answer)) {
        return;
    }
    if (--r->open == 0)
        finish(r);
}

static bool concerns(const struct pf_ctl_ask *ask, const struct pf_desk_peer *peer)
{
    if (ask->wish == PF_CTL_WISH_STATS)
        return true;
    return peer->role == 'g' &&
           (ask->wish != PF_CTL_WISH_KICK || ask->who.number == 0 || ask->who.gate == peer->number);
}

static size_t how_many(const struct pf_desk *desk, const struct pf_ctl_ask *ask)
{
    size_t count = 0;

    for (const struct pf_desk_peer *peer = desk->peers; peer; peer = peer->next)
        count += concerns(ask, peer);
    return count;
}

/* Those who cannot be asked are missing; when nobody can, the timer ends the round on the next turn. */
static void ask_all(struct round *r)
{
    for (struct pf_desk_peer *peer = r->desk->peers; peer; peer = peer->next) {
        struct part *p = &r->parts[r->part_count];

        if (!concerns(r->ask, peer))
            continue;
        *p = (struct part){.round = r, .peer = peer, .before = UINT64_MAX};
        r->part_count++;
        if (ask_peer(p))
            r->open++;
        else
            miss(p, "");
    }
    pf_timer_set(r->timer, pf_loop_now(r->desk->parts.loop) + (r->open ? PF_DESK_ANSWER_WITHIN : 0));
}

void pf_desk_round(struct pf_desk *desk, struct pf_ctl_ask *ask)
{
    size_t count = how_many(desk, ask);
    struct round *r = calloc(1, sizeof *r + count * sizeof r->parts[0]);
    struct pf_timer *timer = r ? pf_timer_new(desk->parts.loop, late, r) : NULL;

    if (!timer) {
        free(r);
        ask->text.failed = true;
        pf_desk_ready(desk, ask);
        return;
    }
    *r = (struct round){.desk = desk, .ask = ask, .timer = timer};
    r->share = PF_CTL_TEXT_MAX / 2 / (count ? count : 1);
    ask->state = r;
    ask_all(r);
}
