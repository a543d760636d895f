#include "unit/cm.h"

#include "sys/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MANY = 1000 };

struct note { /* a later that writes down when it ran */
    struct pf_later later;
    struct pf_loop *loop;
    char name;
    struct note *again; /* queued from inside run */
    int left;
};

static char order[64];

static void ran(struct pf_later *later)
{
    struct note *note = (struct note *)later;
    size_t len = strlen(order);

    assert_false(later->queued);
    order[len] = note->name;
    order[len + 1] = 0;
    if (note->again && note->left-- > 0)
        pf_loop_later(note->loop, &note->again->later);
}

static struct pf_loop *fresh_loop(void)
{
    struct pf_loop *loop = pf_loop_new(NULL);

    assert_non_null(loop);
    order[0] = 0;
    return loop;
}

static void later_runs_once_in_the_order_asked_and_never_inside(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct note a = {{.run = ran}, loop, 'a', NULL, 0}, b = {{.run = ran}, loop, 'b', NULL, 0},
                c = {{.run = ran}, loop, 'c', NULL, 0};

    (void)state;
    pf_loop_later(loop, &b.later);
    pf_loop_later(loop, &a.later);
    pf_loop_later(loop, &c.later);
    assert_string_equal(order, "");
    assert_false(pf_loop_turn(loop, true));
    assert_string_equal(order, "bac");
    assert_false(pf_loop_turn(loop, false));
    assert_string_equal(order, "bac");
    pf_loop_free(loop);
}

static void what_is_queued_in_a_drain_waits_for_the_next_turn(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct note a = {{.run = ran}, loop, 'a', NULL, 0}, b = {{.run = ran}, loop, 'b', NULL, 0};

    (void)state;
    a.again = &a; /* may queue itself: it is free once it runs */
    a.left = 2;
    pf_loop_later(loop, &a.later);
    pf_loop_later(loop, &b.later);
    assert_true(pf_loop_turn(loop, true));
    assert_string_equal(order, "ab");
    assert_true(pf_loop_turn(loop, true));
    assert_string_equal(order, "aba");
    assert_false(pf_loop_turn(loop, true));
    assert_string_equal(order, "abaa");
    pf_loop_free(loop);
}

static void count_down(struct pf_later *later)
{
    struct note *note = (struct note *)later;

    if (--note->left > 0)
        pf_loop_later(note->loop, later);
}

static void stop_it(struct pf_timer *timer, void *self)
{
    (void)timer;
    pf_loop_stop(self);
}

/* A queue that never empties starves neither timers nor I/O. */
static void an_endless_queue_lets_timers_fire(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct note endless = {{.run = count_down}, loop, 'e', NULL, INT32_MAX};
    struct pf_timer *timer = pf_timer_new(loop, stop_it, loop);

    (void)state;
    pf_loop_later(loop, &endless.later);
    pf_timer_set(timer, pf_loop_now(loop) + 5);
    pf_loop_run(loop);
    assert_in_range(endless.left, 1, INT32_MAX - 1);
    endless.left = 1;
    pf_timer_free(timer);
    pf_loop_run(loop);
    assert_int_equal(endless.left, 0);
    pf_loop_free(loop);
}

struct tick {
    struct pf_loop *loop;
    int fired;
    pf_time at;
    int again;
};

static void tick(struct pf_timer *timer, void *self)
{
    struct tick *t = self;

    t->fired++;
    t->at = pf_loop_now(t->loop);
    if (t->again-- > 0)
        pf_timer_set(timer, t->at - 100);
}

static void a_timer_fires_once_per_set_and_not_early(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct tick t = {.loop = loop};
    struct pf_timer *timer = pf_timer_new(loop, tick, &t);
    pf_time at = pf_loop_now(loop) + 20;

    (void)state;
    pf_timer_set(timer, pf_loop_now(loop) + 100000);
    pf_timer_set(timer, at); /* at most one time is set: the later call counts */
    pf_loop_run(loop);
    assert_int_equal(t.fired, 1);
    assert_true(t.at >= at);
    assert_true(pf_loop_now_fresh(loop) >= t.at);
    pf_loop_run(loop);
    assert_int_equal(t.fired, 1);
    pf_timer_free(timer);
    pf_timer_free(NULL);
    pf_loop_free(loop);
}

static void the_past_fires_on_the_next_turn_and_does_not_spin(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct tick t = {.loop = loop, .again = 1};
    struct pf_timer *timer = pf_timer_new(loop, tick, &t);

    (void)state;
    pf_timer_set(timer, pf_loop_now(loop));
    assert_int_equal(t.fired, 0);
    pf_loop_turn(loop, false);
    assert_int_equal(t.fired, 1);
    pf_loop_turn(loop, false); /* set again inside, to a time long gone */
    assert_int_equal(t.fired, 2);
    pf_loop_turn(loop, false);
    assert_int_equal(t.fired, 2);
    pf_timer_free(timer);
    pf_loop_free(loop);
}

static void a_cleared_or_freed_timer_is_silent(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct tick t = {.loop = loop};
    struct pf_timer *never = pf_timer_new(loop, tick, &t), *cleared = pf_timer_new(loop, tick, &t),
                    *freed = pf_timer_new(loop, tick, &t), *moved = pf_timer_new(loop, tick, &t);

    (void)state;
    pf_timer_set(never, pf_loop_now(loop) + 1);
    pf_timer_set(never, PF_NEVER);
    pf_timer_set(cleared, 1);
    pf_timer_clear(cleared);
    pf_timer_set(freed, 1); /* waits in the queue already */
    pf_timer_free(freed);
    pf_timer_set(moved, 1);
    pf_timer_set(moved, pf_loop_now(loop) + 10);
    pf_loop_turn(loop, false);
    assert_int_equal(t.fired, 0);
    pf_loop_run(loop);
    assert_int_equal(t.fired, 1);
    pf_timer_free(never);
    pf_timer_free(cleared);
    pf_timer_free(moved);
    pf_loop_free(loop);
}

static void time_stands_still_within_a_turn(void **state)
{
    struct pf_loop *loop = fresh_loop();
    pf_time now = pf_loop_now(loop);

    (void)state;
    assert_true(now > 0);
    while (pf_loop_now_fresh(loop) < now + 3)
        ;
    assert_true(pf_loop_now(loop) == now);
    pf_loop_turn(loop, false);
    assert_true(pf_loop_now(loop) > now);
    pf_loop_free(loop);
}

static void got_signal(void *self, int number)
{
    *(int *)self = number;
}

static void a_signal_becomes_an_event(void **state)
{
    struct pf_loop *loop = fresh_loop();
    int number = 0;
    struct pf_signal *usr1 = pf_signal_new(loop, SIGUSR1, got_signal, &number, NULL);
    struct pf_err err = {.code = PF_OK};

    (void)state;
    assert_non_null(usr1);
    kill(getpid(), SIGUSR1);
    assert_int_equal(number, 0);
    while (!number)
        assert_true(pf_loop_turn(loop, true));
    assert_int_equal(number, SIGUSR1);
    assert_null(pf_signal_new(loop, SIGKILL, got_signal, &number, &err));
    assert_int_equal(err.code, PF_PERM);
    pf_signal_free(usr1);
    pf_signal_free(NULL);
    pf_loop_free(loop);
}

static void a_broken_pipe_is_an_error_not_a_death(void **state)
{
    struct pf_loop *loop = fresh_loop();
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
    pf_loop_free(loop);
}

static void many_laters_and_timers_are_all_served(void **state)
{
    struct pf_loop *loop = fresh_loop();
    struct note *notes = calloc(MANY, sizeof *notes);
    struct tick t = {.loop = loop};
    struct pf_timer *timers[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        notes[i] = (struct note){{.run = count_down}, loop, 'n', NULL, 3};
        pf_loop_later(loop, &notes[i].later);
        timers[i] = pf_timer_new(loop, tick, &t);
        pf_timer_set(timers[i], pf_loop_now(loop) + i % 7 - 2);
    }
    pf_loop_run(loop);
    assert_int_equal(t.fired, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(notes[i].left, 0);
        pf_timer_free(timers[i]);
    }
    free(notes);
    pf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(later_runs_once_in_the_order_asked_and_never_inside),
        T(what_is_queued_in_a_drain_waits_for_the_next_turn),
        T(an_endless_queue_lets_timers_fire),
        T(a_timer_fires_once_per_set_and_not_early),
        T(the_past_fires_on_the_next_turn_and_does_not_spin),
        T(a_cleared_or_freed_timer_is_silent),
        T(time_stands_still_within_a_turn),
        T(a_signal_becomes_an_event),
        T(a_broken_pipe_is_an_error_not_a_death),
        T(many_laters_and_timers_are_all_served),
    };

    return RUN(tests);
}
