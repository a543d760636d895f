/* The pool: threads for work that may block (disk, password hashes).
 *
 * A loop must never wait for a disk or for sixteen milliseconds of yescrypt.
 * A pool has a fixed number of threads and a bounded queue; a job is embedded
 * in its asker, its `work` runs on a thread of the pool, and its `done` runs
 * on a later turn of the loop that asked. Different kinds of work take
 * different pools, so that a slow disk does not hold up logins, and so that
 * the number of hashes at once (each costs memory) has a cap.
 *
 * pthread is named here only. */
#ifndef POSTFACH_SYS_POOL_H
#define POSTFACH_SYS_POOL_H

#include "sys/loop.h"

struct pf_pool;

struct pf_job {
    void (*work)(struct pf_job *); /* on a thread: touches nothing but the job's own data */
    void (*done)(struct pf_job *); /* on the loop */
    struct pf_job *next;           /* private */
    bool busy;                     /* private */
};

/* `name` (at most 15 octets) is the threads' name. `queue_max` bounds waiting jobs. */
struct pf_pool *pf_pool_new(struct pf_loop *, const char *name, unsigned threads,
                            unsigned queue_max, struct pf_err *err);
/* Waits for running jobs, delivers all `done`s, joins. Only when no one will submit again. */
void pf_pool_free(struct pf_pool *);
/* False when the queue is full: the job was not taken, `done` will not be called. */
bool pf_pool_submit(struct pf_pool *, struct pf_job *);
unsigned pf_pool_waiting(const struct pf_pool *);

#endif
