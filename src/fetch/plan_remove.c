/* The third round: what is to be deleted, and what the ledger may forget. */
#include "fetch/plan_private.h"

enum { DAY = 86400 };

/* Whether the message is known to be delivered, and when it was. */
static bool delivered(const struct pf_plan *plan, const struct pf_plan_row *row, int64_t *out_when)
{
    struct pf_ledger_note note;

    if (!row->identity.len || row->stays || !pf_ledger_find(plan->ledger, row->identity, &note) ||
        note.state != PF_LEDGER_DONE)
        return false;
    /* Who wants all of it again does not mean that it may go before it came again. */
    if (plan->account->fetch == PF_ACCOUNT_ALL && !row->taken &&
        !(plan->except && pf_plan_names_has(plan->except, row->identity)))
        return false;
    *out_when = note.when;
    return true;
}

static bool expired(const struct pf_plan *plan, int64_t when, int64_t now)
{
    return plan->account->keep_days >= 0 && when <= now - (int64_t)plan->account->keep_days * DAY;
}

static void discard(struct pf_plan_row *row, enum pf_plan_why why)
{
    row->what = PF_PLAN_DELETE;
    row->why = why;
}

static uint64_t octets_of(const struct pf_plan_row *row)
{
    return row->octets == PF_OCTETS_UNKNOWN ? 0 : row->octets;
}

static void make_room(struct pf_plan *plan, uint64_t left)
{
    int64_t when;

    for (size_t i = 0; i < plan->count && left > plan->account->keep_size; i++) {
        struct pf_plan_row *row = &plan->rows[i];

        if (row->what == PF_PLAN_DELETE || !delivered(plan, row, &when))
            continue;
        discard(row, PF_PLAN_CROWDED);
        left -= octets_of(row);
    }
}

enum pf_code pf_plan_remove(struct pf_plan *plan, int64_t now)
{
    uint64_t left = 0;
    int64_t when;

    for (size_t i = 0; i < plan->count; i++) {
        struct pf_plan_row *row = &plan->rows[i];

        if (row->what == PF_PLAN_LEAVE && row->why == PF_PLAN_UNWANTED && !row->stays)
            discard(row, PF_PLAN_UNWANTED);
        else if (delivered(plan, row, &when) && expired(plan, when, now))
            discard(row, PF_PLAN_EXPIRED);
        else if (__builtin_add_overflow(left, octets_of(row), &left))
            left = UINT64_MAX;
    }
    if (plan->account->keep_size)
        make_room(plan, left);
    return PF_OK;
}

static void note_moved(const struct pf_plan *plan, size_t i,
                       void (*note)(void *, const struct pf_ledger_note *), void *self)
{
    const struct pf_plan_row *row = &plan->rows[i];
    struct pf_ledger_note text = {.state = plan->more[i].state,
                                  .when = plan->more[i].when,
                                  .octets = row->octets,
                                  .uid = row->identity};

    memcpy(text.head, row->head, PF_LEDGER_HEAD);
    note(self, &text);
}

void pf_plan_moved(const struct pf_plan *plan, void (*note)(void *, const struct pf_ledger_note *),
                   void *self)
{
    struct pf_ledger_note known;

    for (size_t i = 0; i < plan->count; i++)
        if (plan->rows[i].why == PF_PLAN_MOVED &&
            !pf_ledger_find(plan->ledger, plan->rows[i].identity, &known))
            note_moved(plan, i, note, self);
}

void pf_plan_forget(struct pf_plan *plan, int64_t now,
                    void (*note)(void *, const struct pf_ledger_note *), void *self)
{
    struct pf_plan_names listed = {0};
    struct pf_ledger_note known;
    bool complete = true, nameless = false;

    pf_plan_moved(plan, note, self);
    for (size_t i = 0; i < plan->count; i++) {
        struct pf_bytes identity =
            plan->rows[i].identity.len ? plan->rows[i].identity : plan->more[i].own;

        if (identity.len)
            complete &= pf_plan_names_put(&listed, identity) != NULL;
        else
            nameless = true; /* one that was not fetched, of a server that has neither UIDL nor TOP */
    }
    for (size_t i = 0; complete && i < pf_ledger_count(plan->ledger); i++) {
        pf_ledger_at(plan->ledger, i, &known);
        if (known.state == PF_LEDGER_WILL || pf_plan_names_has(&listed, known.uid) ||
            (nameless && pf_plan_begins_head(known.uid)))
            continue;
        known.state = PF_LEDGER_GONE;
        known.when = now;
        known.name = (struct pf_bytes){0};
        note(self, &known);
    }
    pf_plan_names_done(&listed);
}
