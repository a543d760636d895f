/* The store: eight functions between a session and real mail.
 *
 * A maildrop that is open is a *box*: `open` locks it and gives its listing,
 * `read` gives stored octets of one message, `expunge` removes what is
 * marked, `close` unlocks. A message that comes in is a *parcel*: `begin`,
 * `write`, `seal` (the commit point), `drop`. Maildir, mbox, memory, a cluster
 * or another process stand behind the same eight functions, and one
 * conformance suite (test/store) holds them all to the same laws.
 *
 * Every call takes an op that is embedded in its asker, and completes it
 * exactly once, on a later turn of the loop, never inside the call. Until
 * then the op and what it points to belong to the store. One op at a time per
 * box and per parcel. store.c is the referee between caller and store: it
 * checks these laws with assertions that stay on, and checks what a store
 * hands out (UIDLs legal and unique, sums right) where a wrong value would
 * reach a client.
 *
 * Laws for a box:
 *   - open: exclusive by a lock that dies with its holder; PF_IN_USE when
 *     another session holds it. Delivery is never blocked by it.
 *   - The listing does not change while the box is open; mail that arrives
 *     stays unseen. It lives until the close completes.
 *   - read: octets as stored, and for one message the same octets whenever it
 *     is read in this session. `last` is set by the store only when it vouches
 *     that the message is whole and unchanged since the listing. A message
 *     that vanished is PF_GONE, one that was changed PF_CHANGED, one known to
 *     be cut or corrupt PF_DAMAGED; never a short body with `last`.
 *   - expunge: PF_OK only when every marked message is gone for good (folder
 *     synced to disk). On failure some or none are removed, never one that
 *     was not marked, and the code is PF_PARTIAL (or the cause when none was
 *     removed). A message that someone else removed counts as removed.
 *   - close: always succeeds; the lock is free when it completes. A box closed
 *     without expunge loses nothing.
 * Laws for a parcel:
 *   - seal: PF_OK only when the message is durable under its final name. Before
 *     that a crash leaves litter at most, never a message that can be listed.
 *   - drop: leaves nothing.
 *   - after seal or drop completes, the parcel is gone, also when seal failed;
 *   - write: PF_OK says that the octets were taken; what fails with them may be told by a later write, or by seal;
 *   - after a write that failed, only drop is allowed;
 *   - quota, in a store that keeps it: what `ask` is told is no promise. seal judges the real size
 *     once more: PF_OVER_QUOTA, and nothing is left. */
#ifndef POSTFACH_STORE_STORE_H
#define POSTFACH_STORE_STORE_H

#include "sys/loop.h"
#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/listing.h>

struct pf_store;
struct pf_box;
struct pf_parcel;

/* The part that every op begins with. */
struct pf_store_op {
    void (*done)(struct pf_store_op *); /* set by the asker; err is filled when it is called */
    struct pf_err err;                  /* err.code PF_OK for success */
    struct pf_later later;              /* for the store, to deliver `done` */
    void *referee;                      /* private to store.c */
    void *store_private;                /* for the store while the op runs */
};

/* Which maildrop, and as whom. Views and strings live until the op completes. */
struct pf_box_where {
    const char *user;    /* whose it is, for messages to the administrator */
    const char *path;    /* the maildrop: an absolute path for stores on a file system */
    int64_t now;         /* seconds since 1970, for expiry */
    int32_t expire_days; /* PF_EXPIRE_NEVER (-1), or: messages older than that are removed, durably,
                          * before the listing is made; 0 removes nothing here */
    uint64_t quota_octets, quota_messages; /* what the maildrop may hold at most; 0: no limit */
    const char *recipient; /* open: local@host, to see only what was sent there (sifted.h); NULL: all */
    bool shared;           /* open: the listing is handed to another process */
    uint64_t pass;         /* for a store in another process: the right to do so (base/purse.h); else 0 */
};

struct pf_box_open {
    struct pf_store_op op;
    struct pf_box_where where;
    struct pf_box *box;        /* out */
    struct pf_listing listing; /* out */
    uint32_t expired;          /* out: removed by expire_days */
};

struct pf_box_read {
    struct pf_store_op op;
    uint32_t index;
    uint64_t offset;     /* in stored octets; a caller reads one message from 0 on, without gaps,
                          * and whenever it turns to another, or to the same anew, from 0 again */
    unsigned char *at;   /* where to put them */
    size_t cap;          /* > 0 */
    size_t got;          /* out; may be 0 only with `last` */
    bool last;           /* out: this piece ends the message, and the message is whole */
    bool clean;          /* out: octets are wire form (CRLF, dots stuffed) */
};

struct pf_box_expunge {
    struct pf_store_op op;
    const struct pf_marks *remove; /* NULL for none */
    const struct pf_marks *seen;   /* to be marked as fetched, as far as the store keeps that; NULL
                                    * for none. Failing to mark is no error. */
    uint32_t removed;              /* out */
    uint32_t failed;               /* out: marked, and not removed; the referee sees to the sum */
};

struct pf_box_close {
    struct pf_store_op op;
};

struct pf_parcel_begin {
    struct pf_store_op op;
    struct pf_box_where where; /* created where missing, as the store's settings allow */
    bool ask;                  /* nothing is made: would a message be taken now? */
    uint64_t size;             /* ask: its octets, 0 for unknown */
    struct pf_parcel *parcel;  /* out; NULL with ask */
};

struct pf_parcel_write {
    struct pf_store_op op;
    struct pf_bytes bytes; /* message text, LF or CRLF; kept as it comes */
};

struct pf_parcel_seal {
    struct pf_store_op op;
    char uidl[PF_UIDL_MAX + 1]; /* out, NUL-terminated */
    uint64_t octets;            /* out: wire size */
    uint64_t size;              /* out: stored size, as the quota counts it; 0 where none is kept */
    uint64_t used_octets, used_messages; /* out: of the quota, with this message and all that came before
                                          * it; 0 where none is kept */
};

struct pf_parcel_drop {
    struct pf_store_op op;
};

/* A kind of store: its row. */
struct pf_store_kind {
    const char *name;
    void (*box_open)(struct pf_store *, struct pf_box_open *);
    void (*box_read)(struct pf_box *, struct pf_box_read *);
    void (*box_expunge)(struct pf_box *, struct pf_box_expunge *);
    void (*box_close)(struct pf_box *, struct pf_box_close *);
    void (*parcel_begin)(struct pf_store *, struct pf_parcel_begin *);
    void (*parcel_write)(struct pf_parcel *, struct pf_parcel_write *);
    void (*parcel_seal)(struct pf_parcel *, struct pf_parcel_seal *);
    void (*parcel_drop)(struct pf_parcel *, struct pf_parcel_drop *);
    void (*free)(struct pf_store *); /* no box or parcel may be open */
    /* NULL, or the store behind this one that is asked at once for all of a maildrop: this one is not in the way. */
    struct pf_store *(*behind)(struct pf_store *);
    bool sifts;                      /* knows recipients; else an open for one is PF_TEMP, and never everybody's mail */
};

/* First member of every store, box and parcel. */
struct pf_store {
    const struct pf_store_kind *kind;
    struct pf_loop *loop;
    unsigned held; /* private to store.c: boxes and parcels that are there */
    struct pf_box_close *spare; /* private, too */
};

struct pf_box {
    struct pf_store *store;
    void *referee; /* private to store.c */
};

struct pf_parcel {
    struct pf_store *store;
    void *referee;
};

/* The doors: what sessions call. They check the laws and pass on. */
void pf_box_open(struct pf_store *, struct pf_box_open *);
void pf_box_read(struct pf_box *, struct pf_box_read *);
void pf_box_expunge(struct pf_box *, struct pf_box_expunge *);
void pf_box_close(struct pf_box *, struct pf_box_close *);
void pf_parcel_begin(struct pf_store *, struct pf_parcel_begin *);
void pf_parcel_write(struct pf_parcel *, struct pf_parcel_write *);
void pf_parcel_seal(struct pf_parcel *, struct pf_parcel_seal *);
void pf_parcel_drop(struct pf_parcel *, struct pf_parcel_drop *);
void pf_store_free(struct pf_store *); /* NULL is allowed */

/* A store that serves several processes asks those that hold a maildrop (store_remote.h): somebody wants what
 * your guest with that session number has open. See session/holders.h for who gives way. */
struct pf_store_wanted {
    uint64_t session;
    bool found;      /* out: it is here */
    bool leaves;     /* out: it gives way now; the maildrop will be closed soon */
    char facts[120]; /* out: for the log of who wants it: since when, idle for how long, from where */
    const char *user; /* who wants it */
    char say[120];    /* out: the same for his client, "" for no more than that it is locked; where from only when
                       * he is himself the holder */
};

/* For stores: completes op on a later turn with op->err as it stands. */
void pf_store_op_done(struct pf_store *, struct pf_store_op *);

#endif
