/* The memo: who was let in lately, so that a client that polls each minute costs no question each
 * minute.
 *
 * Tokens stand in it as keyed digests. Of a fixed size: four places for a token, and where all are taken
 * the one that ends first is forgotten. Only a yes is kept, and never for longer than a minute: so long
 * a token that was revoked may still work. */
#ifndef POSTFACH_AUTH_OAUTH_MEMO_H
#define POSTFACH_AUTH_OAUTH_MEMO_H

#include "auth/oauth.h"

enum { PF_OAUTH_MEMO_TIME = 60 }; /* seconds */

struct pf_oauth_memo;

struct pf_oauth_memo *pf_oauth_memo_new(void);   /* NULL without memory */
void pf_oauth_memo_free(struct pf_oauth_memo *); /* NULL is allowed */
bool pf_oauth_memo_find(struct pf_oauth_memo *, struct pf_bytes token, int64_t now,
                        struct pf_oauth_grant *out);
void pf_oauth_memo_keep(struct pf_oauth_memo *, struct pf_bytes token, int64_t now,
                        const struct pf_oauth_grant *);

#endif
