/* What the files of the plan share. */
#ifndef POSTFACH_FETCH_PLAN_PRIVATE_H
#define POSTFACH_FETCH_PLAN_PRIVATE_H

#include "fetch/plan.h"
#include "fetch/plan_names.h"

#include <postfach/pop3_client.h>

/* One line of LIST or of UIDL. */
struct pf_plan_told {
    uint64_t number;
    size_t turn; /* which line it was: of a number that comes twice the first counts */
    uint64_t octets;
    struct pf_bytes uid;
};

struct pf_plan_list {
    struct pf_plan_told *at;
    size_t count, cap;
    bool disorder; /* numbers do not ascend */
};

/* What of a row is nobody else's. */
struct pf_plan_more {
    struct pf_bytes own;    /* the identity by the UID; empty where that is none */
    struct pf_bytes shared; /* what it would be; in the first of those that have the same UID */
    bool looked;            /* its header is in row->head */
    bool suspect; /* of that size the ledger knows a message that it may be, under another name */
    int64_t when; /* MOVED: what its record says */
    enum pf_ledger_state state;
};

/* A record that a message may be known by, though not by its UID. */
struct pf_plan_record {
    uint64_t octets;
    unsigned char head[PF_LEDGER_HEAD];
    uint64_t uid; /* its print */
    int64_t when;
    enum pf_ledger_state state;
    bool close; /* it may be one of this list also where that is not strange: its UID is one that several
                 * have now, or it had none to itself before */
    bool taken;  /* by its UID */
    size_t used; /* in the first of those that are alike: how many are matched */
};

struct pf_plan {
    const struct pf_account *account;
    const struct pf_ledger *ledger;
    bool has_top, look_at_all;
    struct pf_plan_list sizes, uids;
    struct pf_plan_row *rows;
    struct pf_plan_more *more;
    size_t count;
    size_t *order, order_count;
    size_t looks, fetches;
    const struct pf_plan_names *except;
    struct pf_plan_text text;
    struct pf_plan_names heads; /* identities by header, without -N: how many of each there were */
    bool strange, renumbered;
    struct pf_plan_record *records; /* ascending by octets and head, close ones first, and UID; where the list is
                                     * not strange, they alone */
    size_t record_count;
};

struct pf_plan_more *pf_plan_more_of(struct pf_plan *, const struct pf_plan_row *);
/* Whether the ledger, or this run, knows row->identity; then the row is left, and says why. */
bool pf_plan_known(const struct pf_plan *, struct pf_plan_row *);
/* The identity by header and octets into row->identity; false: no memory. */
bool pf_plan_name_by_head(struct pf_plan *, struct pf_plan_row *);
/* Whether a record of those octets and that header is left; takes it. */
bool pf_plan_match(struct pf_plan *, struct pf_plan_row *);
/* The row is known by its header: that record is no other's. */
void pf_plan_use(struct pf_plan *, const struct pf_plan_row *);
bool pf_plan_begins_head(struct pf_bytes identity);
bool pf_plan_gather_records(struct pf_plan *); /* false: no memory */
bool pf_plan_has_size(const struct pf_plan *, uint64_t octets);
/* The i-th row in the account's order. */
size_t pf_plan_turn(const struct pf_plan *, size_t i);

#endif
