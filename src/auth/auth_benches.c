#include "auth/auth_benches.h"

#include <stdlib.h>

enum {
    THREADS_MAX = 64,      /* a hash takes a processor and up to 64 MiB */
    QUEUE_PER_THREAD = 128 /* two seconds of yescrypt: who came later does better to come again */
};

struct pf_auth_bench {
    struct pf_pool *pool;
    unsigned threads, jobs;
    struct pf_auth_bench *next; /* retired ones */
};

static unsigned bounded(unsigned threads)
{
    return threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
}

static struct pf_auth_bench *bench_new(struct pf_loop *loop, unsigned threads, struct pf_err *err)
{
    struct pf_auth_bench *bench = calloc(1, sizeof *bench);

    if (bench)
        bench->pool = pf_pool_new(loop, "hash", threads, threads * QUEUE_PER_THREAD, err);
    else
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the hashing pool");
    if (bench && bench->pool) {
        bench->threads = threads;
        return bench;
    }
    free(bench);
    return NULL;
}

static void bench_free(struct pf_auth_bench *bench)
{
    if (bench)
        pf_pool_free(bench->pool);
    free(bench);
}

enum pf_code pf_auth_benches_init(struct pf_auth_benches *benches, struct pf_loop *loop,
                                  unsigned threads, struct pf_err *err)
{
    struct pf_err why = {0};

    *benches =
        (struct pf_auth_benches){.loop = loop, .current = bench_new(loop, bounded(threads), &why)};
    if (!benches->current && err)
        *err = why;
    return benches->current ? PF_OK : why.code;
}

enum pf_code pf_auth_benches_resize(struct pf_auth_benches *benches, unsigned threads,
                                    struct pf_err *err)
{
    struct pf_err why = {0};
    struct pf_auth_bench *bench;

    if (bounded(threads) == benches->current->threads)
        return PF_OK;
    bench = bench_new(benches->loop, bounded(threads), &why);
    if (!bench) {
        if (err)
            *err = why;
        return why.code;
    }
    benches->current->next = benches->retired;
    benches->retired = benches->current;
    benches->current = bench;
    return PF_OK;
}

void pf_auth_benches_reap(struct pf_auth_benches *benches)
{
    for (struct pf_auth_bench **at = &benches->retired; *at;) {
        struct pf_auth_bench *bench = *at;

        if (bench->jobs) {
            at = &bench->next;
            continue;
        }
        *at = bench->next;
        bench_free(bench);
    }
}

void pf_auth_benches_done(struct pf_auth_benches *benches)
{
    bench_free(benches->current);
    while (benches->retired) {
        struct pf_auth_bench *next = benches->retired->next;

        bench_free(benches->retired);
        benches->retired = next;
    }
}

struct pf_auth_bench *pf_auth_benches_submit(struct pf_auth_benches *benches, struct pf_job *job)
{
    if (!pf_pool_submit(benches->current->pool, job))
        return NULL;
    benches->current->jobs++;
    return benches->current;
}

void pf_auth_bench_through(struct pf_auth_bench *bench)
{
    bench->jobs--;
}

unsigned pf_auth_benches_waiting(const struct pf_auth_benches *benches)
{
    unsigned count = benches->current ? pf_pool_waiting(benches->current->pool) : 0;

    for (const struct pf_auth_bench *bench = benches->retired; bench; bench = bench->next)
        count += pf_pool_waiting(bench->pool);
    return count;
}
