/* Listings that were mapped before, kept by a reader for the next session.
 *
 * Most maildrops are asked again and again and have not changed; a store hands out the same sealed memory
 * then (slot_listing.h). What was sealed cannot have changed since it was checked, so who still has it mapped
 * knows it again by its inode, and neither maps nor checks it once more: an unchanged maildrop costs the same
 * whatever its length. (An inode's number is not given away as long as somebody has it mapped.)
 *
 * Those that nobody uses go, the one that was longest unused first, when there are more than the limits
 * allow. */
#ifndef POSTFACH_SYS_SLOT_LISTINGS_H
#define POSTFACH_SYS_SLOT_LISTINGS_H

#include "sys/slot_listing.h"

struct pf_slot_listings;

enum {
    PF_SLOT_LISTINGS_IDLE = 4096,           /* mappings; a process may have 65,530 */
    PF_SLOT_LISTINGS_IDLE_OCTETS = 64 << 20 /* of all of them: shared with the store as long as that keeps them, too */
};

struct pf_slot_listings *pf_slot_listings_new(void); /* NULL: no memory */
/* As pf_slot_listing_map. Each take has its give. */
enum pf_code pf_slot_listings_take(struct pf_slot_listings *, int fd, uint64_t limit, struct pf_slot_listing **out,
                                   struct pf_err *err);
void pf_slot_listings_give(struct pf_slot_listings *, struct pf_slot_listing *);
/* When nobody uses any. NULL is allowed. */
void pf_slot_listings_free(struct pf_slot_listings *);

#endif
