/* Merge: from names in two folders to a listing.
 *
 * What a scan found is put into the order of a listing, and so is the last
 * session's image from the cache; a walk along both finds for each file what
 * was known of it. A file is looked at (stat) only where that tells something:
 * when its name is not unique by form, when its inode is another one than
 * before, when somebody doubted it, when its name was found to lie, or when neither name nor cache know its
 * size. It is opened
 * only when nothing but counting gives its wire size. */
#ifndef POSTFACH_STORE_MAILDIR_MERGE_H
#define POSTFACH_STORE_MAILDIR_MERGE_H

#include "store/maildir/box.h"
#include "store/maildir/uidl.h"

struct pf_maildir_merge {
    struct pf_twin_box *box;
    struct pf_maildir_image *image;     /* of the scan; gets its rows here */
    const struct pf_maildir_image *old; /* of the cache; count 0 when there is none */
    struct pf_maildir_uidls *uidls;
    bool comparable; /* the cache is about these very folders: what differs was changed there */
    bool moved;      /* out: a file was not where the scan saw it, and is left out */
    bool learned;    /* out: files were looked at or counted */
    bool missing;    /* out: the cache knows messages that the scan did not meet */
    bool distrust;   /* private: some names are known to be wrong (lies.h) */
};

/* Arrival times, order, doubles; fills moved, learned and missing. */
enum pf_code pf_maildir_merge_order(struct pf_maildir_merge *, struct pf_err *err);

/* Rows, with sizes and UIDLs; new UIDLs are in m->uidls, not yet on disk. */
enum pf_code pf_maildir_merge_rows(struct pf_maildir_merge *, struct pf_err *err);

/* Makes sure that no UIDL stands twice (an imported one may be another's base name). */
enum pf_code pf_maildir_merge_unique(struct pf_maildir_merge *, struct pf_err *err);

/* Looks at a file by its name: PF_OK with size and mtime filled in, PF_GONE when it is not
 * there (err is not filled), or an error. */
enum pf_code pf_maildir_merge_look(struct pf_maildir_merge *, struct pf_maildir_file *,
                                   struct pf_err *err);

#endif
