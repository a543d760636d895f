/* A signed token (RFC 7519 in the compact form of RFC 7515), and whether one of these keys signed it.
 *
 * Everything that cjose would believe of a token is looked at before cjose sees it (RFC 8725): the form,
 * the header with each of its members, the algorithm against the key's, the length of the signature.
 * Keys that a token brings or points at (jwk, jku, x5c, x5u) are passed over unread: the set is all
 * there is. */
#ifndef POSTFACH_AUTH_OAUTH_JWT_H
#define POSTFACH_AUTH_OAUTH_JWT_H

#include "auth/oauth_json.h"
#include "auth/oauth_keys.h"

enum { PF_OAUTH_TOKEN_MAX = 65536 }; /* as a SASL message; those with many groups have 20 KiB */

/* Two dots behind a header that is a JSON object: it is for the keys, and for nobody else. */
bool pf_oauth_is_jwt(struct pf_bytes token);

/* The claims of a token whose signature holds: json_decref them. PF_AUTH: it does not; *out_stale then
 * says that a newer set might know the key. */
enum pf_code pf_oauth_jwt_open(struct pf_bytes token, const struct pf_oauth_keys *, json_t **out_claims,
                               bool *out_stale, struct pf_err *err);

#endif
