/* Auth in another process, as its files share it: who waits for which answer. For auth_remote*.c only. */
#ifndef POSTFACH_AUTH_AUTH_REMOTE_PRIVATE_H
#define POSTFACH_AUTH_AUTH_REMOTE_PRIVATE_H

#include "auth/auth_feeder.h"
#include "auth/auth_kind.h"
#include "auth/auth_remote.h"
#include "auth/auth_wire.h"
#include "auth/recent.h"

#include <sys/queue.h>

/* A question under way. First member of who asked. */
struct pf_auth_remote_wait {
    struct pf_ipc_ask ask; /* the first member */
    struct pf_auth_remote *remote;
    pf_time since;
    TAILQ_ENTRY(pf_auth_remote_wait) link; /* by `since` */
};

TAILQ_HEAD(pf_auth_remote_waits, pf_auth_remote_wait);

struct pf_auth_remote {
    struct pf_auth auth; /* the first member */
    struct pf_lookup lookup;
    struct pf_loop *loop;
    struct pf_purse *purse;
    struct pf_ipc *ipc; /* NULL: nobody is there */
    unsigned joined;    /* how many there were: talks with those before are over */
    bool told;          /* this one said what it offers */
    struct pf_auth_wire_offer offer;
    struct pf_err trouble; /* PF_OK: none that was not told */
    struct pf_recent *logins; /* NULL until LOGIN-DELAY is used */
    struct pf_auth_feeder *feeder;
    struct pf_timer *timer;
    struct pf_auth_remote_waits waits;

    uint64_t generation;                    /* makes numbers that were not used before */
    uint16_t places[PF_AUTH_WIRE_TALKS];    /* a stack of those that are free */
    unsigned place_count;
    uint64_t owed[PF_AUTH_WIRE_TALKS];      /* ends that could not be told yet */
    unsigned owed_count;
    unsigned char buffer[PF_IPC_PAYLOAD_MAX]; /* where a question is written, wiped when it is sent */
};

/* auth_remote.c */
/* Sends a question that stands in the buffer (len octets, wiped behind it). Anything but PF_OK: `done` will not be
 * called, and err says why. */
enum pf_code pf_auth_remote_ask(struct pf_auth_remote_wait *, uint16_t kind, size_t len, struct pf_err *err);
/* In the `done` of a wait: it waits no more. False: there is no answer of that kind; err is filled. */
bool pf_auth_remote_answered(struct pf_auth_remote_wait *, uint16_t kind, struct pf_err *err);
/* The answer that came is none. */
void pf_auth_remote_bad(struct pf_auth_remote_wait *, struct pf_err *err);
/* The octets of an answer are not needed any more. */
void pf_auth_remote_wipe(struct pf_auth_remote_wait *);
void pf_auth_remote_abandon(struct pf_auth_remote_wait *);
/* 0: too many logins are under way. */
uint64_t pf_auth_remote_number(struct pf_auth_remote *);
void pf_auth_remote_number_free(struct pf_auth_remote *, uint64_t number);
/* Tells that nobody waits for this login any more, now or as soon as that can be told. */
void pf_auth_remote_end(struct pf_auth_remote *, uint64_t number);
/* A user had logged in at that time. */
void pf_auth_remote_noted(struct pf_auth_remote *, const char *user, pf_time at);

/* auth_remote_login.c */
void pf_auth_remote_check(struct pf_auth *, struct pf_auth_check *);
void pf_auth_remote_leave(struct pf_auth *, struct pf_auth_check *);
void pf_auth_remote_forget(struct pf_auth *, struct pf_auth_check *);

/* auth_remote_lookup.c */
extern const struct pf_lookup_kind pf_auth_remote_lookup_kind;

#endif
