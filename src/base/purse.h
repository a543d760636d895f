/* The purse: where a gate keeps the tickets it was given, until a store has seen them.
 *
 * Who checks passwords (auth, another process) sends a ticket with its verdict (base/ticket.h). A session
 * has no use for its octets: it carries a small number, the *pass*, from the verdict (struct pf_user) to the
 * store (struct pf_box_where). auth_remote puts the ticket in here, store_remote shows it.
 *
 * A ticket can be shown once. What the store gives for it is an *entry*, good at that store and for that gate
 * alone, with which the same pass can be used again: by a login that waits for a locked maildrop, by a delivery
 * that asks for room first and brings the message later.
 *
 * Bounded: PF_PURSE_MOST passes; when it is full the one that was not used for longest goes, and who comes
 * with it later is told PF_TEMP. A pass that nobody used for PF_PURSE_LIFE is gone as well. */
#ifndef POSTFACH_BASE_PURSE_H
#define POSTFACH_BASE_PURSE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    /* Logins and recipients under way at once in one gate: a burst of messages with a thousand recipients each. */
    PF_PURSE_MOST = 16384,
    /* ms; a delivery may take as long from RCPT to the end of its text as RFC 5321 section 4.5.3.2.5 lets it. */
    PF_PURSE_LIFE = 10 * 60 * 1000
};

struct pf_purse;

/* What a pass stands for. */
struct pf_pass {
    uint32_t store;         /* the process it is for */
    uint64_t entry;         /* given by that store, 0: the ticket is still to be shown */
    struct pf_bytes ticket; /* empty once there is an entry; lives until the purse is changed */
};

struct pf_purse *pf_purse_new(void); /* NULL without memory */
void pf_purse_free(struct pf_purse *); /* wipes; NULL is allowed */

/* The ticket is copied. The number of the pass, never used anew; 0 without memory. */
uint64_t pf_purse_put(struct pf_purse *, uint32_t store, struct pf_bytes ticket, pf_time now);
/* False: there is no such pass (any more). */
bool pf_purse_look(struct pf_purse *, uint64_t pass, pf_time now, struct pf_pass *out);
/* The store gave an entry for it: the ticket is wiped. Entry 0, or a pass that is gone: it is forgotten. */
void pf_purse_entered(struct pf_purse *, uint64_t pass, uint64_t entry);
void pf_purse_drop(struct pf_purse *, uint64_t pass);

#endif
