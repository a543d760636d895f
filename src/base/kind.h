/* Kinds of maildrop, and how a path spells them in front: "maildir:/path", "mbox:/path", as Dovecot does.
 * A path without a kind is a Maildir's. */
#ifndef POSTFACH_BASE_KIND_H
#define POSTFACH_BASE_KIND_H

#include <postfach/bytes.h>

enum pf_kind { PF_KIND_MAILDIR, PF_KIND_MBOX, PF_KINDS };

/* "maildir" */
const char *pf_kind_name(enum pf_kind);
/* The kind that a place names, and the path behind it; both views lie in the same text. */
enum pf_kind pf_kind_of(struct pf_bytes place, struct pf_bytes *out_path);

#endif
