/* What a plan makes of a server's lists. */
#include "planrig.h"

#include <stdlib.h>
#include <time.h>

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

static bool identity_is(size_t i, const char *text)
{
    return pf_bytes_equal(pf_plan_at(r.plan, i)->identity, pf_bytes_of(text));
}

static void what_is_new_is_fetched_and_what_is_known_is_left(void **state)
{
    (void)state;
    planrig_record(&r, PF_LEDGER_DONE, "a", 10, 1, 5);
    planrig_record(&r, PF_LEDGER_SKIPPED, "c", 30, 1, 5);
    planrig_record(&r, PF_LEDGER_REFUSED, "d", 40, 1, 5);
    planrig_record(&r, PF_LEDGER_DONE, "e", 50, 1, 5);
    planrig_record(&r, PF_LEDGER_GONE, "e", 50, 1, 6);
    planrig_list(&r, 1, 10, "a");
    planrig_list(&r, 2, 20, "b");
    planrig_list(&r, 3, 30, "c");
    planrig_list(&r, 5, 40, "d"); /* numbers may have gaps (QS-019) */
    planrig_list(&r, 6, 50, "e");
    planrig_make(&r);
    planrig_settle(&r);
    assert_int_equal(pf_plan_count(r.plan), 5);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_is(&r, 1, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_is(&r, 2, PF_PLAN_LEAVE, PF_PLAN_FILTERED);
    planrig_is(&r, 3, PF_PLAN_LEAVE, PF_PLAN_REFUSED);
    planrig_is(&r, 4, PF_PLAN_FETCH, PF_PLAN_NEW);
    assert_string_equal(planrig_order(&r), "2 6");
    assert_false(pf_plan_renumbered(r.plan));
}

static void a_known_uid_stays_known_whatever_its_size(void **state)
{
    (void)state;
    planrig_record(&r, PF_LEDGER_DONE, "a", 10, 1, 5);
    planrig_list(&r, 1, 9000, "a");
    planrig_make(&r);
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
}

static void lists_may_come_in_any_order_and_tell_numbers_twice(void **state)
{
    (void)state;
    planrig_list(&r, 3, 30, NULL);
    planrig_list(&r, 1, 10, NULL);
    planrig_list(&r, 3, 31, NULL);
    planrig_list(&r, 0, 99, NULL);
    planrig_list(&r, 2, PF_OCTETS_UNKNOWN, "b");
    planrig_list(&r, 1, PF_OCTETS_UNKNOWN, "a");
    planrig_list(&r, 1, PF_OCTETS_UNKNOWN, "z");
    planrig_list(&r, 0, PF_OCTETS_UNKNOWN, "y");
    planrig_make(&r);
    assert_int_equal(pf_plan_count(r.plan), 3);
    assert_int_equal(pf_plan_at(r.plan, 0)->number, 1);
    assert_int_equal(pf_plan_at(r.plan, 0)->octets, 10);
    assert_true(identity_is(0, "a"));
    assert_true(pf_plan_at(r.plan, 1)->octets == PF_OCTETS_UNKNOWN);
    assert_true(identity_is(1, "b"));
    assert_int_equal(pf_plan_at(r.plan, 2)->octets, 30);
    planrig_is(&r, 2, PF_PLAN_LOOK, PF_PLAN_NEW);
}

static void odd_uids_become_identities_of_their_own(void **state)
{
    char long_uid[PF_LEDGER_UID_MAX + 2];

    (void)state;
    memset(long_uid, 'x', sizeof long_uid - 1);
    long_uid[sizeof long_uid - 1] = 0;
    planrig_list(&r, 1, 10, "head:1");
    planrig_list(&r, 2, 10, "digest:2");
    planrig_list(&r, 3, 10, "uid:3");
    planrig_list(&r, 4, 10, long_uid);
    long_uid[PF_LEDGER_UID_MAX] = 0;
    planrig_list(&r, 5, 10, long_uid);
    memcpy(long_uid, "head:", 5);
    planrig_list(&r, 6, 10, long_uid);
    planrig_make(&r);
    assert_true(identity_is(0, "uid:head:1"));
    assert_true(identity_is(1, "uid:digest:2"));
    assert_true(identity_is(2, "uid:uid:3"));
    assert_memory_equal(pf_plan_at(r.plan, 3)->identity.at, "digest:", 7);
    assert_int_equal(pf_plan_at(r.plan, 3)->identity.len, 7 + 32);
    assert_int_equal(pf_plan_at(r.plan, 4)->identity.len, PF_LEDGER_UID_MAX);
    assert_int_equal(pf_plan_at(r.plan, 5)->identity.len, 7 + 32);
    assert_false(pf_bytes_equal(pf_plan_at(r.plan, 3)->identity, pf_plan_at(r.plan, 5)->identity));
    for (size_t i = 0; i < 6; i++)
        planrig_is(&r, i, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void without_uids_headers_and_octets_tell(void **state)
{
    unsigned char digest[PF_LEDGER_HEAD];
    char name[80] = "head:", second[84];

    (void)state;
    planrig_digest("one", digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(name + 5 + 2 * i, 3, "%02x", digest[i]);
    snprintf(name + 37, sizeof name - 37, "-10");
    snprintf(second, sizeof second, "%s-2", name);
    planrig_record(&r, PF_LEDGER_DONE, name, 10, 1, 5);
    for (int number = 1; number <= 4; number++)
        planrig_list(&r, (uint64_t)number, number == 4 ? 11 : 10, NULL);
    planrig_make(&r);
    planrig_look(&r, 0, "one");
    planrig_look(&r, 1, "two");
    planrig_look(&r, 2, "one");
    planrig_look(&r, 3, "one");
    planrig_settle(&r);
    assert_true(identity_is(0, name));
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_is(&r, 1, PF_PLAN_FETCH, PF_PLAN_NEW);
    assert_true(identity_is(2, second));
    planrig_is(&r, 2, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_is(&r, 3, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void a_uid_that_stands_twice_is_no_identity(void **state)
{
    (void)state;
    planrig_record(&r, PF_LEDGER_DONE, "same", 10, 1, 5);
    planrig_record(&r, PF_LEDGER_DONE, "other", 10, 1, 5);
    planrig_list(&r, 1, 10, "same");
    planrig_list(&r, 2, 20, "other");
    planrig_list(&r, 3, 30, "same");
    planrig_list(&r, 4, 40, "same");
    planrig_make(&r);
    planrig_is(&r, 0, PF_PLAN_LOOK, PF_PLAN_NEW);
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_is(&r, 2, PF_PLAN_LOOK, PF_PLAN_NEW);
    planrig_is(&r, 3, PF_PLAN_LOOK, PF_PLAN_NEW);
}

/* popa3d makes UIDs of some lines of the header. */
static void a_uid_that_others_get_later_is_known_by_its_record(void **state)
{
    (void)state;
    planrig_record_head(&r, PF_LEDGER_DONE, "same", 10, "one", 5);
    planrig_record_head(&r, PF_LEDGER_DONE, "other", 20, "two", 6);
    planrig_list(&r, 1, 10, "same");
    planrig_list(&r, 2, 20, "other");
    planrig_list(&r, 3, 10, "same");
    planrig_list(&r, 4, 10, "same"); /* quite the same, and one more than was fetched */
    planrig_make(&r);
    assert_false(pf_plan_renumbered(r.plan));
    planrig_look(&r, 0, "three");
    planrig_look(&r, 2, "one");
    planrig_look(&r, 3, "one");
    planrig_settle(&r);
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_is(&r, 2, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    assert_string_equal(planrig_order(&r), "1 4");
    pf_plan_moved(r.plan, planrig_note, &r);
    assert_int_equal(r.note_count, 1);
    assert_memory_equal(r.notes[0].uid, "head:", 5);
    assert_int_equal(r.notes[0].when, 5);
}

static void one_whose_uid_is_its_own_again_is_known_by_its_header(void **state)
{
    unsigned char digest[PF_LEDGER_HEAD];
    char name[80] = "head:";

    (void)state;
    planrig_digest("one", digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(name + 5 + 2 * i, 3, "%02x", digest[i]);
    snprintf(name + 37, sizeof name - 37, "-10");
    planrig_record_head(&r, PF_LEDGER_DONE, name, 10, "one", 5);
    planrig_record_head(&r, PF_LEDGER_DONE, "other", 20, "two", 6);
    planrig_list(&r, 1, 10, "same");
    planrig_list(&r, 2, 20, "other");
    planrig_list(&r, 3, 30, "new");
    planrig_make(&r);
    planrig_is(&r, 2, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_look(&r, 0, "one");
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    assert_true(identity_is(0, "same"));
    /* A copy with a UID of its own is another message, as long as the one without is there. */
    planrig_plan(&r);
    planrig_list(&r, 1, 10, NULL);
    planrig_list(&r, 2, 20, "other");
    planrig_list(&r, 3, 10, "copy");
    planrig_make(&r);
    planrig_look(&r, 0, "one");
    planrig_look(&r, 2, "one");
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
    planrig_is(&r, 2, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void qs_021_all_new_uids_are_matched_by_header_and_octets(void **state)
{
    (void)state;
    planrig_record_head(&r, PF_LEDGER_DONE, "a", 10, "one", 5);
    planrig_record_head(&r, PF_LEDGER_DONE, "b", 20, "two", 6);
    planrig_record_head(&r, PF_LEDGER_SKIPPED, "c", 20, "three", 7);
    planrig_record_head(&r, PF_LEDGER_DONE, "d", 20, "two", 8);
    planrig_list(&r, 1, 10, "u1");
    planrig_list(&r, 2, 20, "u2");
    planrig_list(&r, 3, 20, "u3");
    planrig_list(&r, 4, 20, "u4");
    planrig_list(&r, 5, 20, "u5");
    planrig_list(&r, 6, 30, "u6"); /* no record has its size: it is new without a look */
    planrig_make(&r);
    assert_true(pf_plan_renumbered(r.plan));
    planrig_is(&r, 5, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_look(&r, 0, "another");
    planrig_look(&r, 1, "two");
    planrig_look(&r, 2, "two");
    planrig_look(&r, 3, "two"); /* a third one like it is new: the ledger knows two */
    planrig_look(&r, 4, "three");
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    planrig_is(&r, 2, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    planrig_is(&r, 3, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_is(&r, 4, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    assert_string_equal(planrig_order(&r), "1 4 6");
    pf_plan_moved(r.plan, planrig_note, &r);
    assert_int_equal(r.note_count, 3);
    assert_string_equal(r.notes[0].uid, "u2");
    assert_int_equal(r.notes[0].state, PF_LEDGER_DONE);
    assert_true(r.notes[0].when + r.notes[1].when == 6 + 8);
    assert_string_equal(r.notes[2].uid, "u5");
    assert_int_equal(r.notes[2].state, PF_LEDGER_SKIPPED);
    assert_int_equal(r.notes[2].when, 7);
}

static void one_uid_that_is_known_says_that_the_others_are_new(void **state)
{
    (void)state;
    planrig_record_head(&r, PF_LEDGER_DONE, "a", 10, "one", 5);
    planrig_record_head(&r, PF_LEDGER_DONE, "b", 20, "two", 5);
    planrig_list(&r, 1, 10, "a");
    planrig_list(&r, 2, 20, "u2");
    planrig_make(&r);
    assert_false(pf_plan_renumbered(r.plan));
    planrig_is(&r, 1, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void a_renamed_server_is_known_again(void **state)
{
    (void)state;
    planrig_record_head(&r, PF_LEDGER_DONE, "a", 10, "one", 5);
    planrig_other_who(&r);
    planrig_list(&r, 1, 10, "a"); /* by accident: it is another server's */
    planrig_make(&r);
    planrig_look(&r, 0, "one");
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    planrig_plan(&r);
    planrig_list(&r, 1, 10, "a");
    planrig_make(&r);
    planrig_look(&r, 0, "two");
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_FETCH, PF_PLAN_NEW);
}

static void without_top_the_message_itself_tells(void **state)
{
    unsigned char one[PF_LEDGER_HEAD], two[PF_LEDGER_HEAD];

    (void)state;
    r.no_top = true;
    planrig_plan(&r);
    planrig_record_head(&r, PF_LEDGER_DONE, "a", 10, "one", 5);
    planrig_list(&r, 1, 10, "u1");
    planrig_list(&r, 2, 10, "u2");
    planrig_list(&r, 3, 30, NULL);
    planrig_make(&r);
    planrig_settle(&r);
    assert_string_equal(planrig_order(&r), "1 2 3");
    assert_int_equal(pf_plan_at(r.plan, 0)->identity.len, 0);
    planrig_digest("one", one);
    planrig_digest("two", two);
    assert_false(pf_plan_identify(r.plan, pf_plan_at(r.plan, 0), two));
    assert_true(identity_is(0, "u1"));
    assert_true(pf_plan_identify(r.plan, pf_plan_at(r.plan, 1), one));
    planrig_is(&r, 1, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    assert_false(pf_plan_identify(r.plan, pf_plan_at(r.plan, 2), two));
    assert_memory_equal(pf_plan_at(r.plan, 2)->identity.at, "head:", 5);
}

static void a_top_that_is_refused_leaves_it_to_the_message(void **state)
{
    (void)state;
    planrig_list(&r, 1, 10, NULL);
    planrig_make(&r);
    planrig_look(&r, 0, NULL);
    planrig_settle(&r);
    planrig_is(&r, 0, PF_PLAN_FETCH, PF_PLAN_NEW);
    assert_int_equal(pf_plan_at(r.plan, 0)->identity.len, 0);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Quadratic work would take minutes. The bound has room for sanitizers and for a loaded machine. */
static void a_hundred_thousand_messages_are_planned_at_once(void **state)
{
    enum { MANY = 100000 };
    char uid[32];
    double began;

    (void)state;
    for (int i = 0; i < MANY / 2; i++) {
        struct pf_ledger_note note = {.state = PF_LEDGER_DONE, .when = 1, .octets = 1000};

        snprintf(uid, sizeof uid, "uid-%06d", i);
        memset(note.head, 1, sizeof note.head);
        note.uid = pf_bytes_of(uid);
        assert_true(pf_ledger_learn(r.ledger, &note, 1));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(uid, sizeof uid, "uid-%06ju", (uintmax_t)i);
        planrig_list(&r, MANY - i, 1000, uid);
    }
    began = seconds();
    planrig_make(&r);
    planrig_settle(&r);
    assert_int_equal(pf_plan_remove(r.plan, 100), PF_OK);
    pf_plan_forget(r.plan, 100, planrig_note, &r);
    assert_true(seconds() - began < 2.0);
    assert_int_equal(r.note_count, 0);
    planrig_is(&r, 0, PF_PLAN_FETCH, PF_PLAN_NEW);
    planrig_is(&r, MANY - 1, PF_PLAN_LEAVE, PF_PLAN_KNOWN);
}

/* All alike: the worst for hashes and for matching. */
static void a_hundred_thousand_alike_are_planned_at_once(void **state)
{
    enum { MANY = 100000 };
    char uid[32];
    double began;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct pf_ledger_note note = {.state = PF_LEDGER_DONE, .when = 1, .octets = 1000};

        snprintf(uid, sizeof uid, "uid-%06d", i);
        planrig_digest("one", note.head);
        note.uid = pf_bytes_of(uid);
        assert_true(pf_ledger_learn(r.ledger, &note, 1));
        planrig_list(&r, (uint64_t)i + 1, 1000, "always-the-same");
    }
    began = seconds();
    planrig_make(&r);
    for (size_t i = 0; i < MANY; i++)
        planrig_look(&r, i, "one");
    planrig_settle(&r);
    assert_true(seconds() - began < 8.0); /* mostly the headers' digests */
    planrig_is(&r, MANY - 1, PF_PLAN_LEAVE, PF_PLAN_MOVED);
    assert_string_equal(planrig_order(&r), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_new_is_fetched_and_what_is_known_is_left),
        CASE(a_known_uid_stays_known_whatever_its_size),
        CASE(lists_may_come_in_any_order_and_tell_numbers_twice),
        CASE(odd_uids_become_identities_of_their_own),
        CASE(without_uids_headers_and_octets_tell),
        CASE(a_uid_that_stands_twice_is_no_identity),
        CASE(a_uid_that_others_get_later_is_known_by_its_record),
        CASE(one_whose_uid_is_its_own_again_is_known_by_its_header),
        CASE(qs_021_all_new_uids_are_matched_by_header_and_octets),
        CASE(one_uid_that_is_known_says_that_the_others_are_new),
        CASE(a_renamed_server_is_known_again),
        CASE(without_top_the_message_itself_tells),
        CASE(a_top_that_is_refused_leaves_it_to_the_message),
        CASE(a_hundred_thousand_messages_are_planned_at_once),
        CASE(a_hundred_thousand_alike_are_planned_at_once),
    };

    return RUN(tests);
}
