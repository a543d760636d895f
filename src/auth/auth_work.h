/* The part of a check that a thread of the pool does: find the user, compute the hash, judge.
 *
 * It touches nothing but what it is given. What it must not do is tell names
 * apart by the time it takes, so there is one order for everybody: look the
 * name up, choose the hash (the user's own, or the stand-in when there is no
 * such user, when the user may not log in, or may not without TLS), compute,
 * judge. Whoever got the stand-in is refused whatever came out.
 *
 * Over a connection without TLS nothing may be learnt about users who need it
 * (RFC 8314 section 4.1), not even that they exist. So when there is any such
 * user, every failure on such a connection is PF_NEED_TLS with one text:
 * unknown name, wrong password, and a user who needs TLS, with the right
 * password or a wrong one, cost the same and read the same.
 *
 * A keyed cache of recent successes belongs between "choose" and "compute". */
#ifndef POSTFACH_AUTH_AUTH_WORK_H
#define POSTFACH_AUTH_AUTH_WORK_H

#include "auth/auth_tables.h"

enum {
    PF_AUTH_SECRET_MAX = 1024 /* longer than any scheme makes use of */
};

struct pf_auth_work {
    const struct pf_auth_tables *tables;
    struct pf_auth_stamps judged; /* the files as they were when last looked at */
    struct pf_bytes name;         /* prepared */
    struct pf_bytes secret;
    bool refused; /* name or secret are such that nobody has them */
    bool tls;

    struct pf_err err;   /* out */
    struct pf_user user; /* out */
    bool stale;          /* out: it failed, and the files have changed since they were looked at */
};

void pf_auth_work_run(struct pf_auth_work *);

#endif
