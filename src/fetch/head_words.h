/* Encoded words (RFC 2047) of a header's line as UTF-8, for filters: a person writes "Grüße*" into the accounts, and
 * mail programs write "=?utf-8?q?Gr=C3=BC=C3=9Fe?=".
 *
 * Charsets are UTF-8, US-ASCII, ISO-8859-1 and -15, and Windows-1252; a word in another one, or one that is none by
 * the letter of section 2, stays as it is. White space between two encoded words goes (section 6.2). Octets that are
 * no UTF-8 stay octets: what is made here is compared, never shown. */
#ifndef POSTFACH_FETCH_HEAD_WORDS_H
#define POSTFACH_FETCH_HEAD_WORDS_H

#include <postfach/bytes.h>

/* False: there is no encoded word, or `out` has no room for what would come of it. */
bool pf_head_words(struct pf_bytes line, struct pf_span *out);

#endif
