/* Anchor: a delivery lasts only when every folder above it does.
 *
 * `new` is synced by each delivery, and that makes the message's name in it last. Nothing makes the
 * name of `new` in the maildrop's root last but a sync of the root, nor the root's but one of the folder
 * that holds it. Who makes a folder syncs its holder (dirs.c); but between the two another process,
 * which finds the folder there and has nothing to make, can already deliver into it; and who made
 * it may have been a script that syncs nothing, or have died. File systems with a journal carry
 * such entries along when a folder below is synced. None promises it.
 *
 * So a delivery that meets a folder which may have been made a short while ago syncs the holder itself,
 * and goes up until it comes to an entry that is old enough to be on disk by the kernel's own writing
 * back. The age is the folder's birth, which nobody can set, or the last change of the holder, whichever
 * is older. What was found or made to last is remembered for as long as the process lives, by device, inode and
 * birth, which a folder made anew under the same name does not have.
 *
 * For a maildrop of more than an hour this costs one statx. */
#ifndef POSTFACH_STORE_MAILDIR_ANCHOR_H
#define POSTFACH_STORE_MAILDIR_ANCHOR_H

#include "store/maildir/box.h"

/* PF_OK: the way down to the open folder `fresh` (new) of the open `root` outlasts a power cut. */
enum pf_code pf_maildir_anchor(struct pf_maildir *, const struct pf_maildir_dirs *, const char *path,
                               struct pf_err *err);

#endif
