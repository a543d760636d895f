#include "unit/cm.h"

#include "sys/pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { MANY = 500 };

static pthread_t loop_thread;
static sem_t begun, gate; /* a job says that it runs, and waits until it may end */

struct task {
    struct pf_job job;
    struct pf_pool *pool;
    bool worked_elsewhere, done_here;
    int done, again;
    char name[16];
    bool signals_blocked;
};

static void work(struct pf_job *job)
{
    struct task *task = (struct task *)job;
    sigset_t mask;

    task->worked_elsewhere = !pthread_equal(pthread_self(), loop_thread);
    prctl(PR_GET_NAME, task->name);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    task->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1;
}

static void held(struct pf_job *job)
{
    work(job);
    sem_post(&begun);
    while (sem_wait(&gate) != 0)
        ;
}

static void done(struct pf_job *job)
{
    struct task *task = (struct task *)job;

    task->done_here = pthread_equal(pthread_self(), loop_thread);
    task->done++;
    assert_false(job->busy);
    if (task->again-- > 0)
        assert_true(pf_pool_submit(task->pool, job));
}

static struct pf_pool *fresh(struct pf_loop **out_loop, unsigned threads, unsigned queue_max)
{
    struct pf_pool *pool;

    loop_thread = pthread_self();
    *out_loop = pf_loop_new(NULL);
    pool = pf_pool_new(*out_loop, "t-pool", threads, queue_max, NULL);
    assert_non_null(pool);
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    return pool;
}

static void end(struct pf_loop *loop, struct pf_pool *pool)
{
    pf_pool_free(pool);
    pf_loop_free(loop);
    sem_destroy(&begun);
    sem_destroy(&gate);
}

static void work_runs_on_a_thread_and_done_on_the_loop(void **state)
{
    struct pf_loop *loop;
    struct pf_pool *pool = fresh(&loop, 2, 4);
    struct task task = {.job = {.work = work, .done = done}, .pool = pool, .again = 3};

    (void)state;
    assert_true(pf_pool_submit(pool, &task.job));
    assert_int_equal(task.done, 0);
    pf_loop_run(loop); /* ends by itself: an idle pool does not hold it */
    assert_int_equal(task.done, 4);
    assert_true(task.worked_elsewhere && task.done_here && task.signals_blocked);
    assert_string_equal(task.name, "t-pool");
    end(loop, pool);
}

static void the_queue_is_bounded(void **state)
{
    struct pf_loop *loop;
    struct pf_pool *pool = fresh(&loop, 2, 3);
    struct task tasks[6];

    (void)state;
    for (int i = 0; i < 6; i++)
        tasks[i] = (struct task){.job = {.work = held, .done = done}, .pool = pool};
    for (int i = 0; i < 5; i++)
        assert_true(pf_pool_submit(pool, &tasks[i].job));
    assert_int_equal(pf_pool_waiting(pool), 3);
    assert_false(pf_pool_submit(pool, &tasks[5].job));
    assert_false(tasks[5].job.busy);
    for (int i = 0; i < 5; i++)
        sem_post(&gate);
    pf_loop_run(loop);
    for (int i = 0; i < 6; i++)
        assert_int_equal(tasks[i].done, i < 5);
    assert_int_equal(pf_pool_waiting(pool), 0);
    sem_post(&gate);
    assert_true(pf_pool_submit(pool, &tasks[5].job)); /* room again */
    pf_loop_run(loop);
    assert_int_equal(tasks[5].done, 1);
    end(loop, pool);
}

static void threads_work_at_the_same_time(void **state)
{
    struct pf_loop *loop;
    struct pf_pool *pool = fresh(&loop, 3, 0);
    struct task tasks[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        tasks[i] = (struct task){.job = {.work = held, .done = done}, .pool = pool};
        assert_true(pf_pool_submit(pool, &tasks[i].job));
    }
    for (int i = 0; i < 3; i++)
        sem_wait(&begun); /* would never come three times if they ran one after the other */
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    pf_loop_run(loop);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tasks[i].done, 1);
    end(loop, pool);
}

static void one_thread_serves_in_the_order_asked(void **state)
{
    struct pf_loop *loop;
    struct pf_pool *pool = fresh(&loop, 1, MANY);
    struct task *tasks = calloc(MANY, sizeof *tasks);
    int served = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        tasks[i] = (struct task){.job = {.work = work, .done = done}, .pool = pool};
        assert_true(pf_pool_submit(pool, &tasks[i].job));
    }
    while (served < MANY) {
        pf_loop_turn(loop, true);
        while (served < MANY && tasks[served].done)
            served++;
        for (int i = served; i < MANY; i++)
            assert_int_equal(tasks[i].done, 0);
    }
    end(loop, pool);
    free(tasks);
}

static void free_waits_and_delivers_everything(void **state)
{
    struct pf_loop *loop;
    struct pf_pool *pool = fresh(&loop, 2, MANY);
    struct task *tasks = calloc(MANY, sizeof *tasks);

    (void)state;
    for (int i = 0; i < MANY; i++) {
        tasks[i] = (struct task){.job = {.work = work, .done = done}, .pool = pool};
        assert_true(pf_pool_submit(pool, &tasks[i].job));
    }
    pf_pool_free(pool);
    for (int i = 0; i < MANY; i++)
        assert_true(tasks[i].done == 1 && tasks[i].worked_elsewhere);
    pf_pool_free(NULL);
    end(loop, NULL);
    free(tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(work_runs_on_a_thread_and_done_on_the_loop), T(the_queue_is_bounded),
        T(threads_work_at_the_same_time), T(one_thread_serves_in_the_order_asked),
        T(free_waits_and_delivers_everything),
    };

    return RUN(tests);
}
