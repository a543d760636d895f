/* Holders: who has which maildrop open, and how an idle one gives way.
 *
 * RFC 1939 section 4 gives a maildrop to one session at a time. A telephone that
 * keeps its connection open after it has fetched everything thereby locks out
 * all other clients of its user, who read "locked" and cannot know by whom. So the
 * hall knows its holders: a login that finds its maildrop taken by one of them is
 * told since when, from where, and for how long nothing came from there.
 *
 * A holder that has been idle for `idle-yield` gives way to such a login: it
 * is told -ERR [SYS/TEMP] as the answer to its next command, its connection is closed,
 * nothing is removed (as with every end that is not QUIT), and the login waits
 * for the lock instead of being refused. A login waits as well for a holder that
 * is leaving already. Idle is who has no command in progress and has taken all that
 * was sent to it: who reads a long message slowly is not.
 *
 * Where maildrops are in a store process, that asks the halls of other processes as well (store/store_serve.h):
 * pf_hall_wanted is what a hall answers it. Not seen: holders in programs that are not ours, of which
 * the kernel's lock tells nothing, and maildrops that are opened under another path. */
#ifndef POSTFACH_SESSION_HOLDERS_H
#define POSTFACH_SESSION_HOLDERS_H

#include "store/store.h"
#include "sys/loop.h"

struct pf_guest_session;
struct pf_hall;

enum { PF_HOLD_PATIENCE = 5000 /* ms that a login waits for a lock: less than any client's patience with an answer */ };

enum pf_hold_kind { PF_HOLD_NOTHING, PF_HOLD_BOX, PF_HOLD_WAITING };

/* A guest's part in it. */
struct pf_hold {
    enum pf_hold_kind kind;
    struct pf_guest_session *next, *prev; /* in a list of the hall, by kind */
    pf_time since;           /* BOX: when it was opened */
    pf_time until;           /* when the patience of a login ends; 0 before it had to wait */
    char from[64];           /* address; the connection may be gone while the box is being closed */
    struct pf_timer *patience;
    struct pf_later retry;
};

/* The guest's box is open, or closed again: then who waits for it tries anew. */
void pf_hold_taken(struct pf_guest_session *);
void pf_hold_freed(struct pf_guest_session *);
/* An open has ended with err. True: it was PF_IN_USE, the guest waits and will open again. False: the end
 * stands; the holder is described in it when it is one of ours. */
bool pf_hold_wait(struct pf_guest_session *, struct pf_err *err);
/* Somebody in another process wants what a guest of this hall has open: as pf_hold_wait treats a holder, by the
 * settings under which that one came. For who joins stores to a gate. */
void pf_hall_wanted(struct pf_hall *, struct pf_store_wanted *);
/* The guest departs and waits no more. */
void pf_hold_forget(struct pf_guest_session *);

#endif
