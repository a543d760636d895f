/* A source of users: one row of a table, and what it must be able to do.
 *
 * auth.c knows names and verdicts; where users come from is a row behind this
 * header. A source is opened whole (blocking: at start, at a reload, or on a
 * thread of the pool), never changes afterwards, and is closed when the last
 * check that uses it is through. `find` runs on a thread of the pool and may
 * block there (a database will).
 *
 * A source that lives in a file also gives a stamp: as long as the stamp
 * stays the same, so does what a new `open` would read. */
#ifndef POSTFACH_AUTH_AUTH_SOURCE_H
#define POSTFACH_AUTH_AUTH_SOURCE_H

#include "auth/auth.h"

/* Eight octets each, so that two stamps can be compared as memory. */
struct pf_auth_stamp {
    uint64_t there; /* 0: the file is missing or cannot be looked at */
    uint64_t device, inode, size;
    int64_t changed, changed_nano; /* mtime */
    int64_t touched, touched_nano; /* ctime */
};

/* A user as a source knows it. */
struct pf_auth_entry {
    struct pf_user user;
    const char *stored; /* {SCHEME}hash; lives as long as the source */
    bool nologin;       /* no password is right */
};

struct pf_auth_source {
    const char *kind;
    bool (*configured)(const struct pf_auth_settings *);
    /* NULL: err says why, PF_AGAIN when it was changed while it was read. */
    void *(*open)(const struct pf_auth_settings *, struct pf_auth_stamp *out_stamp, struct pf_err *err);
    void (*close)(void *self);
    /* PF_OK, PF_NO_USER or PF_TEMP. */
    enum pf_code (*find)(const void *self, struct pf_bytes name, struct pf_auth_entry *out,
                         struct pf_err *err);
    /* A stored password of the most common scheme and cost, or NULL when there is none. It lives as
     * long as the source. */
    const char *(*common)(const void *self);
    bool (*some_need_tls)(const void *self);
    size_t (*count)(const void *self);
    /* NULL for a source that is asked anew each time. */
    void (*stamp)(const struct pf_auth_settings *, struct pf_auth_stamp *out_stamp);
};

/* May this name be looked up at all? The laws of auth.h, for a name behind SASLprep. */
bool pf_auth_name_ok(struct pf_bytes name);

#endif
