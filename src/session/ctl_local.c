#include "session/ctl_local.h"

#include "auth/auth.h"

#include <stdlib.h>

struct local {
    struct pf_ctl_source source;
    struct pf_ctl_local_parts parts;
    struct pf_ctl_hall hall;
    struct pf_timer *timer; /* set while somebody waits; the answer comes on a later turn */
    struct pf_ctl_ask *first, **end;
};

struct lines {
    struct pf_ctl_text *text;
    bool all;
};

static bool put_session(void *to, const struct pf_ctl_session *session)
{
    struct lines *lines = to;
    char line[PF_CTL_SESSION_LINE];

    pf_ctl_session_line(session, lines->all, line);
    pf_ctl_put(lines->text, line);
    return true;
}

/* Figures that nobody counts up are looked at now. */
static void give_stats(struct local *l, struct pf_ctl_ask *ask)
{
    struct pf_stats *stats = l->parts.stats;

    pf_ctl_hall_people.look(&l->hall, stats);
    pf_stats_gauge(stats, PF_STAT_processes, 1);
    pf_stats_gauge(stats, PF_STAT_disk_queue, l->parts.disk ? pf_pool_waiting(l->parts.disk) : 0);
    pf_stats_gauge(stats, PF_STAT_hash_queue, l->parts.auth ? pf_auth_waiting(l->parts.auth) : 0);
    ask->stats = pf_stats_new(NULL);
    if (ask->stats)
        pf_stats_add(ask->stats, stats);
}

static void answer(struct local *l, struct pf_ctl_ask *ask)
{
    struct lines lines = {&ask->text, ask->all};

    switch (ask->wish) {
    case PF_CTL_WISH_SESSIONS:
        pf_ctl_hall_people.walk(&l->hall, UINT64_MAX, put_session, &lines);
        break;
    case PF_CTL_WISH_KICK:
        ask->kicked = ask->who.gate ? 0 : pf_ctl_hall_people.kick(&l->hall, &ask->who);
        break;
    case PF_CTL_WISH_STATS:
        give_stats(l, ask);
        break;
    case PF_CTL_WISH_RELOAD:
        ask->good = l->parts.reload(l->parts.self, pf_ctl_put, &ask->text);
        break;
    }
    pf_ctl_answered(ask);
}

static void unlist(struct local *l, struct pf_ctl_ask *ask)
{
    struct pf_ctl_ask **at = &l->first;

    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    if (!*at)
        l->end = at;
}

static void fire(struct pf_timer *timer, void *self)
{
    struct local *l = self;
    struct pf_ctl_ask *ask = l->first;

    if (!ask)
        return;
    unlist(l, ask);
    if (l->first)
        pf_timer_set(timer, pf_loop_now(l->parts.loop));
    answer(l, ask);
}

static void ask_it(struct pf_ctl_source *source, struct pf_ctl_ask *ask)
{
    struct local *l = (struct local *)source;

    ask->next = NULL;
    *l->end = ask;
    l->end = &ask->next;
    pf_timer_set(l->timer, pf_loop_now(l->parts.loop));
}

static void abandon(struct pf_ctl_source *source, struct pf_ctl_ask *ask)
{
    unlist((struct local *)source, ask);
}

static void free_it(struct pf_ctl_source *source)
{
    struct local *l = (struct local *)source;

    pf_timer_free(l->timer);
    free(l);
}

struct pf_ctl_source *pf_ctl_local_new(const struct pf_ctl_local_parts *parts, struct pf_err *err)
{
    static const struct pf_ctl_source_calls calls = {ask_it, abandon, free_it};
    struct local *l = calloc(1, sizeof *l);

    if (l) {
        *l = (struct local){.source = {&calls}, .parts = *parts, .hall = {parts->hall, parts->dock}};
        l->end = &l->first;
        l->timer = pf_timer_new(parts->loop, fire, l);
    }
    if (l && l->timer)
        return &l->source;
    free(l);
    pf_fail(err, PF_NO_MEMORY, 0, "ctl", "no memory");
    return NULL;
}
