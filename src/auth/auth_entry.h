/* Entries: the one list of what can be said about a user besides his name and password.
 *
 * A password file has these words in its last field (auth_file.h tells what each means), a query has them as
 * columns, a directory as attributes. What they are called, which values they take and how Dovecot spells
 * them stands in one table; sources get at it by pf_auth_entry_set of auth_source.h. Two more fields are
 * there for sources whose answers have names: `user`, the name as the source spells it, and `password`, {SCHEME}hash
 * (locked when it begins with '!' or '*', or is empty).
 *
 * A truth is yes, y, true, t or 1, or no, n, false, f or 0, in any case: what databases make of one. */
#ifndef POSTFACH_AUTH_AUTH_ENTRY_H
#define POSTFACH_AUTH_AUTH_ENTRY_H

#include "auth/auth_source.h"

enum { PF_AUTH_VALUE_MAX = 2 * PF_AUTH_PATH_MAX }; /* octets of a value: a location of Dovecot's has two paths */

/* What the words said; small, because a file keeps one for each of its users. */
struct pf_auth_words {
    const char *maildrop; /* in the value that was taken; NULL: not said */
    int32_t expire_days, login_delay;
    int64_t quota_octets, quota_messages;
    bool needs_tls, nologin;
};
#define PF_AUTH_WORDS_NONE {.expire_days = -2, .login_delay = -2}

/* NULL, or what is wrong with the word. `value` is changed and must live as long as the words; NULL: there was
 * no `=`. */
const char *pf_auth_words_take(struct pf_auth_words *, const char *name, char *value);
void pf_auth_words_apply(const struct pf_auth_words *, struct pf_auth_entry *);

/* An entry of which nothing but the name is known: what was asked for, at most PF_AUTH_NAME_MAX octets. */
void pf_auth_entry_begin(struct pf_auth_entry *, struct pf_bytes name);
/* Whether pf_auth_entry_set knows a field of this name at all. */
bool pf_auth_entry_knows(struct pf_bytes field);

#endif
