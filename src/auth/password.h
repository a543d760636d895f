/* Passwords: hashes as Dovecot and crypt(5) write them, `{SCHEME}hash`.
 *
 * Check and make; both take milliseconds on purpose and belong in a pool.
 * A hash without {SCHEME} is taken as crypt(5) text. */
#ifndef POSTFACH_AUTH_PASSWORD_H
#define POSTFACH_AUTH_PASSWORD_H

#include <postfach/bytes.h>
#include <postfach/err.h>

/* PF_OK, PF_AUTH, or PF_CONFIG (unknown or weak scheme that is not allowed). Constant time in the
 * secret. */
enum pf_code pf_password_check(struct pf_bytes secret, const char *stored, bool allow_weak,
                               struct pf_err *err);
/* A new hash with the given scheme (NULL: "YESCRYPT"), NUL-terminated. */
enum pf_code pf_password_make(struct pf_bytes secret, const char *scheme, char *out_text, size_t cap,
                              struct pf_err *err);
/* True for schemes that need `allow_weak`. */
bool pf_password_weak(const char *stored);

#endif
