#include "ledger_scene.h"

#include "unit/scarce.h"

enum { NOTES = 100 };

/* One day of a ledger: 0 when all went well. Whatever fails, what is known is never more than was noted.
 */
static int day(void)
{
    struct pf_ledger *l = NULL;
    struct pf_ledger_note notes[NOTES];
    char uids[NOTES][16];
    struct pf_err err;
    int bad = 0;

    if (pf_ledger_open(scene_path, "joe", 0, &l, &err) != PF_OK) {
        assert_int_equal(err.code, PF_NO_MEMORY);
        return 1;
    }
    assert_true(pf_ledger_elsewhere_count(l) == 2 || pf_ledger_elsewhere_count(l) == 0);
    for (int i = 0; i < NOTES; i++) {
        snprintf(uids[i], sizeof uids[i], "u%d", i);
        notes[i] = note(PF_LEDGER_WILL, uids[i], "17.M1.host");
    }
    bad += pf_ledger_write(l, notes, NOTES, false, NULL) != PF_OK;
    bad += !pf_ledger_learn(l, notes, NOTES);
    assert_true(bad || pf_ledger_count(l) == NOTES);
    bad += pf_ledger_settled(l, NULL) != PF_OK;
    pf_ledger_close(l);
    l = NULL;
    bad += pf_ledger_look(scene_path, "joe", &l, NULL) != PF_OK;
    assert_true(bad || pf_ledger_count(l) == NOTES);
    pf_ledger_close(l);
    return bad;
}

static void set_out(void)
{
    struct pf_ledger *l;

    (void)unlink(scene_path);
    l = opened("old");
    put(l, PF_LEDGER_DONE, "1");
    pf_ledger_close(l);
    l = opened("older");
    put(l, PF_LEDGER_DONE, "2");
    pf_ledger_close(l);
}

static void each_request_for_memory_may_fail(void **state)
{
    unsigned long n = 0;

    (void)state;
    do {
        set_out();
        failed = false;
        countdown = ++n;
        (void)day();
        countdown = 0;
        assert_int_equal(day(), 0); /* the next one finds it usable */
    } while (failed);
    assert_in_range(n, 15, 200);
}

/* Without memory for the new file the old one serves. */
static void each_request_of_a_rewriting_may_fail(void **state)
{
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "a", "");

    (void)state;
    for (unsigned long at = 1;; at++) {
        struct pf_ledger *l;
        enum pf_code code;

        (void)unlink(scene_path);
        l = opened("joe");
        for (int i = 0; i < 2500; i++)
            assert_int_equal(pf_ledger_write(l, &n, 1, false, NULL), PF_OK);
        pf_ledger_close(l);
        l = NULL;
        failed = false;
        countdown = at;
        code = pf_ledger_open(scene_path, "joe", 0, &l, NULL);
        countdown = 0;
        assert_true(code == PF_NO_MEMORY || code == PF_OK);
        if (code == PF_OK)
            assert_string_equal(told(l, false), "a=D");
        pf_ledger_close(l);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(each_request_for_memory_may_fail),
        S(each_request_of_a_rewriting_may_fail),
    };

    (void)calls;
    return RUN(tests);
}
