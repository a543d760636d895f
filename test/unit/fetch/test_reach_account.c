/* What an account's settings make of a call. */
#include "unit/cm.h"

#include "fetch/reach_private.h"

static pf_time quit_time(pf_time answer_time)
{
    static const struct pf_reach_server server = {.host = "pop.example", .port = 995};
    struct pf_account account;
    struct pf_reach reach = {.set.account = &account};

    pf_account_defaults(&account);
    if (answer_time)
        account.answer_time = answer_time;
    pf_reach_account(&reach, &server);
    assert_int_equal(reach.account.engine.answer_time, account.answer_time);
    return reach.account.engine.quit_time;
}

/* A maildrop may be long to rewrite. */
static void qs_015_quit_has_more_time_than_others_and_not_for_ever(void **state)
{
    (void)state;
    assert_int_equal(quit_time(0), 600 * 1000);
    assert_int_equal(quit_time(30 * 1000), 300 * 1000);
    assert_int_equal(quit_time(2 * 1000), 60 * 1000);
    assert_int_equal(quit_time(3600 * 1000), 3600 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qs_015_quit_has_more_time_than_others_and_not_for_ever)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
