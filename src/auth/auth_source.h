/* A source of users: one row of a table, and what it must be able to do.
 *
 * auth.c knows names and verdicts; where users come from is a row behind this
 * header. A source is opened whole (blocking: at start, at a reload, or on a
 * thread of a pool), and is closed when the last check that uses it is through.
 * Its settings never change in between. `find` and `verify` may block: they run on
 * threads of a pool, several at the same time, so what a source keeps (connections)
 * it guards by itself; only a source that says `in_memory` is asked on the loop.
 *
 * Kinds of sources: those that know a stored password (files, SQL, LDAP with
 * `compare no` and a readable userPassword), and those that only say yes or no
 * (LDAP bind, PAM, saslauthd, another server): an entry of the latter has
 * `verify` set, and the row's `verify` decides.
 *
 * Laws:
 *   - PF_NO_USER only when the source is sure. Out of reach, timed out, a wrong
 *     answer, a question that is no question there: PF_TEMP, with a text for the
 *     administrator that names the source and never the secret.
 *   - A question has a time limit (the block's `timeout`), after which the
 *     connection is dropped. A connection that was idle and has died is
 *     replaced once without a word.
 *   - A name goes into a query or a filter as a bound parameter or escaped by the
 *     library, never pasted.
 *
 * A source that lives in a file also gives a stamp: as long as the stamp
 * stays the same, so does what a new `open` would read. */
#ifndef POSTFACH_AUTH_AUTH_SOURCE_H
#define POSTFACH_AUTH_AUTH_SOURCE_H

#include "auth/auth.h"

enum { PF_AUTH_STORED_MAX = 1024 }; /* octets of {SCHEME}hash */

/* Eight octets each, so that two stamps can be compared as memory. */
struct pf_auth_stamp {
    uint64_t there; /* 0: the file is missing or cannot be looked at */
    uint64_t device, inode, size;
    int64_t changed, changed_nano; /* mtime */
    int64_t touched, touched_nano; /* ctime */
};

/* A user as a source knows it. It points into itself: not to be copied; wiped by who asked. */
struct pf_auth_entry {
    struct pf_user user;
    const char *stored; /* {SCHEME}hash: in the source's memory, which lives as long as the source, or in
                         * `room`; NULL with `verify` */
    bool nologin;       /* no password is right */
    bool verify;        /* the source's `verify` decides */
    char room[PF_AUTH_STORED_MAX + 1];
};

/* A password to be judged by the source itself. */
struct pf_auth_proof {
    struct pf_bytes name, secret;
    const char *peer;
    bool tls;
};

struct pf_auth_source {
    const char *kind;
    bool in_memory;     /* `find` never blocks */
    bool knows_users;   /* false: `find` says PF_OK to any name, and only `verify` tells */
    /* The block's settings; NULL for the settings' own password_file. NULL is returned with err: why;
     * PF_AGAIN when it was changed while it was read. A data base that cannot be reached now is no
     * reason to refuse: it will be asked later. */
    void *(*open)(const struct pf_conf_userdb *, const struct pf_auth_settings *,
                  struct pf_auth_stamp *out_stamp, struct pf_err *err);
    void (*close)(void *self);
    /* PF_OK, PF_NO_USER or PF_TEMP. */
    enum pf_code (*find)(void *self, struct pf_bytes name, struct pf_auth_entry *out, struct pf_err *err);
    /* PF_OK (it may fill more of the entry's user), PF_AUTH, PF_NO_USER or PF_TEMP. NULL: never asked. */
    enum pf_code (*verify)(void *self, const struct pf_auth_proof *, struct pf_auth_entry *,
                           struct pf_err *err);
    /* A stored password of the most common scheme and cost, or NULL when there is none. It lives as
     * long as the source. May be NULL. */
    const char *(*common)(const void *self);
    /* Which forms of stored passwords it may have: bits of enum pf_password_form (password.h). A data
     * base that cannot tell says PF_FORM_ANY. NULL: PF_FORM_OTHER. */
    unsigned (*forms)(const void *self);
    bool (*some_need_tls)(const void *self); /* NULL: none */
    size_t (*count)(const void *self);       /* NULL: not known, some */
    /* NULL for a source that is asked anew each time. */
    void (*stamp)(const struct pf_conf_userdb *, const struct pf_auth_settings *,
                  struct pf_auth_stamp *out_stamp);
    bool (*knows)(const void *self); /* where `knows_users` is a matter of the settings; NULL: it is not */
    void (*preload)(void); /* what its library would else load late (auth_preload.h); NULL: nothing */
};

static inline bool pf_auth_source_knows(const struct pf_auth_source *row, const void *self)
{
    return row->knows ? row->knows(self) : row->knows_users;
}

/* The rows, by enum pf_conf_userdb_kind; NULL: this build does not have it. */
const struct pf_auth_source *pf_auth_source_row(enum pf_conf_userdb_kind);

/* Whether this source could be asked just now (blocking, as long as its `timeout`): PF_OK; PF_CONFIG: the block is
 * wrong, or this build does not have that kind; PF_TEMP: it cannot be reached, or gives no answer that is one. For
 * `postfachd check`; a server starts all the same with PF_TEMP. */
enum pf_code pf_auth_source_check(const struct pf_conf_userdb *, struct pf_err *err);

/* May this name be looked up at all? The laws of auth.h, for a name behind SASLprep. */
bool pf_auth_name_ok(struct pf_bytes name);

/* A field of a user as every source spells it (`maildrop`, `expire`, `login_delay`, `needs_tls`, `nologin`,
 * `quota`, …; also Dovecot's names for them): the words of auth_file.h and the columns of a query are the
 * same list. False: unknown name, or a value that it cannot have. */
bool pf_auth_entry_set(struct pf_auth_entry *, struct pf_bytes field, struct pf_bytes value);

#endif
