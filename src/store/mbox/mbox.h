/* mbox: a maildrop in one file, as /var/mail has it.
 *
 * Behind the eight functions like any store. The file belongs to many: MTAs append to it, mail readers
 * rewrite it, shells look at its times. This room takes part in that without trusting any of them.
 *
 * Beside FILE stand, named after it with a leading dot so that a spool folder stays readable
 * (`.FILE.postfach-lock`, `.FILE.postfach-state`), a lock for sessions (kernel lock, dies with its
 * holder) and the state: UIDLs (data), and offsets and wire sizes (disposable). Where the folder is
 * not writable, the state may live under `state_folder`.
 *
 * Laws:
 *   - A POP session holds the session lock for its life, but the mbox locks (fcntl, then dotlock,
 *     Debian policy 11.6) only while it scans or rewrites, with a time limit, never blocking on the
 *     second while holding the first. Delivery is never kept waiting by a client.
 *   - Detection: `From ` line at offset 0 or behind an empty line, with a plausible date; Content-
 *     Length is believed only when a From_ line or the end of the file stands where it points.
 *   - Bytes of a message are sent as they stand in the file without the From_ line and the empty line
 *     behind it; quoting (`>From `) is undone only when the file is declared mboxrd.
 *   - The UIDL is in the state, keyed by place and a digest of the message; an X-UIDL header that was
 *     there before us is taken over when legal; none is used twice. Status, X-Status and X-UIDL lines
 *     are left as found.
 *   - expunge: under both locks the old part is checked to be unchanged; then a rewrite through a
 *     synced temporary file and rename where the folder allows, else in place with a synced journal
 *     that the next open replays. At any crash the file is the old or the new one, never between. What
 *     others appended meanwhile stays.
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

#endif
