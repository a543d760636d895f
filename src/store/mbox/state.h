/* The state: what is known of an mbox from one session to the next.
 *
 *     postfach-mbox 1 `seed' `seed' `check'
 *     f `size' `mtime' `inode' `device' `settled' `mboxrd' `messages' `ctime' `sum'
 *     m `UIDL' `digest' `digest' `From_ at' `text at' `octets' `wire octets' `sum' `From_ sum' `arrival' `flags'
 *     n `UIDL' `digest' `digest'
 *     d
 *
 * Numbers are hexadecimal. A line m is a message that a scan found, a line n a UIDL that is
 * not bound to a place: deliveries append them, and messages that vanished without us leave them behind,
 * for they come back (a reader that puts the file aside for a while does that). UIDLs are data and are
 * synced before a client sees them. Places are believed only when line f still fits the file, when its
 * sum is right (of all octets up to the last line m, but itself: a place that rotted would have a wrong
 * message removed), and not at all behind a line d. A last line that a crash tore is dropped, and so is a
 * file whose first line is torn; lines that cannot be read are passed over. `check' is a sum of the
 * seeds: with a wrong seed no message would be known again. */
#ifndef POSTFACH_STORE_MBOX_STATE_H
#define POSTFACH_STORE_MBOX_STATE_H

#include "store/mbox/mails.h"
#include "store/mbox/place.h"

struct pf_mbox_state {
    uint64_t seed[2];
    bool there;   /* the file exists */
    bool scanned; /* some session has found mail in this mbox */
    bool placed;  /* places are sane and in order, and nobody distrusts them */
    bool settled; /* the file was older than the grain of time stamps when it was scanned */
    bool unquote; /* scanned as mboxrd */
    bool vouched; /* lines m are as they were written */
    uint64_t promised; /* lines m, as line f counts them */
    uint64_t sum;      /* as line f has it */
    struct pf_mbox_stamp stamp;
    struct pf_mbox_mails mails; /* lines m, then n; a UIDL appears once */
};

/* A missing file, or one torn in its first line, gives an empty state with a new seed. A file that is something
 * else, or of a later version, is PF_PERM: it may hold identities that must not be lost. */
enum pf_code pf_mbox_state_load(const struct pf_mbox_place *, struct pf_mbox_state *, struct pf_err *err);
void pf_mbox_state_done(struct pf_mbox_state *);

/* The whole anew, synced. `mails` are lines m; floats of `old` that are not taken become lines n. */
enum pf_code pf_mbox_state_save(const struct pf_mbox_place *, const struct pf_mbox_state *head,
                                const struct pf_mbox_mails *mails, const struct pf_mbox_mails *old,
                                struct pf_err *err);

/* Appends a UIDL without place, synced; or, with uidl NULL, the line d, not synced. */
enum pf_code pf_mbox_state_append(const struct pf_mbox_place *, const struct pf_mbox_state *,
                                  const char *uidl, const uint64_t id[2], struct pf_err *err);

/* The parts, for tests and the file. */
/* Whether these octets are the beginning of a state, and end before its second line. */
bool pf_mbox_state_torn(struct pf_bytes text);
enum pf_code pf_mbox_state_parse(struct pf_bytes text, const char *path, struct pf_mbox_state *,
                                 struct pf_err *err);
bool pf_mbox_state_print(struct pf_maildir_text *, const struct pf_mbox_state *head,
                         const struct pf_mbox_mails *mails, const struct pf_mbox_mails *old);

#endif
