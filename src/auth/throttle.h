/* Throttle: how long a failed login waits for its answer.
 *
 * Failures are counted per address (an IPv6 network of 64 bits counts as one)
 * and per name; the higher count decides, and each failure doubles the delay up
 * to a limit. A count goes down by one each minute. A success is never delayed
 * and a failure delays nobody but who failed: the answer waits on a timer.
 *
 * A phone that still has the old password must not slow down guests elsewhere:
 * when a name fails from an address from which it logged in well within a day,
 * the failure counts for that pair alone. */
#ifndef POSTFACH_AUTH_THROTTLE_H
#define POSTFACH_AUTH_THROTTLE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_throttle;

struct pf_throttle *pf_throttle_new(void);   /* NULL without memory */
void pf_throttle_free(struct pf_throttle *); /* NULL is allowed */

struct pf_throttle_delays {
    pf_time first, max; /* milliseconds */
};

/* Notes a failure and says how many milliseconds its answer waits. */
pf_time pf_throttle_failed(struct pf_throttle *, struct pf_bytes name, const char *peer,
                           const struct pf_throttle_delays *, pf_time now);
void pf_throttle_succeeded(struct pf_throttle *, struct pf_bytes name, const char *peer, pf_time now);

#endif
