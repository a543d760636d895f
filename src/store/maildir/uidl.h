/* The UIDL list: identities that no file name bears.
 *
 * Most messages are known to clients by their base name. Those whose name
 * may come again for another message, or cannot be a UIDL (too long, a space, 8-bit
 * octets), and those that were changed under their name, get one made at
 * random and written down here before any client sees it. The file is data,
 * not cache: text, one line for a message, appended and synced.
 *
 *     postfach-uidl 1
 *     R5f0c… 4711 1700000000123456789 msg.12\x20a
 *     `UIDL'  `size' `mtime in ns'    `base name, escaped'
 *
 * Size or mtime may be "-" for "any": so an import writes what another server gave out. A
 * line counts for a file when base name, size and mtime agree, the later line
 * first; times agree also when only their seconds do and one of them has nothing finer (archives and
 * some file systems cut). A last line that a crash tore is dropped and overwritten; lines that
 * cannot be read are passed over. When thousands of lines are about files that are gone, the file
 * is written anew beside itself. */
#ifndef POSTFACH_STORE_MAILDIR_UIDL_H
#define POSTFACH_STORE_MAILDIR_UIDL_H

#include "store/maildir/dirs.h"
#include "store/maildir/table.h"

struct pf_maildir_record {
    size_t base_at; /* in the pool */
    size_t uidl_at;
    uint32_t base_len;
    uint32_t uidl_len;
    uint64_t size; /* PF_MAILDIR_NO_SIZE: any */
    int64_t mtime; /* PF_MAILDIR_NO_TIME: any */
    bool live;     /* asked for, so its file is still there */
};

struct pf_maildir_text {
    char *at;
    size_t len;
    size_t cap;
};

struct pf_maildir_uidls {
    int root;
    const char *path;
    uint64_t seed;
    struct pf_maildir_record *records;
    uint32_t count;
    uint32_t cap;
    uint32_t live;
    struct pf_maildir_text pool;
    struct pf_maildir_text fresh; /* lines to be appended */
    struct pf_maildir_table table;
    size_t good; /* octets of the file up to the last whole line */
};

/* Reads the list; a missing file is an empty one. `path` is lent until done. */
enum pf_code pf_maildir_uidls_open(struct pf_maildir_uidls *, int root, const char *path,
                                   uint64_t seed, struct pf_err *err);
void pf_maildir_uidls_done(struct pf_maildir_uidls *);

/* Whether any line is about this base name. */
bool pf_maildir_uidls_knows(const struct pf_maildir_uidls *, struct pf_bytes base);

/* The UIDL of a file, of one with PF_MAILDIR_NO_SIZE whatever the size; the view lives until done. */
bool pf_maildir_uidls_find(struct pf_maildir_uidls *, struct pf_bytes base, uint64_t size,
                           int64_t mtime, struct pf_bytes *out_uidl);

/* Makes one, of PF_MAILDIR_UIDL_LEN octets; it is durable only when commit has returned. */
enum { PF_MAILDIR_UIDL_LEN = 33 };
enum pf_code pf_maildir_uidls_make(struct pf_maildir_uidls *, struct pf_bytes base, uint64_t size,
                                   int64_t mtime, char out_uidl[PF_MAILDIR_UIDL_LEN],
                                   struct pf_err *err);

/* Writes and syncs what was made. With `tidy`, which says that every file there is was asked for,
 * the list may be written anew without dead lines. */
enum pf_code pf_maildir_uidls_commit(struct pf_maildir_uidls *, bool tidy, struct pf_err *err);

/* The stamp of the file; all zero when there is none. */
void pf_maildir_uidls_stamp(int root, struct pf_maildir_stamp *out_stamp);

#endif
