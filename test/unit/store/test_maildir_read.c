#include "unit/store/test_maildir_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char text[] = "Subject: a\n\nbody\n"; /* 17 octets, 20 on the wire */

static enum pf_code read_code(struct session *s, uint32_t index)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};

    return rig_read(s, index, 5, &out);
}

static void md_015_md_016_a_renamed_message_is_the_same(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "new/1.M1P1.h", text);
    rig_put(r, "cur/2.M1P1.h:2,", "two\n");
    rig_put(r, "cur/3.M1P1.h:2,", "three\n");
    rig_open(r, &s);
    rig_move(r, "new/1.M1P1.h", "cur/1.M1P1.h:2,FS");
    rig_move(r, "cur/2.M1P1.h:2,", "cur/2.M1P1.h:2,S");
    rig_reads_as(&s, 0, text);
    rig_reads_as(&s, 1, "two\n");
    rig_reads_as(&s, 2, "three\n");
    assert_int_equal(s.box->counts.scans, 2); /* one search found them all */
    rig_move(r, "cur/1.M1P1.h:2,FS", "cur/1.M1P1.h:2,F");
    rig_reads_as(&s, 0, text);
    rig_close(&s);
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h");
    assert_int_equal(s.listing.rows[0].octets, 20);
    rig_close(&s);
}

static void p3_078_a_vanished_message_keeps_its_number(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_put(r, "cur/2.M1P1.h", "two\n");
    rig_open(r, &s);
    rig_remove(r, "cur/1.M1P1.h");
    assert_int_equal(read_code(&s, 0), PF_GONE);
    assert_int_equal(s.err.code, PF_GONE);
    assert_string_equal(s.err.say, "");
    assert_int_equal(read_code(&s, 0), PF_GONE);
    assert_int_equal(s.listing.count, 2);
    rig_reads_as(&s, 1, "two\n");
    rig_close(&s);
}

static void many_vanished_messages_cost_few_scans(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    char name[40];

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h", i);
        rig_put(r, name, text);
    }
    rig_open(r, &s);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h", i);
        rig_remove(r, name);
    }
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(read_code(&s, i), PF_GONE);
    assert_true(s.box->counts.scans <= 3);
    rig_close(&s);
}

static void p3_077_a_message_reads_the_same_twice(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[8];
    struct pf_box_read op = {.index = 0, .at = room, .cap = 3};
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_open(r, &s);
    rig_reads_as(&s, 0, text);
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
    rig_reads_as(&s, 0, text);
    rig_put(r, "cur/1.M1P1.h", "Subject: b\n\nbody\n");
    rig_touch(r, "cur/1.M1P1.h", 1600000000);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
}

/* Even when the listing believed the name and never looked at the file. */
static void p3_077_what_the_first_read_saw_binds_the_second(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17,W=20", text);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.stats + s.box->counts.opens, 0);
    rig_reads_as(&s, 0, text);
    rig_put(r, "cur/1.M1P1.h,S=17,W=20", "Subject: b\n\nbody\n");
    rig_touch(r, "cur/1.M1P1.h,S=17,W=20", 1600000000);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
}

static void a_cut_file_is_damaged(void **state)
{
    static const char *const names[] = {"cur/1.M1P1.h", "cur/1.M1P1.h,S=17", "cur/1.M1P1.h,S=17,W=20"};
    struct rig *r = rig_of(state);
    struct session s;

    for (size_t i = 0; i < 3; i++) {
        rig_put(r, names[i], text);
        rig_open(r, &s);
        assert_int_equal(truncate(rig_at(r, names[i]), 12), 0);
        assert_int_equal(read_code(&s, 0), PF_DAMAGED);
        assert_non_null(strstr(s.err.log, "12 of 17"));
        rig_close(&s);
        rig_remove(r, names[i]);
    }
}

static void a_file_shorter_than_its_name_says_stays_damaged(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17", "Subject: a\n\nb");
    for (int i = 0; i < 3; i++) {
        rig_open(r, &s);
        assert_int_equal(s.listing.count, 1);
        assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h,S=17");
        assert_int_equal(read_code(&s, 0), PF_DAMAGED);
        rig_close(&s);
    }
    rig_open(r, &s); /* and who does not want it may have it removed */
    assert_int_equal(rig_expunge(&s, 0, NULL), PF_OK);
    rig_close(&s);
    assert_int_equal(rig_count(r, "cur"), 0);
}

/* Cut, grown or touched between two pieces: never `last`. */
static void nothing_ends_well_that_changed_in_the_middle(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[8];
    struct session s;

    for (int how = 0; how < 4; how++) {
        struct pf_box_read op = {.index = 0, .at = room, .cap = 8};
        enum pf_code code = PF_OK;

        rig_put(r, "cur/1.M1P1.h", text);
        rig_open(r, &s);
        assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
        assert_false(op.last);
        if (how == 0)
            assert_int_equal(truncate(rig_at(r, "cur/1.M1P1.h"), 8), 0);
        if (how == 1)
            assert_int_equal(truncate(rig_at(r, "cur/1.M1P1.h"), 3), 0);
        if (how == 2)
            assert_int_equal(truncate(rig_at(r, "cur/1.M1P1.h"), 40), 0);
        if (how == 3)
            rig_touch(r, "cur/1.M1P1.h", 1600000000);
        while (code == PF_OK) {
            op.offset += op.got;
            code = pf_maildir_box_read(s.box, &op, true, &s.err);
            assert_false(code == PF_OK && op.last);
        }
        assert_int_equal(code, how < 2 ? PF_DAMAGED : PF_CHANGED);
        rig_close(&s);
        rig_remove(r, "cur/1.M1P1.h");
    }
}

static void removal_in_the_middle_does_not_hurt_an_open_message(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[32];
    struct pf_box_read op = {.index = 0, .at = room, .cap = 8};
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_open(r, &s);
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
    rig_remove(r, "cur/1.M1P1.h");
    op = (struct pf_box_read){.index = 0, .offset = 8, .at = room + 8, .cap = 20};
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
    assert_true(op.last);
    assert_memory_equal(room, text, 17);
    rig_close(&s);
}

static void md_026_a_grown_file_is_a_new_message(void **state)
{
    struct rig *r = rig_of(state);
    char uidl[PF_UIDL_MAX + 1];
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_open(r, &s);
    rig_put(r, "cur/1.M1P1.h", "Subject: a\nX: y\n\nbody\n");
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    rig_open(r, &s);
    memcpy(uidl, rig_uidl(&s, 0), sizeof uidl);
    assert_string_not_equal(uidl, "1.M1P1.h");
    rig_reads_as(&s, 0, "Subject: a\nX: y\n\nbody\n");
    rig_close(&s);
    for (int i = 0; i < 2; i++) { /* and stays that one, with the cache and without */
        rig_open(r, &s);
        assert_string_equal(rig_uidl(&s, 0), uidl);
        rig_close(&s);
        unlink(rig_at(r, "postfach-cache"));
    }
}

static void md_021_a_wrong_w_is_found_and_remembered(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17,W=19", text);
    rig_put(r, "cur/2.M1P1.h,S=17,W=20", text);
    rig_open(r, &s);
    assert_int_equal(s.listing.rows[0].octets, 19);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    assert_int_equal(s.listing.rows[0].octets, 19);
    assert_int_equal(s.listing.octets, 39);
    rig_close(&s);
    for (int i = 0; i < 2; i++) {
        rig_open(r, &s);
        assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h,S=17,W=19");
        assert_int_equal(s.listing.rows[0].octets, 20);
        assert_int_equal(s.listing.octets, 40 + 20 * i);
        rig_reads_as(&s, 0, text);
        rig_close(&s);
        rig_put(r, "new/3.M1P1.h", text); /* the folder changes: the cache is merged, not taken */
    }
}

/* Other octets of equal number under an equal time, as some copying tools leave them. */
static void a_count_that_is_wrong_heals_too(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_touch(r, "cur/1.M1P1.h", 1600000000);
    rig_open(r, &s);
    rig_put(r, "cur/1.M1P1.h", "Subject: a\n\n\n\n\n\n\n");
    rig_touch(r, "cur/1.M1P1.h", 1600000000);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    rig_open(r, &s);
    rig_reads_as(&s, 0, "Subject: a\n\n\n\n\n\n\n");
    rig_close(&s);
}

static void md_021_a_wrong_s_is_mended_when_the_file_is_longer(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=10,W=12", text);
    rig_open(r, &s);
    assert_int_equal(s.listing.rows[0].octets, 12);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    rig_open(r, &s);
    rig_reads_as(&s, 0, text);
    rig_close(&s);
}

static void md_021_implausible_w_is_not_believed(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17,W=16", text);
    rig_put(r, "cur/2.M1P1.h,S=17,W=99", text);
    rig_put(r, "cur/3.M1P1.h,W=20", text);
    rig_put(r, "cur/4.M1P1.h,S=99999999999999999999,W=20", text);
    rig_open(r, &s);
    for (uint32_t i = 0; i < 4; i++)
        rig_reads_as(&s, i, text);
    rig_close(&s);
}

static void md_029_a_link_in_place_of_a_message_is_not_followed(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_put(r, "secret", text);
    rig_open(r, &s);
    rig_remove(r, "cur/1.M1P1.h");
    assert_int_equal(symlink("../secret", rig_at(r, "cur/1.M1P1.h")), 0);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
}

/* A try either gives octets or PF_AGAIN, and the blocking way goes on where it was. */
static void tries_and_waits_mix(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[32];
    struct session s;

    rig_put(r, "cur/1.M1P1.h", text);
    rig_open(r, &s);
    for (int turn = 0; turn < 4; turn++) {
        struct pf_box_read op = {.index = 0, .cap = 4};
        unsigned step = 0;

        while (!op.last) {
            enum pf_code code;

            op.at = room + op.offset;
            op.got = 99;
            code = pf_maildir_box_read(s.box, &op, (turn & 1) == (step++ & 1), &s.err);
            if (code == PF_AGAIN)
                assert_int_equal(op.got, 99);
            else
                assert_int_equal(code, PF_OK);
            op.offset += code ? 0 : op.got;
        }
        assert_int_equal(op.offset, 17);
        assert_memory_equal(room, text, 17);
    }
    rig_close(&s);
}

static enum pf_code tried(struct session *s, uint32_t index, size_t cap)
{
    unsigned char room[64];
    struct pf_box_read op = {.index = index, .at = room, .cap = cap, .got = 99};
    enum pf_code code = pf_maildir_box_read(s->box, &op, false, &s->err);

    assert_true(s->box->reader.fd == -1 || (code == PF_OK && !op.last));
    if (code == PF_OK) {
        assert_int_equal(op.got, cap < 17 ? cap : 17);
        assert_int_equal(op.last, cap >= 17);
        assert_memory_equal(room, text, op.got);
    }
    return code;
}

/* Of a message whose time is known a try looks once, behind the reading; and is no less sure of it. */
static void a_try_of_a_whole_message_finds_what_changed(void **state)
{
    static const char *const names[] = {"cur/1.M1P1.h", "cur/2.M1P1.h", "cur/3.M1P1.h", "cur/4.M1P1.h", "cur/5.M1P1.h",
                                        "cur/6.M1P1.h", "cur/7.M1P1.h"};
    struct rig *r = rig_of(state);
    struct session s;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        rig_put(r, names[i], text);
    rig_touch(r, names[5], 1600000000);
    rig_touch(r, names[6], 1600000000);
    rig_open(r, &s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(tried(&s, (uint32_t)i, 64), PF_OK);
    assert_int_equal(tried(&s, 0, 17), PF_OK); /* just room enough */
    assert_int_equal(tried(&s, 0, 16), PF_OK); /* not enough: in pieces */
    rig_touch(r, names[1], 1600000000);        /* the same octets, as far as anybody knows */
    assert_int_equal(tried(&s, 1, 64), PF_CHANGED);
    rig_put(r, names[2], "Subject: a\n");
    assert_int_equal(tried(&s, 2, 64), PF_DAMAGED);
    rig_put(r, names[3], "Subject: a\n\nbody\nmore\n");
    assert_int_equal(tried(&s, 3, 64), PF_CHANGED);
    rig_put(r, names[4], "Subject: a\n\nbody\nmore than there is room for in the memory that is given\n");
    assert_int_equal(tried(&s, 4, 64), PF_AGAIN);
    assert_int_equal(read_code(&s, 4), PF_CHANGED);
    rig_put(r, names[5], "Subject: a\n\n\n\n\n\n\n"); /* other octets under the same time: as many lines tell */
    rig_touch(r, names[5], 1600000000);
    assert_int_equal(tried(&s, 5, 64), PF_CHANGED);
    rig_put(r, names[6], "\x28\xb5\x2f\xfd, as zstd has"); /* the blocking way sees to that */
    rig_touch(r, names[6], 1600000000);
    assert_int_equal(tried(&s, 6, 64), PF_AGAIN);
    rig_remove(r, names[0]);
    assert_int_equal(symlink("2.M1P1.h", rig_at(r, names[0])), 0);
    assert_int_equal(tried(&s, 0, 64), PF_AGAIN);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
}

static void a_number_that_is_not_there_is_no_message(void **state)
{
    struct session s;

    rig_open(rig_of(state), &s);
    assert_int_equal(read_code(&s, 0), PF_NO_MESSAGE);
    rig_close(&s);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(md_015_md_016_a_renamed_message_is_the_same),
        R(p3_078_a_vanished_message_keeps_its_number),
        R(many_vanished_messages_cost_few_scans),
        R(p3_077_a_message_reads_the_same_twice),
        R(p3_077_what_the_first_read_saw_binds_the_second),
        R(a_cut_file_is_damaged),
        R(a_file_shorter_than_its_name_says_stays_damaged),
        R(nothing_ends_well_that_changed_in_the_middle),
        R(removal_in_the_middle_does_not_hurt_an_open_message),
        R(md_026_a_grown_file_is_a_new_message),
        R(md_021_a_wrong_w_is_found_and_remembered),
        R(a_count_that_is_wrong_heals_too),
        R(md_021_a_wrong_s_is_mended_when_the_file_is_longer),
        R(md_021_implausible_w_is_not_believed),
        R(md_029_a_link_in_place_of_a_message_is_not_followed),
        R(tries_and_waits_mix),
        R(a_try_of_a_whole_message_finds_what_changed),
        R(a_number_that_is_not_there_is_no_message),
    };

    return RUN(tests);
}
