#include "role/keeper_parts.h"

#include "role/gates.h"
#include "role/setup.h"
#include "role/sheet.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINGERING_MOST = 16 /* gates that were replaced and have sessions still */ };

static bool is_shared_store(const struct pf_keeper_child *c)
{
    return c->role == PF_CREW_STORE && !c->user[0];
}

/* Who speaks with whom: a gate with auth, with each store and with the journal, the desk with all but the journal. */
static bool are_peers(const struct pf_keeper_child *a, const struct pf_keeper_child *b)
{
    bool journal = a->role == PF_CREW_JOURNAL || b->role == PF_CREW_JOURNAL;

    if (a->role == PF_CREW_DESK || b->role == PF_CREW_DESK)
        return a->role != b->role && !journal;
    return (a->role == PF_CREW_GATE) != (b->role == PF_CREW_GATE);
}

static bool is_door(enum pf_conf_protocol protocol)
{
    return protocol == PF_CONF_CONTROL || protocol == PF_CONF_METRICS;
}

static bool wants_desk(const struct pf_conf *conf)
{
    for (size_t i = 0; i < conf->listen_count; i++)
        if (is_door(conf->listens[i].protocol))
            return true;
    return false;
}

static void introduce(struct pf_keeper_child *a, struct pf_keeper_child *b)
{
    struct pf_err err;
    int ends[2];

    if (pf_ipc_pair(ends, &err) != PF_OK) { /* who is not known to all serves nobody */
        pf_keeper_trouble(a->keeper, PF_EVENT_trouble, &err);
        pf_keeper_child_kill(a);
        return;
    }
    pf_keeper_send(a, &(struct pf_crew){.kind = PF_CREW_PEER, .role = b->role, .number = b->number}, ends[0]);
    pf_keeper_send(b, &(struct pf_crew){.kind = PF_CREW_PEER, .role = a->role, .number = a->number}, ends[1]);
    close(ends[0]);
    close(ends[1]);
}

/* auth is told which store it is that all maildrops are served by. */
static void tell_store(struct pf_crew_generation *g)
{
    uint32_t number = 0;

    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        if (is_shared_store(c) && c->state == PF_CHILD_JOINED)
            number = c->number;
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        if (c->role == PF_CREW_AUTH && c->state == PF_CHILD_JOINED)
            pf_keeper_send(c, &(struct pf_crew){.kind = PF_CREW_OF_STORE, .number = number}, -1);
}

/* Who accepts where: the desk at the administrator's doors, gates at all others. */
static void open_doors(struct pf_keeper_child *c)
{
    const struct pf_conf_listen *listens = c->generation->conf->listens;
    const char *const *places;
    const int *sockets;
    size_t count = pf_listeners_sockets(c->keeper->listeners, &sockets, &places);
    bool desk = c->role == PF_CREW_DESK;

    for (size_t i = 0; i < count; i++) {
        struct pf_crew crew = {.kind = PF_CREW_LISTEN, .number = (uint32_t)i};

        if (is_door(listens[i].protocol) != desk)
            continue;
        if (desk)
            crew.number = listens[i].protocol == PF_CONF_CONTROL ? PF_CTL_DOOR_CONTROL : PF_CTL_DOOR_METRICS;
        pf_keeper_send(c, &crew, sockets[i]);
    }
    pf_keeper_send(c, &(struct pf_crew){.kind = PF_CREW_GO}, -1);
}

/* Also those of older settings, who have sessions still. */
static void introduce_desk(struct pf_keeper_child *desk)
{
    for (struct pf_crew_generation *g = desk->keeper->generations; g; g = g->next)
        for (struct pf_keeper_child *c = g->children; c; c = c->next)
            if (c->ipc && (c->state == PF_CHILD_JOINED || c->state == PF_CHILD_LEAVING) && are_peers(desk, c))
                introduce(desk, c);
}

/* It works from now on. */
static void join(struct pf_keeper_child *c)
{
    if (c->role == PF_CREW_DESK)
        introduce_desk(c);
    else
        for (struct pf_keeper_child *other = c->generation->children; other; other = other->next)
            if (other->state == PF_CHILD_JOINED && are_peers(c, other))
                introduce(c, other);
    if (c->state != PF_CHILD_READY)
        return;
    c->state = PF_CHILD_JOINED;
    pf_timer_clear(c->timer);
    if (c->role == PF_CREW_GATE || c->role == PF_CREW_DESK)
        open_doors(c);
    else
        tell_store(c->generation);
    if (c->user[0])
        pf_keeper_wishes_grant(c, c->number);
}

static bool are_all(const struct pf_crew_generation *g, enum pf_keeper_state state)
{
    for (const struct pf_keeper_child *c = g->children; c; c = c->next)
        if (c->state != state)
            return false;
    return true;
}

static void join_all(struct pf_crew_generation *g, bool gates)
{
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        if ((c->role == PF_CREW_GATE) == gates && c->state == PF_CHILD_READY)
            join(c);
}

static struct pf_keeper_child **find_desk(struct pf_crew_generation *g)
{
    for (struct pf_keeper_child **link = &g->children; *link; link = &(*link)->next)
        if ((*link)->role == PF_CREW_DESK)
            return link;
    return NULL;
}

/* The desk of the generation in force goes on, with what was counted, unless it would log elsewhere or as another. */
static bool is_kept(struct pf_crew_generation *g)
{
    struct pf_crew_generation *current = g->keeper->current;
    struct pf_keeper_child **desk = current ? find_desk(current) : NULL;

    return desk && (*desk)->state == PF_CHILD_JOINED && !pf_setup_log_differs(current->conf, g->conf) &&
           !find_desk(g) && wants_desk(g->conf);
}

static void keep_desk(struct pf_crew_generation *g)
{
    struct pf_keeper_child **link, *desk;

    if (!is_kept(g)) {
        if (wants_desk(g->conf) && !find_desk(g) && (desk = pf_keeper_child_new(g, PF_CREW_DESK, NULL)))
            pf_timer_set(desk->timer, pf_loop_now(g->keeper->loop)); /* it died meanwhile */
        return;
    }
    link = find_desk(g->keeper->current);
    desk = *link;
    *link = desk->next;
    desk->next = g->children;
    g->children = desk;
    desk->generation = g;
    pf_keeper_send(desk, &(struct pf_crew){.kind = PF_CREW_CLOSE}, -1);
}

void pf_keeper_child_ready(struct pf_keeper_child *c)
{
    struct pf_crew_generation *g = c->generation;

    c->state = PF_CHILD_READY;
    pf_keeper_pulse_begin(c);
    if (g->leaving) { /* too late: it was started again before the end began */
        pf_keeper_child_kill(c);
        return;
    }
    if (g->formed) {
        join(c);
        return;
    }
    if (!are_all(g, PF_CHILD_READY))
        return;
    g->formed = true;
    keep_desk(g);
    pf_keeper_formed(g); /* the ports are those of this generation now */
    if (g->leaving)      /* unless the start failed at its last step: nobody gets a port any more */
        return;
    for (struct pf_keeper_child *desk = g->children; desk; desk = desk->next)
        if (desk->role == PF_CREW_DESK && desk->state == PF_CHILD_JOINED)
            open_doors(desk);
    join_all(g, false);
    join_all(g, true);
}

static void child_free(struct pf_keeper_child *c)
{
    struct pf_keeper_child **link = &c->generation->children;

    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    pf_keeper_wishes_grant(c, 0);
    pf_keeper_letters_free(c);
    pf_timer_free(c->timer);
    pf_timer_free(c->pulse);
    free(c);
}

static void bury(struct pf_later *later)
{
    struct pf_crew_generation *g =
        (struct pf_crew_generation *)(void *)((char *)later - offsetof(struct pf_crew_generation, bury));
    struct pf_keeper *k = g->keeper;
    struct pf_crew_generation **link = &k->generations;

    while (*link != g)
        link = &(*link)->next;
    *link = g->next;
    if (g->sheet >= 0)
        close(g->sheet);
    pf_listeners_free(g->listeners);
    pf_conf_free(g->conf);
    free(g);
    pf_keeper_gone(k);
}

/* What is behind the gates ends when the last of them has gone. */
static void look(struct pf_crew_generation *g)
{
    bool any = false;

    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        any = any || c->role == PF_CREW_GATE;
    if (!any && !g->dismissed) {
        g->dismissed = true;
        for (struct pf_keeper_child *c = g->children, *next; c; c = next) {
            next = c->next;
            pf_keeper_child_leave(c, 0);
        }
    }
    if (g->children || g->bury.queued)
        return;
    g->bury.run = bury;
    pf_loop_later(g->keeper->loop, &g->bury);
}

/* Who waits to be started again is not: it has no process. */
static void forget_waiting(struct pf_crew_generation *g)
{
    for (struct pf_keeper_child *c = g->children, *next; c; c = next) {
        next = c->next;
        if (c->state == PF_CHILD_WAITING)
            child_free(c);
    }
}

void pf_keeper_dismiss(struct pf_crew_generation *g, pf_time grace)
{
    g->leaving = true;
    g->grace = grace;
    forget_waiting(g);
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        if (c->role == PF_CREW_GATE)
            pf_keeper_child_leave(c, grace);
        else if (c->role == PF_CREW_DESK && grace < 0) /* another one is at the doors */
            pf_keeper_send(c, &(struct pf_crew){.kind = PF_CREW_CLOSE}, -1);
    look(g);
}

void pf_keeper_kill_all(struct pf_keeper *k)
{
    for (struct pf_crew_generation *g = k->generations; g; g = g->next)
        for (struct pf_keeper_child *c = g->children; c; c = c->next)
            pf_keeper_child_kill(c);
}

static void fail(struct pf_crew_generation *g, const struct pf_err *err)
{
    g->leaving = g->dismissed = true;
    forget_waiting(g);
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        pf_keeper_child_kill(c);
    pf_keeper_failed(g, err);
}

/* What it said itself, or how it ended. */
static void explain(struct pf_keeper_child *c)
{
    const char *role = pf_crew_role_name(c->role);

    if (c->fault.code != PF_OK)
        return;
    if (WIFSIGNALED(c->status))
        pf_fail(&c->fault, PF_TEMP, 0, "keeper", "%s was killed by signal %d before it was ready", role,
                WTERMSIG(c->status));
    else
        pf_fail(&c->fault, PF_TEMP, 0, "keeper", "%s ended with status %d before it was ready", role,
                WEXITSTATUS(c->status));
}

void pf_keeper_replace(struct pf_keeper_child *gate)
{
    struct pf_crew_generation *g = gate->generation;
    struct pf_keeper_child *next;
    unsigned lingering = 0;
    struct pf_err err;

    if (gate->state != PF_CHILD_JOINED || gate->replaced || g->leaving)
        return;
    pf_fail(&err, PF_TEMP, 0, "keeper", "gate %u has lost its way to auth or the store, and is replaced", gate->number);
    pf_keeper_trouble(gate->keeper, PF_EVENT_trouble, &err);
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        lingering += c->replaced;
    next = pf_keeper_child_new(g, PF_CREW_GATE, NULL);
    if (!next || lingering >= LINGERING_MOST) { /* its sessions end with it; it is started again itself */
        if (next)
            child_free(next);
        pf_keeper_child_kill(gate);
        return;
    }
    next->tells = gate->tells;
    gate->replaced = true;
    pf_keeper_child_leave(gate, -1);
    pf_timer_set(next->timer, pf_loop_now(g->keeper->loop));
}

static void start_again(struct pf_keeper_child *c)
{
    c->state = PF_CHILD_WAITING;
    pf_timer_set(c->timer, pf_loop_now(c->keeper->loop) + pf_keeper_child_delay(c));
}

void pf_keeper_child_ended(struct pf_keeper_child *c)
{
    struct pf_crew_generation *g = c->generation;
    bool shared = is_shared_store(c);

    c->state = PF_CHILD_LEAVING;
    if (!g->formed && !g->leaving) {
        struct pf_err err;

        explain(c);
        err = c->fault;
        child_free(c);
        fail(g, &err);
        look(g);
        return;
    }
    if (g->leaving || c->user[0] || c->replaced)
        child_free(c);
    else
        start_again(c);
    if (shared && !g->leaving)
        tell_store(g);
    if (g->leaving)
        look(g);
}

static bool hire_all(struct pf_crew_generation *g)
{
    unsigned gates = pf_gates(g->conf);
    bool good = pf_keeper_child_new(g, PF_CREW_AUTH, NULL);

    if (g->conf->mail_owner == PF_CONF_OWNER_SHARED)
        good = good && pf_keeper_child_new(g, PF_CREW_STORE, NULL);
    if (g->conf->journal_folder)
        good = good && pf_keeper_child_new(g, PF_CREW_JOURNAL, NULL);
    if (wants_desk(g->conf) && !is_kept(g))
        good = good && pf_keeper_child_new(g, PF_CREW_DESK, NULL);
    for (unsigned i = 0; i < gates; i++) {
        struct pf_keeper_child *gate = good ? pf_keeper_child_new(g, PF_CREW_GATE, NULL) : NULL;

        good = gate;
        if (gate)
            gate->tells = i == 0;
    }
    return good;
}

enum pf_code pf_keeper_form(struct pf_keeper *k, struct pf_conf *conf, struct pf_listeners *listeners,
                            struct pf_err *err)
{
    struct pf_crew_generation *g = calloc(1, sizeof *g);

    if (!g) {
        pf_listeners_free(listeners);
        pf_conf_free(conf);
        return pf_fail(err, PF_NO_MEMORY, 0, "keeper", "no memory");
    }
    *g = (struct pf_crew_generation){.next = k->generations, .keeper = k, .conf = conf, .listeners = listeners};
    k->generations = g;
    g->sheet = pf_sheet_write(conf, err);
    if (g->sheet < 0 || !hire_all(g)) {
        enum pf_code code = g->sheet < 0 ? err->code : pf_fail(err, PF_NO_MEMORY, 0, "keeper", "no memory");

        g->leaving = true;
        forget_waiting(g);
        look(g);
        return code;
    }
    k->coming = g;
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        pf_timer_set(c->timer, pf_loop_now(k->loop)); /* from the loop: what fails there is told there */
    return PF_OK;
}
