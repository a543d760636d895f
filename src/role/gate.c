/* The gate: speaks with clients, and has nothing that they could want.
 *
 * Connections live and die here. Who somebody is, auth says, in another process; what his mail is, a store says. What
 * the gate needs of the settings it keeps, the rest it forgets before the first stranger comes. */
#include "auth/auth_remote.h"
#include "base/purse.h"
#include "base/text.h"
#include "role/child.h"
#include "role/figures.h"
#include "role/gates.h"
#include "role/listeners.h"
#include "role/say.h"
#include "role/setup.h"
#include "role/setup_journal.h"
#include "session/ctl_hall.h"
#include "session/holders.h"
#include "store/store_remote.h"
#include "sys/journal_remote.h"
#include "sys/proc.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    /* Beside guests: listeners, log, loop, peers, and up to 256 connections that linger (sys/conn.h). */
    SPARE_DESCRIPTORS = 1024,
    LOOK_EVERY = 250,  /* ms: whether the last session has gone */
    ASK_EVERY = 5,     /* ms: whether auth has told what it offers, before the first guest */
    WATCH_EVERY = 1000, /* ms */
    LACKS_MOST = 60,   /* looks: an auth or store that dies is there again sooner, however often (30 s and its start) */
    ASKED_MOST = 1000  /* then guests come all the same, and are told why they cannot log in */
};

struct gate {
    struct pf_child child;
    struct pf_tls_tickets *tickets;
    struct pf_tls *tls; /* or NULL */
    struct pf_guests *guests;
    struct pf_purse *purse;
    struct pf_auth_remote *auth;
    struct pf_store *store;
    struct pf_hall *hall;
    struct pf_dock *dock;
    struct pf_figures figures;
    struct pf_journal_remote *journal; /* or NULL */
    struct pf_ipc *journal_ipc;        /* to who writes it; NULL: gone */
    bool keeps_journal;
    struct pf_ctl_hall people;
    struct pf_timer *timer; /* for GO, or for the end */
    struct pf_timer *watch; /* whether all are there whom it needs */
    unsigned lacks;         /* how often in a row they were not */
    bool one_store;         /* that serves all */
    struct pf_listeners *listeners;
    int sockets[PF_CONF_LISTENS_MOST]; /* until GO; -1: none */
    unsigned asked;
    bool gone, leaving;
    unsigned emptied; /* of hall and dock */
};

static struct gate *gate_of(struct pf_child *child)
{
    return (struct gate *)(void *)child;
}

static const char *user(const struct pf_child *c)
{
    return c->conf->gate_user ? c->conf->gate_user : c->conf->run_as;
}

static uint64_t share(uint64_t all, unsigned gates)
{
    return (all + gates - 1) / gates;
}

/* Guests are counted by each gate for itself. */
static void take_share(struct pf_conf *conf)
{
    unsigned gates = pf_gates(conf);

    conf->connections = (unsigned)share(conf->connections, gates);
    conf->delivery_connections = (unsigned)share(conf->delivery_connections, gates);
    conf->memory_before_login = (size_t)share(conf->memory_before_login, gates);
    for (size_t i = 0; i < conf->listen_count; i++)
        conf->listens[i].connections = (unsigned)share(conf->listens[i].connections, gates);
}

static enum pf_code take(struct pf_child *c, struct pf_err *err)
{
    struct gate *g = gate_of(c);
    enum pf_code code;

    for (size_t i = 0; i < PF_CONF_LISTENS_MOST; i++)
        g->sockets[i] = -1;
    take_share(c->conf);
    pf_proc_descriptors((size_t)c->conf->connections + c->conf->delivery_connections + SPARE_DESCRIPTORS);
    g->tickets = pf_tls_tickets_new_seeded(c->secret, (unsigned)c->conf->ticket_rotate, err);
    pf_wipe(c->secret, sizeof c->secret);
    code = g->tickets ? pf_setup_tls(c->conf, g->tickets, &g->tls, err) : err->code;
    if (code != PF_OK)
        return code;
    if (c->tells)
        pf_say_certificates(c->log, g->tls);
    g->one_store = c->conf->mail_owner == PF_CONF_OWNER_SHARED;
    g->keeps_journal = c->conf->journal_folder;
    return pf_conf_blind(c->conf) ? PF_OK : pf_fail(err, PF_NO_MEMORY, 0, "gate", "no memory");
}

static void store_gone(void *self, uint32_t number, const struct pf_err *err)
{
    struct gate *g = self;

    (void)number;
    if (!g->leaving)
        pf_child_trouble(&g->child, "a store is gone", err);
}

static void wanted(void *self, struct pf_store_wanted *who)
{
    struct gate *g = self;

    pf_hall_wanted(g->hall, who);
}

/* A link that broke is not mended: who was too slow for it may be well again, and is not joined a second time. So this
 * gate is of no use any more, and the keeper has another one take its place. */
static void watch(struct pf_timer *timer, void *self)
{
    struct gate *g = self;
    bool lacks = !pf_auth_remote_ready(g->auth) || (g->one_store && pf_store_remote_stores(g->store) == 0);

    g->lacks = lacks ? g->lacks + 1 : 0;
    if (g->lacks == LACKS_MOST)
        pf_child_say(&g->child, &(struct pf_crew){.kind = PF_CREW_LACKS});
    if (!g->leaving)
        pf_timer_set(timer, pf_loop_now(g->child.loop) + WATCH_EVERY);
}

static void timed(struct pf_timer *timer, void *self);

static enum pf_code build_rooms(struct gate *g, struct pf_err *err)
{
    const struct pf_store_remote_calls calls = {.wanted = wanted, .gone = store_gone, .self = g};
    struct pf_child *c = &g->child;
    struct pf_hall_parts hall;
    struct pf_dock_parts dock;

    pf_fail(err, PF_NO_MEMORY, 0, "gate", "no memory");
    if (!(g->timer = pf_timer_new(c->loop, timed, g)) || !(g->watch = pf_timer_new(c->loop, watch, g)) ||
        !(g->guests = pf_guests_new(c->conf->connections, c->conf->connections_per_address)) ||
        !(g->purse = pf_purse_new()) || !(g->auth = pf_auth_remote_new(c->loop, g->purse, err)) ||
        !(g->store = pf_store_remote_new(c->loop, g->purse, &calls, err)) ||
        pf_figures_init(&g->figures, c, err) != PF_OK)
        return err->code;
    hall = (struct pf_hall_parts){c->loop, c->log, pf_auth_remote_auth(g->auth), g->store, g->guests};
    dock = (struct pf_dock_parts){c->loop, c->log, pf_auth_remote_lookup(g->auth), g->store};
    if (!(g->hall = pf_hall_new(&hall, err)) || !(g->dock = pf_dock_new(&dock, err)))
        return err->code;
    return PF_OK;
}

static enum pf_code build_journal(struct gate *g, struct pf_err *err)
{
    const struct pf_journal_remote_settings settings = {.kind = PF_CREW_JOURNAL_LINES,
                                                        .process = pf_child_process(&g->child, g->child.number),
                                                        .memory = g->child.conf->journal_memory};
    struct pf_journal_sink *sink;

    if (!g->keeps_journal)
        return PF_OK;
    g->journal = pf_journal_remote_new(g->child.loop, &settings, err);
    if (!g->journal)
        return err->code;
    sink = pf_journal_remote_sink(g->journal);
    pf_hall_journal(g->hall, sink);
    pf_dock_journal(g->dock, sink);
    pf_setup_journal_begin(sink);
    return PF_OK;
}

static void journal_gone(void *self, const struct pf_err *err)
{
    struct gate *g = self;

    (void)err; /* the keeper tells who died; lines wait for the next one */
    pf_journal_remote_to(g->journal, NULL);
    pf_ipc_close(g->journal_ipc);
    g->journal_ipc = NULL;
}

static bool meet_journal(struct gate *g, int fd)
{
    static const struct pf_ipc_calls calls = {.gone = journal_gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = g, .any_uid = true};
    struct pf_err err;

    if (!g->journal)
        return false;
    if (g->journal_ipc)
        journal_gone(g, NULL);
    g->journal_ipc = pf_ipc_new(g->child.loop, fd, &settings, &err);
    if (g->journal_ipc)
        pf_journal_remote_to(g->journal, g->journal_ipc);
    else
        pf_child_trouble(&g->child, "journal", &err);
    return true;
}

static enum pf_code build(struct pf_child *c, struct pf_err *err)
{
    struct gate *g = gate_of(c);
    enum pf_code code = build_rooms(g, err);

    if (code == PF_OK)
        code = build_journal(g, err);
    if (code != PF_OK)
        return code;
    g->people = (struct pf_ctl_hall){g->hall, g->dock};
    g->figures.parts.people = &pf_ctl_hall_people;
    g->figures.parts.people_self = &g->people;
    pf_hall_gate(g->hall, c->number);
    pf_hall_stats(g->hall, g->figures.parts.stats);
    pf_dock_stats(g->dock, g->figures.parts.stats);
    code = pf_hall_settings(g->hall, c->conf, g->tls, err);
    return code == PF_OK ? pf_dock_settings(g->dock, c->conf, g->tls, err) : code;
}

static void end(struct gate *g)
{
    pf_figures_end(&g->figures);
    pf_child_say(&g->child, &(struct pf_crew){.kind = PF_CREW_SERVED, .count = pf_hall_served(g->hall)});
    pf_child_end(&g->child);
}

static void give_up(struct gate *g, const struct pf_err *err)
{
    pf_child_trouble(&g->child, "gate", err);
    g->child.fault = *err;
    pf_child_end(&g->child);
}

static void open_doors(struct gate *g)
{
    const struct pf_listeners_to to = {.hall = g->hall, .dock = g->dock};
    struct pf_err err;

    g->listeners = pf_listeners_adopt(g->child.loop, g->child.conf, g->sockets, &err);
    if (!g->listeners) {
        give_up(g, &err);
        return;
    }
    pf_listeners_commit(g->listeners, &to, g->child.conf, NULL);
    pf_timer_set(g->watch, pf_loop_now(g->child.loop) + WATCH_EVERY);
}

static void timed(struct pf_timer *timer, void *self)
{
    struct gate *g = self;
    pf_time wait = g->leaving ? LOOK_EVERY : ASK_EVERY;

    if (g->leaving ? pf_hall_count(g->hall) == 0 && pf_dock_count(g->dock) == 0
                   : pf_auth_remote_ready(g->auth) || ++g->asked == ASKED_MOST) {
        if (g->leaving)
            end(g);
        else
            open_doors(g);
        return;
    }
    pf_timer_set(timer, pf_loop_now(g->child.loop) + wait);
}

static void emptied(void *self)
{
    struct gate *g = self;

    if (++g->emptied >= 2)
        end(g);
}

/* grace -1: sessions go on to their end, however long that takes. */
static void drain(struct gate *g, pf_time grace)
{
    g->leaving = true;
    pf_timer_clear(g->timer);
    pf_listeners_free(g->listeners);
    g->listeners = NULL;
    if (grace < 0) {
        pf_timer_set(g->timer, pf_loop_now(g->child.loop));
        return;
    }
    g->emptied = 0; /* both tell again */
    pf_hall_close(g->hall, grace, emptied, g);
    pf_dock_close(g->dock, grace, emptied, g);
}

static bool meet(struct gate *g, const struct pf_crew *crew, int fd)
{
    enum pf_code code;
    struct pf_err err;

    if (crew->role == PF_CREW_GATE)
        return false;
    if (crew->role == PF_CREW_JOURNAL)
        return meet_journal(g, fd);
    if (crew->role == PF_CREW_DESK) {
        pf_figures_desk(&g->figures, &g->child, fd);
        return true;
    }
    code = crew->role == PF_CREW_AUTH ? pf_auth_remote_join(g->auth, fd, &err)
                                      : pf_store_remote_join(g->store, crew->number, fd, &err);
    if (code != PF_OK)
        give_up(g, &err);
    return true;
}

static bool told(struct pf_child *c, const struct pf_crew *crew, int fd)
{
    struct gate *g = gate_of(c);

    if (crew->kind == PF_CREW_PEER)
        return meet(g, crew, fd);
    if (crew->kind == PF_CREW_LISTEN && crew->number < c->conf->listen_count && g->sockets[crew->number] < 0) {
        g->sockets[crew->number] = fd;
        return true;
    }
    if (crew->kind == PF_CREW_DRAIN) {
        drain(g, crew->grace);
        return true;
    }
    if (crew->kind != PF_CREW_GO || g->leaving || g->listeners)
        return false;
    timed(g->timer, g);
    return true;
}

static void orphaned(struct pf_child *c)
{
    drain(gate_of(c), c->conf->drain_time);
}

static void take_down(struct pf_child *c)
{
    struct gate *g = gate_of(c);

    for (size_t i = 0; i < PF_CONF_LISTENS_MOST; i++)
        if (g->sockets[i] > 0) /* 0: not taken yet */
            close(g->sockets[i]);
    pf_timer_free(g->timer);
    pf_timer_free(g->watch);
    pf_listeners_free(g->listeners);
    pf_figures_free(&g->figures);
    pf_hall_free(g->hall);
    pf_dock_free(g->dock);
    pf_journal_remote_free(g->journal);
    if (g->journal_ipc)
        pf_ipc_close(g->journal_ipc);
    if (g->store)
        pf_store_free(g->store);
    pf_auth_remote_free(g->auth);
    pf_purse_free(g->purse);
    pf_tls_free(g->tls);
    if (g->tickets)
        pf_tls_tickets_free(g->tickets);
    if (g->guests)
        pf_guests_free(g->guests);
}

int main(int argc, char **argv)
{
    static const struct pf_child_part part = {.role = PF_CREW_GATE,
                                              .sandbox = PF_SANDBOX_GATE,
                                              .size = sizeof(struct gate),
                                              .user = user,
                                              .take = take,
                                              .build = build,
                                              .told = told,
                                              .orphaned = orphaned,
                                              .take_down = take_down};

    return pf_child_run(&part, argc, argv);
}
