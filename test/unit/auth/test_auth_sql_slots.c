#include "unit/cm.h"

#include "auth/auth_sql_slots.h"
#include "sys/pool.h"

enum { THREADS = 8, JOBS = 200, SLOTS = 3 };

static void no_more_than_there_are(void **state)
{
    struct pf_err err = {0};
    struct pf_sql_slots *slots = pf_sql_slots_new(2, &err);
    struct pf_sql_slot *a, *b;
    pf_time before = pf_sql_now();

    (void)state;
    assert_non_null(slots);
    a = pf_sql_slots_take(slots, before);
    b = pf_sql_slots_take(slots, before);
    assert_true(a && b && a != b);
    assert_null(pf_sql_slots_take(slots, before));
    assert_null(pf_sql_slots_take(slots, before + 20));
    assert_true(pf_sql_now() >= before + 20);
    pf_sql_slots_give(slots, a);
    assert_ptr_equal(pf_sql_slots_take(slots, before), a); /* free is free, even when it is late */
    pf_sql_slots_give(slots, b);
    pf_sql_slots_give(slots, a);
    a = pf_sql_slots_take(slots, before);
    assert_ptr_equal(a, &slots->of[0]); /* in front first */
    pf_sql_slots_give(slots, a);
    pf_sql_slots_free(slots);
    pf_sql_slots_free(NULL);
}

static struct pf_sql_slots *shared;
static _Atomic unsigned taken, most, collisions;
static unsigned through;

static void use(struct pf_job *job)
{
    struct pf_sql_slot *slot = pf_sql_slots_take(shared, pf_sql_now() + 60000);
    unsigned now, so_far;

    (void)job;
    if (!slot) {
        collisions++;
        return;
    }
    now = ++taken;
    so_far = most;
    while (now > so_far && !atomic_compare_exchange_weak(&most, &so_far, now))
        ;
    collisions += slot->connection != NULL;
    slot->connection = job; /* not atomic: whose slot it is must be plain */
    pf_sql_wait(shared->tokens, 0, pf_sql_now() + 1);
    collisions += slot->connection != job;
    slot->connection = NULL;
    taken--;
    pf_sql_slots_give(shared, slot);
}

static void count(struct pf_job *job)
{
    (void)job;
    through++;
}

static void threads_share_them(void **state)
{
    struct pf_err err = {0};
    struct pf_loop *loop = pf_loop_new(&err);
    struct pf_pool *pool = pf_pool_new(loop, "slots", THREADS, JOBS, &err);
    static struct pf_job jobs[JOBS];

    (void)state;
    shared = pf_sql_slots_new(SLOTS, &err);
    assert_true(shared && pool);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct pf_job){.work = use, .done = count};
        assert_true(pf_pool_submit(pool, &jobs[i]));
    }
    while (through < JOBS && pf_loop_turn(loop, true))
        ;
    assert_int_equal(through, JOBS);
    assert_int_equal(collisions, 0);
    assert_in_range(most, 2, SLOTS);
    assert_int_equal(taken, 0);
    pf_sql_slots_free(shared);
    pf_pool_free(pool);
    pf_loop_free(loop);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(no_more_than_there_are), T(threads_share_them)};

    return RUN(tests);
}
