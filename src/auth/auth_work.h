/* A login's work: who is meant, what must the secret fit, does it, may he.
 *
 * It touches nothing but what it is given, so that a thread may do it. What it must not do is tell
 * names apart by the time it takes, so there is one order for everybody: find the user, choose
 * the hash (the user's own, or the stand-in when there is no such user, when he may not log
 * in, or may not without TLS), compute, judge. Whoever got the stand-in is refused whatever came out.
 *
 * Over a connection without TLS nothing may be learnt about users who need it
 * (RFC 8314 section 4.1), not even that they exist. So when there is any such
 * user, every failure on such a connection is PF_NEED_TLS with one text:
 * unknown name, wrong password, and a user who needs TLS, with the right
 * password or a wrong one, cost the same and read the same.
 *
 * It is done in two parts, because they belong on different threads: `begin` finds (and steps the
 * mechanism), `hash` computes. Between them the asker may find that it knows the answer (cache.h). */
#ifndef POSTFACH_AUTH_AUTH_WORK_H
#define POSTFACH_AUTH_AUTH_WORK_H

#include "auth/auth_find.h"
#include "auth/exchange.h"

enum {
    PF_AUTH_SECRET_MAX = 1024 /* longer than any scheme makes use of */
};

enum pf_auth_step {
    PF_STEP_DONE,     /* err and user tell */
    PF_STEP_HASH,     /* `secret` is to be compared with `stored` */
    PF_STEP_CHALLENGE /* `challenge` is to be sent */
};

struct pf_auth_work {
    const struct pf_auth_tables *tables;
    struct pf_auth_stamps judged; /* the files as they were when last looked at */
    enum pf_auth_way way;
    struct pf_bytes name;         /* prepared */
    struct pf_bytes secret;       /* PASSWORD; APOP: the digest */
    bool refused; /* name or secret are such that nobody has them */
    bool tls;
    const char *peer, *timestamp;
    /* SASL */
    struct pf_auth_talk *talk; /* auth_sasl.h */
    struct pf_bytes response;
    bool has_response;

    const char *stored;           /* out with HASH: lives as long as the work */
    int64_t cache_time;           /* out with HASH: seconds that a success may be remembered */
    bool barred;                  /* out with HASH: the answer is no, whatever comes out */
    struct pf_bytes challenge;    /* out with CHALLENGE */
    bool refused_early;           /* out with CHALLENGE: err tells why the verdict will be no */
    bool spent;                   /* out: see struct pf_auth_check */
    char tried[PF_AUTH_NAME_MAX + 1]; /* out: the name, for the log */
    struct pf_err err;            /* out with DONE */
    struct pf_user user;          /* out with DONE */
    unsigned every;               /* out with PF_OK: seconds since the last login with this token that must have gone */
    bool stale;                   /* out: it failed, and the files have changed since they were looked at */
    const char *why;              /* private */
    char shown[PF_AUTH_NAME_MAX + 1], shown_for[PF_AUTH_NAME_MAX + 1]; /* private */
    struct pf_auth_found found;   /* private */
};

enum pf_auth_step pf_auth_work_begin(struct pf_auth_work *);
/* Compares and judges; for who finds out otherwise that the secret fits, `pf_auth_work_fits`. */
void pf_auth_work_hash(struct pf_auth_work *);
void pf_auth_work_fits(struct pf_auth_work *);
/* After PLAIN or LOGIN: as if the name and secret had come by USER and PASS, to be begun anew. False where no secret
 * was shown. */
bool pf_auth_work_again(struct pf_auth_work *);
/* Both parts. */
void pf_auth_work_run(struct pf_auth_work *);

#endif
