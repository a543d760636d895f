/* The lock: one session at a time in a maildrop (RFC 1939 section 4).
 *
 * Maildir needs no locks, and other software does not see this one: it is a
 * kernel lock (OFD) on the file postfach-lock, which is made once and never
 * removed. A lock of this kind belongs to the open file, not to the process:
 * two threads exclude one another too, closing another descriptor of the file does not
 * free it, and it is gone when its holder dies, however it dies. */
#ifndef POSTFACH_STORE_MAILDIR_LOCK_H
#define POSTFACH_STORE_MAILDIR_LOCK_H

#include <postfach/err.h>

/* PF_IN_USE when another session has it. */
enum pf_code pf_maildir_lock(int root, const char *path, int *out_fd, struct pf_err *err);
/* The same with a lock file that is there and need not be read from a disk; PF_AGAIN: it is not. */
enum pf_code pf_maildir_lock_cached(int root, const char *path, int *out_fd, struct pf_err *err);
/* Frees it and closes fd. Closing alone would not do: a process that was forked from this one, and has not
 * reached its exec yet, has the same open file, and would keep the lock for who comes next. */
void pf_maildir_unlock(int fd);

#endif
