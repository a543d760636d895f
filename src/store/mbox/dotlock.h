/* The dotlock: FILE.lock exists, so somebody works in FILE.
 *
 * It is made without a name and linked, so that nothing else is left by a process that is killed; on NFS, which has no
 * such files, under a name of its own (`.postfach-PID-RANDOM.lock`, swept by pf_mbox_check). It holds the
 * pid. One whose pid is dead, or that nobody touched for five minutes, is a dead one's (as for liblockfile), and
 * ours takes its place in one step, so that nobody else's can be hit. Five minutes are counted between the times
 * of the two files, for the clock of a file server is not ours. A pid says nothing about
 * another machine or another container: there the kernel lock, which we have before we look here, is what keeps us
 * apart. */
#ifndef POSTFACH_STORE_MBOX_DOTLOCK_H
#define POSTFACH_STORE_MBOX_DOTLOCK_H

#include "store/mbox/place.h"

/* PF_AGAIN when it is held. *out_ino tells ours from another. */
enum pf_code pf_mbox_dotlock(const struct pf_mbox_place *, uint64_t *out_ino, struct pf_err *err);
/* Removes ours. */
void pf_mbox_dotlock_free(const struct pf_mbox_place *, uint64_t ino);

#endif
