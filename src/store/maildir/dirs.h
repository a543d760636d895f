/* Directories: the maildrop's root, new and cur, each opened once.
 *
 * Everything below the root is reached through these descriptors by a single
 * name, without following links, so that who can write into a maildrop
 * cannot lead us out of it. */
#ifndef POSTFACH_STORE_MAILDIR_DIRS_H
#define POSTFACH_STORE_MAILDIR_DIRS_H

#include "store/maildir/maildir.h"

#include <sys/stat.h>

struct pf_maildir_dirs {
    int root;
    int fresh; /* new */
    int cur;
};

/* What tells that a folder (or a file) is the same and was not touched. */
struct pf_maildir_stamp {
    uint64_t dev;
    uint64_t ino;
    uint64_t size; /* of a file; 0 for folders */
    int64_t mtime; /* nanoseconds */
    int64_t ctime;
};

#define PF_MAILDIR_NO_DIRS ((struct pf_maildir_dirs){-1, -1, -1})

/* Opens a maildrop for a session. With settings->create, what is missing of it is made; the root
 * not where it is a folder of another Maildir. */
enum pf_code pf_maildir_dirs_open(const struct pf_maildir_settings *, const char *path,
                                  struct pf_maildir_dirs *out_dirs, struct pf_err *err);
void pf_maildir_dirs_close(struct pf_maildir_dirs *);
/* The same where nothing has to be made, and nothing to be read from a disk. Else false. */
bool pf_maildir_dirs_open_cached(const struct pf_maildir_settings *, const char *path,
                                 struct pf_maildir_dirs *out_dirs);

/* Only the root; with `make`, it and its parents are made where they are missing, and synced. */
enum pf_code pf_maildir_root_open(const struct pf_maildir_settings *, const char *path, bool make,
                                  int *out_fd, struct pf_err *err);
/* A folder of it; with `make`, made where it is missing, and synced. */
enum pf_code pf_maildir_folder_open(int root, const char *path, const char *folder, bool make,
                                    int *out_fd, struct pf_err *err);

/* Opens a file of ours in the root, made with mode 0600 when it is missing. -1 with errno. */
int pf_maildir_own_file(int root, const char *name, int flags);
/* openat(2) that fails with EAGAIN where it would have to wait for a disk, and with whatever where the kernel does not
 * know such (before 5.12). */
int pf_maildir_open_cached(int at, const char *name, int flags);

/* What root has just made in a maildrop belongs to whom the maildrop belongs to; a process that is
 * not root owns what it makes. Only for what this process made itself: anything else there may
 * be a link to somebody's file. */
bool pf_maildir_give(int root, int fd);

/* Nanoseconds since 1970; times beyond what fits are cut to the ends. */
int64_t pf_maildir_ns(struct timespec);

void pf_maildir_stamp_of(const struct stat *, struct pf_maildir_stamp *out_stamp);
bool pf_maildir_stamp_equal(const struct pf_maildir_stamp *, const struct pf_maildir_stamp *);

/* The stamps of both folders. */
enum pf_code pf_maildir_dirs_stamps(const struct pf_maildir_dirs *, const char *path,
                                    struct pf_maildir_stamp out_stamps[2], struct pf_err *err);

#endif
