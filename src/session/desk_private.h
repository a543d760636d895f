/* The desk's side as its files share it: peers (desk_remote.c) and rounds of questions (desk_round.c). */
#ifndef POSTFACH_SESSION_DESK_PRIVATE_H
#define POSTFACH_SESSION_DESK_PRIVATE_H

#include "session/desk_remote.h"
#include "session/desk_wire.h"

enum { PF_DESK_PEER_NAME = 24 /* "journal 4294967295" */ };

struct pf_desk_peer {
    struct pf_desk *desk;
    struct pf_desk_peer *next;
    char role;
    uint32_t number;
    char name[PF_DESK_PEER_NAME];
    struct pf_ipc *ipc;
    struct pf_stats *last; /* what it told last */
    bool bye;
};

struct pf_desk {
    struct pf_ctl_source source;
    struct pf_desk_remote_parts parts;
    struct pf_desk_peer *peers;
    unsigned count;
    struct pf_stats *past;     /* of those who are gone */
    struct pf_timer *timer;    /* set while asks wait that nobody need be asked for */
    struct pf_ctl_ask *ready;  /* those */
    struct pf_timer *patience; /* with the keeper */
    struct pf_ctl_ask *reloads, *next_reloads; /* for the one that runs, for the one behind it */
    bool reloading;
};

/* desk_remote.c: completes on a later turn with what stands in it. */
void pf_desk_ready(struct pf_desk *, struct pf_ctl_ask *);

/* desk_round.c */
/* Asks all whom it concerns. */
void pf_desk_round(struct pf_desk *, struct pf_ctl_ask *);
void pf_desk_round_abandon(struct pf_ctl_ask *);

#endif
