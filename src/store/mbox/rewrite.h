/* Rewrite: messages leave an mbox, and nothing else does.
 *
 * All that follows the first removed message is written to a journal, which is synced; then it is written over the
 * old text, and the file is cut. A crash at any point leaves the old file, or the new one, or a journal that
 * the next one who locks the mbox plays to its end.
 *
 * The file stays the same one, always. A new file under the old name would be shorter to write, and
 * never half written; but who opened the old one before, and waits for its lock, would write into a file
 * without name, and his mail would be gone. Careful agents look at the name again, others do not, and nobody
 * can be asked which (doc/why/09-mbox-rewrite.md has the numbers). Owner, rights and links stay as they are, too. */
#ifndef POSTFACH_STORE_MBOX_REWRITE_H
#define POSTFACH_STORE_MBOX_REWRITE_H

#include "store/mbox/digest.h"
#include "store/mbox/lock.h"
#include "store/mbox/mails.h"

/* `mails` are all of the file; those with PF_MBOX_GONE leave, the others get their new offsets. */
enum pf_code pf_mbox_rewrite(struct pf_mbox_locks *, struct pf_mbox_mails *mails, struct pf_err *err);

/* Octets go from one file to another. */
struct pf_mbox_sink {
    int fd;
    uint64_t at;
    struct pf_mbox_digest *sum; /* or NULL */
    struct pf_mbox_locks *locks; /* kept alive meanwhile */
};
/* -1 with errno; a source that ends early is EIO. fd -1: only the sum is made. */
int pf_mbox_copy(int from, uint64_t at, uint64_t len, struct pf_mbox_sink *);
/* Sums that stand in journals: they tell a crash from a change, and are no secret. */
extern const uint64_t pf_mbox_sum_seed[2];
/* The sum of a part of a file. -1 with errno. */
int pf_mbox_sum_part(int fd, uint64_t at, uint64_t len, uint64_t out_sum[2]);
/* All that stays from the first octet of message `first` on. */
int pf_mbox_copy_kept(const struct pf_mbox_mails *, uint32_t first, int from, uint64_t size, struct pf_mbox_sink *);

#endif
