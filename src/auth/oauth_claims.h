/* Claims: what an issuer says of a token (RFC 7519 section 4.1, RFC 7662 section 2.2), held against the
 * settings. Who said it was checked before. */
#ifndef POSTFACH_AUTH_OAUTH_CLAIMS_H
#define POSTFACH_AUTH_OAUTH_CLAIMS_H

#include "auth/oauth.h"

#include <jansson.h>

enum {
    PF_OAUTH_GRACE = 60
}; /* seconds that clocks may differ; not for `exp`: clients renew before it */

/* `asked`: an end point answered, which need not tell an expiry, and may call the name `username`. */
enum pf_code pf_oauth_claims_check(const json_t *claims, const struct pf_conf_oauth *, bool asked,
                                   int64_t now, struct pf_oauth_grant *out_grant, struct pf_err *err);

#endif
