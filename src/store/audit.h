/* Audit: what a store hands out is looked at before a client can see it.
 *
 * A listing comes from a disk that others write to, and its UIDLs steer what
 * clients download and delete: a doubled or illegal one loses mail in other
 * people's programs, years later. So the referee looks at every listing once,
 * when it is opened, in time proportional to its length. A maildrop of a
 * million messages takes some tens of milliseconds, so the work can be done in
 * steps, with other guests served in between. */
#ifndef POSTFACH_STORE_AUDIT_H
#define POSTFACH_STORE_AUDIT_H

#include <postfach/err.h>
#include <postfach/listing.h>

struct pf_audit;

/* 1..70 octets of 0x21..0x7E (RFC 1939 section 7). */
bool pf_uidl_legal(struct pf_bytes uidl);

/* Keeps a copy of the listing's head; its rows and UIDLs must stay. NULL without memory. */
struct pf_audit *pf_audit_new(const struct pf_listing *listing);
void pf_audit_free(struct pf_audit *); /* NULL is allowed */

/* Looks at up to `rows` more rows. PF_AGAIN: there are more; PF_OK: all are good; PF_PERM: the
 * listing is broken, and err->log says where. */
enum pf_code pf_audit_step(struct pf_audit *, uint32_t rows, struct pf_err *err);

#endif
