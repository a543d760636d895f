/* Characters: just enough UTF-8 to count columns and to keep a terminal safe.
 *
 * Nothing here knows what a character means; a column is one code point. C1 control characters
 * count as control, for a terminal may obey them. */
#ifndef POSTFACH_CONF_UTF8_H
#define POSTFACH_CONF_UTF8_H

#include <postfach/bytes.h>

/* Octets of the character that the view begins with: 1 to 4, or 0 when it is not valid UTF-8 (RFC
 * 3629: no surrogates, nothing overlong, nothing above U+10FFFF) or the view is empty. */
size_t pf_conf_utf8(struct pf_bytes);
/* True when the view begins with a control character (C0, DEL, C1); tabs count. */
bool pf_conf_is_control(struct pf_bytes);
/* A copy for people: a tab becomes a space, what is control or invalid '?', one for one, so that
 * columns stay. What does not fit is cut between characters and ends in "...". cap is at least 4. */
void pf_conf_clean(char *out_text, size_t cap, struct pf_bytes);

#endif
