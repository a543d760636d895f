#include "store/store_remote_private.h"

#include <assert.h>

enum { RETRY = 100 /* ms, where neither memory nor an answer comes */ };

void pf_remote_queue_add(struct pf_remote_queue *queue, struct pf_remote_call *call)
{
    call->queue = queue;
    call->next = NULL;
    call->prev = queue->last;
    *(call->prev ? &call->prev->next : &queue->first) = call;
    queue->last = call;
}

void pf_remote_queue_take(struct pf_remote_call *call)
{
    *(call->prev ? &call->prev->next : &call->queue->first) = call->next;
    *(call->next ? &call->next->prev : &call->queue->last) = call->prev;
    call->queue = NULL;
}

static void failed(struct pf_later *later)
{
    struct pf_remote_call *call
        = (struct pf_remote_call *)(void *)((char *)later - offsetof(struct pf_remote_call, later));

    call->stage = PF_REMOTE_IDLE;
    call->answered(call, NULL, NULL);
}

void pf_remote_fail(struct pf_remote_call *call)
{
    call->stage = PF_REMOTE_FAILED;
    call->later.run = failed;
    pf_loop_later(call->remote->base.loop, &call->later);
}

static void wait_for_room(struct pf_remote_call *call)
{
    struct pf_remote_link *link = call->link;

    call->stage = PF_REMOTE_WAITING;
    pf_remote_queue_add(&link->waiting, call);
    pf_remote_link_timer(link, pf_loop_now(link->remote->base.loop) + RETRY);
}

/* False: it has to wait. */
static bool launch(struct pf_remote_call *call)
{
    struct pf_remote_link *link = call->link;
    enum pf_code code;

    *call->err = (struct pf_err){0};
    if (!link->ipc)
        pf_fail(call->err, PF_TEMP, 0, "store", "store %u has gone", link->number);
    code = link->ipc ? call->say(call) : PF_TEMP;
    if (code == PF_BUSY || (code == PF_NO_MEMORY && call->ends))
        return false;
    if (code == PF_OK) {
        call->stage = PF_REMOTE_FLYING;
        pf_remote_queue_add(&link->flying, call);
        pf_remote_link_timer(link, call->until);
        return true;
    }
    if (call->err->code != code)
        pf_fail(call->err, code, 0, "store", "store %u cannot be asked", link->number);
    pf_remote_fail(call);
    return true;
}

static void begin_at(struct pf_remote_call *call)
{
    /* Those who wait were there before. */
    if (call->link->waiting.first || !launch(call))
        wait_for_room(call);
}

static void serve_waiting(struct pf_remote_link *link)
{
    while (link->waiting.first) {
        struct pf_remote_call *call = link->waiting.first;

        pf_remote_queue_take(call);
        if (launch(call))
            continue;
        call->stage = PF_REMOTE_WAITING; /* back to the front */
        call->queue = &link->waiting;
        call->prev = NULL;
        call->next = link->waiting.first;
        *(call->next ? &call->next->prev : &link->waiting.last) = call;
        link->waiting.first = call;
        return;
    }
}

static void wait_for_store(struct pf_remote_call *call)
{
    struct pf_remote *remote = call->remote;
    bool first = !remote->joining.first;

    call->stage = PF_REMOTE_JOINING;
    call->until = pf_loop_now(remote->base.loop) + PF_REMOTE_JOIN_WITHIN;
    pf_remote_queue_add(&remote->joining, call);
    if (first)
        pf_timer_set(remote->timer, call->until);
}

static void begin_by_pass(struct pf_remote_call *call)
{
    struct pf_remote *remote = call->remote;
    struct pf_remote_link *link;
    struct pf_pass pass;

    if (!pf_purse_look(remote->purse, call->pass, pf_loop_now(remote->base.loop), &pass)) {
        pf_fail(call->err, PF_TEMP, 0, "store", "the right to open this maildrop is gone");
        pf_remote_fail(call);
        return;
    }
    link = pf_remote_find(remote, pass.store);
    if (!link) {
        wait_for_store(call);
        return;
    }
    pf_remote_hold(call, link);
    begin_at(call);
}

static void answered(struct pf_ipc_ask *ask);

void pf_remote_begin(struct pf_remote_call *call)
{
    assert(call->stage == PF_REMOTE_IDLE);
    call->ask.done = answered;
    call->until = pf_loop_now(call->remote->base.loop) + PF_REMOTE_ANSWER_WITHIN;
    *call->err = (struct pf_err){0};
    if (call->link)
        begin_at(call);
    else
        begin_by_pass(call);
}

void pf_remote_joining_tick(struct pf_timer *timer, void *self)
{
    struct pf_remote *remote = self;
    pf_time now = pf_loop_now(remote->base.loop);

    while (remote->joining.first && remote->joining.first->until <= now) {
        struct pf_remote_call *call = remote->joining.first;

        pf_remote_queue_take(call);
        pf_fail(call->err, PF_TEMP, 0, "store", "the store for this maildrop has not come");
        pf_remote_fail(call);
    }
    if (remote->joining.first)
        pf_timer_set(timer, remote->joining.first->until);
}

/* There is no answer: the store is gone, or is to go. */
static void unanswered(struct pf_remote_call *call, const char *why)
{
    pf_fail(call->err, PF_TEMP, 0, "store", "store %u: %s%.200s", call->link->number,
            call->ask.why ? "no answer: " : "", why);
    call->answered(call, NULL, NULL);
}

static void answered(struct pf_ipc_ask *ask)
{
    struct pf_remote_call *call
        = (struct pf_remote_call *)(void *)((char *)ask - offsetof(struct pf_remote_call, ask));
    struct pf_remote_link *link = call->link;
    union pf_store_say say;
    bool good = !ask->why && ask->answer->kind == call->kind &&
                pf_store_wire_get_say(ask->answer->payload, ask->answer->kind, &say);

    pf_remote_queue_take(call);
    call->stage = PF_REMOTE_IDLE;
    serve_waiting(link);
    if (good && call->answered(call, &say, ask->answer))
        return;
    if (!ask->why)
        pf_ipc_drop(link->ipc, "an answer that cannot be");
    unanswered(call, ask->why ? ask->why : "an answer that cannot be");
}

enum pf_code pf_remote_send(struct pf_remote_call *call, const union pf_store_ask *ask, int fd)
{
    struct pf_span span = {call->remote->scratch, 0, sizeof call->remote->scratch};
    struct pf_ipc_frame frame = {.kind = (uint16_t)call->kind, .fd_count = fd >= 0, .fds = {fd}};
    bool fits = pf_store_wire_put_ask(&span, call->kind, ask);

    assert(fits);
    frame.payload = pf_span_bytes(&span);
    return pf_ipc_ask(call->link->ipc, &call->ask, &frame);
}

bool pf_remote_show(struct pf_remote_call *call, struct pf_store_show *out)
{
    struct pf_remote *remote = call->remote;
    struct pf_pass pass;

    if (!pf_purse_look(remote->purse, call->pass, pf_loop_now(remote->base.loop), &pass)) {
        pf_fail(call->err, PF_TEMP, 0, "store", "the right to open this maildrop is gone");
        return false;
    }
    *out = (struct pf_store_show){.entry = pass.entry, .ticket = pass.ticket};
    return true;
}

/* What a store says of a ticket is for the log: a client who comes again may have a better one. */
void pf_remote_entered(struct pf_remote_call *call, const struct pf_store_verdict *verdict, uint64_t entry,
                       struct pf_err *out)
{
    pf_purse_entered(call->remote->purse, call->pass, entry);
    pf_store_wire_err(verdict, out);
    if (verdict->code == PF_PERM && !entry) {
        out->code = PF_TEMP;
        out->say[0] = '\0';
    }
}

void pf_remote_link_tick(struct pf_timer *timer, void *self)
{
    struct pf_remote_link *link = self;
    const struct pf_remote_call *flying = link->flying.first, *waiting;
    pf_time now = pf_loop_now(link->remote->base.loop);

    (void)timer;
    link->timer_at = PF_NEVER;
    if (!link->ipc)
        return;
    serve_waiting(link);
    waiting = link->waiting.first;
    if ((flying && flying->until <= now) || (waiting && waiting->until <= now)) {
        pf_ipc_drop(link->ipc, "no answer for five minutes");
        return;
    }
    if (link->flying.first)
        pf_remote_link_timer(link, link->flying.first->until);
    if (waiting)
        pf_remote_link_timer(link, now + RETRY);
}
