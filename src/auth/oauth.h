/* OAuth: is this bearer token one of ours, and whose?
 *
 * Two ways, chosen by the settings: a JWT (RFC 7519) is checked here, offline, with keys from a file
 * or from a URL that is looked at now and then (RFC 7517); any other token, or every one when no
 * keys are set, is asked about at an introspection end point (RFC 7662).
 *
 * Laws:
 *   - The algorithm is the key's, never the token's: a key is used with the one algorithm that its
 *     `alg` names, or, without one, with that which its type and curve stand for (RSA: RS256, PS256
 *     when asked for by alg; EC P-256: ES256; OKP Ed25519: EdDSA where the library has it).
 *     Symmetric keys are taken from a file only, never from a URL, and only with their `alg`.
 *     "none" is no algorithm. An RSA key is never taken for an HMAC secret.
 *   - `exp` must be there and not be past, `nbf` and `iat` not be in the future (60 s of grace),
 *     `iss` and `aud` must be those of the settings where they name any; `scope` must hold theirs.
 *   - Keys out of reach, an end point that does not answer: PF_TEMP. A token that is wrong: PF_AUTH.
 *   - A token never stands in a log or an error text. */
#ifndef POSTFACH_AUTH_OAUTH_H
#define POSTFACH_AUTH_OAUTH_H

#include "auth/auth.h"

struct pf_oauth;

struct pf_oauth_grant {
    char name[PF_AUTH_NAME_MAX + 1]; /* the claim that the settings name */
    int64_t expires;                 /* seconds since 1970; 0: not told */
};

/* Reads keys and secrets (blocking). A URL that cannot be reached now is no failure. */
struct pf_oauth *pf_oauth_new(const struct pf_conf_oauth *, struct pf_err *err);
void pf_oauth_free(struct pf_oauth *); /* NULL is allowed */
/* Blocking, from any thread, several at a time. PF_OK, PF_AUTH, PF_TEMP. `now` is seconds since 1970. */
enum pf_code pf_oauth_check(struct pf_oauth *, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err);

#endif
