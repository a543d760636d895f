/* The store for others, as its files share it.
 *
 * A *gate* has a table of what it holds; a *held* is a maildrop or a parcel of it, from the frame that asks for it to
 * the end of its close. It has one op under way at the real store at a time, and answers one request by it.
 *
 * When a gate goes, an op under way ends first and is answered to nobody; then the box is closed, the parcel
 * dropped. The gate's own memory stays until the last of them is through. */
#ifndef POSTFACH_STORE_STORE_SERVE_PRIVATE_H
#define POSTFACH_STORE_STORE_SERVE_PRIVATE_H

#include "base/purse.h"
#include "store/store_serve.h"
#include "store/store_wire.h"
#include "sys/ipc.h"
#include "sys/slot.h"

enum {
    PF_SERVE_HELD_MAX = 16384, /* boxes and parcels of one gate at a time: as many as it can have passes */
    /* ms. Somebody may wait for the first of several messages that were wanted at once; when the disk is slow, they do
     * not come together. */
    PF_SERVE_TOGETHER = 5,
    PF_SERVE_BUFFERS = 8       /* of a slot's size, that lie about for reuse: 2 MiB */
};

struct pf_serve_gate;

/* A piece of a message between a slot and the real store. What a store looks at must lie where no gate can write
 * meanwhile, so it is never the slot itself. */
struct pf_serve_buffer {
    struct pf_serve_buffer *next;
    /* READ: the answer as far as it has come, and how much of `at` is used */
    struct pf_store_say_read said;
    uint32_t used;
    uint32_t more; /* messages that are still wanted */
    pf_time until;
    unsigned char at[PF_SLOT_OCTETS];
};

struct pf_store_serve {
    struct pf_store_serve_parts parts;
    struct pf_serve_gate *gates;
    unsigned gate_count, open;
    struct pf_serve_held *waiting; /* opens that wait for a holder to leave */
    struct pf_serve_buffer *buffers;
    unsigned buffer_count;
    struct pf_later later;
    bool idle; /* the last one was closed, and that is to be told */
    bool ending;
    void (*done)(void *);
    void *done_self;
    unsigned char scratch[PF_IPC_PAYLOAD_MAX]; /* a frame, while it is written */
};

struct pf_serve_gate {
    struct pf_store_serve *serve;
    struct pf_serve_gate *next, *prev;
    uint32_t number;
    struct pf_ipc *ipc;         /* NULL: it has gone */
    struct pf_purse *entries;   /* the forms of tickets that were good, by entry */
    struct pf_slots *slots;
    struct pf_serve_held **held; /* by number - 1 */
    uint32_t *free_places;
    uint32_t room, free_count, count;
};

enum pf_serve_what { PF_SERVE_OPENING, PF_SERVE_BOX, PF_SERVE_BEGINNING, PF_SERVE_PARCEL };

struct pf_serve_held {
    struct pf_serve_gate *gate;
    uint32_t number; /* for the gate */
    enum pf_serve_what what;
    uint64_t request; /* to be answered; 0: none */
    bool busy;        /* the real store has an op of ours */
    bool leaving;     /* a box that is being closed */
    bool spoiled;     /* a parcel whose write failed */
    uint64_t entry;   /* that it came with */
    uint64_t session;
    uint8_t rights;
    struct pf_box *box;
    struct pf_parcel *parcel;
    union {
        struct pf_store_op op;
        struct pf_box_open open;
        struct pf_box_read read;
        struct pf_box_expunge expunge;
        struct pf_box_close close;
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop;
    } op;
    struct pf_serve_buffer *buffer; /* of a read or write under way */
    uint32_t slot;
    bool in_slot;
    /* reading, as the referee counts it */
    uint32_t count, index;
    uint64_t next_octet;
    bool ended;
    /* marks that come in */
    struct pf_marks remove, seen;
    uint32_t words;
    bool piecewise; /* more of them are to come */
    /* an open that waits (store_serve_wait.c) */
    struct pf_serve_held *next_waiting;
    bool waits, asks;
    pf_time until; /* 0: it has not had to */
    struct pf_timer *patience;
    struct pf_ipc_ask wanted;
    struct pf_err *told; /* what a holder who stays said, or why there is no listing; or NULL */
    struct pf_box_where where; /* strings behind */
    char texts[];
};

/* store_serve.c */
/* Answers held's request, or the request `id` of a gate. Nothing where the gate has gone. */
void pf_serve_answer(struct pf_serve_gate *, uint64_t id, enum pf_store_frame, const union pf_store_say *, int fd);
void pf_serve_reply(struct pf_serve_held *, enum pf_store_frame, const union pf_store_say *, int fd);
void pf_serve_drop_gate(struct pf_serve_gate *, const char *why);
void pf_serve_trouble(struct pf_serve_gate *, const struct pf_err *);
void pf_serve_gate_free(struct pf_serve_gate *);
/* Something that may have been the last has ended. */
void pf_serve_settle(struct pf_store_serve *);
/* Of a gate that has gone: ends what nothing is under way for. */
void pf_serve_leave(struct pf_serve_held *);
struct pf_serve_buffer *pf_serve_buffer_take(struct pf_store_serve *);
void pf_serve_buffer_give(struct pf_store_serve *, struct pf_serve_buffer *);

/* store_serve_held.c */
/* For what is shown, something new: OPENING wants the right to read, BEGINNING that to deliver. It has a number of
 * the gate's table, and the ticket's texts and limits in `where`. NULL: *err and *out_entry are for the answer. */
struct pf_serve_held *pf_serve_admit(struct pf_serve_gate *, const struct pf_store_show *, enum pf_serve_what,
                                     uint64_t *out_entry, struct pf_err *err);
void pf_serve_held_free(struct pf_serve_held *);
/* To be told when the open fails; without memory it is only that. */
void pf_serve_tell(struct pf_serve_held *, const struct pf_err *);
struct pf_err pf_serve_told(const struct pf_serve_held *);
/* One that is free to be asked something, of this kind; NULL: the gate is dropped. */
struct pf_serve_held *pf_serve_held_asked(struct pf_serve_gate *, uint64_t id, uint32_t number, enum pf_serve_what);
/* What is not allowed: told to the log, and an answer. */
enum pf_code pf_serve_refused(struct pf_serve_gate *, const char *why, struct pf_err *err);
/* Takes the slots that come with a frame, and then the slot; false: the gate is dropped. */
bool pf_serve_slot(struct pf_serve_gate *, struct pf_ipc_frame *, uint32_t arena, uint32_t slot);

/* store_serve_box.c */
void pf_serve_open(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_read(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_expunge(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_close(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_close_box(struct pf_serve_held *);
void pf_serve_open_box(struct pf_serve_held *);
void pf_serve_refuse_open(struct pf_serve_held *, const struct pf_err *);

/* store_serve_parcel.c */
void pf_serve_begin(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_write(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_seal(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_drop(struct pf_serve_gate *, uint64_t id, struct pf_ipc_frame *, const union pf_store_ask *);
void pf_serve_drop_parcel(struct pf_serve_held *);

/* store_serve_wait.c */
/* An open was told that the maildrop is in use. True: it goes on, or ends later. False: *err stands, and says more
 * where the holder is known. */
bool pf_serve_contend(struct pf_serve_held *, struct pf_err *err);
void pf_serve_freed(struct pf_store_serve *, const char *path); /* a box was closed */
void pf_serve_forget_wait(struct pf_serve_held *);

#endif
