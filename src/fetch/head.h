/* The head of a message as it goes by: its digest, which knows it again, and the lines that filters ask
 * about.
 *
 * Fed with the pieces of RETR or TOP, as they come, until the empty line; what is behind it is not
 * looked at. Line ends count as LF, and lines that servers add or change by themselves (Status,
 * X-Status, X-UIDL, X-Keywords, Content-Length, Lines) not at all: so TOP and RETR of one message give
 * one digest, today and tomorrow. The digest is the first 16 octets of SHA-256. A head is kept up to
 * PF_HEAD_MAX octets for filters; the digest takes all of it. */
#ifndef POSTFACH_FETCH_HEAD_H
#define POSTFACH_FETCH_HEAD_H

#include "conf/accounts.h"
#include "fetch/ledger.h"

enum { PF_HEAD_MAX = 65536 }; /* filters look no further */

struct pf_head;

struct pf_head *pf_head_new(void);    /* NULL: no memory */
void pf_head_free(struct pf_head *);  /* NULL is allowed */
void pf_head_begin(struct pf_head *); /* for the next message */
bool pf_head_feed(struct pf_head *,
                  struct pf_bytes piece); /* false: the head is complete, no more is needed */
/* At the end of the head or of the message. Never all zeros. */
void pf_head_digest(struct pf_head *, unsigned char out[PF_LEDGER_HEAD]);
/* Whether a header of that digest has a Message-ID or a Received line, and so is no other message's: a
 * scanner without a clock makes the same header every day. (The digest's last bit says it.) */
bool pf_head_is_named(const unsigned char head[PF_LEDGER_HEAD]);
/* The first of the account's filters that matches, or NULL. Folded lines are one; names without regard
 * to case. A line matches as it stands or with its encoded words as UTF-8 (fetch/head_words.h). */
const struct pf_account_filter *pf_head_filter(const struct pf_head *, const struct pf_account *);
/* `*` and `?` (a letter in UTF-8) as a shell has them, without regard to case; linear, whatever the pattern. */
bool pf_head_matches(struct pf_bytes value, const char *pattern);

#endif
