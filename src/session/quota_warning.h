/* The warning to who has nearly used up a quota: one message, from the machine.
 *
 * It is due when a delivery brings the maildrop from below the percentage to it or above, by octets or by
 * messages; so it comes once, and once more only after the user made room. The store says what is used with
 * each message (pf_parcel_seal), in an order in which no two deliveries cross the same line.
 *
 * The message itself has no quota to keep (but a store in another process keeps to what its ticket says). That it
 * cannot be written is nobody's failure: the delivery has succeeded before. */
#ifndef POSTFACH_SESSION_QUOTA_WARNING_H
#define POSTFACH_SESSION_QUOTA_WARNING_H

#include "session/post.h"

enum { PF_QUOTA_WARNING_MAX = 4096 }; /* octets of the message: two host names, a user name, and our words */

struct pf_quota_warning {
    struct pf_post_target target;
    const char *hostname;
    unsigned percent; /* 0: never */
    int64_t now;
    uint64_t size, used_octets, used_messages; /* as the seal told */
};

bool pf_quota_warning_is_due(const struct pf_quota_warning *);
/* The whole message, LF line ends; false when it does not fit into PF_QUOTA_WARNING_MAX octets. */
bool pf_quota_warning_put(const struct pf_quota_warning *, struct pf_span *out);
/* Delivers it. Strings are copied. `done` is called on a later turn, whatever came of it. */
void pf_quota_warning_send(struct pf_store *, const struct pf_quota_warning *, void (*done)(void *self),
                           void *self);

#endif
