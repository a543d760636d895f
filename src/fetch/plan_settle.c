/* The second round: headers are there, so identities are, and it is known what is to be fetched. */
#include "fetch/plan_private.h"

#include "base/text.h"

#include <stdlib.h>

static int by_size_and_head(const void *a, const void *b)
{
    const struct pf_plan_record *x = a, *y = b;

    if (x->octets != y->octets)
        return x->octets < y->octets ? -1 : 1;
    return memcmp(x->head, y->head, PF_LEDGER_HEAD);
}

static int by_all(const void *a, const void *b)
{
    const struct pf_plan_record *x = a, *y = b;
    int order = by_size_and_head(x, y);

    if (!order)
        order = y->close - x->close;
    return order ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

/* FNV-1a. It only tells whether a record's UID is the row's, too, where header and octets are. */
static uint64_t print_of(struct pf_bytes uid)
{
    uint64_t print = 0xcbf29ce484222325;

    for (size_t i = 0; i < uid.len; i++)
        print = (print ^ uid.at[i]) * 0x100000001b3;
    return print;
}

static void add_record(struct pf_plan *plan, const struct pf_ledger_note *note, bool close)
{
    static const unsigned char unknown[PF_LEDGER_HEAD];
    struct pf_plan_record *record = &plan->records[plan->record_count];

    if (note->state == PF_LEDGER_GONE || note->state == PF_LEDGER_WILL ||
        note->octets == PF_OCTETS_UNKNOWN || memcmp(note->head, unknown, sizeof unknown) == 0)
        return;
    record->octets = note->octets;
    memcpy(record->head, note->head, PF_LEDGER_HEAD);
    record->uid = print_of(note->uid);
    record->when = note->when;
    record->state = note->state;
    record->close = close;
    plan->record_count++;
}

bool pf_plan_begins_head(struct pf_bytes identity)
{
    return identity.len > 5 && memcmp(identity.at, "head:", 5) == 0;
}

/* The UIDs that several have in this list. */
static bool gather_shared(struct pf_plan *plan, struct pf_plan_names *out)
{
    bool all = true;

    for (size_t i = 0; i < plan->count; i++)
        all = all && (!plan->more[i].shared.len || pf_plan_names_put(out, plan->more[i].shared));
    return all;
}

bool pf_plan_gather_records(struct pf_plan *plan)
{
    size_t own = pf_ledger_count(plan->ledger);
    size_t other = plan->strange ? pf_ledger_elsewhere_count(plan->ledger) : 0;
    struct pf_plan_names shared = {0};
    struct pf_ledger_note note;
    bool all = gather_shared(plan, &shared);

    plan->records = calloc(own + other + 1, sizeof *plan->records);
    for (size_t i = 0; i < own && all && plan->records; i++) {
        bool close;

        pf_ledger_at(plan->ledger, i, &note);
        close = pf_plan_begins_head(note.uid) || pf_plan_names_has(&shared, note.uid);
        if (plan->strange || close)
            add_record(plan, &note, close);
    }
    for (size_t i = 0; i < other && all && plan->records; i++) {
        pf_ledger_elsewhere_at(plan->ledger, i, &note);
        add_record(plan, &note, false);
    }
    if (plan->record_count)
        qsort(plan->records, plan->record_count, sizeof *plan->records, by_all);
    pf_plan_names_done(&shared);
    return all && plan->records;
}

/* The first record that is not below. */
static size_t first_of(const struct pf_plan *plan, const struct pf_plan_record *wanted)
{
    size_t low = 0, high = plan->record_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_size_and_head(&plan->records[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pf_plan_has_size(const struct pf_plan *plan, uint64_t octets)
{
    const struct pf_plan_record wanted = {.octets = octets};
    size_t i = first_of(plan, &wanted);

    return i < plan->record_count && plan->records[i].octets == octets;
}

/* That of the row's own UID, elsewhere. */
static struct pf_plan_record *take_by_uid(struct pf_plan *plan, struct pf_plan_record *wanted)
{
    struct pf_plan_record *found =
        bsearch(wanted, plan->records, plan->record_count, sizeof *plan->records, by_all);

    if (!found || found->taken)
        return NULL;
    found->taken = true;
    return found;
}

/* Takes the first record of the row's octets and header that is left; NULL: none is. Where every UID is
 * new, the header has to be its own, or the UID the one that it had elsewhere. */
static struct pf_plan_record *take(struct pf_plan *plan, const struct pf_plan_row *row)
{
    struct pf_plan_record wanted = {.octets = row->octets, .uid = print_of(row->uid)};
    struct pf_plan_record *first, *found;
    size_t i;

    memcpy(wanted.head, row->head, PF_LEDGER_HEAD);
    i = first_of(plan, &wanted);
    if (i == plan->record_count || by_size_and_head(&plan->records[i], &wanted) != 0)
        return NULL;
    first = &plan->records[i];
    found = first->used < plan->record_count - i ? first + first->used : NULL;
    if (found && by_size_and_head(found, &wanted) == 0 &&
        (found->close || (plan->strange && pf_head_is_named(found->head)))) {
        first->used++;
        return found;
    }
    return plan->strange && row->uid.len ? take_by_uid(plan, &wanted) : NULL;
}

void pf_plan_use(struct pf_plan *plan, const struct pf_plan_row *row)
{
    take(plan, row);
}

bool pf_plan_match(struct pf_plan *plan, struct pf_plan_row *row)
{
    struct pf_plan_more *more = pf_plan_more_of(plan, row);
    const struct pf_plan_record *found = take(plan, row);

    if (!found)
        return false;
    more->when = found->when;
    more->state = found->state;
    row->what = PF_PLAN_LEAVE;
    row->why = PF_PLAN_MOVED;
    return true;
}

bool pf_plan_name_by_head(struct pf_plan *plan, struct pf_plan_row *row)
{
    unsigned char room[5 + 2 * PF_LEDGER_HEAD + 2 + 20 + 1 + 20];
    struct pf_span text = {.at = room, .cap = sizeof room};
    struct pf_bytes key;
    uint64_t *many;
    bool fits = pf_span_put(&text, PF_LIT("head:"));

    for (size_t i = 0; i < PF_LEDGER_HEAD && fits; i++)
        fits = pf_span_format(&text, "%02x", row->head[i]);
    fits = fits && pf_span_put(&text, PF_LIT("-")) &&
           (row->octets == PF_OCTETS_UNKNOWN ? pf_span_put(&text, PF_LIT("x"))
                                             : pf_span_decimal(&text, row->octets));
    key = fits ? pf_plan_keep(&plan->text, pf_span_bytes(&text)) : (struct pf_bytes){0};
    many = key.at ? pf_plan_names_put(&plan->heads, key) : NULL;
    if (!many)
        return false;
    if (++*many > 1) {
        fits = pf_span_put(&text, PF_LIT("-")) && pf_span_decimal(&text, *many);
        key = fits ? pf_plan_keep(&plan->text, pf_span_bytes(&text)) : (struct pf_bytes){0};
    }
    row->identity = key;
    return key.at != NULL;
}

void pf_plan_looked(struct pf_plan *plan, struct pf_plan_row *row, struct pf_head *head)
{
    struct pf_plan_more *more = pf_plan_more_of(plan, row);

    if (!head)
        return;
    pf_head_digest(head, row->head);
    row->filter = pf_head_filter(head, plan->account);
    more->looked = true;
}

/* The rows that were looked at get their names; who has one that is known is left. */
static enum pf_code name_looked(struct pf_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct pf_plan_row *row = &plan->rows[i];
        struct pf_plan_more *more = &plan->more[i];

        if (row->what != PF_PLAN_LOOK)
            continue;
        row->what = PF_PLAN_FETCH;
        if (more->own.len && (more->looked || !more->suspect))
            row->identity = more->own;
        else if (more->looked && !pf_plan_name_by_head(plan, row))
            return PF_NO_MEMORY;
        else if (more->looked && pf_plan_known(plan, row)) {
            plan->strange = false;
            pf_plan_use(plan, row);
        }
    }
    return PF_OK;
}

static void want(struct pf_plan *plan, struct pf_plan_row *row)
{
    const struct pf_plan_more *more = pf_plan_more_of(plan, row);
    uint64_t limit = plan->account->size_limit;
    enum pf_account_action action = row->filter ? row->filter->action : PF_ACCOUNT_FOLDER;

    if (more->looked && pf_plan_match(plan, row))
        return;
    row->what = PF_PLAN_LEAVE;
    if (action == PF_ACCOUNT_SKIP)
        row->why = PF_PLAN_FILTERED;
    else if (action == PF_ACCOUNT_DELETE)
        row->why = PF_PLAN_UNWANTED;
    else if (limit && row->octets != PF_OCTETS_UNKNOWN && row->octets > limit)
        row->why = PF_PLAN_LARGE;
    else
        row->what = PF_PLAN_FETCH;
}

enum pf_code pf_plan_settle(struct pf_plan *plan)
{
    size_t limit = plan->account->number_limit ? plan->account->number_limit : SIZE_MAX;
    size_t named = 0;

    if (name_looked(plan) != PF_OK)
        return PF_NO_MEMORY;
    plan->order = calloc(plan->count + 1, sizeof *plan->order);
    if (!plan->order)
        return PF_NO_MEMORY;
    if (plan->fetches < limit)
        limit = plan->fetches;
    for (size_t i = 0; i < plan->count; i++) {
        size_t index = pf_plan_turn(plan, i);
        struct pf_plan_row *row = &plan->rows[index];

        if (row->what == PF_PLAN_FETCH)
            want(plan, row);
        if (row->what != PF_PLAN_FETCH)
            continue;
        if (row->identity.len &&
            named++ >= limit) { /* who has no name may be known: it costs no place */
            row->what = PF_PLAN_LEAVE;
            row->why = PF_PLAN_ENOUGH;
        } else {
            plan->order[plan->order_count++] = index;
        }
    }
    return PF_OK;
}

bool pf_plan_identify(struct pf_plan *plan, struct pf_plan_row *row,
                      const unsigned char head[PF_LEDGER_HEAD])
{
    struct pf_plan_more *more = pf_plan_more_of(plan, row);

    memcpy(row->head, head, PF_LEDGER_HEAD);
    if (more->own.len)
        row->identity = more->own;
    else if (!pf_plan_name_by_head(plan, row))
        return false;
    if (pf_plan_known(plan, row)) {
        plan->strange = false;
        pf_plan_use(plan, row);
        return true;
    }
    return pf_plan_match(plan, row);
}
