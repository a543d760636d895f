/* The shelf: buffers that all guests of a loop share.
 *
 * A guest needs buffers only while octets move. Ten thousand idle guests
 * therefore hold none, and a busy loop uses the same few warm ones again and
 * again. Two sizes: small for lines, large for lists and message bodies. The
 * shelf keeps a bounded number for reuse and gives the rest back to the
 * allocator. Buffers that held a secret are wiped by who used them. */
#ifndef POSTFACH_SESSION_SHELF_H
#define POSTFACH_SESSION_SHELF_H

#include <postfach/bytes.h>

enum {
    PF_SHELF_SMALL = 4096,  /* a burst of pipelined commands, a screen of answers */
    /* Octets of a message that are read at once: 62 KiB, so that ordinary mail is 63 on the wire, four records
     * of TLS, and less than the largest packet of loopback (65,483). */
    PF_SHELF_PIECE = 63488,
    /* Such a piece with the CRs and dots that the wire adds, where lines have 16 octets or more: it goes out in one
     * call then, and no rest of it in a second. */
    PF_SHELF_LARGE = PF_SHELF_PIECE + PF_SHELF_PIECE / 16,
    PF_SHELF_KEEP = 64 /* of each size: 4 MiB at most lie about */
};

enum pf_shelf_size { PF_SHELF_OF_SMALL, PF_SHELF_OF_LARGE, PF_SHELF_SIZES };

struct pf_shelf {
    struct pf_shelf_free *free[PF_SHELF_SIZES];
    unsigned kept[PF_SHELF_SIZES];
};

/* NULL without memory. */
unsigned char *pf_shelf_take(struct pf_shelf *, enum pf_shelf_size);
/* NULL is allowed. */
void pf_shelf_give(struct pf_shelf *, enum pf_shelf_size, unsigned char *);
/* Frees what lies on the shelf. */
void pf_shelf_done(struct pf_shelf *);

#endif
