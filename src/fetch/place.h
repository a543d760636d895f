/* The place: where fetched mail goes, and the moment from which it is there for good.
 *
 * A Maildir is written here; what needs other programs or locks (a command, an mbox, LMTP, SMTP) is
 * handed to a carrier (fetch/carry.h), a process of its own. Both keep the order of the ledger: `will`
 * on disk, then the message can be found, then `done`.
 *
 * Maildir: the file in tmp is complete and synced, and so is tmp; the ledger has `will` with its name;
 * then it is renamed into new (not linked: there must be no moment in which it has two names), new is
 * synced, `done` is noted. Who finds a `will` later looks into tmp: the file is there, so it is renamed
 * now and is done; it is not there, so it was renamed (by us: a rename is whole or not at all) and is
 * done, wherever the person's mail program has moved it since. Only when the record nears the age of 36
 * hours, after which everybody may sweep tmp, or is another Maildir's, and no folder has it, it is fetched
 * again: rather twice than never.
 *
 * Messages end in groups: while the disk is busy with one group the next one gathers, and each group
 * costs one sync of the ledger and one of each folder. So many small mails cost little more than their
 * own syncs, and one is as quick as one can be. Writing goes to the page cache on the loop's thread;
 * whatever waits for the disk is on the pool.
 *
 * Laws:
 *   - done(PF_OK) is said when message and record are on disk, never before; DELE may follow.
 *   - What was not ended leaves nothing (a kill leaves a file in tmp or the spool that is swept later).
 *   - A place that fails for one message for a reason of all (disk full, carrier gone) fails for all
 * behind it, with that reason, and the account's run ends.
 *   - Nothing is added to a message and nothing taken away; line ends are LF in a Maildir, an mbox and
 * for a command, CRLF on a wire. */
#ifndef POSTFACH_FETCH_PLACE_H
#define POSTFACH_FETCH_PLACE_H

#include "conf/accounts.h"
#include "fetch/ledger.h"
#include "sys/loop.h"
#include "sys/pool.h"

struct pf_place;
struct pf_letter; /* one message under way */

struct pf_place_settings {
    struct pf_loop *loop;
    struct pf_pool *pool;
    const struct pf_account
        *account; /* maildir, mbox, command, lmtp, smtp, recipient, sender, filters' folders */
    struct pf_ledger *ledger;
    const char *spool;   /* folder for carried messages, made when needed, mode 0700 */
    const char *carrier; /* program; NULL: beside this program or in libexec */
    /* A letter that was ended: PF_OK it is there; PF_PERM: the place will never take it (noted as
     * refused); PF_TEMP: not now; else the place is broken. The letter is gone afterwards. */
    void (*done)(void *self, void *letter_of, const struct pf_err *err);
    /* All records that were `will` are settled; err->code: PF_OK or the place is broken. `again`: so
     * many could not be told and will come again, perhaps for the second time. */
    void (*settled)(void *self, size_t again, const struct pf_err *err);
    void *self;
};

/* Opens it (folders are checked, a Maildir is made where the account names one that is missing; its
 * holder must exist). */
struct pf_place *pf_place_new(const struct pf_place_settings *, struct pf_err *);
/* Settles what an earlier run left; to be called once, before the first letter. `settled` follows. */
void pf_place_settle(struct pf_place *);

/* A letter for the message of that identity. letter_of comes back in `done`. NULL: err says why. */
struct pf_letter *pf_place_begin(struct pf_place *, const struct pf_ledger_note *identity,
                                 void *letter_of, struct pf_err *);
/* Octets as on the wire, cut anywhere: CRLF becomes LF. After an error it is to be ended (`done` has the
 * reason) or dropped. */
enum pf_code pf_letter_write(struct pf_letter *, struct pf_bytes, struct pf_err *);
/* It is whole. `head` is its header's digest, `wire` its octets on the wire; folder: below the Maildir,
 * or NULL. */
void pf_letter_end(struct pf_letter *, const unsigned char head[PF_LEDGER_HEAD], uint64_t wire,
                   const char *folder);
void pf_letter_drop(struct pf_letter *); /* leaves nothing; NULL is allowed */

/* Letters ended and not done. The owner holds the line when they are PF_PLACE_MOST. While there are some,
 * and until it is settled, the place writes to the ledger, on a thread: who has records of his own to
 * write does it when there are none. */
unsigned pf_place_waiting(const struct pf_place *);
enum { PF_PLACE_MOST = 64 }; /* each is an open descriptor */
/* What it is, for people: "~/Mail", "LMTP to …". */
const char *pf_place_text(const struct pf_place *);
/* Not from within `done` or `settled`. What waits is not told any more, and letters that were begun are
 * dropped. Waits for the disk, and for a carrier that has nothing to do; one that is at work keeps the
 * ledger's lock until it has ended. NULL is allowed. */
void pf_place_free(struct pf_place *);

#endif
