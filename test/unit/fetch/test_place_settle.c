#include "unit/fetch/placerig.h"

#include "fetch/place_maildir.h"
#include "store/maildir/mix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME   "1732290000.M1P2Q3R00abcd.host,S=5,W=6"
#define IN_TMP "1732290000.M1P2Q3R00abcd"

enum { HOUR = 3600 };

static void put(struct placerig *r, const char *folder, const char *name)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(placerig_at(r, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "text\n", 5), 5);
    close(fd);
}

/* A Maildir, and a `will` of so many seconds ago that a killed run left. */
static void leave(struct placerig *r, const char *folder, int64_t age, uint32_t other)
{
    struct pf_place_record record = {
        .mark = (uint32_t)pf_maildir_sum(r->maildir, strlen(r->maildir)) + other, .name = NAME};
    char room[32], name[PF_LEDGER_NAME_MAX + 1];
    struct pf_ledger_note note;

    assert_true(placerig_open(r));
    snprintf(record.folder, sizeof record.folder, "%s", folder);
    assert_true(pf_place_record_put(&record, name));
    note = placerig_note(1, PF_LEDGER_WILL, name, room);
    note.when = time(NULL) - age;
    assert_int_equal(pf_ledger_write(r->ledger, &note, 1, true, NULL), PF_OK);
    placerig_close(r);
}

static void settles_to(struct placerig *r, enum pf_ledger_state state, size_t again)
{
    for (int i = 0; i < 2; i++) { /* and the next run knows it, too */
        assert_true(placerig_open(r));
        assert_int_equal(r->settled.code, PF_OK);
        assert_int_equal(r->settled_count, 1);
        assert_int_equal(r->again, i ? 0 : again);
        assert_int_equal(placerig_state(r, 1), state);
        placerig_close(r);
    }
}

static void one_in_tmp_is_renamed(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[64];

    leave(r, "", 10, 0);
    put(r, "Mail/tmp", IN_TMP);
    settles_to(r, PF_LEDGER_DONE, 0);
    assert_string_equal(placerig_only(r, "Mail/new", text, sizeof text), NAME);
    assert_int_equal(placerig_count(r, "Mail/tmp"), 0);
}

static void one_in_tmp_goes_to_its_folder(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[64];

    leave(r, ".Lists", 50 * HOUR, 0);
    put(r, "Mail/tmp", IN_TMP);
    settles_to(r, PF_LEDGER_DONE, 0);
    assert_string_equal(placerig_only(r, "Mail/.Lists/new", text, sizeof text), NAME);
    assert_int_equal(placerig_count(r, "Mail/new"), 0);
}

static void one_that_was_renamed_is_done(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", 10, 0);
    put(r, "Mail/new", NAME);
    settles_to(r, PF_LEDGER_DONE, 0);
    assert_int_equal(placerig_count(r, "Mail/new"), 1);
}

/* Whatever the person's program did with it. */
static void one_that_is_nowhere_was_taken_by_its_owner(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", 34 * HOUR, 0);
    settles_to(r, PF_LEDGER_DONE, 0);
}

static void one_in_a_folder_that_is_gone_was_taken_by_its_owner(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, ".Lists", 10, 0);
    settles_to(r, PF_LEDGER_DONE, 0);
}

static void an_old_one_is_looked_for_in_all_folders(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", 36 * HOUR, 0);
    assert_int_equal(mkdir(placerig_at(r, "Mail/.Archive"), 0700), 0);
    assert_int_equal(mkdir(placerig_at(r, "Mail/.Archive/cur"), 0700), 0);
    put(r, "Mail/.Archive/cur", NAME ":2,RS");
    settles_to(r, PF_LEDGER_DONE, 0);
}

static void an_old_one_that_is_nowhere_comes_again(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", 36 * HOUR, 0);
    put(r, "Mail/new", NAME "9"); /* another one */
    settles_to(r, PF_LEDGER_GONE, 1);
}

static void one_from_the_future_says_nothing_by_its_age(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", -2 * HOUR, 0);
    settles_to(r, PF_LEDGER_GONE, 1);
}

/* The account's maildir was changed between the runs. */
static void one_of_another_maildir_comes_again(void **state)
{
    struct placerig *r = placerig_of(state);

    leave(r, "", 10, 1);
    settles_to(r, PF_LEDGER_GONE, 1);
}

static void one_of_another_kind_of_place_comes_again(void **state)
{
    static const char *const names[] = {
        "command",           "sha256:00",          "0123456//x",   "0123456g//1.2.3", "01234567/x/1.2.3",
        "01234567/../1.2.3", "01234567//1.2/../3", "01234567//..", "01234567"};
    struct placerig *r = placerig_of(state);
    char room[32];
    enum { COUNT = sizeof names / sizeof names[0] };

    assert_true(placerig_open(r));
    for (long i = 0; i < COUNT; i++) {
        struct pf_ledger_note note = placerig_note(i, PF_LEDGER_WILL, names[i], room);

        assert_int_equal(pf_ledger_write(r->ledger, &note, 1, true, NULL), PF_OK);
    }
    placerig_close(r);
    assert_true(placerig_open(r));
    assert_int_equal(r->again, COUNT);
    for (long i = 0; i < COUNT; i++)
        assert_int_equal(placerig_state(r, i), PF_LEDGER_GONE);
    assert_int_equal(placerig_deliver(r, 1, "Subject: a\r\n\r\n", NULL), PF_OK);
}

static void one_that_cannot_be_put_there_waits_and_breaks_the_place(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    leave(r, ".Lists", 10, 0);
    put(r, "Mail/tmp", IN_TMP);
    put(r, "Mail", ".Lists");
    assert_true(placerig_open(r));
    assert_int_not_equal(r->settled.code, PF_OK);
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_WILL);
    assert_null(placerig_write(r, 2, "x", 0, &err));
    assert_int_equal(err.code, r->settled.code);
    placerig_close(r);
    assert_int_equal(unlink(placerig_at(r, "Mail/.Lists")), 0);
    settles_to(r, PF_LEDGER_DONE, 0);
    assert_int_equal(placerig_count(r, "Mail/.Lists/new"), 1);
}

static void what_lies_in_tmp_for_36_hours_is_swept(void **state)
{
    struct placerig *r = placerig_of(state);
    struct timespec old[2] = {{.tv_sec = time(NULL) - 37 * HOUR}, {.tv_sec = time(NULL) - 37 * HOUR}};

    assert_true(placerig_open(r));
    placerig_close(r);
    put(r, "Mail/tmp", "1.old");
    put(r, "Mail/tmp", "2.young");
    assert_int_equal(utimensat(AT_FDCWD, placerig_at(r, "Mail/tmp/1.old"), old, 0), 0);
    assert_true(placerig_open(r));
    assert_int_equal(access(placerig_at(r, "Mail/tmp/1.old"), F_OK), -1);
    assert_int_equal(access(placerig_at(r, "Mail/tmp/2.young"), F_OK), 0);
}

int main(void)
{
#define TT(name) cmocka_unit_test_setup_teardown(name, placerig_begin, placerig_end)
    const struct CMUnitTest tests[] = {
        TT(one_in_tmp_is_renamed),
        TT(one_in_tmp_goes_to_its_folder),
        TT(one_that_was_renamed_is_done),
        TT(one_that_is_nowhere_was_taken_by_its_owner),
        TT(one_in_a_folder_that_is_gone_was_taken_by_its_owner),
        TT(an_old_one_is_looked_for_in_all_folders),
        TT(an_old_one_that_is_nowhere_comes_again),
        TT(one_from_the_future_says_nothing_by_its_age),
        TT(one_of_another_maildir_comes_again),
        TT(one_of_another_kind_of_place_comes_again),
        TT(one_that_cannot_be_put_there_waits_and_breaks_the_place),
        TT(what_lies_in_tmp_for_36_hours_is_swept),
    };

    return RUN(tests);
}
