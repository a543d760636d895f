/* mbox: a maildrop in one file, as /var/mail has it.
 *
 * Behind the eight functions like any store. The file belongs to many: MTAs append to it, mail readers
 * rewrite it, shells look at its times. This room takes part in that without trusting any of them.
 *
 * Beside FILE stand, named after it with a leading dot so that a spool folder stays readable:
 *
 *   .FILE.postfach-lock     a lock for sessions (kernel lock, dies with its holder); stays
 *   .FILE.postfach-state    UIDLs (data), and offsets and wire sizes (disposable): state.h
 *   .FILE.postfach-append   what the delivery of now appends, and UIDLs since the last session: append.h; stays
 *   .FILE.postfach-journal  there only while a rewrite is under way: journal.h
 *   .FILE.postfach-journal.old, .old2 ...  a journal that did not fit the file any more: for people
 *   .FILE.postfach-state.tmp, .FILE.postfach-journal.tmp, .postfach-*.lock|dead|part   passing
 *   FILE.lock               the dotlock, which others know: dotlock.h
 *
 * Where the folder is not writable, all but FILE.lock may live under `state_folder`, named after the whole path.
 *
 * Laws:
 *   - A POP session holds the session lock for its life, but the mbox locks (fcntl, then dotlock,
 *     Debian policy 11.6) only while it scans or rewrites, with a time limit, never blocking on the
 *     second while holding the first. Delivery is never kept waiting by a client.
 *   - Detection: `From ` line at offset 0 or behind an empty line, with a plausible date; a Content-
 *     Length is believed only when a From_ line or the end of the file stands where it points, and when it reaches
 *     over nothing that could be a message (length.h).
 *   - Bytes of a message are sent as they stand in the file without the From_ line and the empty line
 *     behind it; quoting (`>From `) is undone only when the file is declared mboxrd.
 *   - The UIDL is in the state, keyed by place and a digest of the message; an X-UIDL header is taken over
 *     when legal by the first session that finds mail in an mbox, and by no later one; none is used
 *     twice. Status, X-Status and X-UIDL lines are left as found.
 *   - delivery: what is to be appended is on disk beside the file before its first octet stands in it. At any crash
 *     the next one who takes the locks finds the message whole and keeps it, or takes the torn part away,
 *     and never an octet of another program (append.h). A delivery costs two syncs.
 *   - expunge: under both locks the old part is checked to be unchanged; then a rewrite in place with a synced
 *     journal that the next one who takes the locks plays to its end. The file is never replaced by another, for
 *     a program that waits for its lock would write into the old one (rewrite.h). What others appended
 *     meanwhile stays.
 *   - The pseudo message of c-client and Dovecot at the head is not shown and stays. */
#ifndef POSTFACH_STORE_MBOX_H
#define POSTFACH_STORE_MBOX_H

#include "store/lift.h"

struct pf_mbox_settings {
    bool mboxrd;              /* quoting is undone when read, and done when written */
    bool dotlock;             /* take FILE.lock as well */
    unsigned lock_wait;       /* seconds to try for the mbox locks, <= 30 (LK-006) */
    const char *state_folder; /* absolute, or NULL: beside the file */
    bool create;              /* a parcel makes a missing file */
};

/* where.path is the mbox file. */
struct pf_twin *pf_mbox_new(const struct pf_mbox_settings *, struct pf_err *err);

/* For `postfach box check`. */
struct pf_mbox_report {
    uint32_t litter;       /* files removed that a killed process left */
    bool torn;             /* half a message of a killed delivery may have been there; it is no more */
    bool unfinished;       /* a rewrite that a crash stopped was brought to its end */
    uint32_t old_journals; /* that did not fit the file any more, for others wrote in it after a crash: each may hold
                            * mail that the file lacks. An administrator compares and removes them by hand. */
    char old_journal[264]; /* the name of the first, in state_folder or beside the file */
};
/* Takes both mbox locks for a moment (not that of sessions), ends what a crash stopped, and sweeps. Blocks. PF_TEMP
 * when somebody else has the locks for longer than lock_wait. `now`: seconds since 1970. */
enum pf_code pf_mbox_check(const struct pf_mbox_settings *, const char *path, int64_t now,
                           struct pf_mbox_report *out_report, struct pf_err *err);

#endif
