#include "sim.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

enum {
    RESTLESS = 200000, /* turns in which a world of this size has long come to rest */
    LONG_WAIT = 60     /* turns that the slowest of disks takes */
};

struct sim_timer {
    struct sim_timer *next;
    struct pf_loop *loop;
    void (*fire)(struct pf_timer *, void *);
    void *self;
    pf_time at;
    uint64_t set_in; /* the turn: a timer set in a turn fires in a later one */
    bool freed;
};

struct sim_held {
    struct sim_held *next;
    struct pf_store *store;
    struct pf_store_op *op;
    uint64_t due;
};

struct sim_check {
    struct sim_check *next;
    struct pf_auth_check *asked;
    struct pf_auth_check inner;
    bool answered;
    uint64_t due;
};

struct sim *sim_world;

/* The functions that take the place of the real ones, and what these are called now. */
pf_time __wrap_pf_loop_now(const struct pf_loop *);
struct pf_timer *__wrap_pf_timer_new(struct pf_loop *, void (*)(struct pf_timer *, void *), void *);
void __wrap_pf_timer_set(struct pf_timer *, pf_time);
void __wrap_pf_timer_clear(struct pf_timer *);
void __wrap_pf_timer_free(struct pf_timer *);
void __wrap_pf_store_op_done(struct pf_store *, struct pf_store_op *);
void __wrap_pf_auth_check(struct pf_auth *, struct pf_auth_check *);
void __wrap_pf_auth_abandon(struct pf_auth *, struct pf_auth_check *);
void __real_pf_store_op_done(struct pf_store *, struct pf_store_op *);
void __real_pf_auth_check(struct pf_auth *, struct pf_auth_check *);

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    (void)loop;
    return sim_world->clock;
}

struct pf_timer *__wrap_pf_timer_new(struct pf_loop *loop, void (*fire)(struct pf_timer *, void *), void *self)
{
    struct sim_timer *t = calloc(1, sizeof *t);

    assert(t);
    *t = (struct sim_timer){sim_world->timers, loop, fire, self, PF_NEVER, 0, false};
    sim_world->timers = t;
    return (struct pf_timer *)t;
}

void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    struct sim_timer *t = (struct sim_timer *)timer;

    assert(!t->freed);
    t->at = at;
    t->set_in = sim_world->turn;
}

void __wrap_pf_timer_clear(struct pf_timer *timer)
{
    ((struct sim_timer *)timer)->at = PF_NEVER;
}

/* Its memory goes between turns, so that a list that is being walked stays whole. */
void __wrap_pf_timer_free(struct pf_timer *timer)
{
    struct sim_timer *t = (struct sim_timer *)timer;

    if (!t)
        return;
    assert(!t->freed);
    t->freed = true;
    t->at = PF_NEVER;
}

static void sweep_timers(struct sim *s)
{
    for (struct sim_timer **at = &s->timers; *at;) {
        struct sim_timer *t = *at;

        if (!t->freed) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        free(t);
    }
}

static struct sim_timer *due_timer(struct sim *s, const struct pf_loop *loop, pf_time until, uint64_t before)
{
    struct sim_timer *first = NULL;

    for (struct sim_timer *t = s->timers; t; t = t->next)
        if (t->loop == loop && t->at <= until && t->at != PF_NEVER && t->set_in < before &&
            (!first || t->at < first->at))
            first = t;
    return first;
}

static void fire(struct sim_timer *t)
{
    t->at = PF_NEVER;
    t->fire((struct pf_timer *)t, t->self);
}

/* How many turns something takes that could be at once. */
static unsigned turns(struct sim *s)
{
    if (!s->patient || sim_chance(s, 50))
        return 0;
    return 1 + sim_pick(s, sim_chance(s, 10) ? LONG_WAIT : 6);
}

void __wrap_pf_store_op_done(struct pf_store *store, struct pf_store_op *op)
{
    unsigned wait = turns(sim_world);
    struct sim_held *h, **end = &sim_world->held;

    if (!wait) {
        __real_pf_store_op_done(store, op);
        return;
    }
    h = calloc(1, sizeof *h);
    assert(h);
    *h = (struct sim_held){NULL, store, op, sim_world->turn + wait};
    while (*end)
        end = &(*end)->next;
    *end = h;
}

static void release_ops(struct sim *s)
{
    for (struct sim_held **at = &s->held; *at;) {
        struct sim_held *h = *at;

        if (h->due > s->turn && s->patient) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        __real_pf_store_op_done(h->store, h->op);
        free(h);
    }
}

static void answered(struct pf_auth_check *inner)
{
    ((struct sim_check *)(void *)((char *)inner - offsetof(struct sim_check, inner)))->answered = true;
}

/* Auth lives on a loop of its own: it can be run to its answer here, threads and all, without a
 * turn of the loop that the guests are on. */
void __wrap_pf_auth_check(struct pf_auth *auth, struct pf_auth_check *asked)
{
    struct sim_check *c = calloc(1, sizeof *c), **end = &sim_world->checks;

    assert(c);
    c->asked = asked;
    c->inner = *asked;
    c->inner.done = answered;
    asked->talk = NULL; /* it goes with the question, and comes back with the answer */
    __real_pf_auth_check(auth, &c->inner);
    while (!c->answered) {
        struct sim_timer *t = due_timer(sim_world, sim_world->auth_loop, PF_NEVER - 1, UINT64_MAX);

        if (t)
            fire(t);
        else
            pf_loop_turn(sim_world->auth_loop, true);
    }
    c->due = sim_world->turn + 1 + turns(sim_world);
    while (*end)
        end = &(*end)->next;
    *end = c;
}

void __wrap_pf_auth_abandon(struct pf_auth *auth, struct pf_auth_check *asked)
{
    for (struct sim_check **at = &sim_world->checks; *at; at = &(*at)->next) {
        struct sim_check *c = *at;

        if (c->asked != asked)
            continue;
        *at = c->next;
        pf_auth_forget(auth, &c->inner);
        free(c);
        return;
    }
    sim_fail(sim_world, "a check was abandoned that nobody asked for");
}

static void release_checks(struct sim *s)
{
    struct sim_check *c = s->checks;

    while (c && c->due > s->turn && s->patient)
        c = c->next;
    if (!c)
        return;
    for (struct sim_check **at = &s->checks; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    c->inner.done = c->asked->done;
    *c->asked = c->inner;
    c->asked->done(c->asked);
    free(c);
}

void sim_clock_begin(struct sim *s)
{
    sim_world = s;
    s->clock = 1000;
}

void sim_clock_end(void)
{
    sweep_timers(sim_world);
    if (sim_world->timers || sim_world->held || sim_world->checks)
        sim_fail(sim_world, "a timer, an op or a check is left");
    sim_world = NULL;
}

void sim_turn(struct sim *s)
{
    struct sim_timer *t;

    s->turn++;
    s->counts.turns++;
    release_ops(s);
    release_checks(s);
    while ((t = due_timer(s, s->loop, s->clock, s->turn)))
        fire(t);
    sweep_timers(s);
    pf_loop_turn(s->loop, false);
}

/* Nothing queued in libuv, and no socket that it watches is ready. */
static bool at_rest(struct sim *s)
{
    uv_loop_t *uv = pf_loop_uv(s->loop);
    struct pollfd fd = {.fd = uv_backend_fd(uv), .events = POLLIN};

    if (s->held || s->checks || due_timer(s, s->loop, s->clock, UINT64_MAX))
        return false;
    return !uv_loop_alive(uv) || (uv_backend_timeout(uv) != 0 && poll(&fd, 1, 0) == 0);
}

void sim_settle(struct sim *s)
{
    unsigned rested = 0;

    for (unsigned i = 0; i < RESTLESS; i++) {
        sim_turn(s);
        rested = at_rest(s) ? rested + 1 : 0;
        if (rested == 2) /* libuv tells the kernel at the begin of a turn what it watches */
            return;
    }
    sim_fail(s, "the loop does not come to rest");
}
