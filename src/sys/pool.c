#include "sys/pool.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum {
    NAME_OCTETS = 16, /* what Linux keeps of a thread's name, with its NUL */
    THREADS_MAX = 1024 /* far beyond what a disk or a processor makes use of */
};

struct list {
    struct pf_job *first, **end;
};

struct pf_pool {
    struct pf_loop *loop;
    uv_async_t bell; /* rung by threads when `finished` is no longer empty */
    unsigned asked;  /* jobs whose done has not been called; the loop's thread only */

    pthread_mutex_t lock; /* for all that follows */
    pthread_cond_t work;
    struct list queue, finished;
    unsigned active; /* queued or running */
    unsigned active_max;
    bool ending;

    char name[NAME_OCTETS];
    unsigned thread_count;
    pthread_t threads[];
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_put(struct list *list, struct pf_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct pf_job *list_take(struct list *list)
{
    struct pf_job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->end = &list->first;
    job->next = NULL;
    return job;
}

static struct pf_job *wait_for_job(struct pf_pool *pool)
{
    while (!pool->queue.first && !pool->ending)
        pthread_cond_wait(&pool->work, &pool->lock);
    return list_take(&pool->queue);
}

/* Rings without the lock, which who is woken wants. */
static void finish(struct pf_pool *pool, struct pf_job *job)
{
    bool first = !pool->finished.first;

    pool->active--;
    list_put(&pool->finished, job);
    if (!first)
        return;
    pthread_mutex_unlock(&pool->lock);
    uv_async_send(&pool->bell);
    pthread_mutex_lock(&pool->lock);
}

static void *thread(void *self)
{
    struct pf_pool *pool = self;
    struct pf_job *job;

    pthread_setname_np(pthread_self(), pool->name);
    pthread_mutex_lock(&pool->lock);
    while ((job = wait_for_job(pool))) {
        pthread_mutex_unlock(&pool->lock);
        job->work(job);
        pthread_mutex_lock(&pool->lock);
        finish(pool, job);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Delivers what is finished now; what finishes meanwhile rings again. */
static void deliver(struct pf_pool *pool)
{
    struct pf_job *job, *next;

    pthread_mutex_lock(&pool->lock);
    job = pool->finished.first;
    list_init(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    for (; job; job = next) {
        next = job->next;
        job->next = NULL;
        job->busy = false;
        if (--pool->asked == 0 && !uv_is_closing((uv_handle_t *)&pool->bell))
            uv_unref((uv_handle_t *)&pool->bell);
        job->done(job);
    }
}

static void rung(uv_async_t *bell)
{
    deliver(bell->data);
}

static void closed(uv_handle_t *bell)
{
    free(bell->data);
}

static void end_threads(struct pf_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
}

static void destroy(struct pf_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    uv_close((uv_handle_t *)&pool->bell, closed);
}

/* Signals are the loop's: a thread of the pool starts with all of them blocked. */
static int start_threads(struct pf_pool *pool, unsigned count)
{
    sigset_t all, before;
    int status = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (status == 0 && pool->thread_count < count) {
        status = pthread_create(&pool->threads[pool->thread_count], NULL, thread, pool);
        if (status == 0)
            pool->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static struct pf_pool *make(struct pf_loop *loop, unsigned threads)
{
    struct pf_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);

    if (!pool)
        return NULL;
    if (uv_async_init(pf_loop_uv(loop), &pool->bell, rung) < 0) {
        free(pool);
        return NULL;
    }
    pool->loop = loop;
    pool->bell.data = pool;
    uv_unref((uv_handle_t *)&pool->bell); /* a pool without work does not keep a loop running */
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    list_init(&pool->queue);
    list_init(&pool->finished);
    return pool;
}

struct pf_pool *pf_pool_new(struct pf_loop *loop, const char *name, unsigned threads, unsigned queue_max,
                            struct pf_err *err)
{
    struct pf_pool *pool;
    int status;

    assert(threads > 0 && threads <= THREADS_MAX);
    pool = make(loop, threads);
    if (!pool) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for the %s threads", name);
        return NULL;
    }
    snprintf(pool->name, sizeof pool->name, "%s", name);
    if (__builtin_add_overflow(threads, queue_max, &pool->active_max))
        pool->active_max = UINT_MAX;
    status = start_threads(pool, threads);
    if (status == 0)
        return pool;
    pf_fail(err, PF_BUSY, status, __func__, "cannot start %u %s threads", threads, name);
    end_threads(pool);
    destroy(pool);
    return NULL;
}

void pf_pool_free(struct pf_pool *pool)
{
    if (!pool)
        return;
    end_threads(pool);
    while (pool->finished.first)
        deliver(pool);
    assert(pool->asked == 0 && !pool->queue.first);
    destroy(pool);
}

bool pf_pool_submit(struct pf_pool *pool, struct pf_job *job)
{
    bool room;

    assert(!job->busy);
    pthread_mutex_lock(&pool->lock);
    assert(!pool->ending);
    room = pool->active < pool->active_max;
    if (room) {
        job->busy = true;
        pool->active++;
        list_put(&pool->queue, job);
    }
    pthread_mutex_unlock(&pool->lock);
    if (room)
        pthread_cond_signal(&pool->work); /* behind the lock: who wakes does not run into it */
    if (room && pool->asked++ == 0)
        uv_ref((uv_handle_t *)&pool->bell);
    return room;
}

unsigned pf_pool_waiting(const struct pf_pool *pool)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&pool->lock; /* taking it changes nothing */
    unsigned active;

    pthread_mutex_lock(lock);
    active = pool->active;
    pthread_mutex_unlock(lock);
    return active > pool->thread_count ? active - pool->thread_count : 0;
}
