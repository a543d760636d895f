/* Secrets: where an account's password or token comes from.
 *
 * One source is asked, the one that the account names; with none named, ~/.netrc, and at last a person at the
 * terminal. An environment variable is no source: every program of the user can read it.
 *
 * Commands are programs with arguments and never a shell's text; what they print is bounded, and so is their time. A
 * file with a secret must be its owner's alone. All functions block, and may run on a thread of a pool, except
 * pf_secret_ask, which is for the main thread: it takes the terminal and the signals for its time. Whatever held a
 * secret on the way is wiped. */
#ifndef POSTFACH_TOOL_SECRET_H
#define POSTFACH_TOOL_SECRET_H

#include "conf/accounts.h"

enum {
    PF_SECRET_MAX = 16384,       /* access tokens with many claims have some KiB */
    PF_SECRET_FILE_MAX = 1 << 20 /* a ~/.netrc of many machines; more is another file */
};

struct pf_secret {
    size_t len;
    char text[PF_SECRET_MAX + 1]; /* with a NUL behind it */
};

/* What differs between a terminal, a service and a test. */
struct pf_secret_way {
    const char *host;     /* the server's name, for ~/.netrc and the question */
    const char *home;     /* or NULL: no ~/.netrc */
    const char *terminal; /* "/dev/tty", or NULL: nobody is asked */
    const char *ca;       /* for token-url; NULL: the system's */
    int64_t timeout;      /* ms for a command or the token's server; 0: 60 s */
};

/* PF_OK; PF_AUTH: no source has it; PF_CONFIG: a source is set up wrong; PF_TEMP: it may work later; PF_CANCELLED: the
 * person did not want to. On failure *out is empty. */
enum pf_code pf_secret_get(const struct pf_account *, const struct pf_secret_way *, struct pf_secret *out,
                           struct pf_err *);
void pf_secret_wipe(struct pf_secret *);

/* The first line of a file that is its owner's alone. */
enum pf_code pf_secret_file(const char *path, struct pf_secret *out, struct pf_err *);
/* The first line that a program prints. argv ends with NULL; the program is looked for in PATH. */
enum pf_code pf_secret_run(const char *const *argv, int64_t timeout, struct pf_secret *out, struct pf_err *);
/* Asks on the terminal without an echo; what a signal does is done after the terminal is as before. */
enum pf_code pf_secret_ask(const char *terminal, const char *question, struct pf_secret *out, struct pf_err *);

/* ~/.netrc: the password of that user at that machine, or of a `default`. user NULL: the first entry of the
 * machine. PF_AUTH: there is none; PF_CONFIG: the text is no netrc, with the line. */
enum pf_code pf_secret_netrc(struct pf_bytes text, const char *host, const char *user, struct pf_secret *out,
                             struct pf_err *);
enum pf_code pf_secret_netrc_file(const char *path, const char *host, const char *user, struct pf_secret *out,
                                  struct pf_err *);

/* An access token for the account's refresh token (RFC 6749 section 6); a new refresh token is kept in its file. */
enum pf_code pf_secret_token(const struct pf_account *, const struct pf_secret_way *, struct pf_secret *out,
                             struct pf_err *);

/* A file that is its owner's alone, whole; free and wipe *out_at. For the others of this room. */
enum pf_code pf_secret_load(const char *path, unsigned char **out_at, size_t *out_len, struct pf_err *);

#endif
