/* Rewrite: messages leave an mbox, and nothing else does.
 *
 * Where the folder allows it, what stays is copied to a new file, which is synced and takes the place of the old
 * one. Where it does not (no right to make files there, an owner that could not be kept, a second
 * link), all that follows the first removed message is written to a journal, which is
 * synced; then it is written over the old text, and the file is cut. A crash at any
 * point leaves the old file, or the new one, or a journal that the next one who locks the mbox plays to its end. */
#ifndef POSTFACH_STORE_MBOX_REWRITE_H
#define POSTFACH_STORE_MBOX_REWRITE_H

#include "store/mbox/digest.h"
#include "store/mbox/lock.h"
#include "store/mbox/mails.h"

struct pf_mbox_rewrite {
    struct pf_mbox_locks *locks; /* fd becomes that of the new file */
    struct pf_mbox_mails *mails; /* all of the file; those with PF_MBOX_GONE leave, the others get their new offsets */
    int left;                    /* out: the old file when it was replaced, unlocked; else -1 */
    uint64_t left_size;          /* out: how much of it was taken over */
    bool in_place;               /* out */
};

enum pf_code pf_mbox_rewrite(struct pf_mbox_rewrite *, struct pf_err *err);

/* Appends what stands in another file from an offset on, synced. */
enum pf_code pf_mbox_take_over(struct pf_mbox_locks *, int from, uint64_t at, struct pf_err *err);

/* For both ways. Octets go from one file to another. */
struct pf_mbox_sink {
    int fd;
    uint64_t at;
    struct pf_mbox_digest *sum; /* or NULL */
    struct pf_mbox_locks *locks; /* kept alive meanwhile */
};
/* -1 with errno; a source that ends early is EIO. fd -1: only the sum is made. */
int pf_mbox_copy(int from, uint64_t at, uint64_t len, struct pf_mbox_sink *);
/* All that stays from the first octet of message `first` on. */
int pf_mbox_copy_kept(const struct pf_mbox_mails *, uint32_t first, int from, uint64_t size, struct pf_mbox_sink *);

#endif
