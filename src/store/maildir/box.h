/* The open maildrop, as the files of this room share it among themselves. */
#ifndef POSTFACH_STORE_MAILDIR_BOX_H
#define POSTFACH_STORE_MAILDIR_BOX_H

#include "base/crlf.h"
#include "store/maildir/cache.h"
#include "store/maildir/counts.h"
#include "store/maildir/dirs.h"
#include "store/maildir/image.h"
#include "store/maildir/kept.h"
#include "store/maildir/lies.h"
#include "store/maildir/maildir.h"
#include "store/maildir/name.h"
#include "store/maildir/scan.h"
#include "store/maildir/squeeze.h"

enum { PF_MAILDIR_ANCHORED = 1024 }; /* young maildrops that get mail at a time; two in one place only cost syncs */

struct pf_maildir {
    struct pf_twin twin; /* first */
    struct pf_maildir_settings settings;
    char *host;           /* ready for names: no '/', ':' or what a UIDL cannot hold */
    uint64_t seed;        /* of hash tables */
    int64_t clock_ahead;  /* nanoseconds added to the machine's clock where the age of a folder or of its
                           * stamp is judged: for tests, which cannot wait two seconds */
    _Atomic int64_t last_birth; /* time in the name of the last delivery, microseconds */
    _Atomic uint32_t births;    /* deliveries so far */
    struct pf_maildir_lies lies; /* of names, where no cache remembers them */
    struct pf_maildir_keeper keeper;
    _Atomic uint64_t anchored[PF_MAILDIR_ANCHORED]; /* folders known to last (anchor.h); 0: none */
};

/* The message that is being read. */
struct pf_maildir_reader {
    int fd; /* -1: none */
    uint32_t index;
    uint64_t size; /* of the file when it was opened */
    int64_t mtime;
    uint64_t counted; /* octets from the begin that went through crlf */
    struct pf_crlf crlf;
    struct pf_maildir_squeeze *squeeze; /* NULL: plain */
};

/* A wire size that reading proved; it enters the rows when nobody looks at them any more. */
struct pf_maildir_fix {
    uint32_t index;
    uint64_t octets;
};

struct pf_twin_box {
    struct pf_maildir *maildir;
    char *path;
    struct pf_maildir_dirs dirs;
    int lock;
    struct pf_maildir_image image;
    struct pf_maildir_state state; /* what the image was made from */
    bool dirty;                    /* the cache on disk says less than we know */
    bool no_try;                   /* this file system cannot tell whether a read would block */
    struct pf_maildir_reader reader;
    struct pf_maildir_image found; /* names as of the last search, when one was needed */
    uint32_t *found_at;            /* by message: index in `found` + 1, or 0 */
    struct pf_maildir_fix *fixes;
    size_t fix_count;
    struct pf_marks removed; /* by this session; words NULL: none */
    struct pf_maildir_counts counts;
    struct pf_maildir_kept *kept; /* that the image came from: without it, but for `ready`; or NULL */
};

/* Makes box->image and box->state (list.c). */
enum pf_code pf_maildir_list(struct pf_twin_box *, bool shared, struct pf_err *err);
/* From what an earlier session of this process kept, and nothing else; false when that is not what a scan would say.
 * Nothing is read from a disk. */
bool pf_maildir_list_kept(struct pf_twin_box *);

/* Looks through new and cur again for names that moved (find.c). */
enum pf_code pf_maildir_search(struct pf_twin_box *, struct pf_err *err);
/* Where a message lies now as far as is known: a folder descriptor and a name without slash; false
 * when it is known to be gone. */
bool pf_maildir_place(const struct pf_twin_box *, uint32_t index, int *out_dir,
                      const char **out_name);

/* Removes messages that arrived before `before` (seconds since 1970) for good (expunge.c). */
enum pf_code pf_maildir_expire(struct pf_twin_box *, int64_t before, uint32_t *out_expired,
                               struct pf_err *err);
enum pf_code pf_maildir_box_expunge(struct pf_twin_box *, struct pf_box_expunge *, struct pf_err *);

enum pf_code pf_maildir_box_open(struct pf_twin *, const struct pf_box_where *, bool may_block,
                                 struct pf_twin_opened *out_opened, struct pf_err *err);
enum pf_code pf_maildir_box_read(struct pf_twin_box *, struct pf_box_read *, bool may_block,
                                 struct pf_err *err);
void pf_maildir_box_close(struct pf_twin_box *);
/* Closes it where that cannot block: nothing was changed or learned. */
bool pf_maildir_box_leave(struct pf_twin_box *);

/* Whether this process knows better than a name of this maildrop; an empty base name: than any. */
static inline bool pf_maildir_distrusts(struct pf_twin_box *box, struct pf_bytes base)
{
    return pf_maildir_lies_has(&box->maildir->lies, box->maildir->seed, box->path, base);
}

static inline struct pf_maildir_scanner pf_maildir_scanner_of(struct pf_twin_box *box)
{
    return (struct pf_maildir_scanner){&box->dirs, box->path, box->maildir->seed, &box->counts};
}

#endif
