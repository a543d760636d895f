/* A plan that finds no memory says so, wherever that is, and leaks nothing. */
#include "planrig.h"

#include "unit/scarce.h"

static struct planrig r;
static enum pf_code list(struct pf_plan *plan)
{
    char uid[24];

    for (uint64_t i = 1; i <= 300; i++) {
        snprintf(uid, sizeof uid, "%s%ju", i % 7 ? "u" : "head:", (uintmax_t)i);
        if (pf_plan_octets(plan, i, 100) != PF_OK)
            return PF_NO_MEMORY;
        if (i % 5 && pf_plan_uid(plan, i, pf_bytes_of(i % 11 ? uid : "twice")) != PF_OK)
            return PF_NO_MEMORY;
    }
    return PF_OK;
}

static enum pf_code decide(struct pf_plan *plan)
{
    struct pf_head *head = pf_head_new();
    enum pf_code code = head ? pf_plan_make(plan) : PF_NO_MEMORY;

    for (size_t i = 0; code == PF_OK && i < pf_plan_count(plan); i++) {
        pf_head_begin(head);
        pf_head_feed(head, PF_LIT("Subject: same\n\n"));
        if (pf_plan_at(plan, i)->what == PF_PLAN_LOOK)
            pf_plan_looked(plan, pf_plan_at(plan, i), head);
    }
    pf_head_free(head);
    return code == PF_OK ? pf_plan_settle(plan) : code;
}

static void none(void *self, const struct pf_ledger_note *note)
{
    (void)self, (void)note;
}

static enum pf_code whole(void)
{
    struct pf_plan *plan = pf_plan_new(&r.account, r.ledger, true);
    enum pf_code code = plan ? list(plan) : PF_NO_MEMORY;

    if (code == PF_OK)
        code = decide(plan);
    if (code == PF_OK)
        code = pf_plan_remove(plan, 100);
    if (code == PF_OK)
        pf_plan_forget(plan, 100, none, NULL); /* without memory it forgets nothing */
    pf_plan_free(plan);
    return code;
}

static void a_plan_without_memory_says_so(void **state)
{
    unsigned long n = 1, told = 0;

    (void)state;
    planrig_up(&r);
    planrig_record(&r, PF_LEDGER_DONE, "x", 100, 1, 5);
    for (failed = true; failed; n++) {
        enum pf_code code;

        failed = false;
        countdown = n;
        code = whole();
        countdown = 0;
        assert_true(code == PF_OK || (code == PF_NO_MEMORY && failed));
        told += code == PF_NO_MEMORY;
    }
    assert_true(told > 12);
    planrig_down(&r);
}

/* What is not known to be listed no more must not be forgotten. */
static void without_memory_nothing_is_forgotten(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 4; n++) {
        planrig_up(&r);
        planrig_record(&r, PF_LEDGER_DONE, "a", 100, 1, 5);
        planrig_list(&r, 1, 100, "a");
        planrig_make(&r);
        planrig_settle(&r);
        countdown = n;
        pf_plan_forget(r.plan, 100, planrig_note, &r);
        countdown = 0;
        assert_int_equal(r.note_count, 0);
        planrig_down(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_without_memory_says_so),
        cmocka_unit_test(without_memory_nothing_is_forgotten),
    };

    return RUN(tests);
}
