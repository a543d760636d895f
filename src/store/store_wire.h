/* The words between a gate and a store: what the payloads of their frames (sys/ipc.h) say.
 *
 * A frame's kind names the call, of store.h's eight or `wanted`; request and answer have the same kind. For each
 * there is one description of its form in store_wire.c, by which it is written and read: so the two cannot
 * differ, and what was read is what would have been written (the fuzz target holds that). Numbers are
 * big-endian. All octets are used, or the frame is none; flags are 0 or 1; texts have no control octets.
 *
 *     OPEN     ticket or entry                              entry, box, expired, listing
 *     READ     box, index, offset, cap, slot, more          got, last, clean,
 *              [, arena]                                    further messages
 *     EXPUNGE  box, a piece of the marks, more?             removed
 *     CLOSE    box                                          nothing
 *     BEGIN    ticket or entry, ask?, size                  entry, parcel
 *     WRITE    parcel, octets or slot and length [, arena]  nothing
 *     SEAL     parcel                                       UIDL, sizes
 *     DROP     parcel                                       nothing
 *     WANTED   session, user (asked by the store)           found, leaves, texts
 *
 * Every answer but that of WANTED begins with an error; what else it says follows only with PF_OK, but for the entry.
 * The entry of an answer is what to show next time: 0 with an error means that what was shown is not
 * good, 0 with PF_OK that it has served.
 *
 * A READ may want further messages behind the one that it names, which the store gives as far as they are whole and
 * have room: their octets lie in the slot one behind the other, behind those of the first.
 *
 * A listing lies in the frame when it is short, else in sealed memory whose descriptor comes beside it. Marks come in
 * pieces of at most PF_STORE_MARK_WORDS words, from the first word on without gaps, each answered: a
 * maildrop of three million messages is twelve frames, and no memory need be shared for it. */
#ifndef POSTFACH_STORE_STORE_WIRE_H
#define POSTFACH_STORE_STORE_WIRE_H

#include "sys/ipc.h"
#include "sys/seal.h"
#include "sys/slot.h"
#include <postfach/err.h>
#include <postfach/listing.h>

enum pf_store_frame {
    PF_STORE_OPEN = 1,
    PF_STORE_READ,
    PF_STORE_EXPUNGE,
    PF_STORE_CLOSE,
    PF_STORE_BEGIN,
    PF_STORE_WRITE,
    PF_STORE_SEAL,
    PF_STORE_DROP,
    PF_STORE_WANTED,
    PF_STORE_FRAMES
};

enum {
    PF_STORE_LISTING_INLINE = 32 * 1024, /* octets; doc/block/store_remote.md says what either way costs */
    PF_STORE_TEXT_INLINE = 8 * 1024,     /* octets of a message that come in the frame itself */
    PF_STORE_FURTHER = 31,               /* messages in one answer: waking costs little then, however small they are */
    PF_STORE_MARK_WORDS = 4096           /* of each kind of marks in one frame: 64 KiB for both */
};

/* What a gate shows for its right. */
struct pf_store_show {
    uint64_t entry; /* 0: the ticket is shown */
    struct pf_bytes ticket;
};

struct pf_store_ask_open {
    struct pf_store_show show;
};

struct pf_store_ask_read {
    uint32_t box, index;
    uint64_t offset;
    uint32_t cap, slot; /* cap: 1 to PF_SLOT_OCTETS */
    uint32_t arena;     /* slots of the arena whose descriptor comes with this frame; 0: none does */
    uint32_t more;      /* how many messages behind this one are wanted too, whole; at most PF_STORE_FURTHER */
};

struct pf_store_ask_expunge {
    uint32_t box;
    uint32_t first; /* word of the marks that this piece begins with */
    bool has_remove, has_seen, more;
    struct pf_bytes remove, seen; /* words as they lie in memory; of the same length where both are there */
};

struct pf_store_ask_number { /* CLOSE, SEAL, DROP */
    uint32_t number;
};

struct pf_store_ask_begin {
    struct pf_store_show show;
    bool ask;
    uint64_t size;
};

struct pf_store_ask_write {
    uint32_t parcel;
    bool in_slot;
    struct pf_bytes text; /* 1 to PF_STORE_TEXT_INLINE octets, else */
    uint32_t slot, len;   /* len: 1 to PF_SLOT_OCTETS */
    uint32_t arena;
};

struct pf_store_ask_wanted {
    uint64_t session;
    struct pf_bytes user; /* who wants it */
};

/* An error as it crosses. Texts are cut where struct pf_err has no more room. */
struct pf_store_verdict {
    enum pf_code code;
    uint32_t sys;
    struct pf_bytes say, log;
};

enum pf_store_listing { PF_STORE_LISTING_HERE, PF_STORE_LISTING_IN_MEMORY };

struct pf_store_say_open {
    struct pf_store_verdict verdict;
    uint64_t entry;
    uint32_t box, expired;
    enum pf_store_listing how;
    uint32_t count;          /* HERE: messages, and */
    struct pf_bytes listing; /* their rows and UIDLs: pf_store_wire_list */
};

struct pf_store_say_read {
    struct pf_store_verdict verdict;
    uint32_t got;
    bool last, clean;
    uint32_t more; /* whole messages behind it, only where it ends with this piece; in all no more than a slot has */
    struct pf_store_further {
        uint32_t got;
        bool clean;
    } further[PF_STORE_FURTHER];
};

struct pf_store_say_expunge {
    struct pf_store_verdict verdict;
    uint32_t removed;
};

struct pf_store_say_begin {
    struct pf_store_verdict verdict;
    uint64_t entry;
    uint32_t parcel; /* 0 after an `ask` */
};

struct pf_store_say_seal {
    struct pf_store_verdict verdict;
    struct pf_bytes uidl;
    uint64_t octets, size, used_octets, used_messages;
};

struct pf_store_say_wanted {
    bool found, leaves;
    struct pf_bytes say, facts;
};

union pf_store_ask {
    struct pf_store_ask_open open;
    struct pf_store_ask_read read;
    struct pf_store_ask_expunge expunge;
    struct pf_store_ask_number number;
    struct pf_store_ask_begin begin;
    struct pf_store_ask_write write;
    struct pf_store_ask_wanted wanted;
};

union pf_store_say {
    struct pf_store_verdict verdict; /* each but `wanted` begins with it */
    struct pf_store_say_open open;
    struct pf_store_say_read read;
    struct pf_store_say_expunge expunge;
    struct pf_store_say_begin begin;
    struct pf_store_say_seal seal;
    struct pf_store_say_wanted wanted;
};

/* Puts the payload; false, with nothing put, when there is no room or what is to be said breaks a rule above. */
bool pf_store_wire_put_ask(struct pf_span *, enum pf_store_frame, const union pf_store_ask *);
bool pf_store_wire_put_say(struct pf_span *, enum pf_store_frame, const union pf_store_say *);
/* Reads a payload; views in *out lie in it. False, with *out untouched, for whatever would not have been put. */
bool pf_store_wire_get_ask(struct pf_bytes, uint16_t kind, union pf_store_ask *out);
bool pf_store_wire_get_say(struct pf_bytes, uint16_t kind, union pf_store_say *out);

/* An error in the form that crosses; the views lie in it. */
struct pf_store_verdict pf_store_wire_verdict(const struct pf_err *);
/* And back; for PF_OK it is cleared. */
void pf_store_wire_err(const struct pf_store_verdict *, struct pf_err *out);

/* How long the rows and UIDLs are in a frame, at most PF_STORE_LISTING_INLINE + 1. */
size_t pf_store_wire_list_octets(const struct pf_listing *);
void pf_store_wire_list(struct pf_span *, const struct pf_listing *); /* asserted that there is room */
/* A listing from a frame; rows and UIDLs are in one block in *out_block, to be freed, NULL for none. PF_PERM: it
 * is malformed (whether UIDLs are legal is the referee's to say); PF_NO_MEMORY. */
enum pf_code pf_store_wire_listed(const struct pf_store_say_open *, struct pf_listing *out, void **out_block);

#endif
