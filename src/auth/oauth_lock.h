/* A lock for a few machine instructions: pointers, counts, a row of a table. No call to the system is
 * made under it, so whoever waits waits for less than a turn of the scheduler. What takes long is done
 * by the one thread that wins a flag (oauth_shelf.h), and the others go on with what there is. */
#ifndef POSTFACH_AUTH_OAUTH_LOCK_H
#define POSTFACH_AUTH_OAUTH_LOCK_H

#include <sched.h>
#include <stdatomic.h>

static inline void pf_oauth_lock(atomic_flag *lock)
{
    while (atomic_flag_test_and_set_explicit(lock, memory_order_acquire))
        sched_yield();
}

static inline void pf_oauth_unlock(atomic_flag *lock)
{
    atomic_flag_clear_explicit(lock, memory_order_release);
}

#endif
