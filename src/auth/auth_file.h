/* auth_file: users in a text file, as Dovecot's passwd-file has them.
 *
 *     user:password:uid:gid:gecos:home:shell:extra
 *
 * Only user and password are needed, other fields may be empty or missing; uid
 * to shell are read over. `extra` is everything behind the seventh colon, words
 * with spaces between them:
 *
 *     maildrop=/path            this user's maildrop; mbox:/path for an mbox
 *     userdb_mail=maildir:/path the same as Dovecot spells it; or mbox:/folder:INBOX=/path
 *     quota=OCTETS[,MESSAGES]   what the maildrop may hold, with k, m, g or t behind the octets; 0 for no limit
 *     userdb_quota_rule=*:storage=1G:messages=N   the same as Dovecot spells it (quota_words.h)
 *     expire=N|never            days that mail is kept (EXPIRE)
 *     login_delay=N             seconds between logins
 *     needs_tls=yes             no login without TLS
 *     nologin                   no login at all
 *
 * Other words that begin with userdb_ are read over; any other is a mistake,
 * because a word like Dovecot's allow_nets must not be ignored silently. A line
 * that is empty or begins with `#` is a comment. A password that begins with
 * `!` or `*` is locked.
 *
 * All or nothing: one mistake makes the whole file bad. At the start that is
 * an error, later the old users stay: a half-saved file must lock nobody out. */
#ifndef POSTFACH_AUTH_AUTH_FILE_H
#define POSTFACH_AUTH_AUTH_FILE_H

#include "auth/auth_source.h"

enum {
    PF_AUTH_LINE_MAX = 4096,            /* a path, a hash and a name fit twice */
    PF_AUTH_FILE_MAX = 64 * 1024 * 1024 /* half a million users */
};

extern const struct pf_auth_source pf_auth_file_source;

struct pf_auth_file;

/* The users in a text of `len` octets at `text`, which is from malloc and is owned by the answer from
 * now on (also when it is NULL); it has room for one octet more. err tells the count of mistakes and
 * the first. `name` is the file's, for err. */
struct pf_auth_file *pf_auth_file_parse(const char *name, char *text, size_t len, bool allow_weak,
                                        struct pf_err *err);
void pf_auth_file_free(struct pf_auth_file *); /* wipes; NULL is allowed */
size_t pf_auth_file_count(const struct pf_auth_file *);
enum pf_code pf_auth_file_find(const struct pf_auth_file *, struct pf_bytes name,
                               struct pf_auth_entry *out);
/* The user at `index` (below the count), in the file's order. */
void pf_auth_file_at(const struct pf_auth_file *, size_t index, struct pf_auth_entry *out);
const char *pf_auth_file_common(const struct pf_auth_file *); /* see auth_source.h */
unsigned pf_auth_file_forms(const struct pf_auth_file *); /* bits of enum pf_password_form */
bool pf_auth_file_some_need_tls(const struct pf_auth_file *);
bool pf_auth_file_some_weak(const struct pf_auth_file *);

/* Reads a whole file, at most PF_AUTH_FILE_MAX octets, into memory from malloc with room for one
 * octet more; NULL with err. */
char *pf_auth_file_read(const char *path, size_t *out_len, struct pf_auth_stamp *out_stamp,
                        struct pf_err *err);

/* For `postfachd check`: the file is read as the server would read it. PF_OK, or why it would be
 * refused. `out_warning` (at least PF_ERR_LOG octets) gets what is allowed but unwise, "" for nothing:
 * others can read the file, or weak schemes are in use. */
enum pf_code pf_auth_file_check(const char *path, bool allow_weak, char *out_warning,
                                struct pf_err *err);

#endif
