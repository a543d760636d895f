/* A store that does not answer: time and the store's answers are in the test's hands, nobody sleeps. */
#include "unit/cm.h"

#include "session/post.h"
#include "store/memory.h"

#include <stdlib.h>

static pf_time clock_now, due;
static void (*fire)(struct pf_timer *, void *);
static void *fire_self;
static unsigned answers, hold; /* the answer with this number is held */
static struct pf_store_op *held;
static struct pf_store *held_store;

pf_time __wrap_pf_loop_now(const struct pf_loop *loop);
struct pf_timer *__wrap_pf_timer_new(struct pf_loop *loop, void (*fired)(struct pf_timer *, void *), void *self);
void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at);
void __wrap_pf_timer_clear(struct pf_timer *timer);
void __wrap_pf_timer_free(struct pf_timer *timer);
void __wrap_pf_store_op_done(struct pf_store *store, struct pf_store_op *op);
void __real_pf_store_op_done(struct pf_store *store, struct pf_store_op *op);

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    (void)loop;
    return clock_now;
}

/* A post has one. */
struct pf_timer *__wrap_pf_timer_new(struct pf_loop *loop, void (*fired)(struct pf_timer *, void *), void *self)
{
    (void)loop;
    fire = fired;
    fire_self = self;
    due = PF_NEVER;
    return (struct pf_timer *)&due;
}

void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    assert_ptr_equal(timer, &due);
    due = at;
}

void __wrap_pf_timer_clear(struct pf_timer *timer)
{
    assert_ptr_equal(timer, &due);
    due = PF_NEVER;
}

void __wrap_pf_timer_free(struct pf_timer *timer)
{
    assert_true(!timer || (void *)timer == &due);
    due = PF_NEVER;
}

void __wrap_pf_store_op_done(struct pf_store *store, struct pf_store_op *op)
{
    if (++answers == hold) {
        held = op;
        held_store = store;
    } else {
        __real_pf_store_op_done(store, op);
    }
}

static struct scene {
    struct pf_loop *loop;
    struct pf_store *memory;
    struct pf_post *post;
    unsigned begun, written, gone, told[2];
    enum pf_code code[2];
} s;

static void begun(void *self)
{
    (void)self;
    s.begun++;
}

static void written(void *self)
{
    (void)self;
    s.written++;
}

static void stored(void *self, const struct pf_post_stored *what)
{
    (void)self;
    assert_true(what->octets > 0);
}

static void sealed(void *self, unsigned recipient, const struct pf_err *err)
{
    (void)self;
    s.told[recipient]++;
    s.code[recipient] = err->code;
}

static void gone(void *self)
{
    (void)self;
    s.gone++;
}

/* As many turns as anything here takes. */
static void settle(void)
{
    for (int i = 0; i < 30; i++)
        pf_loop_turn(s.loop, false);
}

static void advance(pf_time ms)
{
    clock_now += ms;
    if (due <= clock_now) {
        due = PF_NEVER;
        fire(NULL, fire_self);
    }
    settle();
}

/* Lets time pass for a step that ended, or that hangs: then it ends at PF_POST_SLOW and not before. */
static void step_ends(const unsigned *ended)
{
    settle();
    if (!*ended) {
        assert_non_null(held);
        assert_int_equal(due, clock_now + PF_POST_SLOW);
        advance(PF_POST_SLOW - 1);
        assert_int_equal(*ended, 0);
        advance(1);
    }
    assert_int_equal(*ended, 1);
    assert_int_equal(due, PF_NEVER);
}

static void up(unsigned which)
{
    memset(&s, 0, sizeof s);
    clock_now = 1000;
    answers = 0;
    hold = which;
    held = NULL;
    s.loop = pf_loop_new(NULL);
    s.memory = pf_memory_new(s.loop);
    s.post = pf_post_new(s.memory, &(struct pf_post_asker){&s, begun, written, stored, sealed, NULL, gone}, NULL);
    assert_non_null(s.post);
}

static void down(void)
{
    pf_post_free(s.post);
    settle();
    if (held) {
        assert_int_equal(s.gone, 0); /* the store still has its memory */
        __real_pf_store_op_done(held_store, held);
        settle();
    }
    assert_int_equal(s.gone, 1);
    pf_store_free(s.memory);
    while (pf_loop_turn(s.loop, true))
        ;
    pf_loop_free(s.loop);
}

static void deliver(void)
{
    const struct pf_post_envelope e = {.sender = PF_LIT("s@x"), .helo = PF_LIT("h"), .peer = "unix",
                                       .hostname = "us", .with = "LMTP", .id = "i", .now = 1700000000};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(pf_post_recipient(s.post, pf_bytes_of(i ? "b@x" : "a@x"), NULL), PF_OK);
        const struct pf_post_target to = {.user = i ? "b" : "a", .path = i ? "/m/b" : "/m/a"};

        assert_int_equal(pf_post_maildrop(s.post, &to, NULL), PF_OK);
    }
    pf_post_begin(s.post, &e);
    step_ends(&s.begun);
    pf_post_write(s.post, PF_LIT("Subject: x\r\n\r\nbody\r\n"));
    step_ends(&s.written);
    pf_post_seal(s.post);
    settle();
}

/* Begin, head and text of each of the two. */
static void l_018_a_slow_parcel_fails_its_recipient_alone(void **state)
{
    (void)state;
    for (unsigned which = 1; which <= 6; which++) {
        unsigned slow;

        up(which);
        deliver();
        assert_non_null(held);
        assert_int_equal(s.told[0], 1);
        assert_int_equal(s.told[1], 1);
        slow = s.code[1] != PF_OK;
        assert_int_equal(s.code[slow], PF_TEMP);
        assert_int_equal(s.code[!slow], PF_OK);
        assert_int_equal(pf_memory_count(s.memory, slow ? "/m/b" : "/m/a"), 0);
        assert_int_equal(pf_memory_count(s.memory, slow ? "/m/a" : "/m/b"), 1);
        down();
    }
}

/* What may be on disk already is waited for: to say that it failed could deliver it twice. */
static void l_012_a_slow_seal_holds_up_nobody_else(void **state)
{
    (void)state;
    for (unsigned which = 7; which <= 8; which++) {
        struct pf_store_op *op;
        unsigned slow;

        up(which);
        deliver();
        assert_non_null(held);
        slow = s.told[0];
        assert_int_equal(s.told[!slow], 1);
        assert_int_equal(s.code[!slow], PF_OK);
        advance(10 * PF_POST_SLOW);
        assert_int_equal(s.told[slow], 0);
        op = held;
        held = NULL;
        __real_pf_store_op_done(held_store, op);
        settle();
        assert_int_equal(s.told[slow], 1);
        assert_int_equal(s.code[slow], PF_OK);
        down();
    }
}

static void a_store_that_answers_in_time_is_never_too_slow(void **state)
{
    (void)state;
    up(0);
    deliver();
    assert_null(held);
    assert_int_equal(answers, 8);
    assert_int_equal(s.code[0] + s.code[1], 2 * PF_OK);
    assert_int_equal(s.told[0] + s.told[1], 2);
    advance(10 * PF_POST_SLOW);
    down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(l_018_a_slow_parcel_fails_its_recipient_alone),
        T(l_012_a_slow_seal_holds_up_nobody_else),
        T(a_store_that_answers_in_time_is_never_too_slow),
    };

    return RUN(tests);
}
