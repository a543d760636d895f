/* A store in another process: the eight functions by frames, slots and sealed listings.
 *
 * A gate has one of these, and behind it as many store processes as there are owners of mail. Which one
 * serves a maildrop stands in the ticket that came with the login (base/purse.h): `where.pass` names it. All
 * else in `where` is for the gate's own log; a store does what the ticket says and believes nothing else.
 *
 * Octets of messages come in slots (sys/slot.h) and are copied to where the asker wants them; a listing is
 * mapped as it lies in sealed memory. When a store dies, what was under way ends with PF_TEMP, boxes and parcels
 * of it are dead (each further call PF_TEMP, close and drop succeed), and nobody else notices. A store that does
 * not answer for ANSWER_WITHIN is dropped as if it had died.
 *
 * A pass whose store has not joined yet waits for it for a short time (JOIN_WITHIN): the news of a store that was
 * started for this very login comes by another descriptor than the ticket. */
#ifndef POSTFACH_STORE_STORE_REMOTE_H
#define POSTFACH_STORE_STORE_REMOTE_H

#include "base/purse.h"
#include "store/store.h"

struct pf_store_remote_calls {
    void (*wanted)(void *self, struct pf_store_wanted *); /* NULL: nobody here gives way */
    void (*gone)(void *self, uint32_t number, const struct pf_err *); /* for the log: a store has left; or NULL */
    void *self;
};

/* purse and loop outlive it. It is freed by pf_store_free. */
struct pf_store *pf_store_remote_new(struct pf_loop *, struct pf_purse *, const struct pf_store_remote_calls *,
                                     struct pf_err *err);
/* The store process `number`, which has not been there before; fd (a pf_ipc_pair end) is taken over, also on
 * failure. */
enum pf_code pf_store_remote_join(struct pf_store *, uint32_t number, int fd, struct pf_err *err);
unsigned pf_store_remote_stores(const struct pf_store *); /* how many are there */

#endif
