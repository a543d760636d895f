/* Lift: a store that blocks becomes one that does not.
 *
 * A file system store is written in the plainest way there is: functions that
 * open, read and sync, and return. `struct pf_twin_kind` is that blocking
 * twin of the eight functions. lift.c puts it behind store.h: it first tries
 * a call in a form that cannot block (`may_block` false: RESOLVE_CACHED,
 * RWF_NOWAIT), right on the loop, and when the twin answers PF_AGAIN it does the same
 * on a thread of the pool. A twin that cannot tell simply answers PF_AGAIN
 * each time `may_block` is false; it must have changed nothing then.
 *
 * What is written into a parcel is collected first, up to some 32 kB, and written with the next larger piece or
 * when the parcel is sealed: a message of the usual size wakes one thread for all of it. So a write that fails
 * may be told by a later one, or by seal.
 *
 * A twin's box is used by one thread at a time, but not always by the same. */
#ifndef POSTFACH_STORE_LIFT_H
#define POSTFACH_STORE_LIFT_H

#include "store/store.h"
#include "sys/pool.h"

struct pf_twin;        /* the blocking store: settings, immutable */
struct pf_twin_box;    /* an open maildrop */
struct pf_twin_parcel;

struct pf_twin_opened {
    struct pf_twin_box *box;
    struct pf_listing listing; /* lives until box_close */
    uint32_t expired;
};

struct pf_twin_kind {
    const char *name;
    enum pf_code (*box_open)(struct pf_twin *, const struct pf_box_where *, bool may_block,
                             struct pf_twin_opened *out_opened, struct pf_err *err);
    /* Fills got, last and clean of the op; reads index, offset, at, cap. */
    enum pf_code (*box_read)(struct pf_twin_box *, struct pf_box_read *, bool may_block,
                             struct pf_err *err);
    /* Fills removed and failed. */
    enum pf_code (*box_expunge)(struct pf_twin_box *, struct pf_box_expunge *, struct pf_err *err);
    void (*box_close)(struct pf_twin_box *);
    enum pf_code (*parcel_begin)(struct pf_twin *, const struct pf_box_where *,
                                 struct pf_twin_parcel **out_parcel, struct pf_err *err);
    enum pf_code (*parcel_write)(struct pf_twin_parcel *, struct pf_bytes, struct pf_err *err);
    /* Frees the parcel, whatever it returns. */
    enum pf_code (*parcel_seal)(struct pf_twin_parcel *, struct pf_parcel_seal *,
                                struct pf_err *err);
    void (*parcel_drop)(struct pf_twin_parcel *);
    void (*free)(struct pf_twin *);
    /* Would a message of `size` octets be taken now? Makes nothing. NULL: whoever can begin one takes it. */
    enum pf_code (*parcel_ask)(struct pf_twin *, const struct pf_box_where *, uint64_t size,
                               struct pf_err *err);
    /* Closes the box where that cannot block; false: nothing was done, box_close has to. NULL: never. */
    bool (*box_leave)(struct pf_twin_box *);
    /* Found without blocking: a message of any size would be taken now. false: parcel_ask has to look. NULL: never. */
    bool (*parcel_ready)(struct pf_twin *, const struct pf_box_where *);
};

struct pf_twin {
    const struct pf_twin_kind *kind;
};

/* Asks a twin, whether its row can or not. */
enum pf_code pf_twin_ask(struct pf_twin *, const struct pf_box_where *, uint64_t size, struct pf_err *err);

/* Takes the twin over (also on failure, when NULL is returned). */
struct pf_store *pf_lift_new(struct pf_loop *, struct pf_pool *, struct pf_twin *,
                             struct pf_err *err);

#endif
