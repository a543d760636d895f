#include "store/store_serve_private.h"

#include <assert.h>
#include <stdio.h>

/* An open that a gate left behind has the lock, or will have it for a moment. */
static bool holds(const struct pf_serve_held *held)
{
    return held->box || (held->what == PF_SERVE_OPENING && held->busy && !held->gate->ipc);
}

static struct pf_serve_held *holder_in(const struct pf_serve_gate *gate, const char *path)
{
    for (uint32_t i = 0; i < gate->room; i++)
        if (gate->held[i] && holds(gate->held[i]) && strcmp(gate->held[i]->where.path, path) == 0)
            return gate->held[i];
    return NULL;
}

static struct pf_serve_held *holder_of(const struct pf_store_serve *serve, const char *path)
{
    struct pf_serve_held *holder = NULL;

    for (const struct pf_serve_gate *gate = serve->gates; gate && !holder; gate = gate->next)
        holder = holder_in(gate, path);
    return holder;
}

static void unlist(struct pf_serve_held *held)
{
    struct pf_serve_held **place = &held->gate->serve->waiting;

    while (*place != held)
        place = &(*place)->next_waiting;
    *place = held->next_waiting;
    held->waits = false;
}

void pf_serve_forget_wait(struct pf_serve_held *held)
{
    if (held->asks)
        pf_ipc_abandon(&held->wanted);
    held->asks = false;
    if (held->waits)
        unlist(held);
    pf_timer_free(held->patience);
    held->patience = NULL;
}

static void refuse(struct pf_serve_held *held)
{
    struct pf_err err = pf_serve_told(held);

    if (!held->told)
        pf_fail(&err, PF_IN_USE, 0, "serve", "%s was not unlocked in time", held->where.path);
    pf_serve_forget_wait(held);
    pf_serve_refuse_open(held, &err);
}

static void out_of_patience(struct pf_timer *timer, void *self)
{
    (void)timer;
    refuse(self);
}

static void wait_for_close(struct pf_serve_held *held)
{
    struct pf_store_serve *serve = held->gate->serve;

    held->waits = true;
    held->next_waiting = serve->waiting;
    serve->waiting = held;
}

static void open_again(struct pf_serve_held *held)
{
    pf_serve_forget_wait(held);
    pf_serve_open_box(held);
}

void pf_serve_freed(struct pf_store_serve *serve, const char *path)
{
    struct pf_serve_held *next;

    for (struct pf_serve_held *held = serve->waiting; held; held = next) {
        next = held->next_waiting;
        if (strcmp(held->where.path, path) == 0)
            open_again(held);
    }
}

static void describe(struct pf_serve_held *held, const struct pf_store_say_wanted *said)
{
    struct pf_err err = {0};

    pf_fail(&err, PF_IN_USE, 0, "serve", "%.200s is locked by another session%s%.*s", held->where.path,
            said->facts.len ? " " : "", (int)said->facts.len, (const char *)said->facts.at);
    /* What another gate says goes to a client: no response code may be made of it. */
    if (said->say.len && said->say.at[0] != '[' && !memchr(said->say.at, ']', said->say.len))
        snprintf(err.say, sizeof err.say, "%.*s", (int)said->say.len, (const char *)said->say.at);
    pf_serve_tell(held, &err);
}

/* A holder's gate that gives no answer is going, and its boxes with it. */
static void holder_answered(struct pf_ipc_ask *ask)
{
    struct pf_serve_held *held
        = (struct pf_serve_held *)(void *)((char *)ask - offsetof(struct pf_serve_held, wanted));
    union pf_store_say say = {.wanted = {.leaves = true}};

    held->asks = false;
    if (!ask->why) {
        if (ask->answer->kind != PF_STORE_WANTED || ask->answer->fd_count ||
            !pf_store_wire_get_say(ask->answer->payload, PF_STORE_WANTED, &say)) {
            pf_ipc_drop(ask->ipc, "an answer of no form");
            say.wanted = (struct pf_store_say_wanted){.leaves = true};
        }
        describe(held, &say.wanted);
    }
    if (!say.wanted.leaves)
        refuse(held);
    else if (holder_of(held->gate->serve, held->where.path))
        wait_for_close(held);
    else
        open_again(held);
}

static enum pf_code ask_holder(struct pf_serve_held *held, const struct pf_serve_held *holder)
{
    struct pf_store_serve *serve = held->gate->serve;
    struct pf_span span = {serve->scratch, 0, sizeof serve->scratch};
    const union pf_store_ask ask = {.wanted = {.session = holder->session, .user = pf_bytes_of(held->where.user)}};
    struct pf_ipc_frame frame = {.kind = PF_STORE_WANTED};
    bool fits = pf_store_wire_put_ask(&span, PF_STORE_WANTED, &ask);
    enum pf_code code;

    assert(fits);
    frame.payload = pf_span_bytes(&span);
    held->wanted.done = holder_answered;
    code = pf_ipc_ask(holder->gate->ipc, &held->wanted, &frame);
    held->asks = code == PF_OK;
    return code;
}

static bool begin_to_wait(struct pf_serve_held *held)
{
    held->patience = pf_timer_new(held->gate->serve->parts.loop, out_of_patience, held);
    if (held->patience)
        pf_timer_set(held->patience, held->until);
    return held->patience;
}

bool pf_serve_contend(struct pf_serve_held *held, struct pf_err *err)
{
    const struct pf_serve_held *holder = holder_of(held->gate->serve, held->where.path);
    pf_time now = pf_loop_now(held->gate->serve->parts.loop);

    if (!held->until)
        held->until = now + PF_STORE_SERVE_WAIT;
    if (holder && now < held->until && begin_to_wait(held)) {
        bool leaves = holder->leaving || !holder->gate->ipc;
        enum pf_code code = leaves ? PF_TEMP : ask_holder(held, holder);

        if (code == PF_TEMP) /* its gate is going, or has gone */
            wait_for_close(held);
        if (code == PF_TEMP || code == PF_OK)
            return true;
        pf_serve_forget_wait(held);
    }
    if (held->told)
        *err = *held->told;
    return false;
}
