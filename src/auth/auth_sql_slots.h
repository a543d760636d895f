/* Slots: a bounded set of connections for threads that ask at the same time.
 *
 * There is one slot for each connection that may be open. Who wants one first takes a token out of an eventfd that
 * counts (EFD_SEMAPHORE), which is where he waits, in poll(2), and for a limited time; then he takes the
 * first slot that is free. He finds one: a slot is freed before its token goes back, so that there are never
 * more tokens about than free slots. Slots in front are taken first, so that those behind are only used when there is
 * a crowd.
 *
 * What a slot holds belongs to who has the slot. No lock is ever held while a database is waited for. */
#ifndef POSTFACH_AUTH_AUTH_SQL_SLOTS_H
#define POSTFACH_AUTH_AUTH_SQL_SLOTS_H

#include <postfach/err.h>

#include <stdatomic.h>
#include <stdbool.h>

struct pf_sql_slot {
    atomic_flag busy;
    void *connection; /* NULL: none is open */
};

struct pf_sql_slots {
    int tokens; /* an eventfd */
    unsigned count;
    struct pf_sql_slot of[];
};

/* CLOCK_MONOTONIC, for deadlines. */
pf_time pf_sql_now(void);
/* poll(2) for one descriptor until then; false when the time was over first. `wanted` are poll's events. */
bool pf_sql_wait(int fd, short wanted, pf_time deadline);

struct pf_sql_slots *pf_sql_slots_new(unsigned count, struct pf_err *err);
/* NULL: all were busy until then. */
struct pf_sql_slot *pf_sql_slots_take(struct pf_sql_slots *, pf_time deadline);
void pf_sql_slots_give(struct pf_sql_slots *, struct pf_sql_slot *);
/* Only when nobody has or wants a slot; what they hold is gone before. NULL is allowed. */
void pf_sql_slots_free(struct pf_sql_slots *);

#endif
