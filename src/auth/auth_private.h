/* The inner side of the door: who waits for what. For src/auth/auth*.c only.
 *
 * A check becomes a `login`: it waits for a look at the files (held), begins (on the loop, or on a thread of
 * `doors` where that may block), perhaps waits until there is memory for its hash, is hashed on a thread of
 * `benches`, and is answered, late when it failed. Lists are walked on the loop only. */
#ifndef POSTFACH_AUTH_AUTH_PRIVATE_H
#define POSTFACH_AUTH_AUTH_PRIVATE_H

#include "auth/auth_benches.h"
#include "auth/auth_feeder.h"
#include "auth/auth_kind.h"
#include "auth/auth_look.h"
#include "auth/auth_sasl.h"
#include "auth/cache.h"
#include "auth/record.h"
#include "auth/throttle.h"

#include <sys/queue.h>

enum {
    PF_LOGIN_PEER_MAX = 64, /* an IPv6 address with its zone */
    PF_LOGIN_STAMP_MAX = 256
};

enum pf_login_state {
    PF_LOGIN_HELD,    /* for a look at the files */
    PF_LOGIN_WORKING, /* a thread has it */
    PF_LOGIN_WAITING, /* for memory to hash in */
    PF_LOGIN_DELAYED, /* failed, and not told yet */
    PF_LOGIN_LATER    /* to be answered on the next turn */
};

struct pf_auth_login {
    struct pf_job job;
    struct pf_later later;
    TAILQ_ENTRY(pf_auth_login) link; /* in held, waiting or delayed */
    struct pf_auth_here *auth;
    struct pf_auth_check *check; /* NULL: abandoned */
    struct pf_auth_bench *bench;
    struct pf_auth_tables *tables;
    enum pf_login_state state;
    enum pf_auth_step step;
    bool parked; /* it failed while a file was being changed: it waits for what that becomes */
    bool blocked; /* nobody looked at it: too much went wrong at its address */
    size_t memory; /* of its hash */
    unsigned unsafe; /* bits by enum pf_record_kind */
    pf_time started, due;
    struct pf_auth_work work;
    char counted[PF_AUTH_NAME_MAX + 1];
    char name[PF_AUTH_NAME_MAX + 1], peer[PF_LOGIN_PEER_MAX], timestamp[PF_LOGIN_STAMP_MAX];
    size_t secret_len;
    unsigned char secret[]; /* or a response */
};

TAILQ_HEAD(pf_auth_logins, pf_auth_login);

/* The kind of auth that is here, in this process. */
struct pf_auth_here {
    struct pf_auth door; /* the first member */
    struct pf_loop *loop;
    struct pf_conf *conf; /* or NULL */
    char keytab[PF_AUTH_PATH_MAX]; /* the one that Kerberos was told of at the start; "": none */
    struct pf_throttle_delays delays;
    struct pf_auth_tables *tables;
    struct pf_auth_benches benches, doors;
    size_t hash_memory; /* in use */
    unsigned hashes;
    struct pf_cache *cache; /* NULL: nothing is remembered */
    struct pf_record *record; /* NULL: none is kept */
    struct pf_throttle *throttle;
    struct pf_recent *logins; /* NULL until LOGIN-DELAY is used */
    struct pf_timer *timer;
    struct pf_auth_logins held, waiting;
    struct pf_auth_logins delayed; /* by the time of their answer */
    struct pf_auth_feeder *feeder;
    unsigned delivering;

    struct pf_auth_look look;
    struct pf_auth_bench *look_bench;
    bool looking;
    pf_time looked, look_again, flux_since;
    struct pf_auth_stamps judged;
    struct pf_err trouble; /* PF_OK: none that was not told */
};

/* auth_login.c */
struct pf_auth_login *pf_login_new(struct pf_auth_here *, struct pf_auth_check *); /* NULL without memory */
void pf_login_free(struct pf_auth_login *);
void pf_login_start(struct pf_auth_login *); /* behind a look */
void pf_login_deliver(struct pf_auth_login *);
/* The name under which failures are counted; it lives as long as the login. */
struct pf_bytes pf_login_counted(struct pf_auth_login *);

/* auth_hold.c */
void pf_auth_hold(struct pf_auth_login *);  /* starts it when the files are looked at */
void pf_auth_park(struct pf_auth_login *);  /* the same, when a file that is being written is whole */
void pf_auth_delay(struct pf_auth_login *); /* answers it late */
void pf_auth_timer(struct pf_timer *, void *auth);
unsigned pf_auth_here_waiting(const struct pf_auth_here *);

#endif
