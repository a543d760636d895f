/* An error in one line, for the administrator: what happened, and the system's words for it.
 *
 * Some rooms put the system's words into err.log already, where they make the better sentence; they
 * are not said twice then. */
#ifndef POSTFACH_SYS_EXPLAIN_H
#define POSTFACH_SYS_EXPLAIN_H

#include <postfach/err.h>
#include <stddef.h>

/* NUL-terminated, cut where it does not fit; returns out_text. */
const char *pf_explain(const struct pf_err *err, char *out_text, size_t cap);

enum { PF_EXPLAIN_MAX = PF_ERR_LOG + 80 }; /* the longest words of the system have some 50 octets */

#endif
