/* The remote store, as its files share it.
 *
 * A *link* is a store process; a *call* is what a box or a parcel has under way there, one at a time. A call
 * waits for its store to join (only the first of each box and parcel), or for room on the link, or flies; it
 * ends once, in `answered`, on a later turn than it began. Whoever is called there may free the whole store, so
 * nothing is touched after it.
 *
 * Links are counted by their boxes and parcels: one whose process has gone stays until the last of
 * them is closed. */
#ifndef POSTFACH_STORE_STORE_REMOTE_PRIVATE_H
#define POSTFACH_STORE_STORE_REMOTE_PRIVATE_H

#include "store/store_remote.h"
#include "store/store_wire.h"
#include "sys/ipc.h"
#include "sys/slot.h"
#include "sys/slot_listings.h"

enum {
    /* ms. A disk that tries a bad sector again for a minute, the first listing of an mbox of many gigabytes, a folder
     * of a million files being synced: all that takes its time and ends well, while a store that is dropped takes
     * all its sessions with it. Clients wait up to ten minutes (RFC 5321 section 4.5.3.2.6); so half of that. */
    PF_REMOTE_ANSWER_WITHIN = 5 * 60 * 1000,
    PF_REMOTE_JOIN_WITHIN = 5000, /* ms; a process is started in some tens */
    /* One for each request that can be open, and half as many for what is read ahead. Untouched ones cost nothing. */
    PF_REMOTE_SLOTS = PF_IPC_OPEN_MAX + PF_IPC_OPEN_MAX / 2,
    PF_REMOTE_TRIM = 32, /* slots in use at once, from which on their memory is given back afterwards: 8 MiB */
    PF_REMOTE_CHAINS = 64
};

struct pf_remote_call;

struct pf_remote_queue {
    struct pf_remote_call *first, *last;
};

struct pf_remote {
    struct pf_store base;
    struct pf_purse *purse;
    struct pf_store_remote_calls calls;
    struct pf_remote_link *links[PF_REMOTE_CHAINS];
    unsigned stores;
    struct pf_remote_queue joining; /* whose store has not joined yet, in order of `until` */
    struct pf_timer *timer;
    struct pf_slot_listings *listings;
    struct pf_err untold; /* of closes, which always succeed */
    struct pf_remote_ahead *spare_aheads; /* as many as were in use at a time: few boxes are read ahead */
    unsigned char scratch[PF_IPC_PAYLOAD_MAX]; /* a frame, while it is written */
};

struct pf_remote_link {
    struct pf_remote *remote;
    struct pf_remote_link *next;
    uint32_t number;
    struct pf_ipc *ipc;      /* NULL: the process has gone */
    struct pf_slots *slots;  /* made when the first is needed; gone with the process */
    bool slots_sent;
    unsigned slots_used, slots_peak;
    unsigned users;          /* boxes and parcels */
    struct pf_remote_queue flying, waiting;
    struct pf_remote_queue kept; /* idle ones, whose boxes keep a slot of what was read ahead; oldest first */
    struct pf_timer *timer;
    pf_time timer_at;        /* PF_NEVER: not set */
};

enum pf_remote_stage { PF_REMOTE_IDLE, PF_REMOTE_JOINING, PF_REMOTE_WAITING, PF_REMOTE_FLYING, PF_REMOTE_FAILED };

/* Embedded in a box or a parcel. */
struct pf_remote_call {
    struct pf_ipc_ask ask;
    struct pf_remote *remote;
    struct pf_remote_link *link; /* NULL before its store has joined */
    struct pf_remote_queue *queue;
    struct pf_remote_call *next, *prev;
    struct pf_later later;
    enum pf_remote_stage stage;
    enum pf_store_frame kind;
    pf_time until;
    uint64_t pass;
    struct pf_err *err; /* the op's, the read-ahead's, or that of all which tell none: an idle call has none */
    bool ends; /* close, seal, drop: waits where memory is short, for it may not be lost */
    /* Writes what is to be said, by pf_remote_send. What that returns: else the call was not taken. */
    enum pf_code (*say)(struct pf_remote_call *);
    /* NULL: there is no answer, *call->err says why. Else the frame is a good one of the call's kind. False: what it
     * says cannot be, and the store is to be dropped; then it is called once more, with NULL. */
    bool (*answered)(struct pf_remote_call *, const union pf_store_say *, struct pf_ipc_frame *);
};

/* store_remote_call.c */
/* Begins a call whose kind, say, answered are set: by its link, or by its pass where there is none yet. */
void pf_remote_begin(struct pf_remote_call *);
/* For `say`. fd -1: none. */
enum pf_code pf_remote_send(struct pf_remote_call *, const union pf_store_ask *, int fd);
/* What to show for the call's pass; false: nothing is left of it. */
bool pf_remote_show(struct pf_remote_call *, struct pf_store_show *out);
/* The verdict of an OPEN or BEGIN and its entry, as the asker may know it. */
void pf_remote_entered(struct pf_remote_call *, const struct pf_store_verdict *, uint64_t entry, struct pf_err *out);
void pf_remote_fail(struct pf_remote_call *); /* on a later turn, with *call->err */
void pf_remote_queue_add(struct pf_remote_queue *, struct pf_remote_call *);
void pf_remote_queue_take(struct pf_remote_call *);

/* store_remote.c */
struct pf_remote_link *pf_remote_find(struct pf_remote *, uint32_t number);
void pf_remote_hold(struct pf_remote_call *, struct pf_remote_link *);
void pf_remote_release(struct pf_remote_call *); /* the box or parcel goes */
void pf_remote_link_timer(struct pf_remote_link *, pf_time at); /* then, or when it was set for before */
void pf_remote_link_tick(struct pf_timer *, void *link); /* store_remote_call.c */
void pf_remote_joining_tick(struct pf_timer *, void *remote);

/* store_remote_slot.c */
/* The arena, and a slot of it that is ours. *out_arena: what the frame is to say; its descriptor is
 * pf_slots_fd when not 0. */
enum pf_code pf_remote_slot_take(struct pf_remote_link *, uint32_t *out_slot, uint32_t *out_arena, struct pf_err *);
void pf_remote_slot_sent(struct pf_remote_link *, uint32_t slot); /* the frame was taken */
bool pf_remote_slot_back(struct pf_remote_link *, uint32_t slot); /* an answer came: it is ours again */
void pf_remote_slot_give(struct pf_remote_link *, uint32_t slot);
bool pf_remote_slot_plenty(const struct pf_remote_link *);

void pf_remote_spares_free(struct pf_remote *); /* store_remote_read.c */

/* store_remote_box.c, store_remote_parcel.c: the rows of the store's kind */
void pf_remote_box_open(struct pf_store *, struct pf_box_open *);
void pf_remote_box_read(struct pf_box *, struct pf_box_read *);
void pf_remote_box_expunge(struct pf_box *, struct pf_box_expunge *);
void pf_remote_box_close(struct pf_box *, struct pf_box_close *);
void pf_remote_parcel_begin(struct pf_store *, struct pf_parcel_begin *);
void pf_remote_parcel_write(struct pf_parcel *, struct pf_parcel_write *);
void pf_remote_parcel_seal(struct pf_parcel *, struct pf_parcel_seal *);
void pf_remote_parcel_drop(struct pf_parcel *, struct pf_parcel_drop *);

#endif
