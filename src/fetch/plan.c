#include "fetch/plan_private.h"

#include <assert.h>
#include <stdlib.h>

struct pf_plan *pf_plan_new(const struct pf_account *account, const struct pf_ledger *ledger,
                            bool has_top)
{
    struct pf_plan *plan = calloc(1, sizeof *plan);

    if (!plan)
        return NULL;
    plan->account = account;
    plan->ledger = ledger;
    plan->has_top = has_top;
    plan->looks = plan->fetches = SIZE_MAX;
    return plan;
}

void pf_plan_free(struct pf_plan *plan)
{
    if (!plan)
        return;
    free(plan->sizes.at);
    free(plan->uids.at);
    free(plan->rows);
    free(plan->more);
    free(plan->order);
    free(plan->records);
    pf_plan_names_done(&plan->heads);
    pf_plan_text_done(&plan->text);
    free(plan);
}

void pf_plan_limits(struct pf_plan *plan, size_t looks, size_t fetches)
{
    plan->looks = looks;
    plan->fetches = fetches;
}

void pf_plan_look_at_all(struct pf_plan *plan)
{
    plan->look_at_all = true;
}

void pf_plan_except(struct pf_plan *plan, const struct pf_plan_names *names)
{
    plan->except = names;
}

static enum pf_code put(struct pf_plan_list *list, struct pf_plan_told told)
{
    if (told.number == 0)
        return PF_OK;
    if (list->count == PF_PLAN_MOST)
        return PF_TOO_LONG;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 256;
        struct pf_plan_told *at = realloc(list->at, cap * sizeof *at);

        if (!at)
            return PF_NO_MEMORY;
        list->at = at;
        list->cap = cap;
    }
    if (list->count && list->at[list->count - 1].number >= told.number)
        list->disorder = true;
    told.turn = list->count;
    list->at[list->count++] = told;
    return PF_OK;
}

enum pf_code pf_plan_octets(struct pf_plan *plan, uint64_t number, uint64_t octets)
{
    return put(&plan->sizes, (struct pf_plan_told){.number = number, .octets = octets});
}

enum pf_code pf_plan_uid(struct pf_plan *plan, uint64_t number, struct pf_bytes uid)
{
    struct pf_bytes copy = {0};

    if (number == 0 || plan->uids.count == PF_PLAN_MOST)
        return number ? PF_TOO_LONG : PF_OK;
    if (uid.len) {
        copy = pf_plan_keep(&plan->text, uid);
        if (!copy.at)
            return PF_NO_MEMORY;
    }
    return put(&plan->uids, (struct pf_plan_told){.number = number, .uid = copy});
}

size_t pf_plan_count(const struct pf_plan *plan)
{
    return plan->count;
}

struct pf_plan_row *pf_plan_at(struct pf_plan *plan, size_t i)
{
    assert(i < plan->count);
    return &plan->rows[i];
}

struct pf_plan_more *pf_plan_more_of(struct pf_plan *plan, const struct pf_plan_row *row)
{
    return &plan->more[row - plan->rows];
}

const size_t *pf_plan_order(const struct pf_plan *plan, size_t *out_count)
{
    *out_count = plan->order_count;
    return plan->order;
}

bool pf_plan_renumbered(const struct pf_plan *plan)
{
    return plan->renumbered;
}

size_t pf_plan_turn(const struct pf_plan *plan, size_t i)
{
    return plan->account->order == PF_ACCOUNT_NEWEST ? plan->count - 1 - i : i;
}
