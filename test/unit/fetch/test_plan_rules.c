/* What an account's rules make of a plan: order, limits, filters, and what is deleted. */
#include "planrig.h"

#include "fetch/plan_names.h"

enum { DAY = 86400 };

static struct planrig r;

static int up(void **state)
{
    (void)state;
    planrig_up(&r);
    return 0;
}

static int down(void **state)
{
    (void)state;
    planrig_down(&r);
    return 0;
}

static void four(void)
{
    planrig_plan(&r);
    planrig_list(&r, 1, 100, "a");
    planrig_list(&r, 2, 200, "b");
    planrig_list(&r, 3, 300, "c");
    planrig_list(&r, 4, 400, "d");
    planrig_make(&r);
}

/* As four(), all of them known: a and b for ten days, c for two, d just so. */
static void four_known(void)
{
    planrig_record(&r, PF_LEDGER_DONE, "a", 100, 1, 90 * DAY);
    planrig_record(&r, PF_LEDGER_DONE, "b", 200, 1, 90 * DAY);
    planrig_record(&r, PF_LEDGER_DONE, "c", 300, 1, 98 * DAY);
    planrig_record(&r, PF_LEDGER_DONE, "d", 400, 1, 100 * DAY);
    four();
    planrig_settle(&r);
}

static const char *deleted(void)
{
    static char text[64];
    size_t used = 0;

    assert_int_equal(pf_plan_remove(r.plan, 100 * DAY), PF_OK);
    text[0] = 0;
    for (size_t i = 0; i < pf_plan_count(r.plan); i++)
        if (pf_plan_at(r.plan, i)->what == PF_PLAN_DELETE)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%ju", used ? " " : "",
                                     (uintmax_t)pf_plan_at(r.plan, i)->number);
    return text;
}

static void order_and_number_limit(void **state)
{
    (void)state;
    r.account.number_limit = 3;
    four();
    planrig_settle(&r);
    assert_string_equal(planrig_order(&r), "1 2 3");
    planrig_is(&r, 3, PF_PLAN_LEAVE, PF_PLAN_ENOUGH);
    r.account.order = PF_ACCOUNT_NEWEST;
    four();
    planrig_settle(&r);
    assert_string_equal(planrig_order(&r), "4 3 2");
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_ENOUGH);
    planrig_plan(&r);
    pf_plan_limits(r.plan, SIZE_MAX, 1);
    planrig_list(&r, 1, 100, "a");
    planrig_list(&r, 2, 100, "b");
    planrig_make(&r);
    planrig_settle(&r);
    assert_string_equal(planrig_order(&r), "2");
}

static void size_limit(void **state)
{
    (void)state;
    r.account.size_limit = 200;
    r.account.number_limit = 2;
    planrig_plan(&r);
    planrig_list(&r, 1, 201, "a"); /* does not count against the number */
    planrig_list(&r, 2, 200, "b");
    planrig_list(&r, 3, PF_OCTETS_UNKNOWN, "c");
    planrig_make(&r);
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_LARGE);
    assert_string_equal(planrig_order(&r), "2 3");
}

static void filters_are_asked_of_what_is_new(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "*offer*", PF_ACCOUNT_DELETE, NULL};
    r.filters[1] = (struct pf_account_filter){"Subject", "list*", PF_ACCOUNT_SKIP, NULL};
    r.filters[2] = (struct pf_account_filter){"Subject", "work*", PF_ACCOUNT_FOLDER, "Work"};
    r.account.filter_count = 3;
    r.account.size_limit = 300;
    planrig_record(&r, PF_LEDGER_DONE, "a", 100, 1, 100 * DAY);
    four();
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_look(&r, 1, "list of names");
    planrig_look(&r, 2, "work to be done");
    planrig_look(&r, 3, "an Offer"); /* over the limit of sizes, and goes nevertheless */
    planrig_settle(&r);
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_FILTERED);
    planrig_is(&r, 2, PF_PLAN_FETCH, PF_PLAN_NEW);
    assert_ptr_equal(pf_plan_at(r.plan, 2)->filter, &r.filters[2]);
    planrig_is(&r, 3, PF_PLAN_LEAVE, PF_PLAN_UNWANTED);
    assert_string_equal(deleted(), "4");
    planrig_is(&r, 3, PF_PLAN_DELETE, PF_PLAN_UNWANTED);
}

static void folders_need_no_look_before(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "work*", PF_ACCOUNT_FOLDER, "Work"};
    r.account.filter_count = 1;
    four();
    planrig_is(&r, 0, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void no_more_are_looked_at_than_a_session_takes(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "x", PF_ACCOUNT_SKIP, NULL};
    r.account.filter_count = 1;
    r.account.order = PF_ACCOUNT_NEWEST;
    planrig_plan(&r);
    pf_plan_limits(r.plan, 2, 9);
    for (uint64_t i = 1; i <= 3; i++) {
        char uid[2] = {(char)('a' + i), 0};

        planrig_list(&r, i, 10, uid);
    }
    planrig_make(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_ENOUGH);
    planrig_is(&r, 1, PF_PLAN_LOOK, PF_PLAN_NEW);
    planrig_is(&r, 2, PF_PLAN_LOOK, PF_PLAN_NEW);
}

static void keep_all_deletes_nothing(void **state)
{
    (void)state;
    four_known();
    assert_string_equal(deleted(), "");
}

static void keep_none_deletes_what_is_done(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    planrig_record(&r, PF_LEDGER_SKIPPED, "a", 100, 1, 1);
    planrig_record(&r, PF_LEDGER_REFUSED, "b", 200, 1, 1);
    planrig_record(&r, PF_LEDGER_DONE, "c", 300, 1, 100 * DAY);
    four();
    planrig_settle(&r);
    assert_string_equal(deleted(), "3"); /* the fourth was to be fetched, and did not come */
    planrig_is(&r, 2, PF_PLAN_DELETE, PF_PLAN_EXPIRED);
    planrig_record(&r, PF_LEDGER_DONE, "d", 400, 1, 100 * DAY);
    assert_string_equal(deleted(), "3 4");
}

static void keep_days_counts_from_the_delivery(void **state)
{
    (void)state;
    r.account.keep_days = 2;
    four_known();
    assert_string_equal(deleted(), "1 2 3");
    r.account.keep_days = 3;
    four_known();
    assert_string_equal(deleted(), "1 2");
}

static void keep_size_makes_room_from_the_oldest_on(void **state)
{
    (void)state;
    r.account.keep_size = 700;
    four_known();
    assert_string_equal(deleted(), "1 2");
    planrig_is(&r, 0, PF_PLAN_DELETE, PF_PLAN_CROWDED);
    r.account.keep_size = 1000;
    four_known();
    assert_string_equal(deleted(), "");
    r.account.keep_size = 999;
    four_known();
    assert_string_equal(deleted(), "1");
    planrig_record(&r, PF_LEDGER_GONE, "a", 100, 1, 1); /* was not fetched: it counts, and stays */
    r.account.keep_size = 1;
    four();
    planrig_settle(&r);
    assert_string_equal(deleted(), "2 3 4");
}

static void what_its_owner_wants_to_stay_stays(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    r.account.keep_size = 1;
    four_known();
    pf_plan_at(r.plan, 1)->stays = true;
    assert_string_equal(deleted(), "1 3 4");
}

static void fetch_all_takes_what_is_known_once_a_run(void **state)
{
    struct pf_plan_names run = {0};

    (void)state;
    r.account.fetch = PF_ACCOUNT_ALL;
    r.account.keep_days = 0;
    planrig_record(&r, PF_LEDGER_REFUSED, "b", 100, 1, 1);
    assert_non_null(pf_plan_names_put(&run, PF_LIT("c")));
    planrig_record(&r, PF_LEDGER_DONE, "a", 100, 1, 90 * DAY);
    planrig_record(&r, PF_LEDGER_DONE, "c", 100, 1, 90 * DAY);
    planrig_record(&r, PF_LEDGER_DONE, "d", 100, 1, 90 * DAY);
    planrig_plan(&r);
    pf_plan_except(r.plan, &run);
    for (uint64_t i = 1; i <= 4; i++) {
        char uid[2] = {(char)('a' + i - 1), 0};

        planrig_list(&r, i, 10, uid);
    }
    planrig_make(&r);
    planrig_settle(&r);
    assert_string_equal(planrig_order(&r), "1 4");
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_REFUSED);
    assert_string_equal(deleted(), "3"); /* the others have not come again yet */
    pf_plan_at(r.plan, 0)->taken = true;
    assert_string_equal(deleted(), "1 3");
    pf_plan_names_done(&run);
}

static void what_is_listed_no_more_is_forgotten(void **state)
{
    (void)state;
    planrig_record(&r, PF_LEDGER_DONE, "a", 100, 1, 1);
    planrig_record(&r, PF_LEDGER_DONE, "x", 100, 1, 1);
    planrig_record(&r, PF_LEDGER_SKIPPED, "y", 100, 1, 1);
    planrig_record(&r, PF_LEDGER_DONE, "head:z", 100, 1, 1);
    four();
    planrig_settle(&r);
    pf_plan_forget(r.plan, 77, planrig_note, &r);
    assert_int_equal(r.note_count, 3);
    assert_string_equal(r.notes[0].uid, "x");
    assert_string_equal(r.notes[1].uid, "y");
    assert_string_equal(r.notes[2].uid, "head:z");
    assert_int_equal(r.notes[0].state, PF_LEDGER_GONE);
    assert_int_equal(r.notes[0].when, 77);
}

static void one_without_a_name_keeps_the_others_without(void **state)
{
    (void)state;
    r.no_top = true;
    planrig_record(&r, PF_LEDGER_DONE, "x", 100, 1, 1);
    planrig_record(&r, PF_LEDGER_DONE, "head:z", 100, 1, 1);
    planrig_plan(&r);
    planrig_list(&r, 1, 5, NULL);
    planrig_make(&r);
    planrig_settle(&r);
    pf_plan_forget(r.plan, 77, planrig_note, &r);
    assert_int_equal(r.note_count, 1);
    assert_string_equal(r.notes[0].uid, "x");
}

static void names_are_found_by_the_thousand(void **state)
{
    struct pf_plan_names names = {0};
    struct pf_plan_text text = {0};
    char name[24];

    (void)state;
    assert_false(pf_plan_names_has(&names, PF_LIT("1")));
    for (int i = 0; i < 5000; i++) {
        uint64_t *value;

        snprintf(name, sizeof name, "%d", i);
        value = pf_plan_names_put(&names, pf_plan_keep(&text, pf_bytes_of(name)));
        assert_non_null(value);
        assert_int_equal(*value, 0);
        *value = (uint64_t)i + 1;
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(*pf_plan_names_put(&names, pf_bytes_of(name)), i + 1);
    }
    assert_int_equal(names.count, 5000);
    assert_false(pf_plan_names_has(&names, PF_LIT("5000")));
    assert_false(pf_plan_names_has(&names, (struct pf_bytes){0}));
    pf_plan_names_done(&names);
    pf_plan_text_done(&text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(order_and_number_limit),
        CASE(size_limit),
        CASE(filters_are_asked_of_what_is_new),
        CASE(folders_need_no_look_before),
        CASE(no_more_are_looked_at_than_a_session_takes),
        CASE(keep_all_deletes_nothing),
        CASE(keep_none_deletes_what_is_done),
        CASE(keep_days_counts_from_the_delivery),
        CASE(keep_size_makes_room_from_the_oldest_on),
        CASE(what_its_owner_wants_to_stay_stays),
        CASE(fetch_all_takes_what_is_known_once_a_run),
        CASE(what_is_listed_no_more_is_forgotten),
        CASE(one_without_a_name_keeps_the_others_without),
        CASE(names_are_found_by_the_thousand),
    };

    return RUN(tests);
}
