#include "planrig.h"

#include <stdlib.h>
#include <unistd.h>

static void reopen(struct planrig *r, const char *who)
{
    struct pf_err err = {0};

    pf_ledger_close(r->ledger);
    r->ledger = NULL;
    if (pf_ledger_open(r->path, who, 0, &r->ledger, &err) != PF_OK)
        fail_msg("%s", err.log);
}

void planrig_up(struct planrig *r)
{
    memset(r, 0, sizeof *r);
    snprintf(r->folder, sizeof r->folder, "/tmp/postfach-plan.XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/ledger", r->folder);
    pf_account_defaults(&r->account);
    r->account.filters = r->filters;
    reopen(r, "anna@pop.example");
    planrig_plan(r);
}

void planrig_down(struct planrig *r)
{
    char lock[128];

    pf_plan_free(r->plan);
    pf_ledger_close(r->ledger);
    snprintf(lock, sizeof lock, "%s.lock", r->path);
    unlink(lock);
    unlink(r->path);
    assert_int_equal(rmdir(r->folder), 0);
}

static void record(struct planrig *r, const struct pf_ledger_note *note)
{
    struct pf_err err = {0};

    if (pf_ledger_write(r->ledger, note, 1, false, &err) != PF_OK)
        fail_msg("%s", err.log);
    assert_true(pf_ledger_learn(r->ledger, note, 1));
}

void planrig_record(struct planrig *r, enum pf_ledger_state state, const char *uid, uint64_t octets,
                    int head, int64_t when)
{
    struct pf_ledger_note note = {
        .state = state, .when = when, .octets = octets, .uid = pf_bytes_of(uid)};

    memset(note.head, head, sizeof note.head);
    record(r, &note);
}

void planrig_record_head(struct planrig *r, enum pf_ledger_state state, const char *uid, uint64_t octets,
                         const char *subject, int64_t when)
{
    struct pf_ledger_note note = {
        .state = state, .when = when, .octets = octets, .uid = pf_bytes_of(uid)};

    planrig_digest(subject, note.head);
    record(r, &note);
}

void planrig_other_who(struct planrig *r)
{
    pf_plan_free(r->plan);
    r->plan = NULL;
    reopen(r, "anna@other.example");
    planrig_plan(r);
}

void planrig_plan(struct planrig *r)
{
    pf_plan_free(r->plan);
    r->plan = pf_plan_new(&r->account, r->ledger, !r->no_top);
    assert_non_null(r->plan);
    r->note_count = 0;
}

void planrig_list(struct planrig *r, uint64_t number, uint64_t octets, const char *uid)
{
    if (octets != PF_OCTETS_UNKNOWN)
        assert_int_equal(pf_plan_octets(r->plan, number, octets), PF_OK);
    if (uid)
        assert_int_equal(pf_plan_uid(r->plan, number, pf_bytes_of(uid)), PF_OK);
}

void planrig_make(struct planrig *r)
{
    assert_int_equal(pf_plan_make(r->plan), PF_OK);
}

static struct pf_head *head_of(const char *subject)
{
    struct pf_head *head = pf_head_new();
    char text[256];

    assert_non_null(head);
    pf_head_begin(head);
    snprintf(text, sizeof text, "Received: from x\nSubject: %s\n\n", subject);
    pf_head_feed(head, pf_bytes_of(text));
    return head;
}

void planrig_digest(const char *subject, unsigned char out[PF_LEDGER_HEAD])
{
    struct pf_head *head = head_of(subject);

    pf_head_digest(head, out);
    pf_head_free(head);
}

void planrig_look(struct planrig *r, size_t i, const char *subject)
{
    struct pf_head *head = subject ? head_of(subject) : NULL;

    assert_int_equal(pf_plan_at(r->plan, i)->what, PF_PLAN_LOOK);
    pf_plan_looked(r->plan, pf_plan_at(r->plan, i), head);
    pf_head_free(head);
}

void planrig_settle(struct planrig *r)
{
    assert_int_equal(pf_plan_settle(r->plan), PF_OK);
}

void planrig_is(struct planrig *r, size_t i, enum pf_plan_do what, enum pf_plan_why why)
{
    const struct pf_plan_row *row = pf_plan_at(r->plan, i);

    if (row->what != what || row->why != why)
        fail_msg("row %zu: what %d why %d, not %d %d", i, (int)row->what, (int)row->why, (int)what,
                 (int)why);
}

void planrig_note(void *rig, const struct pf_ledger_note *note)
{
    struct planrig *r = rig;

    assert_true(r->note_count < sizeof r->notes / sizeof *r->notes);
    r->notes[r->note_count].state = note->state;
    r->notes[r->note_count].when = note->when;
    snprintf(r->notes[r->note_count++].uid, sizeof r->notes->uid, "%.*s", (int)note->uid.len,
             (const char *)note->uid.at);
}

const char *planrig_order(struct planrig *r)
{
    static char text[256];
    size_t count, used = 0;
    const size_t *order = pf_plan_order(r->plan, &count);

    text[0] = 0;
    for (size_t i = 0; i < count && used < sizeof text - 24; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%ju", i ? " " : "",
                                 (uintmax_t)pf_plan_at(r->plan, order[i])->number);
    return text;
}
