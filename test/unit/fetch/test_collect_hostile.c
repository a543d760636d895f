/* What a run does with a server, or a line, that is broken; and with an owner who changes its mind. */
#include "collectrig.h"

#include <stdlib.h>
#include <unistd.h>

static struct collectrig r;

static int up(void **state)
{
    (void)state;
    collectrig_up(&r);
    r.account.keep_days = 0;
    return 0;
}

static int down(void **state)
{
    (void)state;
    collectrig_down(&r);
    return 0;
}

/* Whatever was wrong: in the end each message is there once, and the server is empty. */
static void all_came_once(size_t n)
{
    char text[64];

    for (size_t i = 1; i <= n; i++) {
        snprintf(text, sizeof text, "\nbody %zu of them\n", i);
        if (collectrig_mails_with(&r, text) != 1)
            fail_msg("message %zu is there %zu times", i, collectrig_mails_with(&r, text));
    }
    assert_int_equal(collectrig_mails(&r, NULL), n);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void a_line_that_is_cut_is_called_once_more(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.cut_after = 4;
    collectrig_good(&r);
    assert_int_equal(r.fake.sessions, 2);
    assert_int_equal(r.fake.retrs, 10);
    assert_int_equal(r.notice.code, PF_TEMP);
    assert_int_equal(r.secrets, 1);
    all_came_once(10);
}

static void a_message_in_which_the_line_is_cut_holds_up_no_other(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.cut_retr = 1;
    collectrig_code(&r, PF_TEMP, "closed the connection"); /* for the one that is left */
    r.fake.cut_retr = 0;
    assert_int_equal(r.taken, 9);
    assert_int_equal(collectrig_mails(&r, NULL), 9);
    assert_int_equal(collectrig_on_server(&r), 1);
    assert_int_equal(collectrig_mails_with(&r, "number 1\n"), 0);
    collectrig_good(&r);
    all_came_once(10);
}

static void a_cut_between_dele_and_quit_deletes_nothing_and_loses_nothing(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    r.fake.cut_at_dele = true;
    collectrig_run(&r);
    assert_int_equal(r.gone.code, PF_OK); /* called again, it was done */
    assert_int_equal(r.fake.sessions, 2);
    assert_int_equal(r.fake.retrs, 5);
    assert_int_equal(pf_collect_sums(r.collect)->deleted, 5);
    all_came_once(5);
}

static void qs_015_quit_without_an_answer_is_no_deletion(void **state)
{
    (void)state;
    collectrig_fill(&r, 3);
    r.fake.quit_answer = "";
    collectrig_code(&r, PF_TEMP, "closed the connection");
    assert_int_equal(r.deleted, 0);
    assert_int_equal(collectrig_known(&r, "u2"), PF_LEDGER_DONE);
    r.fake.quit_answer = "-ERR [SYS/TEMP] some deleted messages not removed";
    collectrig_code(&r, PF_TEMP, "some deleted messages");
    assert_int_equal(r.deleted, 0);
    r.fake.quit_answer = NULL;
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 0);
    all_came_once(3);
}

static void one_that_is_refused_is_left_and_told(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    r.fake.at[2].refuses = true;
    collectrig_code(&r, PF_TEMP, "message 3 was refused: it is damaged");
    assert_int_equal(r.taken, 4);
    assert_int_equal(r.left, 1);
    assert_int_equal(r.left_err.code, PF_TEMP);
    assert_int_equal(collectrig_on_server(&r), 1);
    r.fake.at[2].refuses = false;
    collectrig_good(&r);
    all_came_once(5);
}

static void a_delete_that_is_refused_is_counted(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    r.fake.at[2].refuses_delete = true;
    collectrig_code(&r, PF_PARTIAL, "message 3 was not deleted: not that one");
    assert_int_equal(r.deleted, 4);
    assert_int_equal(pf_collect_sums(r.collect)->delete_refused, 1);
    assert_int_equal(collectrig_known(&r, "u3"), PF_LEDGER_DONE);
    r.fake.at[2].refuses_delete = false;
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 0);
    all_came_once(5);
}

static void qs_020_renumbering_after_dele_takes_none_for_another(void **state)
{
    (void)state;
    r.account.keep_days = -1;
    collectrig_fill(&r, 6);
    collectrig_good(&r);
    r.account.keep_days = 0;
    r.fake.renumbers = true;
    collectrig_fill(&r, 6);
    for (size_t i = 6; i < 12; i++) {
        r.fake.at[i].refuses = true;
        snprintf(r.fake.at[i].uid, sizeof r.fake.at[i].uid, "v%zu", i);
    }
    collectrig_run(&r);
    assert_int_equal(r.deleted, 6);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(r.fake.at[i].deleted, i < 6);
}

static void qs_024_a_server_that_bears_no_burst_is_asked_one_by_one(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.first_of_burst = true;
    r.account.answer_time = 300;
    collectrig_good(&r);
    assert_in_range(r.fake.sessions, 2, 3);
    all_came_once(10);
}

static void without_pipelining_it_goes_one_by_one(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.no_pipelining = r.fake.first_of_burst = true;
    collectrig_good(&r);
    assert_int_equal(r.fake.sessions, 1);
    all_came_once(10);
}

static void a_window_of_one_is_one(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.first_of_burst = true;
    r.account.window = 1;
    collectrig_good(&r);
    assert_int_equal(r.fake.sessions, 1);
    all_came_once(10);
}

static void without_capa_it_works_too(void **state)
{
    (void)state;
    collectrig_fill(&r, 10);
    r.fake.no_capa = true;
    collectrig_good(&r);
    all_came_once(10);
}

static void qs_007_sizes_that_are_wrong_are_told_once(void **state)
{
    uint64_t came = 0;

    (void)state;
    collectrig_fill(&r, 10);
    for (size_t i = 0; i < 10; i++) {
        r.fake.at[i].apart = -4; /* four lines, counted as LF */
        came += strlen(r.fake.at[i].text);
    }
    collectrig_good(&r);
    assert_int_equal(r.notices, 1);
    assert_int_equal(pf_collect_sums(r.collect)->octets, came);
    all_came_once(10);
}

static void what_a_filter_deletes_survives_a_cut_and_a_refusal(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "number 3", PF_ACCOUNT_DELETE, NULL};
    r.account.filter_count = 1;
    collectrig_fill(&r, 5);
    r.fake.cut_after = 2;
    collectrig_good(&r);
    assert_int_equal(r.taken, 4);
    assert_int_equal(r.left, 1);
    assert_int_equal(r.deleted, 5);
    assert_int_equal(collectrig_on_server(&r), 0);
    collectrig_fill(&r, 3);
    r.fake.at[7].refuses_delete = true;
    collectrig_code(&r, PF_PARTIAL, "message 3 was not deleted");
    assert_int_equal(r.taken, 2);
    assert_int_equal(collectrig_on_server(&r), 1);
}

static void qs_024_silence_behind_a_burst_costs_one_wait(void **state)
{
    (void)state;
    collectrig_fill(&r, 30);
    r.fake.first_of_retrs = true;
    r.account.answer_time = 300;
    collectrig_good(&r);
    assert_int_equal(r.fake.sessions, 2);
    all_came_once(30);
}

static void qs_006_what_may_be_a_torso_stays_for_good(void **state)
{
    (void)state;
    r.fake.unstuffed = true;
    collectrig_fill(&r, 4);
    collectrig_add(&r, "torso", "Subject: t\r\n\r\nbegins\r\n.\r\nends\r\n");
    r.account.number_limit = 5;
    collectrig_run(&r);
    assert_int_equal(collectrig_mails_with(&r, "begins"), 1);
    assert_int_equal(collectrig_mails(&r, NULL), 5);
    assert_int_equal(r.fake.at[4].deleted, false);
    assert_non_null(strstr(r.notices_text, "message 5 came with"));
    assert_int_equal(collectrig_known(&r, "torso"), PF_LEDGER_SKIPPED);
    collectrig_run(&r);
    assert_int_equal(r.fake.retrs, 0);
    assert_int_equal(r.fake.at[4].deleted, false);
    assert_int_equal(collectrig_mails(&r, NULL), 5);
}

static void trouble_at_the_login_comes_out_as_it_is(void **state)
{
    (void)state;
    collectrig_fill(&r, 1);
    r.fake.login_answer = "-ERR [IN-USE] locked";
    collectrig_code(&r, PF_IN_USE, "locked");
    r.fake.login_answer = "-ERR [LOGIN-DELAY] wait";
    collectrig_code(&r, PF_LOGIN_DELAY, "wait");
    r.fake.login_answer = "-ERR [SYS/TEMP] later";
    collectrig_code(&r, PF_TEMP, "later");
    assert_int_equal(r.fake.sessions, 1);
    r.fake.login_answer = NULL;
    r.fake.uidl_answer = "-ERR [SYS/TEMP] the index is being made";
    collectrig_code(&r, PF_TEMP, "the index");
    assert_int_equal(r.fake.retrs + r.fake.tops, 0);
    r.fake.uidl_answer = NULL;
    collectrig_good(&r);
    all_came_once(1);
}

static void a_list_that_is_cut_is_no_list(void **state)
{
    (void)state;
    r.account.keep_days = -1;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    r.fake.cut_at_list = true;
    collectrig_run(&r);
    assert_int_equal(collectrig_known(&r, "u3"), PF_LEDGER_DONE);
}

static void an_empty_list_makes_nobody_forget(void **state)
{
    size_t count;

    (void)state;
    r.account.keep_days = -1;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    count = r.fake.count;
    r.fake.count = 0;
    collectrig_good(&r);
    r.fake.count = count;
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 0);
}

static void what_is_gone_from_the_server_is_forgotten(void **state)
{
    (void)state;
    r.account.keep_days = -1;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    r.fake.at[1].deleted = true;
    collectrig_good(&r);
    assert_int_equal(collectrig_known(&r, "u2"), PF_LEDGER_GONE);
    assert_int_equal(collectrig_known(&r, "u3"), PF_LEDGER_DONE);
}

static void a_message_without_end_is_not_taken(void **state)
{
    enum { FLOOD = 70 * 1024 * 1024 };
    char *text = malloc(FLOOD + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', FLOOD);
    memcpy(text, "Subject: x\r\n\r\n", 14);
    text[FLOOD] = 0;
    collectrig_fill(&r, 2);
    free(r.fake.at[0].text);
    r.fake.at[0].text = text;
    r.fake.at[0].apart = 100 - FLOOD;
    collectrig_code(&r, PF_LIMIT, "longer than is allowed");
    assert_int_equal(collectrig_mails(&r, NULL), 1);
    assert_int_equal(collectrig_on_server(&r), 1);
}

static void a_stop_ends_what_was_begun_and_takes_leave(void **state)
{
    (void)state;
    collectrig_fill(&r, 1000);
    r.stop_at_taken = 100;
    collectrig_code(&r, PF_CANCELLED, "");
    assert_in_range(r.taken, 100, 300);
    assert_int_equal(r.fake.quits, 1);
    assert_int_equal(r.deleted, r.taken);
    assert_int_equal(collectrig_on_server(&r), 1000 - r.taken);
    assert_int_equal(collectrig_mails(&r, NULL), r.taken);
    r.stop_at_taken = 0;
    collectrig_good(&r);
    assert_int_equal(collectrig_mails(&r, NULL), 1000);
}

static void a_second_stop_ends_at_once(void **state)
{
    (void)state;
    collectrig_fill(&r, 1000);
    r.stop_at_begin = 50;
    r.stop_twice = true;
    collectrig_code(&r, PF_CANCELLED, "");
    assert_int_equal(r.fake.quits, 0);
    r.stop_at_begin = 0;
    collectrig_good(&r);
    assert_int_equal(collectrig_mails(&r, NULL), 1000);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void a_stop_before_the_login_is_the_end(void **state)
{
    static const struct pf_collect_calls none = {0};

    (void)state, (void)none;
    r.no_secret = true;
    r.free_at = 1;
    collectrig_run(&r);
    assert_int_equal(r.secrets, 1);
    assert_null(r.collect);
}

static void it_can_be_freed_in_any_callback(void **state)
{
    (void)state;
    for (r.free_at = 1; r.free_at <= 5; r.free_at++) {
        collectrig_fill(&r, 100 - r.fake.count % 100);
        collectrig_run(&r);
        assert_null(r.collect);
    }
    r.free_at = 0;
    collectrig_good(&r);
    assert_int_equal(collectrig_on_server(&r), 0);
    assert_true(collectrig_mails(&r, NULL) >= 100);
}

static void no_ledger_no_session(void **state)
{
    char path[160];
    FILE *file;

    (void)state;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    file = fopen(r.ledger, "we");
    assert_non_null(file);
    fputs("something else\nentirely\n", file);
    assert_int_equal(fclose(file), 0);
    collectrig_run(&r);
    assert_int_equal(r.gone.code, PF_DAMAGED);
    assert_int_equal(r.secrets, 0);
    snprintf(path, sizeof path, "%s/state", r.folder);
    assert_int_equal(unlink(r.ledger), 0);
    collectrig_fill(&r, 1);
    collectrig_good(&r);
}

static void a_place_that_cannot_be_is_told_before_the_login(void **state)
{
    (void)state;
    r.account.maildir = "/proc/no-such-folder/Mail";
    collectrig_run(&r);
    assert_int_equal(r.gone.code, PF_CONFIG);
    assert_int_equal(r.secrets, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_that_is_cut_is_called_once_more),
        CASE(a_message_in_which_the_line_is_cut_holds_up_no_other),
        CASE(a_cut_between_dele_and_quit_deletes_nothing_and_loses_nothing),
        CASE(qs_015_quit_without_an_answer_is_no_deletion),
        CASE(one_that_is_refused_is_left_and_told),
        CASE(a_delete_that_is_refused_is_counted),
        CASE(qs_020_renumbering_after_dele_takes_none_for_another),
        CASE(qs_024_a_server_that_bears_no_burst_is_asked_one_by_one),
        CASE(without_pipelining_it_goes_one_by_one),
        CASE(a_window_of_one_is_one),
        CASE(without_capa_it_works_too),
        CASE(qs_007_sizes_that_are_wrong_are_told_once),
        CASE(what_a_filter_deletes_survives_a_cut_and_a_refusal),
        CASE(qs_024_silence_behind_a_burst_costs_one_wait),
        CASE(qs_006_what_may_be_a_torso_stays_for_good),
        CASE(trouble_at_the_login_comes_out_as_it_is),
        CASE(a_list_that_is_cut_is_no_list),
        CASE(an_empty_list_makes_nobody_forget),
        CASE(what_is_gone_from_the_server_is_forgotten),
        CASE(a_message_without_end_is_not_taken),
        CASE(a_stop_ends_what_was_begun_and_takes_leave),
        CASE(a_second_stop_ends_at_once),
        CASE(a_stop_before_the_login_is_the_end),
        CASE(it_can_be_freed_in_any_callback),
        CASE(no_ledger_no_session),
        CASE(a_place_that_cannot_be_is_told_before_the_login),
    };

    return RUN(tests);
}
