/* Asking: an issuer's end point says whether a token is active, and whose (RFC 7662).
 *
 * A yes is remembered for a minute (oauth_memo.h). While the end point does not answer, one login at a
 * time waits for it, and the others fail at once: else they would take every thread that checks
 * passwords. */
#ifndef POSTFACH_AUTH_OAUTH_ASK_H
#define POSTFACH_AUTH_OAUTH_ASK_H

#include "auth/oauth.h"

struct pf_oauth_asker;

/* Views of conf must outlive it. Reads the client's secret. */
struct pf_oauth_asker *pf_oauth_asker_new(const struct pf_conf_oauth *, struct pf_err *err);
void pf_oauth_asker_free(struct pf_oauth_asker *); /* wipes; NULL is allowed */
enum pf_code pf_oauth_ask(struct pf_oauth_asker *, struct pf_bytes token, int64_t now,
                          struct pf_oauth_grant *out_grant, struct pf_err *err);

#endif
