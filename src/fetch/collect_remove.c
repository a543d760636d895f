/* The end of a session: what may be deleted, QUIT, and what is noted when the server confirmed it. */
#include "fetch/collect_private.h"

#include <time.h>

static const char where[] = "collect";

/* What the place doubted was counted otherwise by a server that always does: it may be deleted. */
static void acquit(struct pf_collect *c, const struct pf_plan_row *row)
{
    struct pf_ledger_note known;

    if (row->taken && pf_ledger_find(c->ledger, row->identity, &known) && known.state == PF_LEDGER_SKIPPED)
        pf_collect_note_row(c, row, PF_LEDGER_DONE, known.when);
}

/* One that may be a torso stays on the server for good: for the ledger it is one that is known, and that
 * nobody deletes. */
static void suspect(struct pf_collect *c, size_t i)
{
    struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[i]);
    struct pf_collect_event event = {.kind = PF_COLLECT_NOTICE,
                                     .number = row->number,
                                     .octets = row->octets,
                                     .so_far = c->s.sizes[i].came,
                                     .uid = row->uid};
    struct pf_ledger_note known;

    if (!row->taken)
        return;
    row->stays = true;
    if (pf_ledger_find(c->ledger, row->identity, &known))
        pf_collect_note_row(c, row, PF_LEDGER_SKIPPED, known.when);
    pf_fail(
        &event.err, PF_DAMAGED, 0, where,
        "message %ju came with %ju octets where %ju were told: a line with a lone dot may have ended it "
        "too early; it was delivered, and stays on the server",
        (uintmax_t)row->number, (uintmax_t)event.so_far, (uintmax_t)row->octets);
    pf_collect_tell(c, &event);
}

void pf_collect_mark(struct pf_collect *c)
{
    if (!c->s.settled || c->set.mode != PF_COLLECT_FETCH)
        return;
    if (pf_collect_judge(c->s.sizes, c->s.order_count) && !c->told_sizes) {
        c->told_sizes = true;
        pf_collect_notice(c, PF_OK, "the sizes that the server lists are not those of its messages");
    }
    for (size_t i = 0; i < c->s.order_count; i++)
        if (c->s.sizes[i].suspect)
            suspect(c, i);
        else
            acquit(c, pf_plan_at(c->s.plan, c->s.order[i]));
    for (size_t i = 0; i < c->s.order_count; i++) { /* where only the message itself told */
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[i]);

        if (row->what == PF_PLAN_LEAVE && row->why == PF_PLAN_FILTERED)
            pf_collect_note_row(c, row, PF_LEDGER_SKIPPED, time(NULL));
    }
    pf_plan_moved(c->s.plan, pf_collect_note, c);
    c->notes.sync = true;
}

void pf_collect_remove(struct pf_collect *c)
{
    if (!c->s.settled || !c->set.remove || c->set.mode != PF_COLLECT_FETCH)
        return;
    pf_plan_remove(c->s.plan, time(NULL));
    c->s.dele = pf_plan_count(c->s.plan);
}

void pf_collect_delete(struct pf_collect *c)
{
    static const struct pf_pop3_command quit = {.verb = PF_VERB_QUIT};

    for (; c->s.dele; c->s.dele--) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.dele - 1);
        const struct pf_pop3_command command = {
            .verb = PF_VERB_DELE, .number = row->number, .tag = c->s.dele - 1};
        enum pf_code code;

        if (row->what != PF_PLAN_DELETE)
            continue;
        code = pf_collect_say(c, &command);
        if (code == PF_OK)
            c->s.dele_said++;
        else if (code == PF_AGAIN)
            return;
        else
            break;
    }
    /* Right behind the DELEs: what one of them is answered changes nothing about QUIT. */
    if (pf_collect_say(c, &quit) == PF_OK)
        c->stage = PF_STAGE_QUITS;
}

static void dele_ended(struct pf_collect *c, const struct pf_heard *heard)
{
    struct pf_plan_row *row = pf_plan_at(c->s.plan, heard->tag);
    struct pf_err err;

    if (heard->end == PF_END_WHOLE)
        return;
    row->refused_delete = true;
    c->s.dele_said -= c->s.dele_said > 0;
    if (heard->end != PF_END_REFUSED)
        return;
    c->sums.delete_refused++;
    if (row->why == PF_PLAN_UNWANTED && !pf_collect_took(c, row->identity))
        pf_collect_no_memory(c);
    pf_fail(&err, PF_PARTIAL, 0, where, "message %ju was not deleted%s%.*s", (uintmax_t)row->number,
            heard->text.len ? ": " : "", (int)(heard->text.len > 200 ? 200 : heard->text.len),
            (const char *)heard->text.at);
    pf_collect_blame(c, &err, false);
}

void pf_collect_delete_heard(struct pf_collect *c, const struct pf_heard *heard)
{
    struct pf_err err;

    if (heard->kind != PF_HEARD_END)
        return;
    if (heard->verb == PF_VERB_DELE)
        dele_ended(c, heard);
    if (heard->verb != PF_VERB_QUIT)
        return;
    c->s.quit_whole = heard->end == PF_END_WHOLE;
    if (heard->end != PF_END_REFUSED)
        return;
    pf_fail(&err, heard->coded ? heard->code : PF_PARTIAL, 0, where,
            "QUIT was refused: what was deleted may still be there%s%.*s", heard->text.len ? ": " : "",
            (int)(heard->text.len > 200 ? 200 : heard->text.len), (const char *)heard->text.at);
    pf_collect_blame(c, &err, false);
}

/* Whether every message of the server has its name in the plan. An empty list says too little: a server
 * in trouble shows one, too, and what was forgotten would come again. */
static bool complete(const struct pf_collect *c)
{
    bool uids = c->s.uids_whole && !c->s.uids_odd;

    return c->s.settled && (uids || (c->s.uids_refused && c->s.list_whole)) &&
           pf_plan_count(c->s.plan) > 0;
}

void pf_collect_record(struct pf_collect *c)
{
    struct pf_collect_event event = {.kind = PF_COLLECT_DELETED};
    int64_t now = time(NULL);
    struct pf_ledger_note known;

    for (size_t i = c->s.dele; c->s.dele_said && i < pf_plan_count(c->s.plan); i++) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, i);

        if (row->what != PF_PLAN_DELETE || row->refused_delete)
            continue;
        event.number++;
        if (pf_ledger_find(c->ledger, row->identity, &known))
            pf_collect_note_row(c, row, PF_LEDGER_GONE, now);
    }
    c->sums.deleted += event.number;
    c->s.steps += event.number;
    if (event.number)
        pf_collect_tell(c, &event);
    if (!complete(c) || c->set.mode == PF_COLLECT_DRY)
        return;
    pf_plan_forget(c->s.plan, now, pf_collect_note, c);
    c->notes.settled = pf_ledger_elsewhere_count(c->ledger) > 0;
}
