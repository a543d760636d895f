/* Throttle: how long a failed login waits for its answer.
 *
 * Failures are counted per address (an IPv6 network of 64 bits counts as one)
 * and per name; the higher count decides, and each failure doubles the delay up
 * to a limit. A count goes down by one each minute. A success is never delayed
 * and a failure delays nobody but who failed: the answer waits on a timer.
 *
 * A phone that still has the old password must not slow down guests elsewhere:
 * when a name fails from an address from which it logged in well within a day,
 * the failure counts for that pair alone.
 *
 * An address from which very many logins fail is blocked: a login from there is refused without being looked
 * at. Those who logged in well from there within a day are not: behind one address may be a whole
 * office. A name is never blocked, whoever guesses at it; else anybody could lock it out. */
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
/* True when the address (an IPv6 network of 64 bits) has more than `limit` failures that are not forgiven, and
 * this name has not logged in well from there within a day. `limit` 0: never, and so for what is no
 * address (a unix socket). Who is refused for it is noted as a failure and answered as late as one; an hour
 * after the last the address is free at the latest. */
bool pf_throttle_blocked(struct pf_throttle *, struct pf_bytes name, const char *peer, unsigned limit,
                         pf_time now);
void pf_throttle_succeeded(struct pf_throttle *, struct pf_bytes name, const char *peer, pf_time now);

#endif
