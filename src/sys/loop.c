#include "sys/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

enum {
    NANO_PER_MILLI = 1000000,
    /* Closing a handle takes one turn, a timer freed while it was due one more. */
    FREE_TURNS = 8
};

struct pf_loop {
    uv_loop_t uv;
    uv_check_t after;  /* drains the queue once the turn's I/O is done */
    uv_idle_t restless; /* runs while the queue is not empty: the poll does not wait then */
    struct pf_later *first, **end;
    struct pf_loop_last *last;
    unsigned last_count;
    bool in_turn;
};

struct pf_timer {
    uv_timer_t uv;
    struct pf_loop *loop;
    void (*fire)(struct pf_timer *, void *); /* NULL once freed */
    void *self;
    struct pf_later later;
    bool due; /* the time set had passed already: `later` fires it */
};

struct pf_signal {
    uv_signal_t uv;
    void (*fire)(void *, int);
    void *self;
};

/* Takes the whole queue first, so that what is queued meanwhile waits for the next turn and
 * I/O has its share. */
static void drain(uv_check_t *after)
{
    struct pf_loop *loop = after->data;
    struct pf_later *list = loop->first;

    loop->first = NULL;
    loop->end = &loop->first;
    while (list) {
        struct pf_later *one = list;

        list = one->next;
        one->next = NULL;
        one->queued = false;
        one->run(one);
    }
    if (!loop->first)
        uv_idle_stop(&loop->restless);
}

static void idle(uv_idle_t *restless)
{
    (void)restless;
}

/* OpenSSL writes with write(2): a peer that is gone must be EPIPE there, never the end of us. */
static void ignore_sigpipe(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
}

struct pf_loop *pf_loop_new(struct pf_err *err)
{
    struct pf_loop *loop = calloc(1, sizeof *loop);
    int status = loop ? uv_loop_init(&loop->uv) : UV_ENOMEM;

    if (status < 0) {
        free(loop);
        pf_fail(err, status == UV_ENOMEM ? PF_NO_MEMORY : pf_code_of_errno(-status), -status, __func__,
                "cannot make an event loop: %s", uv_strerror(status));
        return NULL;
    }
    ignore_sigpipe();
    loop->end = &loop->first;
    uv_check_init(&loop->uv, &loop->after);
    uv_idle_init(&loop->uv, &loop->restless);
    loop->after.data = loop;
    uv_check_start(&loop->after, drain);
    uv_unref((uv_handle_t *)&loop->after);
    return loop;
}

void pf_loop_free(struct pf_loop *loop)
{
    int status;

    if (!loop)
        return;
    assert(!loop->in_turn);
    while (loop->last)
        loop->last->cut(loop->last);
    for (int i = 0; i < FREE_TURNS && uv_loop_alive(&loop->uv); i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert(!loop->first);
    uv_close((uv_handle_t *)&loop->after, NULL);
    uv_close((uv_handle_t *)&loop->restless, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    status = uv_loop_close(&loop->uv);
    assert(status == 0); /* something was left on the loop */
    (void)status;
    free(loop);
}

static bool run(struct pf_loop *loop, uv_run_mode mode)
{
    bool left;

    assert(!loop->in_turn);
    loop->in_turn = true;
    left = uv_run(&loop->uv, mode) != 0;
    loop->in_turn = false;
    return left;
}

void pf_loop_run(struct pf_loop *loop)
{
    run(loop, UV_RUN_DEFAULT);
}

bool pf_loop_turn(struct pf_loop *loop, bool wait)
{
    return run(loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void pf_loop_stop(struct pf_loop *loop)
{
    uv_stop(&loop->uv);
}

/* One is added to both clocks: right after boot libuv's may say 0, which means "no time" here. */
pf_time pf_loop_now(const struct pf_loop *loop)
{
    return (pf_time)uv_now(&loop->uv) + 1;
}

pf_time pf_loop_now_fresh(struct pf_loop *loop)
{
    (void)loop;
    return (pf_time)(uv_hrtime() / NANO_PER_MILLI) + 1;
}

void pf_loop_later(struct pf_loop *loop, struct pf_later *later)
{
    assert(!later->queued);
    if (!loop->first)
        uv_idle_start(&loop->restless, idle);
    later->queued = true;
    later->next = NULL;
    *loop->end = later;
    loop->end = &later->next;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void fire(struct pf_timer *timer)
{
    timer->due = false;
    timer->fire(timer, timer->self);
}

static void timer_later(struct pf_later *later)
{
    struct pf_timer *timer = (struct pf_timer *)((char *)later - offsetof(struct pf_timer, later));

    if (!timer->fire)
        uv_close((uv_handle_t *)&timer->uv, timer_closed);
    else if (timer->due)
        fire(timer);
}

static void timer_fires(uv_timer_t *uv)
{
    fire(uv->data);
}

struct pf_timer *pf_timer_new(struct pf_loop *loop, void (*fire_it)(struct pf_timer *, void *), void *self)
{
    struct pf_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        return NULL;
    *timer = (struct pf_timer){.loop = loop, .fire = fire_it, .self = self, .later.run = timer_later};
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    return timer;
}

/* What is due already goes through the queue: libuv would run a timer of no milliseconds that is
 * set in a timer at once, again and again. */
void pf_timer_set(struct pf_timer *timer, pf_time at)
{
    pf_time now = pf_loop_now(timer->loop);

    pf_timer_clear(timer);
    if (at == PF_NEVER)
        return;
    if (at > now) {
        uv_timer_start(&timer->uv, timer_fires, (uint64_t)(at - now), 0);
        return;
    }
    timer->due = true;
    if (!timer->later.queued)
        pf_loop_later(timer->loop, &timer->later);
}

void pf_timer_clear(struct pf_timer *timer)
{
    timer->due = false;
    uv_timer_stop(&timer->uv);
}

void pf_timer_free(struct pf_timer *timer)
{
    if (!timer)
        return;
    pf_timer_clear(timer);
    timer->fire = NULL;
    if (!timer->later.queued)
        uv_close((uv_handle_t *)&timer->uv, timer_closed);
}

static void signal_fires(uv_signal_t *uv, int number)
{
    struct pf_signal *signal = uv->data;

    signal->fire(signal->self, number);
}

static void signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct pf_signal *pf_signal_new(struct pf_loop *loop, int number, void (*fire_it)(void *, int), void *self,
                                struct pf_err *err)
{
    struct pf_signal *signal = calloc(1, sizeof *signal);
    int status;

    if (!signal) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for a signal");
        return NULL;
    }
    *signal = (struct pf_signal){.fire = fire_it, .self = self};
    uv_signal_init(&loop->uv, &signal->uv);
    signal->uv.data = signal;
    status = uv_signal_start(&signal->uv, signal_fires, number);
    if (status == 0)
        return signal;
    pf_signal_free(signal);
    pf_fail(err, PF_PERM, -status, __func__, "cannot watch for signal %d: %s", number, uv_strerror(status));
    return NULL;
}

void pf_signal_free(struct pf_signal *signal)
{
    if (signal)
        uv_close((uv_handle_t *)&signal->uv, signal_closed);
}

void *pf_loop_uv(struct pf_loop *loop)
{
    return &loop->uv;
}

void pf_loop_last_add(struct pf_loop *loop, struct pf_loop_last *last)
{
    last->loop = loop;
    last->next = loop->last;
    last->link = &loop->last;
    if (last->next)
        last->next->link = &last->next;
    loop->last = last;
    loop->last_count++;
}

void pf_loop_last_remove(struct pf_loop_last *last)
{
    *last->link = last->next;
    if (last->next)
        last->next->link = last->link;
    last->loop->last_count--;
}

unsigned pf_loop_last_count(const struct pf_loop *loop)
{
    return loop->last_count;
}
