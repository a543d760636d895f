#include "unit/store/test_maildir_rig.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "Subject: a\n\nbody\n";

static void three(struct rig *r)
{
    rig_put(r, "cur/1.M1P1.h:2,S", "one\n");
    rig_put(r, "new/2.M1P1.h", "two\n");
    rig_put(r, "cur/3.M1P1.h", "three\n");
}

static void md_024_what_is_marked_is_unlinked(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, 1, &op), PF_OK);
    assert_int_equal(op.removed, 1);
    assert_int_equal(op.failed, 0);
    assert_false(rig_has(r, "new/2.M1P1.h"));
    assert_int_equal(s.listing.count, 3);
    rig_close(&s);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 2);
    assert_int_equal(s.box->counts.opens, 0); /* what was counted is still known */
    rig_reads_as(&s, 0, "one\n");
    rig_reads_as(&s, 1, "three\n");
    rig_close(&s);
}

static void an_expunged_message_is_gone_and_stays_so(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[64];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, 0, NULL), PF_OK);
    assert_int_equal(rig_read(&s, 0, 10, &out), PF_GONE);
    rig_put(r, "cur/1.M1P1.h:2,S", "another\n"); /* not the one that was marked */
    assert_int_equal(rig_expunge(&s, 0, &op), PF_OK);
    assert_int_equal(op.removed, 1);
    rig_close(&s);
    assert_true(rig_has(r, "cur/1.M1P1.h:2,S"));
}

static void md_016_a_renamed_message_is_removed_where_it_is(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    rig_move(r, "cur/1.M1P1.h:2,S", "cur/1.M1P1.h:2,FS");
    rig_move(r, "new/2.M1P1.h", "cur/2.M1P1.h:2,");
    assert_int_equal(rig_expunge(&s, -1, &op), PF_OK);
    assert_int_equal(op.removed, 3);
    rig_close(&s);
    assert_int_equal(rig_count(r, "cur") + rig_count(r, "new"), 0);
}

static void what_others_removed_counts_as_removed(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    rig_remove(r, "new/2.M1P1.h");
    assert_int_equal(rig_expunge(&s, -1, &op), PF_OK);
    assert_int_equal(op.removed, 3);
    assert_int_equal(op.failed, 0);
    rig_close(&s);
}

static void what_was_changed_is_not_what_was_marked(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    rig_put(r, "cur/3.M1P1.h", "three and more\n");
    rig_touch(r, "cur/3.M1P1.h", 1600000000);
    assert_int_equal(rig_expunge(&s, -1, &op), PF_PARTIAL);
    assert_int_equal(op.removed, 2);
    assert_int_equal(op.failed, 1);
    assert_int_equal(s.err.code, PF_PARTIAL);
    assert_non_null(strstr(s.err.log, "3.M1P1.h"));
    assert_string_equal(s.err.say, "");
    rig_close(&s);
    assert_true(rig_has(r, "cur/3.M1P1.h"));
    rig_open(r, &s);
    rig_put(r, "cur/3.M1P1.h", "and again more\n\n");
    rig_touch(r, "cur/3.M1P1.h", 1500000000);
    assert_int_equal(rig_expunge(&s, -1, &op), PF_CHANGED); /* none removed: the cause itself */
    assert_int_equal(op.removed, 0);
    assert_int_equal(op.failed, 1);
    rig_close(&s);
}

static void a_folder_in_the_way_fails_only_itself(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    three(r);
    rig_open(r, &s);
    rig_remove(r, "cur/3.M1P1.h");
    assert_int_equal(mkdir(rig_at(r, "cur/3.M1P1.h"), 0700), 0);
    assert_int_equal(rig_expunge(&s, -1, &op), PF_PARTIAL);
    assert_int_equal(op.removed, 2);
    rig_close(&s);
}

static void closing_alone_removes_nothing(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op = {.remove = NULL};
    struct session s;

    three(r);
    rig_open(r, &s);
    assert_int_equal(pf_maildir_box_expunge(s.box, &op, &s.err), PF_OK);
    assert_int_equal(op.removed + op.failed, 0);
    rig_close(&s);
    assert_int_equal(rig_count(r, "cur") + rig_count(r, "new"), 3);
}

/* An agent that stopped between link and unlink, or a copy: one message under two names. */
static void two_names_of_one_message_are_one(void **state)
{
    struct rig *r = rig_of(state);
    char old[512];
    struct session s;

    rig_put(r, "new/1.M1P1.h", text);
    snprintf(old, sizeof old, "%s", rig_at(r, "new/1.M1P1.h"));
    assert_int_equal(link(old, rig_at(r, "cur/1.M1P1.h:2,S")), 0);
    rig_put(r, "new/2.M1P1.h", text);
    rig_touch(r, "new/2.M1P1.h", 1600000000);
    rig_put(r, "cur/2.M1P1.h:2,", text);
    rig_touch(r, "cur/2.M1P1.h:2,", 1600000000);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 2);
    assert_int_equal(s.listing.rows[0].flags, PF_ROW_SEEN);
    assert_int_equal(rig_expunge(&s, -1, NULL), PF_OK);
    rig_close(&s);
    assert_int_equal(rig_count(r, "cur") + rig_count(r, "new"), 0);
}

static void md_007_two_messages_of_one_name_are_two(void **state)
{
    struct rig *r = rig_of(state);
    char uidls[2][PF_UIDL_MAX + 1];
    struct session s;

    rig_put(r, "cur/1.M1P1.h:2,S", "first\n");
    rig_put(r, "new/1.M1P1.h", "the second\n");
    for (int turn = 0; turn < 3; turn++) {
        rig_open(r, &s);
        assert_int_equal(s.listing.count, 2);
        for (uint32_t i = 0; i < 2; i++) {
            if (turn)
                assert_string_equal(rig_uidl(&s, i), uidls[i]);
            memcpy(uidls[i], rig_uidl(&s, i), sizeof uidls[i]);
        }
        rig_reads_as(&s, 0, "first\n");
        rig_reads_as(&s, 1, "the second\n");
        rig_close(&s);
        if (turn == 0)
            unlink(rig_at(r, "postfach-cache"));
    }
    assert_string_equal(uidls[0], "1.M1P1.h");
    assert_string_not_equal(uidls[1], "1.M1P1.h");
    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, 0, NULL), PF_OK);
    rig_close(&s);
    assert_true(rig_has(r, "new/1.M1P1.h"));
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 1);
    assert_string_equal(rig_uidl(&s, 0), uidls[1]);
    rig_reads_as(&s, 0, "the second\n");
    rig_close(&s);
}

static void md_015_md_010_seen_marks_move_to_cur(void **state)
{
    const struct pf_maildir_settings settings = {.mark_seen = true, .cache = true};
    struct rig *r = rig_of(state);
    uint64_t all[1] = {15}, first[1] = {1};
    struct pf_marks seen = {all, 4}, removed = {first, 4};
    struct pf_box_expunge op = {.remove = &removed, .seen = &seen};
    struct session s;

    rig_store(r, &settings, 10);
    three(r);
    rig_put(r, "cur/4.M1P1.h:1,x", "four\n");
    rig_open(r, &s);
    rig_move(r, "cur/3.M1P1.h", "cur/3.M1P1.h:2,a");
    assert_int_equal(pf_maildir_box_expunge(s.box, &op, &s.err), PF_OK);
    assert_int_equal(op.removed, 1);
    rig_close(&s);
    assert_true(rig_has(r, "cur/2.M1P1.h:2,S"));
    assert_true(rig_has(r, "cur/3.M1P1.h:2,a")); /* moved away: failing to mark is no error */
    assert_true(rig_has(r, "cur/4.M1P1.h:1,x"));
    assert_int_equal(rig_count(r, "new"), 0);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 3);
    assert_string_equal(rig_uidl(&s, 0), "2.M1P1.h");
    assert_int_equal(s.listing.rows[0].flags, PF_ROW_SEEN);
    rig_close(&s);
}

static void md_010_without_the_setting_nothing_moves(void **state)
{
    struct rig *r = rig_of(state);
    uint64_t all[1] = {7};
    struct pf_marks seen = {all, 3};
    struct pf_box_expunge op = {.seen = &seen};
    struct session s;

    three(r);
    rig_open(r, &s);
    assert_int_equal(pf_maildir_box_expunge(s.box, &op, &s.err), PF_OK);
    rig_close(&s);
    assert_true(rig_has(r, "new/2.M1P1.h"));
}

static void expired_mail_is_removed_before_the_listing(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1699000000.M1P1.h", text);
    rig_put(r, "new/1699000001.M1P1.h", text);
    rig_put(r, "cur/1699913600.M1P1.h", text); /* exactly one day old */
    rig_put(r, "new/msg.1", text);
    rig_touch(r, "new/msg.1", 1690000000);
    for (int turn = 0; turn < 2; turn++) {
        r->expire_days = turn ? 1 : 0;
        rig_open(r, &s);
        assert_int_equal(s.listing.count, turn ? 1 : 4);
        assert_int_equal(s.expired, turn ? 3 : 0);
        assert_int_equal(s.listing.octets, turn ? 20 : 80);
        assert_string_equal(rig_uidl(&s, s.listing.count - 1), "1699913600.M1P1.h");
        rig_reads_as(&s, s.listing.count - 1, text);
        rig_close(&s);
    }
    assert_int_equal(rig_count(r, "cur") + rig_count(r, "new"), 1);
    r->expire_days = 1; /* and again, from what the cache holds */
    r->now += 1;
    rig_open(r, &s);
    rig_close(&s);
    assert_int_equal(rig_count(r, "cur"), 0);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(md_024_what_is_marked_is_unlinked), R(an_expunged_message_is_gone_and_stays_so),
        R(md_016_a_renamed_message_is_removed_where_it_is),
        R(what_others_removed_counts_as_removed), R(what_was_changed_is_not_what_was_marked),
        R(a_folder_in_the_way_fails_only_itself), R(closing_alone_removes_nothing),
        R(two_names_of_one_message_are_one), R(md_007_two_messages_of_one_name_are_two),
        R(md_015_md_010_seen_marks_move_to_cur), R(md_010_without_the_setting_nothing_moves),
        R(expired_mail_is_removed_before_the_listing),
    };

    return RUN(tests);
}
