/* The From_ line: where a message of an mbox begins.
 *
 *     From sender Wed Dec  2 05:53[:22] [zone] 1992 [zone] [remote from host]
 *
 * Text may begin with "From " as well, so only a line with a plausible date
 * is one, in the ten or so forms that mailers have written since Version 7: seconds or none,
 * a zone (PST, MET DST, -0700) before or behind the year or none, UUCP's "remote from". */
#ifndef POSTFACH_STORE_MBOX_FROM_H
#define POSTFACH_STORE_MBOX_FROM_H

#include <postfach/bytes.h>

enum { PF_MBOX_FROM_MAX = 1000 }; /* octets of a From_ line: an address has at most 256 (RFC 5321 4.5.3.1.3) */

/* Whether a line (with or without its end) is one. *out_arrival: seconds since 1970; a time without
 * numeric zone is taken as UTC. */
bool pf_mbox_from(struct pf_bytes line, int64_t *out_arrival);

/* Puts one, with LF; a sender that could not be read again becomes MAILER-DAEMON. */
bool pf_mbox_from_put(struct pf_span *, struct pf_bytes sender, int64_t when);

#endif
