/* Import: the settings of fetchmail and mpop as accounts of ours.
 *
 * Both files are read by their own grammar (fetchmail(1), mpop(1)) and written as blocks for accounts.conf. What has
 * no counterpart, or another meaning here, is told in a comment of the block that it belongs to: nothing is lost in
 * silence, and nothing becomes less safe than it was. What is written reads back without a mistake. */
#ifndef POSTFACH_TOOL_IMPORT_H
#define POSTFACH_TOOL_IMPORT_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <stdio.h>

enum { PF_IMPORT_MAX = 1 << 20 }; /* a file for people */

/* Writes accounts to `to`; PF_SYNTAX with the line when the text is not of that kind: what was written until then is
 * good. */
enum pf_code pf_import_fetchmail(struct pf_bytes text, FILE *to, struct pf_err *);
enum pf_code pf_import_mpop(struct pf_bytes text, FILE *to, struct pf_err *);
/* Which of the two it is, by its first word; PF_SYNTAX when it is neither. */
enum pf_code pf_import(struct pf_bytes text, FILE *to, struct pf_err *);

#endif
