/* Benches: the pool that hashes, and those it replaced.
 *
 * A reload may change the number of threads. The old pool is retired then: it
 * gets no more work and is freed when its last job is through, but never from
 * inside a completion that it delivers itself. */
#ifndef POSTFACH_AUTH_AUTH_BENCHES_H
#define POSTFACH_AUTH_AUTH_BENCHES_H

#include "sys/pool.h"

struct pf_auth_bench;

struct pf_auth_benches {
    struct pf_loop *loop;
    struct pf_auth_bench *current, *retired;
};

enum pf_code pf_auth_benches_init(struct pf_auth_benches *, struct pf_loop *, unsigned threads,
                                  struct pf_err *err);
/* Other threads from now on; nothing changes when this fails or the number is the same. */
enum pf_code pf_auth_benches_resize(struct pf_auth_benches *, unsigned threads, struct pf_err *err);
/* Frees what is retired and through. Not from inside a completion. */
void pf_auth_benches_reap(struct pf_auth_benches *);
/* Waits for running jobs and delivers them. */
void pf_auth_benches_done(struct pf_auth_benches *);

/* The bench that took the job, or NULL when the queue is full. The job's `done` gives it back by
 * pf_auth_bench_through. */
struct pf_auth_bench *pf_auth_benches_submit(struct pf_auth_benches *, struct pf_job *);
void pf_auth_bench_through(struct pf_auth_bench *);
/* Jobs that no thread has taken. */
unsigned pf_auth_benches_waiting(const struct pf_auth_benches *);

#endif
