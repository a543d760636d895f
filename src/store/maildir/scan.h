/* Scan: which files new and cur hold.
 *
 * While one program reads a directory others rename files in it, and a
 * renamed file may be met twice or not at all. So a scan is believed when
 * neither folder changed from its begin to its end, and is repeated
 * otherwise, a few times; if it is never quiet the results are joined, for a
 * file that was seen once is better asked for than forgotten. Folders are read new first,
 * since files move from new to cur. Dovecot renames under the lock file
 * dovecot-uidlist.lock; while that one is there and not stale a scan counts as unquiet.
 *
 * Ignored: names that begin with a dot, links, and all that is no file. */
#ifndef POSTFACH_STORE_MAILDIR_SCAN_H
#define POSTFACH_STORE_MAILDIR_SCAN_H

#include "store/maildir/counts.h"
#include "store/maildir/dirs.h"
#include "store/maildir/image.h"

struct pf_maildir_scan {
    struct pf_maildir_image image; /* names, inodes, lengths; no rows */
    struct pf_maildir_stamp stamps[2]; /* new and cur, from before the scan */
    bool quiet;
};

struct pf_maildir_scanner {
    const struct pf_maildir_dirs *dirs;
    const char *path; /* for errors */
    uint64_t seed;    /* for hash tables */
    struct pf_maildir_counts *counts;
};

/* On success the caller ends out_scan->image. */
enum pf_code pf_maildir_scan(const struct pf_maildir_scanner *, struct pf_maildir_scan *out_scan,
                             struct pf_err *err);

/* Adds to `into` what only `from` has, by base name. */
enum pf_code pf_maildir_scan_join(const struct pf_maildir_scanner *, struct pf_maildir_image *into,
                                  const struct pf_maildir_image *from, struct pf_err *err);

/* A table of an image by base name. False when memory lacks. */
struct pf_maildir_table;
bool pf_maildir_scan_index(uint64_t seed, const struct pf_maildir_image *,
                           struct pf_maildir_table *out_table);
/* The next row of that base name, or PF_MAILDIR_NONE. *cursor begins at 0. */
uint32_t pf_maildir_scan_find(uint64_t seed, const struct pf_maildir_image *,
                              const struct pf_maildir_table *, struct pf_bytes base,
                              uint32_t *cursor);

#endif
