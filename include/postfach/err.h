/* Errors: a value on the caller's stack, with two texts for two readers.
 *
 * A function that can fail returns an `enum pf_code` (PF_OK is zero) and takes
 * a `struct pf_err *` as its last parameter. The error is filled where it
 * happened, once, by the code that knows most; on the way up it is only
 * passed on. `say` is for the stranger at the other end: it holds no path, no
 * errno, no name of another user. `log` is for the administrator and holds
 * all of that. Who turns the error into a POP3 line, an LMTP reply or an exit
 * status looks the verdict up in the table made from verdict.def.
 *
 * A struct pf_err is untouched when PF_OK is returned. The pointer may be
 * NULL when the caller does not care. */
#ifndef POSTFACH_ERR_H
#define POSTFACH_ERR_H

#include <postfach/public.h>
#include <stdint.h>

PF_PUBLIC_BEGIN

/* Milliseconds on a clock that never goes back. Zero is "no time". */
typedef int64_t pf_time;

/* "No deadline". */
#define PF_NEVER INT64_MAX

enum pf_code {
#define PF_VERDICT(name, pop3, lmtp, exit, retry, say) PF_##name,
#include <postfach/verdict.def>
#undef PF_VERDICT
    PF_CODES /* how many there are */
};

enum pf_retry { PF_RETRY_NEVER, PF_RETRY_SOON, PF_RETRY_LATER, PF_RETRY_CHANGED };

struct pf_verdict {
    const char *name; /* "IN_USE" */
    const char *pop3; /* "IN-USE", or "" */
    const char *lmtp; /* "4.2.0" */
    int exit_status;  /* sysexits number */
    enum pf_retry retry;
    const char *say;
};

enum {
    PF_ERR_SAY = 120, /* fits a 512 octet POP3 line with room for any response code */
    PF_ERR_LOG = 360  /* a path of common length and a sentence */
};

struct pf_err {
    enum pf_code code;
    int sys;           /* errno where a system call failed, else 0 */
    const char *where; /* "maildir_scan", a literal */
    char say[PF_ERR_SAY]; /* NUL-terminated; "" means the verdict's own text */
    char log[PF_ERR_LOG]; /* NUL-terminated */
};

/* The table's row; any unknown code gives the row of PF_PERM. */
const struct pf_verdict *pf_verdict(enum pf_code code);

/* Fills *err (when not NULL) and returns code, so that a failing function can
 * end with `return pf_fail(...)`. `sys` is an errno or 0. `log_format` is for
 * the administrator, printf-like; control octets in the result are replaced
 * by '?', a text that is too long is cut. `say` is left "". */
enum pf_code pf_fail(struct pf_err *err, enum pf_code code, int sys, const char *where,
                     const char *log_format, ...) __attribute__((format(printf, 5, 6)));

/* The text a stranger may read: err->say, or the verdict's. */
const char *pf_err_say(const struct pf_err *err);

/* The verdict for an errno: ENOSPC and EDQUOT NO_SPACE, ENOMEM NO_MEMORY,
 * EMFILE and ENFILE BUSY, EACCES, EPERM, EROFS and ELOOP PERM, else IO. */
enum pf_code pf_code_of_errno(int sys);

PF_PUBLIC_END

#endif
