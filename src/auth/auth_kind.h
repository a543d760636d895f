/* Kinds of auth: what stands behind the doors of auth.h. For src/auth only.
 *
 * Who asks holds a `struct pf_auth` and cannot tell what it is: the real thing (auth.c), or the end of a socket
 * behind which another process has it (auth_remote.c). Each is a row of functions, and the doors (auth_door.c) call
 * through it; what only its owner does (new, reload, free) goes to the kind itself. Recipients likewise. */
#ifndef POSTFACH_AUTH_AUTH_KIND_H
#define POSTFACH_AUTH_AUTH_KIND_H

#include "auth/auth.h"

struct pf_auth_kind {
    void (*check)(struct pf_auth *, struct pf_auth_check *);
    void (*abandon)(struct pf_auth *, struct pf_auth_check *);
    void (*forget)(struct pf_auth *, struct pf_auth_check *);
    uint64_t (*offer)(const struct pf_auth *, const struct pf_auth_link *);
    bool (*binds)(const struct pf_auth *);
    bool (*offers_apop)(const struct pf_auth *);
    bool (*login_due)(struct pf_auth *, const char *user, unsigned delay, pf_time now);
    bool (*trouble)(struct pf_auth *, struct pf_err *out_err);
    unsigned (*waiting)(const struct pf_auth *);
};

/* First member of every auth. */
struct pf_auth {
    const struct pf_auth_kind *kind;
};

struct pf_lookup_kind {
    enum pf_code (*ask)(struct pf_lookup *, struct pf_lookup_ask *);
    void (*abandon)(struct pf_lookup *, struct pf_lookup_ask *);
    bool (*trouble)(struct pf_lookup *, struct pf_err *out_err);
};

/* First member of every lookup. */
struct pf_lookup {
    const struct pf_lookup_kind *kind;
};

#endif
