/* Maildir++ quota: what is counted, when the file is believed, and who writes which line. */
#include "unit/store/test_maildir_rig.h"

#include "store/maildir/parcel.h"
#include "store/maildir/quota.h"
#include "store/maildir/quota_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct pf_maildir_quota limit = {10000, 100};

static struct rig *racing; /* a message arrives between the count and its being written */

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    int done = __real_renameat(from_dir, from, to_dir, to);

    if (racing && strcmp(to, "maildirsize") == 0) {
        rig_put(racing, "new/9.M1P1.h", "arrived\n");
        assert_int_equal(utimensat(AT_FDCWD, rig_at(racing, "new"), NULL, 0), 0);
    }
    return done;
}

static void make_folder(struct rig *r, const char *name)
{
    static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
    char path[256];

    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", name, parts[i]);
        assert_int_equal(mkdir(rig_at(r, path), 0700), 0);
    }
    snprintf(path, sizeof path, "%s/maildirfolder", name);
    rig_put(r, path, "");
}

static void is_usage(const struct pf_maildir_usage *u, uint64_t octets, uint64_t messages)
{
    assert_int_equal(u->octets, octets);
    assert_int_equal(u->messages, messages);
}

/* Whatever a file says beforehand. */
static void counts_as(struct rig *r, uint64_t octets, uint64_t messages)
{
    struct pf_maildir_usage u;

    if (rig_has(r, "maildirsize"))
        rig_remove(r, "maildirsize");
    assert_int_equal(pf_maildir_quota_read(r->path, &limit, r->now, &u, NULL), PF_OK);
    is_usage(&u, octets, messages);
}

static struct pf_maildir_usage read_it(struct rig *r)
{
    struct pf_maildir_usage u;

    assert_int_equal(pf_maildir_quota_read(r->path, &limit, r->now, &u, NULL), PF_OK);
    return u;
}

static void reads_as(struct rig *r, uint64_t octets, uint64_t messages)
{
    const struct pf_maildir_usage u = read_it(r);

    is_usage(&u, octets, messages);
}

static const char *text_of(struct rig *r)
{
    static char text[8192];
    int fd = open(rig_at(r, "maildirsize"), O_RDONLY | O_CLOEXEC);
    ssize_t got;

    assert_true(fd >= 0);
    got = read(fd, text, sizeof text - 1);
    assert_true(got >= 0);
    text[got] = 0;
    close(fd);
    return text;
}

/* The file with a time that counts as fresh at r->now. */
static void say(struct rig *r, const char *text)
{
    rig_put(r, "maildirsize", text);
    rig_touch(r, "maildirsize", r->now);
}

static void mp_001_mp_002_folders_count_whatever_their_names(void **state)
{
    struct rig *r = rig_of(state);

    make_folder(r, ".Lists");
    make_folder(r, ".Lists.debian");
    make_folder(r, ".Gel&APY-scht");
    make_folder(r, ".Gel\xc3\xb6scht");
    rig_put(r, ".Lists/cur/1.M1P1.h:2,S", "1\n");
    rig_put(r, ".Lists.debian/new/1.M1P1.h", "22\n");
    rig_put(r, ".Gel&APY-scht/new/1.M1P1.h", "333\n");
    rig_put(r, ".Gel\xc3\xb6scht/new/1.M1P1.h", "4444\n");
    rig_put(r, "cur/1.M1P1.h", "55555\n");
    counts_as(r, 2 + 3 + 4 + 5 + 6, 5);
}

static void mp_003_dot_files_and_double_dots_are_no_folders(void **state)
{
    struct rig *r = rig_of(state);

    rig_put(r, ".profile", "not mail\n");
    assert_int_equal(mkdir(rig_at(r, ".empty"), 0700), 0);
    make_folder(r, "..hidden");
    make_folder(r, "plain");
    rig_put(r, "..hidden/new/1.M1P1.h", "1\n");
    rig_put(r, "plain/new/1.M1P1.h", "1\n");
    assert_int_equal(symlink("plain", rig_at(r, ".link")), 0);
    rig_put(r, "new/.1.M1P1.h", "1\n");
    counts_as(r, 0, 0);
}

static void mp_004_trash_is_not_counted(void **state)
{
    struct rig *r = rig_of(state);

    make_folder(r, ".Trash");
    make_folder(r, ".Trashed");
    rig_put(r, ".Trash/cur/1.M1P1.h:2,S", "not counted\n");
    rig_put(r, ".Trashed/cur/1.M1P1.h:2,S", "1\n");
    counts_as(r, 2, 1);
}

static void mp_005_mp_017_moving_between_folders_costs_nothing_and_trash_frees(void **state)
{
    struct rig *r = rig_of(state);

    make_folder(r, ".A");
    make_folder(r, ".Trash");
    rig_put(r, "cur/1.M1P1.h:2,S", "12345\n");
    counts_as(r, 6, 1);
    rig_move(r, "cur/1.M1P1.h:2,S", ".A/cur/1.M1P1.h:2,S");
    reads_as(r, 6, 1);
    counts_as(r, 6, 1);
    rig_move(r, ".A/cur/1.M1P1.h:2,S", ".Trash/cur/1.M1P1.h:2,S");
    pf_maildir_quota_add(r->path, -6, -1);
    reads_as(r, 0, 0);
    counts_as(r, 0, 0);
}

static void mp_006_the_first_line_is_the_limit(void **state)
{
    static const struct {
        const char *text;
        struct pf_maildir_quota want;
    } cases[] = {
        {"10000000S,1000C", {10000000, 1000}}, {"1000C,10000000S", {10000000, 1000}},
        {"5S", {5, 0}}, {"5C", {0, 5}}, {"", {0, 0}}, {"7X,5S", {5, 0}}, {"S,C", {0, 0}},
        {"18446744073709551615S", {UINT64_MAX, 0}}, {"99999999999999999999S", {0, 0}},
    };
    struct pf_maildir_quota q;
    struct rig *r = rig_of(state);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pf_maildir_size_limit(pf_bytes_of(cases[i].text), &q);
        assert_int_equal(q.octets, cases[i].want.octets);
        assert_int_equal(q.messages, cases[i].want.messages);
    }
    counts_as(r, 0, 0);
    assert_int_equal(strncmp(text_of(r), "10000S,100C\n", 12), 0);
    assert_int_equal(pf_maildir_quota_limit(r->path, &q, NULL), PF_OK);
    assert_int_equal(q.octets, 10000);
    assert_int_equal(q.messages, 100);
    say(r, "100C\n");
    assert_int_equal(pf_maildir_quota_limit(r->path, &q, NULL), PF_OK);
    assert_true(q.octets == 0 && q.messages == 100);
    rig_remove(r, "maildirsize");
    assert_int_equal(pf_maildir_quota_limit(r->path, &q, NULL), PF_OK);
    assert_true(q.octets == 0 && q.messages == 0);
}

static void mp_007_lines_are_summed_however_they_are_padded(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"5S\n100 1\n", true}, {"5S\n         100            1\n", true}, {"5S\n100\t1 \n", true},
        {"5S\n          150 2\n         -50 -1\n", true}, {"5S\n+100 +1\n", true},
        {"5S\n", false}, {"", false}, {"5S\n100 1", false}, {"5S\n100\n", false}, {"5S\n100 1 1\n", false},
        {"5S\n100 x\n", false}, {"5S\n\n100 1\n", false}, {"5S\n-100 1\n", false}, {"5S\n100 -1\n", false},
        {"5S\n9223372036854775807 1\n9223372036854775807 1\n", false}, {"5S\n9223372036854775808 1\n", false},
        {"5S\n- 1\n", false}, {"5S\n1.5 1\n", false},
    };
    struct pf_maildir_size_file file;
    unsigned char room[200];
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pf_maildir_size_parse(pf_bytes_of(cases[i].text), &file), cases[i].good);
        if (cases[i].good)
            is_usage(&file.usage, 100, 1);
    }
    assert_true(pf_maildir_size_put(&s, -100, -1));
    assert_memory_equal(room, "        -100 -1\n", s.len);
    s.len = 0;
    assert_true(pf_maildir_size_put(&s, 5, 1));
    assert_int_equal(s.len, 15); /* 14 columns and the line's end */
}

static void mp_008_changes_are_appended(void **state)
{
    struct rig *r = rig_of(state);

    pf_maildir_quota_add(r->path, 10, 1);
    assert_false(rig_has(r, "maildirsize")); /* whoever keeps no quota gets none */
    say(r, "10000S,100C\n100 1\n");
    pf_maildir_quota_add(r->path, 10, 1);
    pf_maildir_quota_add(r->path, -110, -2);
    pf_maildir_quota_add(r->path, 0, 0);
    assert_string_equal(text_of(r), "10000S,100C\n100 1\n          10 1\n        -110 -2\n");
    reads_as(r, 0, 0);
    rig_remove(r, "maildirsize"); /* never through a link */
    rig_put(r, "elsewhere", "");
    assert_int_equal(symlink("elsewhere", rig_at(r, "maildirsize")), 0);
    pf_maildir_quota_add(r->path, 10, 1);
    rig_remove(r, "maildirsize");
    rig_move(r, "elsewhere", "maildirsize");
    assert_string_equal(text_of(r), "");
}

static void mp_009_mp_010_new_and_cur_without_t_sizes_from_names(void **state)
{
    struct rig *r = rig_of(state);

    rig_put(r, "new/1.M1P1.h", "1\n");
    rig_put(r, "cur/2.M1P1.h:2,S", "22\n");
    rig_put(r, "cur/3.M1P1.h:2,ST", "trashed\n");
    rig_put(r, "cur/4.M1P1.h,S=7T:2,S", "wrong field\n");
    rig_put(r, "cur/5.M1P1.h,S=1000:2,S", "says a thousand\n");
    rig_put(r, "tmp/6.M1P1.h", "not yet there\n");
    assert_int_equal(mkdir(rig_at(r, "new/directory"), 0700), 0);
    counts_as(r, 2 + 3 + 12 + 1000, 4);
}

static void mp_011_from_a_folder_the_parent_is_counted_and_written_by_way_of_tmp(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_maildir_usage u;
    char path[128];

    make_folder(r, ".A");
    rig_put(r, ".A/new/1.M1P1.h", "1\n");
    rig_put(r, "new/1.M1P1.h", "22\n");
    snprintf(path, sizeof path, "%s/.A", r->path);
    assert_int_equal(pf_maildir_quota_read(path, &limit, r->now, &u, NULL), PF_OK);
    is_usage(&u, 5, 2);
    assert_false(rig_has(r, ".A/maildirsize"));
    assert_string_equal(text_of(r), "10000S,100C\n           5 2\n");
    assert_int_equal(rig_count(r, "tmp"), 0);
    pf_maildir_quota_add(path, 7, 1);
    reads_as(r, 12, 3);
}

static void mp_012_what_changed_meanwhile_takes_the_file_away(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_maildir_usage u;

    rig_put(r, "new/1.M1P1.h", "1\n");
    rig_touch(r, "new", 1600000000);
    rig_touch(r, "cur", 1600000000);
    racing = r;
    u = read_it(r);
    racing = NULL;
    is_usage(&u, 2, 1);
    assert_false(rig_has(r, "maildirsize"));
    u = read_it(r);
    is_usage(&u, 10, 2);
    assert_true(rig_has(r, "maildirsize"));
}

static void mp_013_a_file_that_cannot_be_right_is_made_anew(void **state)
{
    struct rig *r = rig_of(state);
    char *large = malloc(6000);
    size_t len = 0;

    rig_put(r, "new/1.M1P1.h", "12345\n");
    say(r, "10000S,100C\n77 7\n");
    assert_int_equal(read_it(r).octets, 77); /* believed */
    say(r, "20000S,100C\n77 7\n");
    assert_int_equal(read_it(r).octets, 6);
    assert_int_equal(strncmp(text_of(r), "10000S,100C\n", 12), 0);
    say(r, "100C,10000S\n77 7\n"); /* the same in another order */
    assert_int_equal(read_it(r).octets, 77);
    say(r, "10000S,100C\n77 seven\n");
    assert_int_equal(read_it(r).octets, 6);
    assert_non_null(large);
    len = (size_t)snprintf(large, 6000, "10000S,100C\n");
    while (len < 5118)
        len += (size_t)snprintf(large + len, 6000 - len, "1 1\n");
    say(r, large);
    assert_int_equal(read_it(r).octets, 6);
    free(large);
    say(r, "10000S,100C\n20000 7\n"); /* over, one line, fresh */
    assert_int_equal(read_it(r).octets, 20000);
    rig_touch(r, "maildirsize", r->now - 901);
    assert_int_equal(read_it(r).octets, 6);
    say(r, "10000S,100C\n9000 6\n2000 1\n"); /* over, two lines */
    assert_int_equal(read_it(r).octets, 6);
    say(r, "10000S,100C\n90 101\n0 1\n");
    assert_int_equal(read_it(r).messages, 1);
}

static void mp_014_mp_015_a_refusal_is_judged_again(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_err err = {.code = PF_OK};

    rig_put(r, "cur/1.M1P1.h,S=9000", "1\n");
    assert_int_equal(pf_maildir_quota_ask(r->path, &limit, 1000, r->now, &err), PF_OK);
    assert_int_equal(pf_maildir_quota_ask(r->path, &limit, 1001, r->now, &err), PF_OVER_QUOTA);
    assert_int_equal(err.code, PF_OVER_QUOTA);
    assert_int_equal(pf_maildir_quota_ask(r->path, &limit, UINT64_MAX, r->now, &err), PF_OVER_QUOTA);
    assert_int_equal(pf_verdict(PF_OVER_QUOTA)->exit_status, 77);
    assert_string_equal(pf_verdict(PF_OVER_QUOTA)->lmtp, "4.2.2");
    say(r, "10000S,100C\n9000 1\n900 1\n"); /* somebody removed mail and said nothing */
    assert_int_equal(pf_maildir_quota_ask(r->path, &limit, 500, r->now, &err), PF_OK);
    assert_string_equal(text_of(r), "10000S,100C\n        9000 1\n");
    say(r, "10000S,100C\n9000 100\n"); /* fresh and of one line: believed */
    assert_int_equal(pf_maildir_quota_ask(r->path, &limit, 1, r->now, &err), PF_OVER_QUOTA);
    rig_remove(r, "maildirsize");
    assert_int_equal(pf_maildir_quota_ask(r->path, &(struct pf_maildir_quota){0}, 1 << 30, r->now, &err),
                     PF_OK);
    assert_false(rig_has(r, "maildirsize"));
    assert_int_equal(pf_maildir_quota_ask("/nonexistent", &limit, 1, r->now, &err), PF_NO_BOX);
}

static void deliver(struct rig *r, const char *path)
{
    const struct pf_box_where w = {.user = "anna", .path = path, .now = r->now};
    struct pf_twin_parcel *p;
    struct pf_parcel_seal op;

    assert_int_equal(pf_maildir_parcel_begin(r->twin, &w, &p, NULL), PF_OK);
    assert_int_equal(pf_maildir_parcel_write(p, PF_LIT("Subject: a\n\nbody\n"), NULL), PF_OK);
    assert_int_equal(pf_maildir_parcel_seal(p, &op, NULL), PF_OK);
}

static void mp_016_a_delivery_adds_one_line(void **state)
{
    struct rig *r = rig_of(state);
    char trash[128];

    deliver(r, r->path);
    assert_false(rig_has(r, "maildirsize"));
    assert_int_equal(read_it(r).octets, 17);
    deliver(r, r->path);
    assert_string_equal(text_of(r), "10000S,100C\n          17 1\n          17 1\n");
    counts_as(r, 34, 2);
    make_folder(r, ".Trash");
    snprintf(trash, sizeof trash, "%s/.Trash/", r->path);
    deliver(r, trash);
    assert_string_equal(text_of(r), "10000S,100C\n          34 2\n");
}

static void mp_018_an_update_adds_one_negative_line(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "new/1.M1P1.h", "1\n");
    rig_put(r, "cur/2.M1P1.h,S=3,W=4:2,S", "22\n");
    rig_put(r, "cur/3.M1P1.h:2,ST", "not counted before either\n");
    counts_as(r, 5, 2);
    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, -1, NULL), PF_OK);
    rig_close(&s);
    assert_string_equal(text_of(r), "10000S,100C\n           5 2\n          -5 -2\n");
    counts_as(r, 0, 0);
    rig_open(r, &s); /* nothing removed, nothing said */
    assert_int_equal(rig_expunge(&s, -1, NULL), PF_OK);
    rig_close(&s);
    assert_string_equal(text_of(r), "10000S,100C\n           0 0\n");
    rig_put(r, "cur/1.M1P1.h", "1\n");
    counts_as(r, 2, 1);
    r->expire_days = 1; /* expiry is a removal like others */
    rig_open(r, &s);
    assert_int_equal(s.expired, 1);
    rig_close(&s);
    assert_string_equal(text_of(r), "10000S,100C\n           2 1\n          -2 -1\n");
}

/* `postfach box quota` does not know the limit: it looks, and leaves the file alone. */
static void without_a_limit_nothing_is_written(void **state)
{
    const struct pf_maildir_quota none = {0};
    struct rig *r = rig_of(state);
    struct pf_maildir_usage u;

    rig_put(r, "new/1.M1P1.h", "1\n");
    assert_int_equal(pf_maildir_quota_read(r->path, &none, r->now, &u, NULL), PF_OK);
    is_usage(&u, 2, 1);
    assert_false(rig_has(r, "maildirsize"));
    say(r, "10S\n8 1\n5 1\n");
    assert_int_equal(pf_maildir_quota_read(r->path, &none, r->now, &u, NULL), PF_OK);
    is_usage(&u, 2, 1);
    assert_string_equal(text_of(r), "10S\n8 1\n5 1\n");
    say(r, "10S\n8 1\n1 1\n");
    assert_int_equal(pf_maildir_quota_read(r->path, &none, r->now, &u, NULL), PF_OK);
    is_usage(&u, 9, 2);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(mp_001_mp_002_folders_count_whatever_their_names),
        R(mp_003_dot_files_and_double_dots_are_no_folders),
        R(mp_004_trash_is_not_counted),
        R(mp_005_mp_017_moving_between_folders_costs_nothing_and_trash_frees),
        R(mp_006_the_first_line_is_the_limit),
        T(mp_007_lines_are_summed_however_they_are_padded),
        R(mp_008_changes_are_appended),
        R(mp_009_mp_010_new_and_cur_without_t_sizes_from_names),
        R(mp_011_from_a_folder_the_parent_is_counted_and_written_by_way_of_tmp),
        R(mp_012_what_changed_meanwhile_takes_the_file_away),
        R(mp_013_a_file_that_cannot_be_right_is_made_anew),
        R(mp_014_mp_015_a_refusal_is_judged_again),
        R(mp_016_a_delivery_adds_one_line),
        R(mp_018_an_update_adds_one_negative_line),
        R(without_a_limit_nothing_is_written),
    };

    return RUN(tests);
}
