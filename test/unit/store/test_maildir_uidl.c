#include "unit/store/test_maildir_rig.h"

#include "store/maildir/uidl_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "Subject: a\n\nbody\n";

static const char *const strange[] = {
    "msg.123", "a b", "1700000000.M1P1.h\xe4", "1700000000.M1P1.h\\x20\n\x01", "back\\slash", "x,S=17,W=20",
    "1700000000.M1P1.hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", ":2,S",
};
enum { STRANGE = sizeof strange / sizeof strange[0] };

static void put_strange(struct rig *r)
{
    char name[128];

    for (int i = 0; i < STRANGE; i++) {
        snprintf(name, sizeof name, "cur/%s", strange[i]);
        rig_put(r, name, text);
        rig_touch(r, name, 1700000000 + i);
    }
}

/* The whole list file; freed by the caller. */
static char *list_text(struct rig *r, size_t *out_len)
{
    struct pf_maildir_text t = {0};
    int root = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(pf_maildir_uidl_load(root, r->path, &t, NULL), PF_OK);
    close(root);
    *out_len = t.len;
    return t.at;
}

static void p3_052_strange_names_get_lasting_uidls(void **state)
{
    struct rig *r = rig_of(state);
    char uidls[STRANGE][PF_UIDL_MAX + 1];
    struct session s;

    put_strange(r);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, STRANGE);
    for (uint32_t i = 0; i < STRANGE; i++) {
        memcpy(uidls[i], rig_uidl(&s, i), sizeof uidls[i]);
        assert_int_equal(strlen(uidls[i]), PF_MAILDIR_UIDL_LEN);
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(uidls[i], uidls[k]);
        rig_reads_as(&s, i, text);
    }
    /* On disk before the first client sees them, also when the session never ends well. */
    for (int turn = 0; turn < 3; turn++) {
        rig_close(&s);
        if (turn)
            unlink(rig_at(r, "postfach-cache"));
        rig_open(r, &s);
        for (uint32_t i = 0; i < STRANGE; i++)
            assert_string_equal(rig_uidl(&s, i), uidls[i]);
    }
    rig_close(&s);
}

static void p3_050_good_names_make_no_list(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "new/1700000000.M1P1.h", text);
    rig_open(r, &s);
    rig_close(&s);
    assert_false(rig_has(r, "postfach-uidl"));
}

static void md_025_a_reappearing_name_gets_a_new_uidl(void **state)
{
    struct rig *r = rig_of(state);
    char first[PF_UIDL_MAX + 1];
    struct session s;

    rig_put(r, "new/msg.123", text);
    rig_touch(r, "new/msg.123", 1700000000);
    rig_open(r, &s);
    memcpy(first, rig_uidl(&s, 0), sizeof first);
    assert_int_equal(rig_expunge(&s, 0, NULL), PF_OK);
    rig_close(&s);
    rig_put(r, "new/msg.123", "Subject: c\n\nbody\n"); /* same size */
    rig_touch(r, "new/msg.123", 1700000001);
    rig_open(r, &s);
    assert_string_not_equal(rig_uidl(&s, 0), first);
    rig_reads_as(&s, 0, "Subject: c\n\nbody\n");
    rig_close(&s);
    rig_put(r, "new/msg.123", "d\n");
    rig_touch(r, "new/msg.123", 1700000000);
    rig_open(r, &s);
    assert_string_not_equal(rig_uidl(&s, 0), first);
    rig_close(&s);
}

static void a_rename_keeps_a_listed_uidl(void **state)
{
    struct rig *r = rig_of(state);
    char uidl[PF_UIDL_MAX + 1];
    struct session s;

    rig_put(r, "new/msg.123", text);
    rig_open(r, &s);
    memcpy(uidl, rig_uidl(&s, 0), sizeof uidl);
    rig_close(&s);
    rig_move(r, "new/msg.123", "cur/msg.123:2,S");
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), uidl);
    rig_close(&s);
}

static void a_torn_last_line_is_repaired(void **state)
{
    struct rig *r = rig_of(state);
    char uidls[STRANGE][PF_UIDL_MAX + 1];
    size_t len, after;
    char *before;
    struct session s;

    put_strange(r);
    rig_open(r, &s);
    for (uint32_t i = 0; i < STRANGE; i++)
        memcpy(uidls[i], rig_uidl(&s, i), sizeof uidls[i]);
    rig_close(&s);
    before = list_text(r, &len);
    for (size_t cut = 1; cut < 60; cut += 7) {
        uint32_t same = 0;

        assert_int_equal(truncate(rig_at(r, "postfach-uidl"), (off_t)(len - cut)), 0);
        rig_open(r, &s);
        for (uint32_t i = 0; i < STRANGE; i++)
            same += strcmp(rig_uidl(&s, i), uidls[i]) == 0;
        assert_int_equal(same, STRANGE - 1);
        rig_close(&s);
        free(list_text(r, &after));
        assert_int_equal(after, len); /* an escape and a random one have their lengths */
    }
    free(before);
}

static void a_torn_head_is_an_empty_list(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    for (int i = 0; i < 3; i++) {
        rig_put(r, "postfach-uidl", i == 0 ? "" : i == 1 ? "postf" : "postfach-uidl 1");
        rig_put(r, "new/msg.1", text);
        rig_open(r, &s);
        assert_int_equal(s.listing.count, 1);
        rig_close(&s);
    }
}

static void a_list_of_another_kind_is_not_touched(void **state)
{
    static const char later[] = "postfach-uidl 2\nwhatever\n";
    struct rig *r = rig_of(state);
    struct session s;
    size_t len;
    char *now;

    rig_put(r, "new/msg.1", text);
    rig_put(r, "postfach-uidl", later);
    assert_int_equal(rig_try_open(r, &s), PF_PERM);
    assert_non_null(strstr(s.err.log, "later version"));
    now = list_text(r, &len);
    assert_int_equal(len, sizeof later - 1);
    assert_memory_equal(now, later, len);
    free(now);
}

static void imported_uidls_win_over_base_names(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1700000001.M1P1.h:2,S", text);
    rig_put(r, "cur/1700000002.M1P1.h:2,S", text);
    rig_put(r, "cur/a b", text);
    rig_touch(r, "cur/a b", 1700000003);
    rig_open(r, &s);
    rig_close(&s);
    rig_put(r, "postfach-uidl", "postfach-uidl 1\n"
                                "00000abc - - 1700000001.M1P1.h\n"
                                "bad line\n"
                                "old 17 - a\\x20b\n"
                                "00000abd 17 1700000003000000000 a\\x20b\n");
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "00000abc");
    assert_string_equal(rig_uidl(&s, 1), "1700000002.M1P1.h");
    assert_string_equal(rig_uidl(&s, 2), "00000abd");
    rig_close(&s);
}

static void p3_054_no_uidl_is_given_twice(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1700000001.M1P1.h", text);
    rig_put(r, "cur/1700000002.M1P1.h", text);
    rig_put(r, "cur/1700000003.M1P1.h", text);
    rig_put(r, "postfach-uidl", "postfach-uidl 1\n"
                                "1700000002.M1P1.h - - 1700000001.M1P1.h\n"
                                "twice - - 1700000002.M1P1.h\n"
                                "twice - - 1700000003.M1P1.h\n");
    rig_open(r, &s);
    assert_string_not_equal(rig_uidl(&s, 0), rig_uidl(&s, 1));
    assert_string_not_equal(rig_uidl(&s, 0), rig_uidl(&s, 2));
    assert_string_not_equal(rig_uidl(&s, 1), rig_uidl(&s, 2));
    rig_close(&s);
}

static void times_that_an_archive_cut_still_agree(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/msg.1", text);
    rig_touch(r, "cur/msg.1", 1700000003);
    rig_put(r, "postfach-uidl", "postfach-uidl 1\nkept 17 1700000003123456789 msg.1\n");
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "kept");
    rig_close(&s);
    rig_touch(r, "cur/msg.1", 1700000004);
    rig_put(r, "cur/msg.2", text);
    rig_open(r, &s);
    assert_string_not_equal(rig_uidl(&s, 0), "kept");
    rig_close(&s);
}

static void put_long_list(struct rig *r, int lines)
{
    FILE *file = fopen(rig_at(r, "postfach-uidl"), "w");

    assert_non_null(file);
    fputs("postfach-uidl 1\n", file);
    for (int i = 0; i < lines; i++)
        fprintf(file, "kept%d - - msg.%d\n", i, i);
    fclose(file);
}

static void a_list_that_is_mostly_dead_is_written_anew(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    size_t len;
    char *now;

    put_long_list(r, 5000);
    rig_put(r, "cur/msg.7", text);
    rig_touch(r, "cur/msg.7", 7);
    rig_put(r, "cur/msg.new", text);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 2);
    assert_string_equal(rig_uidl(&s, 0), "kept7");
    rig_close(&s);
    now = list_text(r, &len);
    assert_true(len < 200);
    assert_true(memmem(now, len, "\nkept7 - - msg.7\nR", 18));
    free(now);
    assert_false(rig_has(r, "postfach-uidl.tmp"));
}

/* A folder that is moved away and back must not cost its UIDLs. */
static void a_list_is_kept_while_the_mail_is_away(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    put_long_list(r, 5000);
    rig_put(r, "cur/msg.7", text);
    rig_move(r, "cur", "away");
    assert_int_equal(mkdir(rig_at(r, "cur"), 0700), 0);
    rig_open(r, &s);
    rig_close(&s);
    assert_int_equal(rmdir(rig_at(r, "cur")), 0);
    rig_move(r, "away", "cur");
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "kept7");
    rig_close(&s);
}

static void lines_that_are_none_are_passed_over(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "a 1 2",
                                      "a 1 2 ",
                                      " 1 2 b",
                                      "a x 2 b",
                                      "a 1 y b",
                                      "a 1 2 b\\x2",
                                      "a 1 2 b\\y20",
                                      "a 1 2 b c",
                                      "a\x7f 1 2 b",
                                      "a 1 99999999999999999999 b",
                                      "a 1 2 \xe4"};
    unsigned char room[PF_MAILDIR_BASE_MAX];
    struct pf_maildir_line line;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pf_maildir_line_parse(pf_bytes_of(bad[i]), room, &line))
            fail_msg("%s", bad[i]);
    assert_true(pf_maildir_line_parse(PF_LIT("a 1 -2 b\\x00"), room, &line));
    assert_int_equal(line.mtime, -2);
    assert_int_equal(line.base.len, 2);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(p3_052_strange_names_get_lasting_uidls), R(p3_050_good_names_make_no_list),
        R(md_025_a_reappearing_name_gets_a_new_uidl), R(a_rename_keeps_a_listed_uidl),
        R(a_torn_last_line_is_repaired), R(a_torn_head_is_an_empty_list),
        R(a_list_of_another_kind_is_not_touched), R(imported_uidls_win_over_base_names),
        R(p3_054_no_uidl_is_given_twice), R(times_that_an_archive_cut_still_agree),
        R(a_list_that_is_mostly_dead_is_written_anew),
        R(a_list_is_kept_while_the_mail_is_away), R(lines_that_are_none_are_passed_over),
    };

    return RUN(tests);
}
