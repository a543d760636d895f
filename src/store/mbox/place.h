/* Place: an mbox file, and the names of what stands beside it. */
#ifndef POSTFACH_STORE_MBOX_PLACE_H
#define POSTFACH_STORE_MBOX_PLACE_H

#include "store/mbox/mbox.h"

#include <sys/stat.h>

enum { PF_MBOX_NAME = 256 }; /* NAME_MAX and NUL */

struct pf_mbox_place {
    char *path;
    int folder; /* where the mbox is */
    int side;   /* where our files are: the same folder, or state_folder */
    char name[PF_MBOX_NAME];
    char dot[PF_MBOX_NAME];     /* NAME.lock, in folder */
    char lock[PF_MBOX_NAME];    /* .NAME.postfach-lock, in side */
    char state[PF_MBOX_NAME];   /* .NAME.postfach-state */
    char journal[PF_MBOX_NAME]; /* .NAME.postfach-journal */
    char append[PF_MBOX_NAME];  /* .NAME.postfach-append */
    bool apart;                 /* side is another folder */
};

/* What tells that a file was not touched. */
struct pf_mbox_stamp {
    uint64_t size;
    int64_t mtime; /* nanoseconds */
    uint64_t ino;
    uint64_t dev;
    int64_t changed; /* ctime, nanoseconds: mail readers put mtime back after they wrote */
};

enum pf_code pf_mbox_place_open(struct pf_mbox_place *, const struct pf_mbox_settings *,
                                const char *path, struct pf_err *err);
void pf_mbox_place_close(struct pf_mbox_place *);

/* The mbox, for reading and writing, without following a link. PF_NO_BOX when there is none. */
enum pf_code pf_mbox_file_open(const struct pf_mbox_place *, int *out_fd, struct pf_err *err);

void pf_mbox_stamp_of(const struct stat *, struct pf_mbox_stamp *out_stamp);
bool pf_mbox_stamp_equal(const struct pf_mbox_stamp *, const struct pf_mbox_stamp *);

/* A file of ours is made whole: written beside, given to the mbox's owner, synced, renamed over the old one, and
 * the folder synced. */
enum pf_code pf_mbox_side_save(const struct pf_mbox_place *, const char *name, struct pf_bytes text,
                               struct pf_err *err);
/* What root makes belongs to whom the mbox belongs to. */
bool pf_mbox_give(const struct pf_mbox_place *, int fd);

/* pf_fail with errno and the path. */
enum pf_code pf_mbox_failed(const struct pf_mbox_place *, const char *where, const char *what,
                            struct pf_err *err);

#endif
