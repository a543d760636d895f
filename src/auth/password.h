/* Passwords: hashes as Dovecot and crypt(5) write them, `{SCHEME}hash`.
 *
 * Check and make; both take milliseconds on purpose and belong in a pool.
 * A hash without {SCHEME} is taken as crypt(5) text. */
#ifndef POSTFACH_AUTH_PASSWORD_H
#define POSTFACH_AUTH_PASSWORD_H

#include <postfach/bytes.h>
#include <postfach/err.h>

/* PF_OK, PF_AUTH, PF_CONFIG (unknown or weak scheme that is not allowed, a cost out of bounds), or
 * PF_TEMP (no memory for the hash). Constant time in the secret. */
enum pf_code pf_password_check(struct pf_bytes secret, const char *stored, bool allow_weak,
                               struct pf_err *err);
/* A new hash with the given scheme (NULL: "YESCRYPT"), NUL-terminated. */
enum pf_code pf_password_make(struct pf_bytes secret, const char *scheme, char *out_text, size_t cap,
                              struct pf_err *err);
/* True for schemes that need `allow_weak`. */
bool pf_password_weak(const char *stored);

/* Whether a check could be made at all, without making it: PF_OK or PF_CONFIG. Costs nothing. */
enum pf_code pf_password_look(const char *stored, bool allow_weak, struct pf_err *err);
/* Equal text for hashes of equal scheme and cost; "" for an unknown one. */
void pf_password_class(const char *stored, char *out_text, size_t cap);
/* The names that pf_password_make knows, best first; NULL behind the last. */
const char *pf_password_scheme(size_t index);
/* The same as pf_password_weak, for a name that stands in that list. */
bool pf_password_scheme_weak(const char *scheme);
/* A new password of `len` letters and digits that nobody takes for others, NUL-terminated; 20 of them
 * are worth 115 bits. */
void pf_password_random(char *out_text, size_t len);
/* What can be proved with a stored password besides showing it. */
enum pf_password_form {
    PF_FORM_OTHER = 1,         /* a hash: it must be shown */
    PF_FORM_PLAIN = 2,         /* the password itself: everything can be computed */
    PF_FORM_SCRAM_SHA_1 = 4,   /* RFC 5802: {SCRAM-SHA-1}iterations,salt,StoredKey,ServerKey */
    PF_FORM_SCRAM_SHA_256 = 8, /* RFC 7677 */
    PF_FORM_ANY = 15
};
enum pf_password_form pf_password_form(const char *stored);

/* Of new keys, and of those that are made up; RFC 7677 section 4 wants 4096 at least. */
enum { PF_SCRAM_ITERATIONS = 10000 };

struct pf_scram_keys {
    unsigned char salt[64], stored_key[32], server_key[32];
    size_t salt_len, key_len; /* 20 or 32 */
    unsigned iterations;
};
/* The keys of a stored password of that form (one of the two SCRAM ones); from PF_FORM_PLAIN they are
 * computed with `plain_salt` (16 octets) and PF_SCRAM_ITERATIONS rounds. PF_OK or PF_AUTH (it cannot be had). */
enum pf_code pf_password_scram(const char *stored, enum pf_password_form, const unsigned char plain_salt[16],
                               struct pf_scram_keys *out_keys);
/* The password of PF_FORM_PLAIN, decoded, as a C string to be wiped; false for other forms. */
bool pf_password_plain(const char *stored, char *out_text, size_t cap);
/* Octets of memory that a check takes, about. */
size_t pf_password_memory(const char *stored);

/* Hashes that this process has computed so far: what a test counts to know that an unknown name
 * costs what a known one does, and what a statistic shows. */
uint64_t pf_password_computed(void);

#endif
