/* What a run does with a server that is in order. */
#include "collectrig.h"

static struct collectrig r;

static int up(void **state)
{
    (void)state;
    collectrig_up(&r);
    return 0;
}

static int down(void **state)
{
    (void)state;
    collectrig_down(&r);
    return 0;
}

static void mail_is_fetched_once_and_stays_by_default(void **state)
{
    (void)state;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    assert_int_equal(r.fresh, 3);
    assert_int_equal(r.begun, 3);
    assert_int_equal(r.taken, 3);
    assert_int_equal(collectrig_mails(&r, NULL), 3);
    assert_int_equal(collectrig_mails_with(&r, "body 2 of them\n"), 1);
    assert_int_equal(collectrig_on_server(&r), 3);
    assert_int_equal(r.fake.quits, 1);
    assert_int_equal(pf_collect_sums(r.collect)->fetched, 3);
    assert_int_equal(collectrig_known(&r, "u2"), PF_LEDGER_DONE);
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 0);
    assert_int_equal(r.fresh, 0);
    assert_int_equal(r.notices, 0);
    assert_int_equal(collectrig_mails(&r, NULL), 3);
}

static void what_was_delivered_is_deleted_where_the_account_says_so(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    collectrig_fill(&r, 100);
    collectrig_good(&r);
    assert_int_equal(collectrig_mails(&r, NULL), 100);
    assert_int_equal(collectrig_on_server(&r), 0);
    assert_int_equal(r.deleted, 100);
    assert_int_equal(pf_collect_sums(r.collect)->deleted, 100);
    assert_int_equal(collectrig_known(&r, "u2"), PF_LEDGER_GONE);
    collectrig_good(&r);
    assert_int_equal(r.messages, 0);
}

static void a_run_that_may_not_delete_does_not(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    r.set.remove = false;
    collectrig_fill(&r, 2);
    collectrig_good(&r);
    assert_int_equal(r.fake.deles, 0);
    r.set.remove = true;
    collectrig_good(&r); /* what an earlier run fetched */
    assert_int_equal(r.fake.retrs, 0);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void qs_018_an_empty_maildrop_may_refuse_to_be_listed(void **state)
{
    (void)state;
    r.fake.empty_list_refused = true;
    collectrig_good(&r);
    assert_int_equal(r.listed, 1);
    assert_int_equal(r.messages, 0);
    collectrig_fill(&r, 1);
    r.fake.list_refused = true;
    r.fake.no_uidl = true;
    collectrig_code(&r, PF_PERM, "LIST was refused: no such thing");
}

static void a_list_without_sizes_is_enough(void **state)
{
    (void)state;
    collectrig_fill(&r, 2);
    r.fake.list_refused = true;
    collectrig_good(&r);
    assert_int_equal(collectrig_mails(&r, NULL), 2);
}

static void without_uidl_headers_tell(void **state)
{
    (void)state;
    collectrig_fill(&r, 30);
    r.fake.no_uidl = true;
    collectrig_good(&r);
    assert_int_equal(r.taken, 30);
    assert_int_equal(r.fake.tops, 30);
    collectrig_good(&r);
    assert_int_equal(r.taken, 0);
    assert_int_equal(r.fake.retrs, 0);
}

static void without_uidl_and_top_messages_tell(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    r.set.remove = false;
    collectrig_fill(&r, 30);
    r.fake.no_uidl = r.fake.no_top = true;
    collectrig_good(&r);
    assert_int_equal(r.taken, 30);
    assert_int_equal(r.fake.tops, 2); /* it is not asked thirty times */
    assert_int_equal(collectrig_mails_with(&r, "Subject: number 7\n\nbody 7 of them\n"), 1);
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 30);
    assert_int_equal(r.taken, 0);
    assert_int_equal(collectrig_mails(&r, NULL), 30);
    r.set.remove = true;
    collectrig_good(&r);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void duplicate_uids_are_told_apart_by_headers(void **state)
{
    (void)state;
    collectrig_add(&r, "same", "Subject: one\r\n\r\n1\r\n");
    collectrig_add(&r, "same", "Subject: two\r\n\r\n2\r\n");
    collectrig_add(&r, "other", "Subject: three\r\n\r\n3\r\n");
    collectrig_add(&r, "", "Subject: four\r\n\r\n4\r\n");
    collectrig_good(&r);
    assert_int_equal(r.taken, 4);
    assert_int_equal(r.fake.tops, 3);
    collectrig_good(&r);
    assert_int_equal(r.taken, 0);
    assert_int_equal(collectrig_mails(&r, NULL), 4);
}

static void qs_021_renumbered_uids_are_no_new_mail(void **state)
{
    (void)state;
    collectrig_fill(&r, 20);
    collectrig_good(&r);
    for (size_t i = 0; i < 20; i++)
        snprintf(r.fake.at[i].uid, sizeof r.fake.at[i].uid, "new%zu", i);
    collectrig_add(&r, "new20", "Subject: really\r\n\r\nnew\r\n");
    collectrig_good(&r);
    assert_int_equal(r.taken, 1);
    assert_int_equal(collectrig_mails(&r, NULL), 21);
    assert_int_equal(r.notice.code, PF_CHANGED);
    assert_int_equal(collectrig_known(&r, "new3"), PF_LEDGER_DONE);
    assert_int_equal(collectrig_known(&r, "u4"), PF_LEDGER_GONE);
    collectrig_good(&r);
    assert_int_equal(r.fake.tops, 0);
    assert_int_equal(r.notices, 0);
}

/* A scanner without a clock makes one header every day: its mails are not each other, whatever became of the first. */
static void equal_headers_without_a_name_are_different_mail(void **state)
{
    (void)state;
    collectrig_add(&r, "a", "From: scan@x\r\nSubject: scan\r\n\r\nbody A\r\n");
    collectrig_good(&r);
    snprintf(r.fake.at[0].uid, sizeof r.fake.at[0].uid, "b");
    r.fake.at[0].text[strlen(r.fake.at[0].text) - 3] = 'B';
    r.account.keep_days = 0;
    collectrig_good(&r);
    assert_int_equal(r.taken, 1);
    assert_int_equal(collectrig_mails_with(&r, "body A"), 1);
    assert_int_equal(collectrig_mails_with(&r, "body B"), 1);
}

static void filters_skip_delete_and_choose_folders(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "offer*", PF_ACCOUNT_DELETE, NULL};
    r.filters[1] = (struct pf_account_filter){"Subject", "list*", PF_ACCOUNT_SKIP, NULL};
    r.filters[2] = (struct pf_account_filter){"Subject", "work*", PF_ACCOUNT_FOLDER, "Work"};
    r.account.filter_count = 3;
    collectrig_add(&r, "a", "Subject: offer of the day\r\n\r\n1\r\n");
    collectrig_add(&r, "b", "Subject: list of names\r\n\r\n2\r\n");
    collectrig_add(&r, "c", "Subject: work to do\r\n\r\n3\r\n");
    collectrig_add(&r, "d", "Subject: else\r\n\r\n4\r\n");
    collectrig_good(&r);
    assert_int_equal(r.fake.tops, 4);
    assert_int_equal(r.taken, 2);
    assert_string_equal(r.folders, "Work ");
    assert_int_equal(collectrig_mails(&r, ".Work"), 1);
    assert_int_equal(collectrig_mails(&r, NULL), 1);
    assert_int_equal(r.deleted, 1);
    assert_true(r.fake.at[0].deleted);
    assert_int_equal(collectrig_known(&r, "b"), PF_LEDGER_SKIPPED);
    assert_int_equal(pf_collect_sums(r.collect)->skipped, 2);
    collectrig_good(&r);
    assert_int_equal(r.fake.tops, 0);
    assert_int_equal(r.left, 0);
}

static void filters_work_without_top_too(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "offer*", PF_ACCOUNT_DELETE, NULL};
    r.filters[1] = (struct pf_account_filter){"Subject", "list*", PF_ACCOUNT_SKIP, NULL};
    r.account.filter_count = 2;
    r.fake.no_top = true;
    collectrig_add(&r, "a", "Subject: offer of the day\r\n\r\n1\r\n");
    collectrig_add(&r, "b", "Subject: list of names\r\n\r\n2\r\n");
    collectrig_add(&r, "c", "Subject: else\r\n\r\n4\r\n");
    collectrig_good(&r);
    assert_int_equal(r.taken, 1);
    assert_int_equal(collectrig_mails(&r, NULL), 1);
    assert_true(r.fake.at[0].deleted);
    assert_int_equal(collectrig_known(&r, "b"), PF_LEDGER_SKIPPED);
    collectrig_good(&r);
    assert_int_equal(r.fake.retrs, 0);
}

static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    collectrig_fill(&r, 3);
    r.account.keep_days = 0;
    r.set.mode = PF_COLLECT_DRY;
    collectrig_good(&r);
    assert_int_equal(r.begun, 3);
    assert_int_equal(r.fresh, 3);
    assert_int_equal(r.fake.retrs + r.fake.deles, 0);
    assert_int_equal(collectrig_mails(&r, NULL), 0);
    assert_int_equal(collectrig_known(&r, "u1"), PF_LEDGER_GONE);
    r.set.mode = PF_COLLECT_FETCH;
    r.set.remove = false;
    collectrig_good(&r);
    r.set.mode = PF_COLLECT_DRY;
    r.set.remove = true;
    collectrig_good(&r);
    assert_int_equal(r.begun, 0);
    assert_int_equal(r.left, 3); /* they would be deleted */
    assert_int_equal(r.why, PF_PLAN_EXPIRED);
    assert_int_equal(collectrig_on_server(&r), 3);
}

static void adopting_notes_all_and_fetches_nothing(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    r.account.number_limit = 2;
    r.account.size_limit = 1;
    r.set.mode = PF_COLLECT_ADOPT;
    collectrig_good(&r);
    assert_int_equal(pf_collect_sums(r.collect)->fetched, 5);
    assert_int_equal(r.fake.retrs, 0);
    assert_int_equal(collectrig_known(&r, "u5"), PF_LEDGER_DONE);
    r.account.size_limit = 0;
    r.set.mode = PF_COLLECT_FETCH;
    collectrig_add(&r, "u6", "Subject: new\r\n\r\n1\r\n");
    collectrig_good(&r);
    assert_int_equal(r.taken, 1);
}

static void qs_021_what_was_adopted_is_known_behind_a_renumbering(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    r.set.mode = PF_COLLECT_ADOPT;
    collectrig_good(&r);
    assert_int_equal(r.fake.tops, 5);
    for (size_t i = 0; i < 5; i++)
        r.fake.at[i].uid[0] = 'v';
    r.set.mode = PF_COLLECT_FETCH;
    collectrig_good(&r);
    assert_int_equal(r.taken, 0);
    r.fake.no_top = true;
    collectrig_add(&r, "u6", "Subject: new\r\n\r\n1\r\n");
    r.set.mode = PF_COLLECT_ADOPT;
    collectrig_good(&r);
    assert_int_equal(pf_collect_sums(r.collect)->fetched, 1);
    assert_int_equal(collectrig_known(&r, "u6"), PF_LEDGER_DONE);
}

static void limits(void **state)
{
    (void)state;
    collectrig_fill(&r, 5);
    collectrig_add(&r, "large",
                   "Subject: large\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    r.account.size_limit = 60;
    r.account.number_limit = 3;
    collectrig_good(&r);
    assert_int_equal(r.taken, 3);
    assert_int_equal(r.fresh, 3);
    assert_int_equal(r.fake.sessions, 1);
    assert_int_equal(pf_collect_sums(r.collect)->left_large, 1);
    collectrig_good(&r);
    assert_int_equal(r.taken, 2);
}

static void fetch_all_fetches_again_and_only_once(void **state)
{
    (void)state;
    collectrig_fill(&r, 3);
    collectrig_good(&r);
    r.account.fetch = PF_ACCOUNT_ALL;
    collectrig_good(&r);
    assert_int_equal(r.taken, 3);
    assert_int_equal(r.fake.sessions, 1);
    assert_int_equal(collectrig_mails(&r, NULL), 6);
}

static void twenty_thousand_messages_come_in_sessions(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    collectrig_fill(&r, 20000);
    collectrig_good(&r);
    assert_int_equal(collectrig_mails(&r, NULL), 20000);
    assert_int_equal(collectrig_on_server(&r), 0);
    assert_int_equal(r.taken, 20000);
    assert_int_equal(r.secrets, 1);
    assert_in_range(r.fake.sessions, 4, 5);
    assert_int_equal(r.fake.retrs, 20000);
}

static void where_logins_are_rationed_a_session_takes_all(void **state)
{
    (void)state;
    r.fake.login_delay = 600;
    r.account.keep_days = 0;
    collectrig_fill(&r, PF_COLLECT_SESSION + 100);
    collectrig_good(&r);
    assert_int_equal(r.fake.sessions, 1);
    assert_int_equal(r.taken, PF_COLLECT_SESSION + 100);
    assert_int_equal(pf_collect_sums(r.collect)->login_delay, 600);
}

static void qs_013_behind_a_short_list_comes_more_in_the_next_run(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    r.fake.list_most = 250;
    collectrig_fill(&r, 600);
    for (unsigned run = 1; run <= 3; run++) {
        collectrig_good(&r);
        assert_int_equal(r.fake.sessions, 1);
    }
    assert_int_equal(collectrig_mails(&r, NULL), 600);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void one_that_ends_in_the_middle_of_a_line_comes_whole(void **state)
{
    (void)state;
    collectrig_add(&r, "a", "Subject: a\r\n\r\n.dots\r\n..\r\n.\r\n\rlone\r\r\n\r\n");
    collectrig_add(&r, "b", "no header at all\r\n");
    collectrig_good(&r);
    assert_int_equal(collectrig_mails_with(&r, "\n.dots\n..\n.\n\rlone\r\n\n"), 1);
    assert_int_equal(collectrig_mails(&r, NULL), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(mail_is_fetched_once_and_stays_by_default),
        CASE(what_was_delivered_is_deleted_where_the_account_says_so),
        CASE(a_run_that_may_not_delete_does_not),
        CASE(qs_018_an_empty_maildrop_may_refuse_to_be_listed),
        CASE(a_list_without_sizes_is_enough),
        CASE(without_uidl_headers_tell),
        CASE(without_uidl_and_top_messages_tell),
        CASE(duplicate_uids_are_told_apart_by_headers),
        CASE(qs_021_renumbered_uids_are_no_new_mail),
        CASE(equal_headers_without_a_name_are_different_mail),
        CASE(filters_skip_delete_and_choose_folders),
        CASE(filters_work_without_top_too),
        CASE(a_dry_run_changes_nothing),
        CASE(adopting_notes_all_and_fetches_nothing),
        CASE(qs_021_what_was_adopted_is_known_behind_a_renumbering),
        CASE(limits),
        CASE(fetch_all_fetches_again_and_only_once),
        CASE(twenty_thousand_messages_come_in_sessions),
        CASE(where_logins_are_rationed_a_session_takes_all),
        CASE(qs_013_behind_a_short_list_comes_more_in_the_next_run),
        CASE(one_that_ends_in_the_middle_of_a_line_comes_whole),
    };

    return RUN(tests);
}
