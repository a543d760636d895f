/* Find: which user is meant by a name, and by whose password he is let in.
 *
 * The readings of a name (names.h) are tried in order, and for each the sources in order; the first
 * user that is found decides. A source that judges passwords itself is asked right here, so this
 * may block; with sources in memory only (auth_tables.h) it never does. */
#ifndef POSTFACH_AUTH_AUTH_FIND_H
#define POSTFACH_AUTH_AUTH_FIND_H

#include "auth/auth_tables.h"
#include "auth/names.h"

struct pf_auth_quest {
    struct pf_bytes name;     /* prepared */
    struct pf_bytes secret;   /* `at` NULL: nothing was shown, only the user is wanted */
    struct pf_bytes acts_for; /* not empty: `name` is a master, and this is the user */
    const char *peer;
    bool tls;
};

/* Not to be copied (see struct pf_auth_entry). */
struct pf_auth_found {
    struct pf_auth_entry entry;  /* the user; folder and master are filled in */
    struct pf_auth_entry master; /* who acts, when user.master is not empty */
    const char *stored;          /* what the secret must fit: the user's or the master's; NULL with `proved` */
    bool nologin;                /* of him whose secret it is */
    bool proved;                 /* the source said yes */
    int64_t cache_time;          /* seconds that a success may be remembered */
};

/* PF_OK; PF_NO_USER; PF_AUTH: the source said no; PF_TEMP. */
enum pf_code pf_auth_find(const struct pf_auth_tables *, const struct pf_auth_quest *,
                          struct pf_auth_found *out, struct pf_err *err);

#endif
