#include "unit/fetch/placerig.h"

#include "fetch/place_private.h"
#include <postfach/listing.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static const char mail[] = "Subject: a\r\n\r\n.one\r\ntwo\r\n";
static const char stored[] = "Subject: a\n\n.one\ntwo\n";

static void a_letter_is_in_new_and_in_the_ledger(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[256], sizes[64];
    const char *name;

    assert_true(placerig_open(r));
    assert_int_equal(r->settled.code, PF_OK);
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    name = placerig_only(r, "Mail/new", text, sizeof text);
    assert_string_equal(text, stored);
    snprintf(sizes, sizeof sizes, ",S=%zu,W=%zu", strlen(stored), strlen(mail));
    assert_string_equal(strstr(name, ",S="), sizes);
    assert_true(strlen(name) <= PF_UIDL_MAX);
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_DONE);
    placerig_close(r);
    assert_true(placerig_open(r)); /* and for the next run */
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_DONE);
}

static void line_ends_do_not_depend_on_cuts(void **state)
{
    struct placerig *r = placerig_of(state);
    static const char wire[] = "a\r\r\nb\rc\n\r\n\r";
    char text[256];

    assert_true(placerig_open(r));
    for (size_t cut = 1; cut < 8; cut++) {
        struct pf_err err;
        struct pf_letter *l = placerig_write(r, (long)cut, wire, cut, &err);

        assert_non_null(l);
        placerig_end_letter(r, l, NULL);
        placerig_wait(r, (unsigned)cut);
        assert_string_equal(strstr(placerig_only(r, "Mail/new", text, sizeof text), ",S="), ",S=9,W=13");
        assert_string_equal(text, "a\r\nb\rc\n\n\r");
        placerig_clear(r, "Mail/new");
    }
}

static void many_are_told_in_order(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    assert_true(placerig_open(r));
    for (long i = 0; i < 200; i++) {
        struct pf_letter *l = placerig_write(r, i, mail, 0, &err);

        assert_non_null(l);
        placerig_end_letter(r, l, i % 3 ? NULL : "Lists");
        assert_int_equal(pf_place_waiting(r->place), (unsigned)i + 1 - r->told_count);
        while (pf_place_waiting(r->place) >= PF_PLACE_MOST)
            pf_loop_turn(r->loop, true);
    }
    placerig_wait(r, 200);
    for (long i = 0; i < 200; i++) {
        assert_int_equal(r->told[i].of, i);
        assert_int_equal(r->told[i].err.code, PF_OK);
        assert_int_equal(placerig_state(r, i), PF_LEDGER_DONE);
    }
    assert_int_equal(pf_place_waiting(r->place), 0);
    assert_int_equal(placerig_count(r, "Mail/new"), 133);
    assert_int_equal(placerig_count(r, "Mail/.Lists/new"), 67);
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
}

static void a_dropped_letter_leaves_nothing(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    assert_true(placerig_open(r));
    pf_letter_drop(NULL);
    pf_letter_drop(placerig_write(r, 1, mail, 0, &err));
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_non_null(placerig_write(r, 2, mail, 0, &err));
    assert_int_equal(placerig_count(r, "Mail/tmp"), 1);
    placerig_close(r); /* drops what was begun */
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_int_equal(placerig_count(r, "Mail/new"), 0);
    assert_true(placerig_open(r));
    assert_int_equal(placerig_state(r, 2), PF_LEDGER_GONE);
}

static void a_place_that_goes_with_letters_in_line_loses_none(void **state)
{
    struct placerig *r = placerig_of(state);
    unsigned there, known = 0;
    struct pf_err err;

    assert_true(placerig_open(r));
    for (long i = 0; i < 40; i++) {
        placerig_end_letter(r, placerig_write(r, i, mail, 0, &err), NULL);
        if (i == 10)
            pf_loop_turn(r->loop, false); /* a group is on its way to the disk */
    }
    placerig_close(r);
    there = placerig_count(r, "Mail/new");
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_true(placerig_open(r));
    assert_int_equal(r->again, 0);
    for (long i = 0; i < 40; i++)
        known += placerig_state(r, i) == PF_LEDGER_DONE;
    assert_int_equal(known, there);
}

static void folders_are_made_as_maildir_has_them(void **state)
{
    static const struct {
        const char *given, *path;
    } cases[] = {
        {"Lists/Announce", "Mail/.Lists.Announce"},
        {"Lists.Dev", "Mail/.Lists.Dev"},
        {"R&D", "Mail/.R&-D"},
        {"Entw\303\274rfe", "Mail/.Entw&APw-rfe"},
        {"\346\227\245\346\234\254", "Mail/.&ZeVnLA-"},
        {"\360\237\230\200/x", "Mail/.&2D3eAA-.x"},
        {"INBOX", "Mail"},
    };
    struct placerig *r = placerig_of(state);
    char path[256], text[256];
    struct stat st;

    assert_true(placerig_open(r));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(placerig_deliver(r, (long)i, mail, cases[i].given), PF_OK);
        snprintf(path, sizeof path, "%s/new", cases[i].path);
        placerig_only(r, path, text, sizeof text);
        assert_string_equal(text, stored);
        snprintf(path, sizeof path, "%s/cur", cases[i].path);
        assert_int_equal(stat(placerig_at(r, path), &st), 0);
        snprintf(path, sizeof path, "%s/maildirfolder", cases[i].path);
        assert_int_equal(stat(placerig_at(r, path), &st) == 0, strcmp(cases[i].given, "INBOX") != 0);
    }
}

static void a_folder_that_cannot_be_is_no_account(void **state)
{
    static const char *const bad[] = {"",     "/",  ".",      "..",   "../x",     "a//b",         "a/",
                                      "/a",   ".a", "a/../b", "a\nb", "\300\257", "\355\240\200", "\377",
                                      "a\303"};
    struct placerig *r = placerig_of(state);
    struct pf_account_filter filter = {"List-Id", "*", PF_ACCOUNT_FOLDER, NULL};
    char longest[400], room[PF_PLACE_FOLDER_MAX + 1];

    memset(longest, 'x', sizeof longest);
    longest[PF_PLACE_FOLDER_MAX] = 0;
    assert_int_equal(pf_place_folder_name(longest + 1, room, NULL), PF_OK);
    assert_int_equal(pf_place_folder_name(longest, room, NULL), PF_CONFIG);
    r->account.filters = &filter;
    r->account.filter_count = 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        filter.folder = bad[i];
        assert_false(placerig_open(r));
        assert_int_equal(r->made.code, PF_CONFIG);
        placerig_close(r);
    }
}

/* One folder's trouble is not that of the others. */
static void a_folder_in_whose_place_is_a_file_keeps_only_its_own(void **state)
{
    struct placerig *r = placerig_of(state);
    int fd;

    assert_true(placerig_open(r));
    fd = open(placerig_at(r, "Mail/.Lists"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(placerig_deliver(r, 1, mail, "Lists"), PF_TEMP);
    assert_non_null(strstr(r->told[0].err.log, "replace it by a directory"));
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_GONE);
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_int_equal(placerig_deliver(r, 2, mail, NULL), PF_OK);
}

static void a_maildir_is_made_only_where_its_holder_is(void **state)
{
    struct placerig *r = placerig_of(state);
    struct stat st;

    snprintf(r->maildir, sizeof r->maildir, "%s/no/Mail", r->home);
    assert_false(placerig_open(r));
    assert_int_equal(r->made.code, PF_CONFIG);
    assert_non_null(strstr(r->made.log, "make it first"));
    assert_int_not_equal(stat(placerig_at(r, "no"), &st), 0);
    placerig_close(r);
    snprintf(r->maildir, sizeof r->maildir, "%s/Mail//", r->home);
    assert_true(placerig_open(r));
    assert_int_equal(stat(placerig_at(r, "Mail/cur"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_message_larger_than_files_may_be_fails_alone(void **state)
{
    struct placerig *r = placerig_of(state);
    struct rlimit old, small;
    struct pf_err err = {0};

    assert_true(placerig_open(r));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){8, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_null(placerig_write(r, 1, mail, 0, &err));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err.code, PF_TEMP);
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
    assert_int_equal(placerig_deliver(r, 2, mail, NULL), PF_OK);
}

static void what_a_quota_counts_is_told(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[256] = "";
    int fd;

    assert_true(placerig_open(r));
    fd = open(placerig_at(r, "Mail/maildirsize"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "1000S,10C\n0 0\n", 14), 14);
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 14);
    assert_int_equal(atol(text + 14), strlen(stored));
    close(fd);
}

int main(void)
{
#define TT(name) cmocka_unit_test_setup_teardown(name, placerig_begin, placerig_end)
    const struct CMUnitTest tests[] = {
        TT(a_letter_is_in_new_and_in_the_ledger),
        TT(line_ends_do_not_depend_on_cuts),
        TT(many_are_told_in_order),
        TT(a_dropped_letter_leaves_nothing),
        TT(a_place_that_goes_with_letters_in_line_loses_none),
        TT(folders_are_made_as_maildir_has_them),
        TT(a_folder_that_cannot_be_is_no_account),
        TT(a_folder_in_whose_place_is_a_file_keeps_only_its_own),
        TT(a_maildir_is_made_only_where_its_holder_is),
        TT(a_message_larger_than_files_may_be_fails_alone),
        TT(what_a_quota_counts_is_told),
    };

    return RUN(tests);
}
