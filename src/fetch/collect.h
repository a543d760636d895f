/* The collect: one account's run. Reach the server, list, decide, fetch, deliver, delete, QUIT.
 *
 * It joins the rooms: reach (the server), plan (what is to be done), ledger (what is known), place
 * (where mail goes).
 *
 * Laws:
 *   - A message is delivered when its end came and the octets are those that were told, within what
 * servers get wrong (sizes that LIST counts otherwise are told, never fatal: QS-007); one that was cut
 * is dropped, nowhere found and not deleted.
 *   - Nothing is deleted that the ledger does not have on disk as done (or a filter said so). DELE comes
 * after all fetching, and is a fact only when QUIT was answered by +OK: otherwise the next run finds
 * out.
 *   - Commands are ahead of answers as far as the server allows it; the line is held while PF_PLACE_MOST
 * letters wait for the disk, so memory does not grow with messages, their sizes or a slow disk.
 *   - A session takes at most PF_COLLECT_SESSION messages, then deletes, quits, and calls again: so a
 * maildrop of a hundred thousand over a line that breaks every hour is emptied, too. What a
 * server that lists only some hundred (QS-013) has beyond them comes with the next run: to look whether
 * it is such a server would cost all others a login.
 *   - A line that was cut is called once more at once when messages came through it, then it is for the
 * next run.
 *   - The message in which it was cut is not asked for again in that run: it may be what cuts it.
 *   - Nobody logs in, and no secret is asked for, before the ledger is locked and the place is there.
 *   - One that came with fewer octets than were told, on a server that counts right otherwise, may be a
 * torso (QS-006): it is delivered, told, and never deleted; whether the server counts right is known at
 * the session's end, and until then the ledger doubts each that came with fewer.
 *   - An empty list makes nothing forgotten: a server in trouble shows one, too.
 *   - What the server says is a stranger's text: events have it as it came, who shows it makes it safe.
 */
#ifndef POSTFACH_FETCH_COLLECT_H
#define POSTFACH_FETCH_COLLECT_H

#include "fetch/place.h"
#include "fetch/plan.h"
#include "fetch/reach.h"

enum { PF_COLLECT_SESSION = 5000 };

enum pf_collect_mode {
    PF_COLLECT_FETCH,
    /* Lists and decides, tells, changes nothing anywhere: BEGINS for each that would be fetched, LEFT
     * with EXPIRED, CROWDED or UNWANTED for each that would be deleted. */
    PF_COLLECT_DRY,
    /* Notes everything on the server as fetched, with headers' digests where TOP shows them, and fetches
     * nothing; `fetched` says how many. */
    PF_COLLECT_ADOPT
};

struct pf_collect;

enum pf_collect_kind {
    PF_COLLECT_READY,  /* logged in; facts */
    PF_COLLECT_LISTED, /* messages, octets: on the server; fresh, fresh_octets: to be fetched */
    PF_COLLECT_BEGINS, /* a message: number, uid, octets */
    PF_COLLECT_MOVES,  /* so much of it has come: so_far; at most ten times a second */
    PF_COLLECT_TAKEN,  /* it is delivered */
    /* It was left, skipped or refused: why, err. A place that breaks is told for one message only. */
    PF_COLLECT_LEFT,
    PF_COLLECT_DELETED, /* the server confirmed: number (how many) */
    /* Something that a person should know: err; where it is about one message (which may be a torso),
     * number, uid, octets that were told, and so_far that came. */
    PF_COLLECT_NOTICE
};

struct pf_collect_event {
    enum pf_collect_kind kind;
    uint64_t number, octets, so_far; /* octets: PF_OCTETS_UNKNOWN where LIST did not tell */
    uint64_t messages, fresh, fresh_octets;
    struct pf_bytes uid;
    const char *folder;
    enum pf_plan_why why;
    struct pf_err err;
};

struct pf_collect_sums {
    /* octets: of those that were fetched, as they came. */
    uint64_t listed, fetched, octets, skipped, refused, deleted, left_large, again, sessions;
    uint64_t delete_refused; /* +OK to DELE was not had */
    uint64_t unwanted;       /* of `skipped`: a filter deletes it */
    uint32_t
        login_delay; /* seconds that the server wants between logins, as CAPA says; 0: it says none */
};

struct pf_collect_calls {
    /* Once at most, whatever the sessions: it is kept until the run ends. Answer with pf_collect_secret.
     */
    void (*secret)(void *self, struct pf_collect *, const char *host);
    void (*tell)(void *self, struct pf_collect *, const struct pf_collect_event *);
    /* Once, last. PF_OK: all that was to be done is done, and the server confirmed it. */
    void (*gone)(void *self, struct pf_collect *, const struct pf_err *);
};

struct pf_collect_settings {
    struct pf_loop *loop;
    struct pf_pool *pool; /* shared by all accounts */
    const struct pf_account *account;
    enum pf_collect_mode mode;
    const char *ledger;  /* its path */
    const char *carrier; /* as in pf_place_settings */
    bool remove;         /* false: nothing is deleted in this run, whatever the account says */
    const struct pf_srv_resolver *resolver;
};

struct pf_collect *pf_collect_new(const struct pf_collect_settings *, const struct pf_collect_calls *,
                                  void *self, struct pf_err *);
/* Copied. An error ends the run with it. */
void pf_collect_secret(struct pf_collect *, struct pf_bytes secret, const struct pf_err *);
/* No more is begun: what came whole is delivered, deleted as the rules say, QUIT; then `gone`. A second
 * time: at once. */
void pf_collect_stop(struct pf_collect *);
const struct pf_collect_sums *pf_collect_sums(const struct pf_collect *);
const struct pf_call_facts *pf_collect_facts(const struct pf_collect *);
void pf_collect_free(
    struct pf_collect *); /* after gone, or to give up; waits for the disk. NULL is allowed */

/* Where an account's ledger is when its settings do not say: STATE/NAME.ledger, STATE being
 * $XDG_STATE_HOME/postfach or
 * ~/.local/state/postfach. For a URL the name is user@host. '/' and dots at the beginning are
 * percent-encoded. */
enum pf_code pf_collect_ledger_path(const struct pf_account *, const char *state_home, const char *home,
                                    char *room, size_t cap, struct pf_err *);

#endif
