/* The crew: what the keeper and its children say to each other.
 *
 * Frames (sys/ipc.h) on one channel for each child, which has it as descriptor 3. The keeper starts a child, and:
 *
 *     keeper                                   child
 *     START  settings, secret        ->        reads what it needs, becomes its user, enters its jail
 *                                    <-        READY, or FAILED and it ends
 *     PEER   descriptor, role, number ->       speaks with that process from now on
 *     OF_STORE number                ->        (auth) maildrops are served there
 *     LISTEN index, descriptor       ->        (gate, desk) will accept there; the desk has a door for an index
 *     GO                             ->        (gate, desk) accepts
 *     CLOSE                          ->        (desk) accepts nobody any more, until the next LISTEN and GO
 *                                    <-        STORE_FOR user: (auth) who serves his maildrop? answered by OF_STORE
 *                                    <-        LACKS: (gate) auth or the store has been away for long: it is replaced
 *                                    <-        RELOAD: (desk) the settings are to be read anew
 *     TOLD line, RELOADED outcome    ->        (desk) each mistake, and how it went
 *                                    <-        IDLE: (store of one owner) nobody needs it
 *     PING number                    ->        answers at once, whatever it does else
 *                                    <-        PONG number: who stays silent for too long hangs, and is killed
 *     DRAIN  grace                   ->        takes nobody new, ends when the last has gone
 *                                    <-        SERVED count: (gate) its last word
 *
 * The settings travel as a sealed file in memory and not as a name: a child that is started again, days later, serves
 * what its generation serves, whatever the file on disk says by then, and all of one generation serve the same.
 *
 * The secret is the key of tickets (sys/seal.h) for auth and stores, and the seed of TLS session tickets for gates.
 *
 * The keeper has root and the ticket key, and a gate may be in the hands of a stranger. So each reader here takes
 * exactly what its writer makes, and the keeper ends a child whose frame is anything else, or not its role's to send.
 * What it takes from a child at most is a user's name, and the reason of a failure for the log.
 *
 * Numbers of processes are never used anew (base/ticket.h). When the channel closes, the keeper is gone: gates drain,
 * auth and stores end when their gates have. */
#ifndef POSTFACH_ROLE_CREW_H
#define POSTFACH_ROLE_CREW_H

#include "sys/ipc.h"
#include "sys/seal.h"
#include <assert.h>

enum pf_crew_role {
    PF_CREW_KEEPER, PF_CREW_GATE, PF_CREW_AUTH, PF_CREW_STORE, PF_CREW_DESK, PF_CREW_JOURNAL, PF_CREW_ROLES
};

enum pf_crew_kind {
    PF_CREW_START = 1,
    PF_CREW_READY,
    PF_CREW_FAILED,
    PF_CREW_PEER,
    PF_CREW_OF_STORE,
    PF_CREW_LISTEN,
    PF_CREW_GO,
    PF_CREW_STORE_FOR,
    PF_CREW_IDLE,
    PF_CREW_DRAIN,
    PF_CREW_SERVED,
    PF_CREW_CLOSE,
    PF_CREW_RELOAD,
    PF_CREW_TOLD,
    PF_CREW_RELOADED,
    PF_CREW_LACKS,
    PF_CREW_PING,
    PF_CREW_PONG,
    PF_CREW_KINDS
};

/* Not of this channel: lines from a gate to the journal (sys/journal_remote.h), on a pair of their own. */
enum { PF_CREW_JOURNAL_LINES = 1 };

enum {
    PF_CREW_CHANNEL = 3, /* the child's descriptor */
    PF_CREW_SECRET = 32,
    PF_CREW_USER_MAX = 255, /* as auth allows for names */
    PF_CREW_LINE_MAX = 1023, /* a mistake with its place and a hint */
    PF_CREW_PAYLOAD_MAX = PF_CREW_LINE_MAX + 1
};

static_assert((int)PF_CREW_SECRET == (int)PF_SEAL_KEY, "the key of tickets is a secret");

/* What the payload of one frame says; which of these count hangs on its kind. */
struct pf_crew {
    enum pf_crew_kind kind;
    unsigned char secret[PF_CREW_SECRET]; /* START, with a descriptor: the settings */
    enum pf_crew_role role;               /* PEER, with a descriptor */
    /* START: 1 for the one gate that logs what all of them see alike, else 0. PEER. OF_STORE: 0 for none. LISTEN, with
     * a descriptor: the index, or of the desk enum pf_ctl_door. RELOADED: 1 when it went well, else 0. PING, PONG. */
    uint32_t number;
    int64_t grace;                        /* DRAIN: ms; -1: sessions go on to their end, however long that takes */
    uint64_t count;                       /* SERVED */
    enum pf_code code;                    /* FAILED */
    char text[PF_CREW_LINE_MAX + 1];      /* FAILED: for the log; STORE_FOR: the user's name; TOLD */
};

/* Puts the payload; false when something in it may not be, or the room does not suffice. */
bool pf_crew_write(struct pf_span *, const struct pf_crew *);
/* Reads the payload of a frame of that kind; false, with *out untouched, for all that pf_crew_write would not write,
 * and for a frame with more or fewer descriptors than its kind has. */
bool pf_crew_read(const struct pf_ipc_frame *, struct pf_crew *out);
/* "gate" */
const char *pf_crew_role_name(enum pf_crew_role);

#endif
