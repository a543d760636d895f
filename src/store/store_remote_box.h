/* A box of the remote store, as the files that serve it share it.
 *
 * Reading ahead (store_remote_read.c). A gate that waits for its store with each piece has both
 * processes go to sleep and wake up for it, which costs more than all else. So what will be wanted next
 * is asked for before, into a slot of its own: the next piece of a message that is being read on; and,
 * for who has read whole messages in order, the next messages, as many in one answer as have room in a
 * slot. How many grows with what he took, so that what is read for nothing is never more than what was
 * read for something.
 *
 * Messages that were read ahead were vouched for by the store when it read them, each by itself, as any
 * other: none comes without its `last`, and one of which anything else was to be said is left for the
 * reading that wants it. They are given once, and only while they are fresh. */
#ifndef POSTFACH_STORE_STORE_REMOTE_BOX_H
#define POSTFACH_STORE_STORE_REMOTE_BOX_H

#include "store/store_remote_private.h"

enum {
    PF_REMOTE_FRESH = 2000 /* ms that a whole message may have been read before it was asked for */
};

/* Octets that were asked for before anybody wanted them: a piece, and whole messages behind it. */
struct pf_remote_ahead {
    struct pf_remote_ahead *next_spare;
    bool there; /* else asked for */
    uint32_t index, slot;
    uint64_t offset;  /* of the next octet of the piece at hand */
    uint32_t at, end; /* within the slot */
    bool last, clean;
    pf_time since;
    struct pf_err err; /* instead of octets */
    uint32_t more;     /* asked for; then: there, and not yet at hand */
    uint32_t next;     /* the first of these that is not at hand */
    struct pf_store_further further[PF_STORE_FURTHER];
};

struct pf_remote_box {
    struct pf_box base;
    struct pf_remote_call call;
    struct pf_store_op *op; /* the asker's, while one is under way */
    void (*begin)(struct pf_remote_box *);
    uint32_t number;
    struct pf_listing listing;
    struct pf_slot_listing *mapped; /* or NULL */
    void *block;                    /* rows and UIDLs that came in a frame */
    uint32_t slot, cap;             /* of the read under way */
    uint32_t follows;               /* the message behind the last that was read to its end */
    uint32_t run;                   /* how many were read so, one behind the other */
    struct pf_remote_ahead *ahead;  /* or NULL */
    uint32_t word;       /* of the marks, the next to be sent */
    uint32_t words_sent; /* in the frame under way */
};

static inline struct pf_remote_box *pf_remote_box_of(struct pf_remote_call *call)
{
    return (struct pf_remote_box *)(void *)((char *)call - offsetof(struct pf_remote_box, call));
}

/* store_remote_box.c */
void pf_remote_box_call(struct pf_remote_box *, enum pf_store_frame,
                        enum pf_code (*say)(struct pf_remote_call *),
                        bool (*answered)(struct pf_remote_call *, const union pf_store_say *,
                                         struct pf_ipc_frame *));
void pf_remote_box_finish(struct pf_remote_box *);
void pf_remote_box_fail(struct pf_remote_box *); /* with the call's error */
/* True: what is read ahead comes first, for a box has one call at a time; then `begin` is called. */
bool pf_remote_box_must_wait(struct pf_remote_box *, struct pf_store_op *,
                             void (*begin)(struct pf_remote_box *));

/* store_remote_read.c */
void pf_remote_box_forget_ahead(struct pf_remote_box *);

#endif
