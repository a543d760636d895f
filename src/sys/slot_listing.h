/* The listing in shared memory: written once by a store, sealed, and read in place by a gate.
 *
 * A store makes one when a maildrop is opened, and may hand the same one out again as long as the
 * maildrop has not changed. It is a memfd with a head {mark, rows, octets of UIDLs, sum, octets of both
 * texts}, the rows as include/postfach/listing.h has them, the UIDLs, and, where it is to be used more than
 * once, the texts of LIST and UIDL. All four seals are on it, F_SEAL_WRITE too: nobody can change it any
 * more, not even who wrote it; so what the reader has checked once stays so.
 *
 * The reader believes nothing: that it is such memory, its seals, its length to the octet, every row's
 * place and length, every octet of every UIDL, the flags, the sum, every octet of the texts. It does not ask
 * whether a UIDL appears twice; store/store.c, which stands before every session, does. */
#ifndef POSTFACH_SYS_SLOT_LISTING_H
#define POSTFACH_SYS_SLOT_LISTING_H

#include <postfach/err.h>
#include <postfach/listing.h>

enum {
    /* 3 million messages with the longest UIDLs, 6 million with common ones. All guests of a gate that look
     * at the same maildrop look at the same memory. */
    PF_SLOT_LISTING_MAX = 256 << 20
};

/* A sealed copy, as a descriptor (close-on-exec) in *out_fd. PF_PERM: the listing breaks its own laws. */
enum pf_code pf_slot_listing_make(const struct pf_listing *, bool texts, int *out_fd, struct pf_err *err);

struct pf_slot_listing {
    struct pf_listing listing; /* shows the mapping; `kept` is the one below, so this struct must not move */
    struct pf_listing_kept kept;
    void *at;
    size_t octets;
};

/* Maps and checks; `limit` bounds the length of the whole. PF_PERM: it is not what it must be. `fd` stays the
 * caller's and need not stay open; kept.memory is -1. */
enum pf_code pf_slot_listing_map(int fd, uint64_t limit, struct pf_slot_listing *out, struct pf_err *err);
void pf_slot_listing_done(struct pf_slot_listing *);

/* For tests: the checks alone, on octets that stay the caller's and begin where 8 divides. */
bool pf_slot_listing_parse(struct pf_bytes whole, struct pf_slot_listing *out);

#endif
