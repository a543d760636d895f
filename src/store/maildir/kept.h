/* Kept: what a session knew of a maildrop, for the next one in this process.
 *
 * Most sessions find nothing new. The cache on disk (cache.h) spares them the folders, but is read and
 * checked in whole; so the image of a maildrop that was closed stays in memory, with the stamps that
 * prove it, and the next session takes it: five looks at stamps, whatever the number of messages. The second
 * such session also makes the listing in sealed memory (sys/slot_listing.h), with the lines of LIST and UIDL
 * ready; from then on they are sent as they lie there, by this process or by those that hold clients.
 *
 * Laws:
 *   - An image is used only when the folders bear the stamps that it was made from, by the rules of cache.h:
 *     what is kept is never trusted over the directory.
 *   - Whoever has a maildrop open has its image to himself: taking takes it out. The lock of the maildrop says
 *     who that is; this table only has to be whole, and is without locks: each place is exchanged in one step.
 *   - It is bounded: octets of all images, and descriptors. Beyond, any of them goes. */
#ifndef POSTFACH_STORE_MAILDIR_KEPT_H
#define POSTFACH_STORE_MAILDIR_KEPT_H

#include "store/maildir/cache.h"
#include "sys/slot_listing.h"

enum {
    PF_MAILDIR_KEPT_SETS = 4096,
    PF_MAILDIR_KEPT_WAYS = 4,
    PF_MAILDIR_KEPT_LEAST = 64,         /* messages from which on sealed memory is worth its pages and descriptor */
    PF_MAILDIR_KEPT_DESCRIPTORS = 4096
};

struct pf_maildir_kept {
    struct pf_maildir_image image;
    struct pf_maildir_state state;
    struct pf_slot_listing ready; /* at NULL: not made */
    bool near;                    /* on a file system of this machine: to look at what is cached cannot block */
    uint32_t hash;
    char path[];
};

struct pf_maildir_keeper { /* zeros: empty */
    _Atomic(struct pf_maildir_kept *) places[PF_MAILDIR_KEPT_SETS * PF_MAILDIR_KEPT_WAYS];
    _Atomic size_t octets;
    _Atomic unsigned descriptors;
    _Atomic uint32_t hand; /* whose turn it is to go */
    size_t most;           /* octets; 0: nothing is kept */
};

/* Out of the table, or NULL. */
struct pf_maildir_kept *pf_maildir_kept_take(struct pf_maildir_keeper *, uint64_t seed, const char *path);
/* Into it, or freed when there is no room for it. */
void pf_maildir_kept_put(struct pf_maildir_keeper *, struct pf_maildir_kept *);
/* A new one without an image; NULL without memory. `root`: of the maildrop. */
struct pf_maildir_kept *pf_maildir_kept_new(uint64_t seed, const char *path, int root);
/* Makes `ready`, where it is worth it, with its descriptor where it is shared. Failure is none: rows do as well. */
void pf_maildir_kept_prepare(struct pf_maildir_keeper *, struct pf_maildir_kept *, bool shared);
void pf_maildir_kept_free(struct pf_maildir_keeper *, struct pf_maildir_kept *); /* NULL is allowed */
void pf_maildir_kept_empty(struct pf_maildir_keeper *);

#endif
