/* What is noted in the ledger, by a thread of the pool, while no letter is on its way. */
#include "fetch/collect_private.h"

#include <stdlib.h>

enum { RETRY = 50 /* ms: the pool is busy with other accounts */ };

static struct pf_collect *of_job(struct pf_job *job)
{
    return (struct pf_collect *)(void *)((char *)job - offsetof(struct pf_collect, job));
}

void pf_collect_note(void *self, const struct pf_ledger_note *note)
{
    struct pf_collect *c = self;
    struct pf_collect_notes *notes = &c->notes;

    if (notes->count == notes->cap) {
        size_t cap = notes->cap ? notes->cap * 2 : 64;
        struct pf_ledger_note *at = realloc(notes->at, cap * sizeof *at);

        notes->lack |= !at;
        if (!at)
            return;
        notes->at = at;
        notes->cap = cap;
    }
    notes->at[notes->count] = *note;
    notes->at[notes->count].uid = pf_plan_keep(&notes->text, note->uid); /* a ledger's own view moves */
    notes->at[notes->count].name = (struct pf_bytes){0};
    notes->lack |= !notes->at[notes->count].uid.at;
    notes->count++;
}

void pf_collect_note_row(struct pf_collect *c, const struct pf_plan_row *row, enum pf_ledger_state state,
                         int64_t when)
{
    struct pf_ledger_note note = {
        .state = state, .when = when, .octets = row->octets, .uid = row->identity};

    memcpy(note.head, row->head, sizeof note.head);
    if (row->identity.len)
        pf_collect_note(c, &note);
}

void pf_collect_notes_done(struct pf_collect_notes *notes)
{
    free(notes->at);
    pf_plan_text_done(&notes->text);
    *notes = (struct pf_collect_notes){0};
}

static void open_it(struct pf_collect *c)
{
    if (c->set.mode == PF_COLLECT_DRY)
        pf_ledger_look(c->ledger_path, c->who, &c->ledger, &c->job_err);
    else
        pf_ledger_open(c->ledger_path, c->who, PF_COLLECT_LOCK_TIME, &c->ledger, &c->job_err);
}

static void write_it(struct pf_collect *c)
{
    struct pf_collect_notes *notes = &c->notes;

    if (notes->count && pf_ledger_write(c->ledger, notes->at, notes->count, notes->sync, &c->job_err))
        return;
    if (notes->settled)
        pf_ledger_settled(c->ledger, &c->job_err);
}

static void work(struct pf_job *job)
{
    struct pf_collect *c = of_job(job);

    if (c->job_opens)
        open_it(c);
    else
        write_it(c);
}

static void learn(struct pf_collect *c)
{
    if (!c->job_opens && c->notes.count && !pf_ledger_learn(c->ledger, c->notes.at, c->notes.count))
        pf_collect_no_memory(c);
    c->job_opens = false;
    pf_collect_notes_done(&c->notes);
}

static void settled(void *self, size_t again, const struct pf_err *err)
{
    struct pf_collect *c = self;

    pf_collect_enter(c);
    c->place_ready = true;
    c->sums.again += again;
    if (err->code != PF_OK)
        pf_collect_blame(c, err, true);
    else if (again)
        pf_collect_notice(
            c, PF_AGAIN,
            "of %zu messages that an earlier run was delivering nobody can say whether they "
            "arrived; they come again",
            again);
    pf_collect_go(c);
    pf_collect_leave(c);
}

static void make_place(struct pf_collect *c)
{
    const struct pf_place_settings set = {.loop = c->set.loop,
                                          .pool = c->set.pool,
                                          .account = c->set.account,
                                          .ledger = c->ledger,
                                          .spool = c->spool,
                                          .carrier = c->set.carrier,
                                          .done = pf_collect_letter_done,
                                          .settled = settled,
                                          .self = c};
    struct pf_err err = {0};

    c->place = pf_place_new(&set, &err);
    if (c->place)
        pf_place_settle(c->place);
    else
        pf_collect_blame(c, &err, true);
}

static void done(struct pf_job *job)
{
    struct pf_collect *c = of_job(job);
    bool opened = c->job_opens;

    pf_collect_enter(c);
    if (c->job_err.code != PF_OK)
        pf_collect_blame(c, &c->job_err, true);
    else
        learn(c);
    if (opened && c->ledger && pf_collect_alive(c)) {
        if (c->set.mode == PF_COLLECT_FETCH)
            make_place(c);
        else
            c->place_ready = true;
    }
    c->stage = pf_collect_alive(c) ? c->after : c->stage;
    pf_collect_go(c);
    pf_collect_leave(c);
}

void pf_collect_submit(struct pf_collect *c)
{
    c->job.work = work;
    c->job.done = done;
    c->job_err = (struct pf_err){0};
    c->job_due = !pf_pool_submit(c->set.pool, &c->job);
    if (c->job_due)
        pf_timer_set(c->kick, pf_loop_now(c->set.loop) + RETRY);
}

void pf_collect_ledger_open(struct pf_collect *c)
{
    c->job_opens = true;
    c->after = PF_STAGE_OPENS;
    pf_collect_submit(c);
}

void pf_collect_write(struct pf_collect *c, enum pf_collect_stage next)
{
    if (c->notes.lack) {
        pf_collect_notes_done(&c->notes);
        pf_collect_no_memory(c);
    }
    if (c->set.mode == PF_COLLECT_DRY || (!c->notes.count && !c->notes.settled)) {
        pf_collect_notes_done(&c->notes);
        c->stage = next;
        return;
    }
    c->after = next;
    pf_collect_submit(c);
}
