/* Schemes: the rows behind password.h, for src/auth/password*.c only.
 *
 * A stored password is `{NAME}hash`, or a bare crypt(5) text. Each row of the
 * table knows how to look at a hash (is it well formed, is its cost one that a
 * server may bear), to check a secret against it, and to make a new one. What
 * crypt(5) texts begin with says more than the name in front of them
 * (`{CRYPT}$6$…` and `{SHA512-CRYPT}$6$…` are the same), so their row is found
 * by that prefix.
 *
 * Costs are bounded, because a slip of the pen in a password file (a bcrypt
 * cost of 31, an Argon2 memory of a terabyte) must not stop all logins. */
#ifndef POSTFACH_AUTH_PASSWORD_SCHEME_H
#define POSTFACH_AUTH_PASSWORD_SCHEME_H

#include "auth/password.h"

#include <openssl/evp.h>
#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_HASH_MAX = 1024,       /* longest stored text: Argon2 and crypt(5) need less than 400 */
    PF_COST_MEMORY = 1 << 30, /* octets one hash may take: sixteen times the usual 64 MiB */
    PF_COST_ROUNDS = 10000000 /* of SHA-crypt and PBKDF2: some seconds */
};

enum pf_encoding { PF_ENCODING_ANY, PF_ENCODING_HEX, PF_ENCODING_BASE64 };

struct pf_scheme;

struct pf_stored {
    const struct pf_scheme *scheme;
    const char *hash; /* behind {NAME} */
    enum pf_encoding encoding;
};

struct pf_scheme {
    const char *name;
    const char *prefix; /* of crypt(5) texts; NULL for others; "" is found by its form (DES) */
    /* NULL when all is well, else what is wrong, for the administrator. */
    const char *(*look)(const struct pf_stored *);
    enum pf_code (*check)(const struct pf_stored *, struct pf_bytes secret);
    /* Puts what stands behind {NAME} and a NUL; NULL: not made any more. */
    enum pf_code (*make)(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);
    const EVP_MD *(*digest)(void); /* rows of password_digest.c */
    unsigned long cost;            /* of new hashes, in the scheme's own unit */
    bool weak;                     /* unsalted, or fast enough to be guessed at home */
    bool salted;                   /* rows of password_digest.c */
};

/* NULL, or what is wrong: no scheme is known for it. */
const char *pf_scheme_take_apart(const char *stored, struct pf_stored *out);
/* One more hash was computed. */
void pf_scheme_counts(void);

/* password_crypt.c */
const char *pf_crypt_look(const struct pf_stored *);
enum pf_code pf_crypt_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_crypt_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);
const char *pf_argon2_look(const struct pf_stored *);
enum pf_code pf_argon2_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_argon2_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);

/* password_digest.c */
const char *pf_digest_look(const struct pf_stored *);
enum pf_code pf_digest_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_digest_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);
const char *pf_pbkdf2_look(const struct pf_stored *);
enum pf_code pf_pbkdf2_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_pbkdf2_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);
/* The text of a row without digest and prefix, decoded ({PLAIN.B64}); false when it is damaged or empty. */
bool pf_plain_decode(const struct pf_stored *, char *out_text, size_t cap);
const char *pf_plain_look(const struct pf_stored *);
enum pf_code pf_plain_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_plain_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);

/* password_scram.c: "iterations,salt,StoredKey,ServerKey" */
const char *pf_scram_look(const struct pf_stored *);
bool pf_scram_parse(const struct pf_stored *, struct pf_scram_keys *out_keys);
enum pf_code pf_scram_check(const struct pf_stored *, struct pf_bytes secret);
enum pf_code pf_scram_make(const struct pf_scheme *, struct pf_bytes secret, struct pf_span *out);

#endif
