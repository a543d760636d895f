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
/* Hashes that this process has computed so far: what a test counts to know that an unknown name
 * costs what a known one does, and what a statistic shows. */
uint64_t pf_password_computed(void);

#endif
