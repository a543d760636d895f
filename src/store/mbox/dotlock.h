/* The dotlock: FILE.lock exists, so somebody works in FILE.
 *
 * It is made under a name of its own and linked, which is atomic on NFS too, and holds the
 * pid. One whose pid is dead, or that nobody touched for five minutes, is a dead one's and is
 * removed. Five minutes are counted between the times of the two files, for the clock of a file
 * server is not ours. */
#ifndef POSTFACH_STORE_MBOX_DOTLOCK_H
#define POSTFACH_STORE_MBOX_DOTLOCK_H

#include "store/mbox/place.h"

/* PF_AGAIN when it is held. *out_ino tells ours from another. */
enum pf_code pf_mbox_dotlock(const struct pf_mbox_place *, uint64_t *out_ino, struct pf_err *err);
/* Removes ours. */
void pf_mbox_dotlock_free(const struct pf_mbox_place *, uint64_t ino);

#endif
