/* Listing text: the lines of LIST and UIDL for all messages of a listing, made once for many sessions. */
#ifndef POSTFACH_BASE_LISTING_TEXT_H
#define POSTFACH_BASE_LISTING_TEXT_H

#include <postfach/listing.h>

/* Octets of both; for a listing whose sums hold they fit in 64 bits. */
void pf_listing_text_octets(const struct pf_listing *, uint64_t *out_list, uint64_t *out_uidl);
/* Puts "N OCTETS" CRLF for each row, or "N UIDL" CRLF; all or nothing. */
bool pf_listing_text_put(const struct pf_listing *, bool uidl, struct pf_span *);
/* Whether a text is what would be put. */
bool pf_listing_text_agrees(const struct pf_listing *, bool uidl, struct pf_bytes text);

#endif
