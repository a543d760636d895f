/* What is to be fetched is known: it is told, and what needs no fetching is noted. */
#include "fetch/collect_private.h"

#include <stdlib.h>
#include <time.h>

static uint64_t octets_of(const struct pf_plan_row *row)
{
    return row->octets == PF_OCTETS_UNKNOWN ? 0 : row->octets;
}

/* The order of fetching, without the message in which the line was cut before: it would be cut again. */
static bool make_order(struct pf_collect *c)
{
    size_t count;
    const size_t *order = pf_plan_order(c->s.plan, &count);

    c->s.order = calloc(count + 1, sizeof *c->s.order);
    c->s.sizes = calloc(count + 1, sizeof *c->s.sizes);
    if (!c->s.order || !c->s.sizes)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, order[i]);

        if (c->poison.len && pf_bytes_equal(row->identity, c->poison))
            pf_collect_blame(c, &c->poison_err, false);
        else
            c->s.order[c->s.order_count++] = order[i];
    }
    return true;
}

static void tell_listed(struct pf_collect *c)
{
    struct pf_collect_event event = {.kind = PF_COLLECT_LISTED};
    uint64_t most = c->account.number_limit ? c->account.number_limit : UINT64_MAX;

    event.messages = pf_plan_count(c->s.plan);
    c->s.enough = 0;
    for (size_t i = 0; i < event.messages; i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, i);
        bool enough = row->what == PF_PLAN_LEAVE && row->why == PF_PLAN_ENOUGH;

        event.octets += octets_of(row);
        c->s.enough += enough;
        if ((row->what != PF_PLAN_FETCH && !enough) || event.fresh >= most)
            continue;
        event.fresh++;
        event.fresh_octets += octets_of(row);
    }
    c->sums.listed = event.messages;
    pf_collect_tell(c, &event);
}

/* Once a run; what is known is no news. */
static void tell_left(struct pf_collect *c)
{
    size_t count = pf_plan_count(c->s.plan);
    uint64_t large = 0;

    for (size_t i = 0; i < count; i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, i);
        struct pf_ledger_note known;
        bool news =
            row->what == PF_PLAN_LEAVE &&
            (row->why == PF_PLAN_MOVED || row->why == PF_PLAN_LARGE ||
             (row->why == PF_PLAN_UNWANTED && !c->recalled) ||
             (row->why == PF_PLAN_FILTERED && !pf_ledger_find(c->ledger, row->identity, &known)));

        large += row->why == PF_PLAN_LARGE;
        c->sums.skipped += news && (row->why == PF_PLAN_FILTERED || row->why == PF_PLAN_UNWANTED);
        c->sums.unwanted += news && row->why == PF_PLAN_UNWANTED && c->set.remove;
        if (news && (row->why != PF_PLAN_LARGE || c->sums.sessions == 1))
            pf_collect_left(c, row, NULL);
    }
    c->sums.left_large = large;
}

static void note_left(struct pf_collect *c)
{
    size_t before = c->notes.count;

    for (size_t i = 0; i < pf_plan_count(c->s.plan); i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, i);
        struct pf_ledger_note known;

        if (row->what == PF_PLAN_LEAVE && row->why == PF_PLAN_FILTERED &&
            !pf_ledger_find(c->ledger, row->identity, &known))
            pf_collect_note_row(c, row, PF_LEDGER_SKIPPED, time(NULL));
        /* What a filter deletes is not noted, so the next run asks again if it is not deleted in this.
         */
        if (row->what == PF_PLAN_LEAVE && row->why == PF_PLAN_UNWANTED && !c->set.remove &&
            !pf_collect_took(c, row->identity))
            pf_collect_no_memory(c);
    }
    pf_plan_moved(c->s.plan, pf_collect_note, c);
    c->s.steps += c->notes.count - before;
    c->notes.sync = true;
}

static void adopt(struct pf_collect *c)
{
    size_t nameless = 0;

    for (size_t i = 0; i < c->s.order_count; i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[i]);

        pf_collect_note_row(c, row, PF_LEDGER_DONE, time(NULL));
        nameless += row->identity.len == 0;
    }
    c->sums.fetched += c->s.order_count - nameless;
    c->s.next = c->s.order_count;
    if (nameless)
        pf_collect_notice(c, PF_PARTIAL,
                          "%zu messages cannot be noted: the server has neither UIDL nor TOP for them",
                          nameless);
}

/* What would be. */
static void tell_all(struct pf_collect *c)
{
    for (size_t i = 0; i < c->s.order_count; i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[i]);
        const struct pf_collect_event event = {
            .kind = PF_COLLECT_BEGINS, .number = row->number, .octets = row->octets, .uid = row->uid};

        pf_collect_tell(c, &event);
    }
    if (c->set.remove)
        pf_plan_remove(c->s.plan, time(NULL));
    for (size_t i = 0; i < pf_plan_count(c->s.plan); i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, i);

        if (row->what == PF_PLAN_DELETE && row->why != PF_PLAN_UNWANTED)
            pf_collect_left(c, row, NULL);
    }
    c->s.next = c->s.order_count;
}

void pf_collect_decide(struct pf_collect *c)
{
    if (pf_plan_settle(c->s.plan) != PF_OK || !make_order(c)) {
        pf_collect_no_memory(c);
        return;
    }
    c->s.settled = true;
    tell_listed(c);
    tell_left(c);
    note_left(c);
    if (c->set.mode == PF_COLLECT_ADOPT)
        adopt(c);
    else if (c->set.mode == PF_COLLECT_DRY)
        tell_all(c);
    pf_collect_write(c, PF_STAGE_FETCHES);
}
