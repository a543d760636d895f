/* Numbers in the frames and tickets that our processes send each other: so many octets, the most
 * significant first. How many there are, which numbers are lawful and what stands between them is for
 * each form to say. */
#ifndef POSTFACH_BASE_NUMBER_H
#define POSTFACH_BASE_NUMBER_H

#include <postfach/bytes.h>

/* Puts the low `octets` (0 to 8) octets of the number; all or nothing. */
bool pf_number_put(struct pf_span *, uint64_t number, size_t octets);

/* Takes a number of `octets` (0 to 8) octets from the front; they must be there. */
uint64_t pf_number_take(struct pf_bytes *from, size_t octets);

#endif
