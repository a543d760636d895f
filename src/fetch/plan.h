/* The plan: what is to become of each message of a maildrop, from what the server lists and what the
 * ledger knows.
 *
 * Pure: no connection, no file, no clock. Three rounds:
 *   1. pf_plan_make: who is who. A UID that stands once in the list is an identity. Where the server has
 * none, or one twice (then also a record under that UID may be one of them, and the other way round,
 * when it stands alone again), or where every UID is new though the ledger knows messages of the same
 * sizes (a server that numbers anew, or was renamed), the header's digest and the octets are; `look`
 * asks for it by TOP. So does a filter that skips or deletes, of new messages. Where every UID is new only
 * headers count that are one message's own (pf_head_is_named): two mails of a scanner without a clock are
 * not the same.
 *   2. pf_plan_looked for each of those, then pf_plan_settle: what is to be fetched, in the account's
 * order and within its limits.
 *   3. after the fetching, pf_plan_remove: what is to be deleted, by the account's rules. Only what the
 * ledger has as done (or skipped by a filter that deletes) can be; highest numbers first, so that a
 * server that renumbers after DELE (QS-020) takes none for another.
 *
 * Identities: the UID itself; `digest:` and 32 digits for one over PF_LEDGER_UID_MAX octets; `head:` and
 * the header's digest in hexadecimal, a dash, the octets, and `-N` for the N-th such message of the list
 * (from 2). A server whose real UID begins with one of these words cannot be met by accident: `uid:` is
 * put before it. */
#ifndef POSTFACH_FETCH_PLAN_H
#define POSTFACH_FETCH_PLAN_H

#include "conf/accounts.h"
#include "fetch/head.h"
#include "fetch/ledger.h"

enum pf_plan_do {
    PF_PLAN_LEAVE, /* known, or not wanted; `why` says which */
    PF_PLAN_LOOK,  /* TOP n 0 is needed; settle makes another of it */
    PF_PLAN_FETCH,
    PF_PLAN_DELETE /* in the third round only */
};
enum pf_plan_why {
    PF_PLAN_NEW,
    PF_PLAN_KNOWN,    /* fetched before */
    PF_PLAN_MOVED,    /* fetched before under another UID: to be noted under this one */
    PF_PLAN_LARGE,    /* over size-limit */
    PF_PLAN_ENOUGH,   /* over number-limit: next time */
    PF_PLAN_FILTERED, /* skip */
    PF_PLAN_UNWANTED, /* a filter deletes it */
    PF_PLAN_REFUSED,  /* the place will never take it */
    PF_PLAN_EXPIRED,  /* third round: keep */
    PF_PLAN_CROWDED   /* third round: keep-size */
};

struct pf_plan_row {
    uint64_t number;
    uint64_t octets; /* PF_OCTETS_UNKNOWN where LIST did not tell */
    enum pf_plan_do what;
    enum pf_plan_why why;
    struct pf_bytes uid;      /* as the server told; empty: none */
    struct pf_bytes identity; /* empty before it is known (LOOK, and FETCH where the server has no TOP:
                               * then it is made from the message itself, pf_plan_identify) */
    unsigned char head[PF_LEDGER_HEAD];
    const struct pf_account_filter *filter;
    bool refused_delete; /* for the owner */
    /* The owner's word for the third round: it was delivered in this session; it is to stay, whatever
     * the account says (what came may be a torso). */
    bool taken, stays;
    uint64_t came; /* for the owner: its octets, as they came */
};

struct pf_plan;

struct pf_plan *pf_plan_new(const struct pf_account *, const struct pf_ledger *,
                            bool has_top); /* NULL: no memory */
void pf_plan_free(struct pf_plan *);       /* NULL is allowed */
/* The server's lists, as they come, in any order; octets or uid may be missing. Numbers twice, zero or
 * odd: the first counts. PF_NO_MEMORY, PF_TOO_LONG (over PF_PLAN_MOST messages). */
enum pf_code pf_plan_octets(struct pf_plan *, uint64_t number, uint64_t octets);
enum pf_code pf_plan_uid(struct pf_plan *, uint64_t number, struct pf_bytes uid);
enum { PF_PLAN_MOST = 10000000 }; /* some hundred octets each */

struct pf_plan_names;
/* Before pf_plan_make, where a run has many sessions. No more new messages than `looks` are looked at
 * for filters, and no more than `fetches` fetched, the account's number-limit besides; the rest is
 * ENOUGH. SIZE_MAX: no limit. */
void pf_plan_limits(struct pf_plan *, size_t looks, size_t fetches);
/* Before pf_plan_make: every new message is looked at, whatever its identity and the filters ask for. */
void pf_plan_look_at_all(struct pf_plan *);
/* Identities that this run has dealt with, and that are left alone: with `fetch all` the ledger alone
 * cannot tell them. They live as long as the plan. */
void pf_plan_except(struct pf_plan *, const struct pf_plan_names *);

enum pf_code pf_plan_make(struct pf_plan *);
/* After pf_plan_make: the ledger knows messages, and none by the UIDs of this list, though sizes are the
 * same. */
bool pf_plan_renumbered(const struct pf_plan *);
/* Rows ascend by number. */
size_t pf_plan_count(const struct pf_plan *);
struct pf_plan_row *pf_plan_at(struct pf_plan *, size_t i);
void pf_plan_looked(struct pf_plan *, struct pf_plan_row *,
                    struct pf_head *); /* NULL: TOP was refused */
enum pf_code pf_plan_settle(struct pf_plan *);
/* Indexes of rows to be fetched, in the order in which they should be. */
const size_t *pf_plan_order(const struct pf_plan *, size_t *out_count);
/* The message's own head has come, and its row has no identity yet: true when it turns out to be known
 * already, and is not to be delivered. */
bool pf_plan_identify(struct pf_plan *, struct pf_plan_row *, const unsigned char head[PF_LEDGER_HEAD]);
/* What MOVED: to be noted under its new identity, with the time and the state that it had; soon, since
 * the next session may know one of the new UIDs, and then no more compares. */
void pf_plan_moved(const struct pf_plan *, void (*note)(void *, const struct pf_ledger_note *),
                   void *self);
/* The third round, at that time. */
enum pf_code pf_plan_remove(struct pf_plan *, int64_t now);
/* Records of the ledger that the server lists no more (and what MOVED): to be noted as GONE, and DONE
 * under the new identity. Only after a complete UIDL. Calls for each. */
void pf_plan_forget(struct pf_plan *, int64_t now, void (*note)(void *, const struct pf_ledger_note *),
                    void *self);

#endif
