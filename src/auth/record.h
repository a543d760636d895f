/* The record: who logged in last, when, from where, and how safely.
 *
 * Before somebody forbids plaintext, APOP, CRAM-MD5 or an old TLS, he wants to know whom that
 * would shut out. For each user and each kind of unsafe login the last time and address is kept, and the last
 * login of all; in memory, and at most once a minute in a file (written anew, synced, renamed), which
 * `postfach users insecure` reads. Bounded: the users longest unseen are forgotten.
 *
 * The file's lines: user, then for each kind of enum pf_record_kind `kind=YYYY-MM-DDTHH:MM:SSZ,address`,
 * with tabs between them; sorted by user. */
#ifndef POSTFACH_AUTH_RECORD_H
#define POSTFACH_AUTH_RECORD_H

#include "auth/auth.h"

enum pf_record_kind {
    PF_RECORD_LAST,
    PF_RECORD_PLAINTEXT,
    PF_RECORD_OLD_TLS,
    PF_RECORD_APOP,
    PF_RECORD_CRAM_MD5,
    PF_RECORD_KINDS
};

extern const char *const pf_record_names[PF_RECORD_KINDS]; /* "last", "plaintext", "old-tls", "apop", "cram-md5" */

enum { PF_RECORD_USERS = 200000 }; /* 30 MB, or 80 when all of them are unsafe */

struct pf_record;

struct pf_record_row {
    const char *user;
    int64_t at[PF_RECORD_KINDS]; /* seconds since 1970, 0: never */
    char from[PF_RECORD_KINDS][48];
};

/* Reads the file where there is one; one that cannot be read is kept aside as FILE.broken and told in err (else
 * untouched) while the record begins empty. NULL without memory. */
struct pf_record *pf_record_new(struct pf_loop *, struct pf_pool *, const char *file, struct pf_err *err);
/* `kinds` are bits by enum pf_record_kind; PF_RECORD_LAST is always noted. */
void pf_record_note(struct pf_record *, const char *user, const char *peer, unsigned kinds, int64_t now);
/* True once when the file cannot be written any more: err is for the log. It is tried again each minute, and
 * at the next failure behind a success told again. */
bool pf_record_trouble(struct pf_record *, struct pf_err *out_err);
/* Writes what is not written yet (blocking) and frees; while a thread of the pool is at it, that happens when it
 * is through: so free the pool later, or turn the loop. NULL is allowed. */
void pf_record_free(struct pf_record *);

/* For the tool: reads a file; rows live until pf_record_rows_free. PF_CONFIG with the errno when it is not there
 * or not to be read, PF_DAMAGED when it is something else. */
enum pf_code pf_record_read(const char *file, struct pf_record_row **out_rows, size_t *out_count,
                            struct pf_err *err);
void pf_record_rows_free(struct pf_record_row *, size_t count);

#endif
