/* The first round: the two lists become rows, and rows become known or new. */
#include "fetch/plan_private.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
    const struct pf_plan_told *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* Ascending, each number once. */
static void tidy(struct pf_plan_list *list)
{
    size_t kept = 0;

    if (!list->disorder)
        return;
    qsort(list->at, list->count, sizeof *list->at, by_number);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || list->at[kept - 1].number != list->at[i].number)
            list->at[kept++] = list->at[i];
    list->count = kept;
    list->disorder = false;
}

static void merge(struct pf_plan *plan)
{
    size_t s = 0, u = 0;

    while (s < plan->sizes.count || u < plan->uids.count) {
        const struct pf_plan_told *size = s < plan->sizes.count ? &plan->sizes.at[s] : NULL;
        const struct pf_plan_told *uid = u < plan->uids.count ? &plan->uids.at[u] : NULL;
        struct pf_plan_row *row = &plan->rows[plan->count++];

        if (size && uid && size->number != uid->number) {
            size = size->number < uid->number ? size : NULL;
            uid = size ? NULL : uid;
        }
        row->number = size ? size->number : uid->number;
        row->octets = size ? size->octets : PF_OCTETS_UNKNOWN;
        row->uid = uid ? uid->uid : (struct pf_bytes){0};
        s += size != NULL;
        u += uid != NULL;
    }
}

static enum pf_code make_rows(struct pf_plan *plan)
{
    size_t most;

    tidy(&plan->sizes);
    tidy(&plan->uids);
    most = plan->sizes.count + plan->uids.count;
    plan->rows = calloc(most + 1, sizeof *plan->rows);
    plan->more = calloc(most + 1, sizeof *plan->more);
    if (!plan->rows || !plan->more)
        return PF_NO_MEMORY;
    merge(plan);
    free(plan->sizes.at);
    free(plan->uids.at);
    plan->sizes = plan->uids = (struct pf_plan_list){0};
    return PF_OK;
}

static bool begins(struct pf_bytes text, const char *word)
{
    struct pf_bytes w = pf_bytes_of(word);

    return text.len >= w.len && memcmp(text.at, w.at, w.len) == 0;
}

static struct pf_bytes digested(struct pf_plan *plan, struct pf_bytes uid)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[8 + 2 * PF_LEDGER_HEAD] = "digest:";
    unsigned len = 0;

    if (EVP_Digest(uid.at, uid.len, digest, &len, EVP_sha256(), NULL) != 1)
        return (struct pf_bytes){0};
    for (size_t i = 0; i < PF_LEDGER_HEAD; i++)
        snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
    return pf_plan_keep(&plan->text, pf_bytes_of(text));
}

/* The identity that a UID is. */
static struct pf_bytes identity_of(struct pf_plan *plan, struct pf_bytes uid)
{
    unsigned char room[PF_LEDGER_UID_MAX];
    struct pf_span text = {.at = room, .cap = sizeof room};

    if (uid.len > PF_LEDGER_UID_MAX)
        return digested(plan, uid);
    if (!begins(uid, "digest:") && !begins(uid, "head:") && !begins(uid, "uid:"))
        return uid;
    if (!pf_span_put(&text, PF_LIT("uid:")) || !pf_span_put(&text, uid))
        return digested(plan, uid);
    return pf_plan_keep(&plan->text, pf_span_bytes(&text));
}

/* UIDs that stand once in the list are identities. */
static enum pf_code name_rows(struct pf_plan *plan)
{
    struct pf_plan_names uids = {0};
    enum pf_code code = PF_OK;

    for (size_t i = 0; i < plan->count && code == PF_OK; i++) {
        struct pf_bytes uid = plan->rows[i].uid;
        uint64_t *first = uid.len ? pf_plan_names_put(&uids, uid) : NULL;

        if (uid.len && !first) {
            code = PF_NO_MEMORY;
        } else if (first && *first) {
            struct pf_plan_more *more = &plan->more[*first - 1];

            more->shared = more->shared.len ? more->shared : more->own;
            more->own = (struct pf_bytes){0};
        } else if (first) {
            *first = i + 1;
            plan->more[i].own = identity_of(plan, uid);
            code = plan->more[i].own.at ? PF_OK : PF_NO_MEMORY;
        }
    }
    pf_plan_names_done(&uids);
    return code;
}

bool pf_plan_known(const struct pf_plan *plan, struct pf_plan_row *row)
{
    bool again = plan->account->fetch == PF_ACCOUNT_ALL;
    struct pf_ledger_note note;

    row->why = PF_PLAN_NEW;
    if (plan->except && pf_plan_names_has(plan->except, row->identity))
        row->why = PF_PLAN_KNOWN;
    else if (!pf_ledger_find(plan->ledger, row->identity, &note))
        return false;
    else if (note.state == PF_LEDGER_REFUSED)
        row->why = PF_PLAN_REFUSED;
    else if (note.state == PF_LEDGER_DONE && !again)
        row->why = PF_PLAN_KNOWN;
    else if (note.state == PF_LEDGER_SKIPPED && !again)
        row->why = PF_PLAN_FILTERED;
    if (row->why == PF_PLAN_NEW)
        return false;
    row->what = PF_PLAN_LEAVE;
    return true;
}

static bool asks_headers(const struct pf_account *account)
{
    for (size_t i = 0; i < account->filter_count; i++)
        if (account->filters[i].action != PF_ACCOUNT_FOLDER)
            return true;
    return false;
}

/* What is new is looked at where its identity, or a filter, asks for it. */
static void decide(struct pf_plan *plan)
{
    bool filters = plan->look_at_all || asks_headers(plan->account);
    size_t looks = 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct pf_plan_row *row = &plan->rows[pf_plan_turn(plan, i)];
        struct pf_plan_more *more = pf_plan_more_of(plan, row);
        bool nameless = !more->own.len || more->suspect;

        if (row->why != PF_PLAN_NEW)
            continue;
        row->what = plan->has_top && (nameless || filters) ? PF_PLAN_LOOK : PF_PLAN_FETCH;
        if (row->what == PF_PLAN_LOOK || nameless)
            row->identity = (struct pf_bytes){0};
        if (row->what == PF_PLAN_LOOK && !nameless && looks++ >= plan->looks) {
            row->what = PF_PLAN_LEAVE;
            row->why = PF_PLAN_ENOUGH;
            row->identity = more->own;
        }
    }
}

enum pf_code pf_plan_make(struct pf_plan *plan)
{
    enum pf_code code = make_rows(plan);
    size_t known = 0;

    if (code == PF_OK)
        code = name_rows(plan);
    if (code != PF_OK)
        return code;
    for (size_t i = 0; i < plan->count; i++) {
        plan->rows[i].identity = plan->more[i].own;
        known += plan->more[i].own.len && pf_plan_known(plan, &plan->rows[i]);
    }
    plan->strange = known == 0 && plan->count && plan->account->fetch == PF_ACCOUNT_NEW;
    if (plan->account->fetch == PF_ACCOUNT_NEW && !pf_plan_gather_records(plan))
        return PF_NO_MEMORY;
    for (size_t i = 0; i < plan->count && plan->record_count; i++) {
        plan->more[i].suspect = pf_plan_has_size(plan, plan->rows[i].octets);
        plan->renumbered |= plan->strange && plan->more[i].suspect && plan->more[i].own.len;
    }
    decide(plan);
    return PF_OK;
}
