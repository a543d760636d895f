#include "session/desk_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What waits for a turn of the loop, or for the keeper, is in a list and has no round. */
static bool take_out(struct pf_ctl_ask **list, const struct pf_ctl_ask *ask)
{
    while (*list && *list != ask)
        list = &(*list)->next;
    if (!*list)
        return false;
    *list = ask->next;
    return true;
}

static void put_in(struct pf_ctl_ask **list, struct pf_ctl_ask *ask)
{
    while (*list)
        list = &(*list)->next;
    ask->next = NULL;
    *list = ask;
}

void pf_desk_ready(struct pf_desk *desk, struct pf_ctl_ask *ask)
{
    ask->state = NULL;
    put_in(&desk->ready, ask);
    pf_timer_set(desk->timer, pf_loop_now(desk->parts.loop));
}

static void fire(struct pf_timer *timer, void *self)
{
    struct pf_desk *desk = self;
    struct pf_ctl_ask *ask = desk->ready;

    if (!ask)
        return;
    desk->ready = ask->next;
    if (desk->ready)
        pf_timer_set(timer, pf_loop_now(desk->parts.loop));
    pf_ctl_answered(ask);
}

static void begin_reload(struct pf_desk *desk)
{
    desk->reloads = desk->next_reloads;
    desk->next_reloads = NULL;
    if (!desk->reloads)
        return;
    desk->reloading = true;
    pf_timer_set(desk->patience, pf_loop_now(desk->parts.loop) + PF_DESK_RELOAD_WITHIN);
    desk->parts.reload(desk->parts.self);
}

static void tell_reloads(struct pf_desk *desk, struct pf_ctl_ask **list, bool good, struct pf_bytes lines)
{
    struct pf_ctl_ask *ask;

    while ((ask = *list)) {
        *list = ask->next;
        ask->good = good;
        pf_ctl_put_bytes(&ask->text, lines);
        pf_desk_ready(desk, ask);
    }
}

/* Those behind it have waited as long, or will wait for the same keeper. */
static void out_of_patience(struct pf_timer *timer, void *self)
{
    struct pf_desk *desk = self;

    (void)timer;
    tell_reloads(desk, &desk->reloads, false, PF_LIT("the keeper has not answered in time: see the log\n"));
    tell_reloads(desk, &desk->next_reloads, false, PF_LIT("the keeper has not answered in time: see the log\n"));
}

void pf_desk_remote_reloaded(struct pf_ctl_source *source, bool good, struct pf_bytes lines)
{
    struct pf_desk *desk = (struct pf_desk *)source;

    pf_stats_count(desk->parts.stats, PF_STAT_reloads_total, good ? "good" : "bad", NULL, 1);
    if (!desk->reloading)
        return;
    desk->reloading = false;
    pf_timer_clear(desk->patience);
    tell_reloads(desk, &desk->reloads, good, lines);
    begin_reload(desk);
}

static void ask_it(struct pf_ctl_source *source, struct pf_ctl_ask *ask)
{
    struct pf_desk *desk = (struct pf_desk *)source;

    ask->state = NULL;
    if (ask->wish != PF_CTL_WISH_RELOAD) {
        pf_desk_round(desk, ask);
        return;
    }
    put_in(&desk->next_reloads, ask);
    if (!desk->reloading)
        begin_reload(desk);
    else if (!desk->reloads) /* the keeper is late; whoever asks now waits as long as the first did */
        pf_timer_set(desk->patience, pf_loop_now(desk->parts.loop) + PF_DESK_RELOAD_WITHIN);
}

static void abandon(struct pf_ctl_source *source, struct pf_ctl_ask *ask)
{
    struct pf_desk *desk = (struct pf_desk *)source;

    if (ask->state)
        pf_desk_round_abandon(ask);
    else if (!take_out(&desk->ready, ask) && !take_out(&desk->reloads, ask))
        take_out(&desk->next_reloads, ask);
}

static void forget(struct pf_desk_peer *peer)
{
    struct pf_desk_peer **at = &peer->desk->peers;

    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    peer->desk->count--;
    pf_ipc_close(peer->ipc);
    pf_stats_free(peer->last);
    free(peer);
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct pf_desk_peer *peer = self;

    if (frame->kind != PF_DESK_BYE || peer->bye || !pf_stats_unpack(peer->last, peer->role, frame->payload))
        pf_ipc_drop(peer->ipc, "not a notice for the desk");
    else
        peer->bye = true;
}

static void gone(void *self, const struct pf_err *err)
{
    struct pf_desk_peer *peer = self;
    const struct pf_desk_remote_parts *parts = &peer->desk->parts;

    pf_stats_add_past(peer->desk->past, peer->last);
    if (!peer->bye)
        pf_stats_count(parts->stats, PF_STAT_processes_lost_total, NULL, NULL, 1);
    if (parts->gone)
        parts->gone(parts->self, peer->name, err, peer->bye);
    forget(peer);
}

/* As the administrator is told of it. */
static const char *role_name(char role)
{
    static const char *const names[] = {"gate", "auth", "store", "journal"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i][0] == role)
            return names[i];
    return "process";
}

static struct pf_desk_peer *peer_new(struct pf_desk *desk, char role, uint32_t number)
{
    struct pf_desk_peer *peer = calloc(1, sizeof *peer);

    if (!peer)
        return NULL;
    *peer = (struct pf_desk_peer){.desk = desk, .role = role, .number = number, .last = pf_stats_new(NULL)};
    snprintf(peer->name, sizeof peer->name, "%s %u", role_name(role), number);
    if (peer->last)
        return peer;
    free(peer);
    return NULL;
}

enum pf_code pf_desk_remote_join(struct pf_ctl_source *source, char role, uint32_t number, int fd, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.notice = notice, .gone = gone};
    struct pf_desk *desk = (struct pf_desk *)source;
    struct pf_desk_peer *peer = peer_new(desk, role, number);
    struct pf_ipc_settings settings = {.calls = &calls, .self = peer, .any_uid = true};
    struct pf_err why = {0};

    if (!peer) {
        close(fd);
        return pf_fail(err, PF_NO_MEMORY, 0, "desk", "no memory for %c %u", role, number);
    }
    peer->ipc = pf_ipc_new(desk->parts.loop, fd, &settings, &why);
    if (!peer->ipc) {
        pf_stats_free(peer->last);
        free(peer);
        if (err)
            *err = why;
        return why.code;
    }
    peer->next = desk->peers;
    desk->peers = peer;
    desk->count++;
    return PF_OK;
}

unsigned pf_desk_remote_count(const struct pf_ctl_source *source)
{
    return ((const struct pf_desk *)source)->count;
}

static void free_it(struct pf_ctl_source *source)
{
    struct pf_desk *desk = (struct pf_desk *)source;

    while (desk->peers)
        forget(desk->peers);
    pf_timer_free(desk->timer);
    pf_timer_free(desk->patience);
    pf_stats_free(desk->past);
    free(desk);
}

struct pf_ctl_source *pf_desk_remote_new(const struct pf_desk_remote_parts *parts, struct pf_err *err)
{
    static const struct pf_ctl_source_calls calls = {ask_it, abandon, free_it};
    struct pf_desk *desk = calloc(1, sizeof *desk);

    if (desk) {
        *desk = (struct pf_desk){.source = {&calls}, .parts = *parts};
        desk->past = pf_stats_new(NULL);
        desk->timer = desk->past ? pf_timer_new(parts->loop, fire, desk) : NULL;
        desk->patience = desk->timer ? pf_timer_new(parts->loop, out_of_patience, desk) : NULL;
        if (desk->patience)
            return &desk->source;
        free_it(&desk->source);
    }
    pf_fail(err, PF_NO_MEMORY, 0, "desk", "no memory");
    return NULL;
}
