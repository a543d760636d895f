/* A plan in a test: an account, a ledger in a folder of its own, and lists as a server would tell them.
 */
#ifndef POSTFACH_TEST_PLANRIG_H
#define POSTFACH_TEST_PLANRIG_H

#include "fetch/plan.h"
#include "unit/cm.h"

#include <postfach/pop3_client.h>

struct planrig {
    char folder[64], path[96];
    struct pf_account account;
    struct pf_account_filter filters[4];
    struct pf_ledger *ledger;
    struct pf_plan *plan;
    bool no_top;
    struct {
        enum pf_ledger_state state;
        int64_t when;
        char uid[80];
    } notes[64];
    size_t note_count;
};

void planrig_up(struct planrig *);
void planrig_down(struct planrig *);
/* A record, in file and memory. `head`: octet of which the digest is made; 0: unknown. */
void planrig_record(struct planrig *, enum pf_ledger_state, const char *uid, uint64_t octets, int head,
                    int64_t when);
/* The same under another `who`: what follows is the first one's. */
void planrig_other_who(struct planrig *);
/* A new plan, as of a new session. */
void planrig_plan(struct planrig *);
/* A message of the list; uid NULL: UIDL has it not. */
void planrig_list(struct planrig *, uint64_t number, uint64_t octets, const char *uid);
void planrig_make(struct planrig *);
/* What TOP shows of the row: a header with that subject. */
void planrig_look(struct planrig *, size_t i, const char *subject);
/* Looks at all that wants it, with the octet of the UID's or number's choice, and settles. */
void planrig_settle(struct planrig *);
/* The digest of a header with that subject. */
void planrig_digest(const char *subject, unsigned char out[PF_LEDGER_HEAD]);
void planrig_record_head(struct planrig *, enum pf_ledger_state, const char *uid, uint64_t octets,
                         const char *subject, int64_t when);
void planrig_is(struct planrig *, size_t i, enum pf_plan_do, enum pf_plan_why);
void planrig_note(void *rig, const struct pf_ledger_note *);
/* The numbers in the order of fetching, as text. */
const char *planrig_order(struct planrig *);

#endif
