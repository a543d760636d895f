/* The seal: HMAC-SHA-256 over tickets, by a key that gates do not have.
 *
 * The keeper makes one key when it starts and hands it to auth and to the stores; it is never on disk
 * and never in a gate. auth puts the seal (and series and serial) on a ticket, a store opens it. The MAC
 * covers every octet of the form; it is checked first, in constant time, and nothing of a ticket is
 * looked at before it was found good, so that the reader behind it sees only what auth wrote.
 *
 * It stands in sys/ and not beside base/ticket.c since its MAC and its random octets come from
 * OpenSSL. Who honours tickets keeps a pf_seal with a window of serials; who only makes them
 * needs no window. */
#ifndef POSTFACH_SYS_SEAL_H
#define POSTFACH_SYS_SEAL_H

#include "base/ticket.h"

struct pf_seal;

enum {
    PF_SEAL_KEY = 32,
    PF_SEAL_MAC = 32,
    PF_SEAL_TICKET_MAX = PF_TICKET_FORM_MAX + PF_SEAL_MAC,
    /* Serials remembered of each who makes tickets, when nobody says otherwise: a bit each, so 128 KiB for each of
     * PF_TICKET_MAKERS. At ten thousand logins a second that is longer than a ticket may live. */
    PF_SEAL_WINDOW = 1 << 20
};

/* A fresh key. */
enum pf_code pf_seal_key(unsigned char out_key[PF_SEAL_KEY], struct pf_err *err);
/* The key is copied; the caller wipes its own. `window`: how many serials are remembered of each maker, rounded up to a
 * multiple of 64; 0 for who opens none. */
struct pf_seal *pf_seal_new(const unsigned char key[PF_SEAL_KEY], size_t window, struct pf_err *err);
void pf_seal_free(struct pf_seal *); /* wipes the key; NULL is allowed */

/* Gives the ticket its series and serial and puts it, sealed, at most PF_SEAL_TICKET_MAX octets; all or nothing.
 * PF_PERM when it breaks a rule of base/ticket.h. */
enum pf_code pf_seal_put(struct pf_seal *, struct pf_ticket *, struct pf_span *out, struct pf_err *err);
/* Opens what somebody shows, once. PF_PERM: refused, err->log says why ("ticket refused: shown
 * before"); PF_BUSY when the window is full; PF_NO_MEMORY when the MAC could not be computed. *out_fault
 * (NULL is allowed) is set in every case; *out only with PF_OK. */
enum pf_code pf_seal_open(struct pf_seal *, struct pf_bytes sealed, const struct pf_ticket_shown *,
                          struct pf_ticket *out, enum pf_ticket_fault *out_fault, struct pf_err *err);

#endif
