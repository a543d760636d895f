/* Locks: one for sessions, and those that everybody who touches an mbox agrees on.
 *
 * The session lock is a kernel lock (OFD) on a side file: it dies with its holder, and nobody
 * else minds it. The mbox locks are a kernel lock on the mbox itself and then the
 * dotlock FILE.lock (Debian policy 11.6). Others take them in the other order, so
 * none is waited for while the other is held: when the second is not free, the first is given back,
 * and after a short, random time all begins anew, until lock_wait is over. */
#ifndef POSTFACH_STORE_MBOX_LOCK_H
#define POSTFACH_STORE_MBOX_LOCK_H

#include "store/mbox/place.h"

/* PF_IN_USE when another session has it. Free when *out_fd is closed. */
enum pf_code pf_mbox_session_lock(const struct pf_mbox_place *, int *out_fd, struct pf_err *err);

struct pf_mbox_locks {
    const struct pf_mbox_place *place;
    int fd; /* of the mbox, as its name leads to it now; locked; -1: not held */
    bool dot;
    uint64_t dot_ino;
    int64_t touched; /* seconds, monotonic */
};

enum { PF_MBOX_WAIT_MAX = 30 }; /* seconds: a mailer in front of us gives up later than that */

/* PF_TEMP when somebody else holds them for longer than lock_wait; PF_NO_BOX when there is no mbox. */
enum pf_code pf_mbox_lock(const struct pf_mbox_place *, const struct pf_mbox_settings *,
                          struct pf_mbox_locks *out_locks, struct pf_err *err);
/* Unlocks; the descriptor stays open and is returned. */
int pf_mbox_unlock(struct pf_mbox_locks *);
/* The dotlock's time is renewed, from time to time, so that nobody takes it for a dead one's. */
void pf_mbox_lock_touch(struct pf_mbox_locks *);

#endif
