/* Maildir: messages as files, as the world writes them.
 *
 * A maildrop is a directory with tmp, new and cur; a message is one file;
 * others (MTAs, IMAP servers, scripts) rename, add and remove files while we
 * look. This room reads such directories in place and adds three files beside
 * new and cur, none of which other software minds:
 *
 *   postfach-lock    never removed; a session holds a kernel lock (OFD) on it
 *   postfach-uidl    UIDLs of messages whose base name cannot be one: data
 *   postfach-cache   wire sizes and order: disposable, checksummed, and never
 *                    trusted over the directory
 *
 * Laws:
 *   - UIDL = base name (up to ':') where that is unique for ever by its form and
 *     legal as a UIDL; else one made at random, once, written to postfach-uidl and synced
 *     before any client sees it. None is ever used again.
 *   - A message is known by its base name: a rename (flags, new to cur) is
 *     the same message. One that a scan misses is looked for once more before it is
 *     declared gone. Changed size or mtime under the same name is a new message.
 *   - Symlinks and other non-files are ignored; directories are opened without
 *     following links below the maildrop root (the root itself may be a link
 *     only where the settings allow it).
 *   - Wire sizes: from ,W= when it is plausible beside ,S=; else the cache; else counted by
 *     reading the file once. What RETR finds later to be different is
 *     remembered, so that the next session is right; without a cache by this process (lies.h).
 *   - A file that Dovecot compressed is served as its text (squeeze.h); S and W are about that text.
 *   - Removal: unlink, then fsync of the folder, then "done".
 *   - Deliveries and removals are told to maildirsize where that file is (quota.h). */
#ifndef POSTFACH_STORE_MAILDIR_H
#define POSTFACH_STORE_MAILDIR_H

#include "store/lift.h"

struct pf_maildir_settings {
    bool mark_seen;      /* at QUIT, messages sent by RETR get the S flag (and move to cur) */
    bool follow_root;    /* the maildrop root may be a symbolic link */
    bool create;         /* parcels make a missing maildrop; open makes missing new/cur/tmp */
    bool cache;          /* keep postfach-cache */
    size_t keep;         /* octets of memory for what sessions knew of maildrops that did not change since; 0: none */
    const char *host;    /* for names of parcels; NULL: the machine's */
};

struct pf_twin *pf_maildir_new(const struct pf_maildir_settings *, struct pf_err *err);

/* For `postfach box show|check` and tests: the listing's row as it is on disk. */
struct pf_maildir_entry {
    const char *name;    /* "cur/123.M4P5.host,S=6:2,S" */
    uint64_t size;       /* stored octets, 0 when unknown */
    int64_t arrival;     /* seconds since 1970 */
};
bool pf_maildir_entry(const struct pf_twin_box *, uint32_t index, struct pf_maildir_entry *out_entry);

/* Removes what abandoned deliveries left in tmp: files that nobody wrote or read for 36 hours.
 * Deliveries do the same by the way. */
enum pf_code pf_maildir_sweep(const char *path, int64_t now, uint32_t *out_count,
                              struct pf_err *err);

#endif
