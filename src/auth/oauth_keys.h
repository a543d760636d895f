/* A key set: who may sign tokens (RFC 7517), read once and never changed.
 *
 * Each key stands for one algorithm, which its `alg` names or its type and curve mean. What cannot be
 * used is passed over (RFC 7517 section 5): other types, keys that are not for signatures, RSA below
 * 2048 bits (RFC 7518 section 3.3), secrets shorter than their digest (section 3.2), secrets without
 * `alg` or from a URL. Only the public members of a key are kept. */
#ifndef POSTFACH_AUTH_OAUTH_KEYS_H
#define POSTFACH_AUTH_OAUTH_KEYS_H

#include <cjose/cjose.h>
#include <postfach/bytes.h>
#include <postfach/err.h>

enum { PF_OAUTH_KEYS_MAX = 256 }; /* large issuers have some ten */

struct pf_oauth_key {
    char *kid;             /* or NULL */
    const char *algorithm; /* "RS256" */
    size_t signature;      /* octets of one */
    cjose_jwk_t *jwk;
};

struct pf_oauth_keys {
    unsigned holds;  /* whoever shares the set counts here (oauth_shelf.h) */
    uint64_t number; /* and tells sets apart by this */
    size_t count;
    struct pf_oauth_key of[PF_OAUTH_KEYS_MAX];
};

/* From the text of a JWK set. NULL: it is none, or none of its keys can be used (PF_CONFIG), or no
 * memory. */
struct pf_oauth_keys *pf_oauth_keys_read(struct pf_bytes text, bool from_file, struct pf_err *err);
void pf_oauth_keys_free(struct pf_oauth_keys *); /* NULL is allowed */

/* The one key that stands for that algorithm and has that kid (NULL: any). NULL when there is none, or
 * more than one; *out_known: whether a newer set can hardly help, as the kid is known. */
const struct pf_oauth_key *pf_oauth_keys_choose(const struct pf_oauth_keys *, const char *kid,
                                                const char *algorithm, bool *out_known);

#endif
