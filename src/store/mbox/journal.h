/* The journal: an mbox is changed in place, and a crash cannot tear it.
 *
 *     postfach-journal 1 `at' `new size' `old size' `inode' `device' `sum' `sum' `tail' `tail'
 *     octets from `at' to `new size', as they are to be
 *
 * Numbers have sixteen hexadecimal digits. `sum' is that of the octets, `tail' that of what the old file has from the
 * new size on (at most 65536 octets): it tells a file that was cut, and then grew again, from one that was not
 * cut yet. The journal takes its name only when all of it is on disk. */
#ifndef POSTFACH_STORE_MBOX_JOURNAL_H
#define POSTFACH_STORE_MBOX_JOURNAL_H

#include "store/mbox/lock.h"
#include "store/mbox/mails.h"

enum pf_code pf_mbox_journal_rewrite(struct pf_mbox_locks *, const struct pf_mbox_mails *, const struct stat *,
                                     struct pf_err *err);
/* Plays or drops what a crash left behind, of a rewrite and of an append. */
enum pf_code pf_mbox_recover(struct pf_mbox_locks *, struct pf_err *err);

/* A journal that does not fit the file any more, for others wrote in it since, takes a name of this row. Nothing reads
 * it again: it is for the administrator, who is told by pf_mbox_check. */
enum { PF_MBOX_OLD_MAX = 9 };
void pf_mbox_journal_old(const struct pf_mbox_place *, unsigned number, char out_name[PF_MBOX_NAME + 8]);

#endif
