#include "auth_bench.h"

#include "auth/record.h"
#include <errno.h>

enum { T0 = 1795334400 }; /* 2026-11-22T08:00:00Z */

struct desk {
    struct bench b;
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_record *record;
    struct pf_err err;
};

static void reopen(struct desk *d)
{
    d->err = (struct pf_err){0};
    d->record = pf_record_new(d->loop, d->pool, d->b.file, &d->err);
    assert_non_null(d->record);
}

/* `text` NULL: there is no file yet. */
static void begin(struct desk *d, const char *text)
{
    *d = (struct desk){0};
    bench_setup(&d->b, text ? text : "");
    if (!text)
        unlink(d->b.file);
    d->loop = pf_loop_new(NULL);
    d->pool = pf_pool_new(d->loop, "record", 1, 4, NULL);
    assert_true(d->loop && d->pool);
    reopen(d);
}

static void end(struct desk *d)
{
    pf_record_free(d->record);
    pf_pool_free(d->pool);
    pf_loop_free(d->loop);
    unlink(d->b.file);
    assert_int_equal(rmdir(d->b.dir), 0);
}

static void file_text(const struct desk *d, char *out, size_t cap)
{
    int fd = open(d->b.file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, cap - 1);

    out[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
}

static void expect_file(const struct desk *d, const char *text)
{
    char have[4096];

    file_text(d, have, sizeof have);
    assert_string_equal(have, text);
}

static void turn_until_written(struct desk *d)
{
    while (pf_loop_turn(d->loop, true) && access(d->b.file, F_OK) != 0)
        ;
    assert_int_equal(access(d->b.file, F_OK), 0);
}

static void logins_are_written_sorted_by_user(void **state)
{
    struct desk d;

    (void)state;
    begin(&d, NULL);
    assert_int_equal(d.err.code, PF_OK);
    pf_record_note(d.record, "bert", "2001:db8::1", 1U << PF_RECORD_APOP | 1U << PF_RECORD_PLAINTEXT, T0);
    pf_record_note(d.record, "anna", "192.0.2.1", 0, T0 + 1);
    pf_record_note(d.record, "bert", "192.0.2.2", 1U << PF_RECORD_OLD_TLS | 1U << PF_RECORD_CRAM_MD5, T0 + 2);
    pf_record_note(d.record, "bert", NULL, 0, T0 + 3);
    turn_until_written(&d);
    expect_file(&d, "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\n"
                    "bert\tlast=2026-11-22T08:00:03Z,unknown\tplaintext=2026-11-22T08:00:00Z,2001:db8::1\t"
                    "old-tls=2026-11-22T08:00:02Z,192.0.2.2\tapop=2026-11-22T08:00:00Z,2001:db8::1\t"
                    "cram-md5=2026-11-22T08:00:02Z,192.0.2.2\n");
    end(&d);
}

static void it_is_written_once_a_minute_and_at_the_end(void **state)
{
    struct desk d;

    (void)state;
    begin(&d, NULL);
    pf_record_note(d.record, "anna", "192.0.2.1", 0, T0);
    turn_until_written(&d);
    unlink(d.b.file);
    for (int i = 0; i < 100; i++) {
        pf_record_note(d.record, "anna", "192.0.2.1", 0, T0 + i);
        pf_loop_turn(d.loop, false);
    }
    assert_int_not_equal(access(d.b.file, F_OK), 0);
    pf_record_free(d.record);
    expect_file(&d, "anna\tlast=2026-11-22T08:01:39Z,192.0.2.1\n");
    reopen(&d);
    assert_int_equal(d.err.code, PF_OK);
    unlink(d.b.file); /* nothing was noted since: nothing is written */
    pf_record_free(d.record);
    d.record = NULL;
    assert_int_not_equal(access(d.b.file, F_OK), 0);
    end(&d);
}

static void what_was_read_is_kept(void **state)
{
    static const char text[] = "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\tapop=2020-01-01T00:00:00Z,unix\n"
                               "j\xc3\xb6rg b\n"
                               "zoe\tplaintext=2026-01-01T00:00:00Z,fe80::1%eth0\n";
    struct desk d;

    (void)state;
    begin(&d, text);
    assert_int_equal(d.err.code, PF_OK);
    assert_int_equal(chmod(d.b.file, 0640), 0);
    pf_record_note(d.record, "anna", "192.0.2.9", 0, T0 + 60);
    pf_record_free(d.record);
    d.record = NULL;
    expect_file(&d, "anna\tlast=2026-11-22T08:01:00Z,192.0.2.9\tapop=2020-01-01T00:00:00Z,unix\n"
                    "j\xc3\xb6rg b\n"
                    "zoe\tplaintext=2026-01-01T00:00:00Z,fe80::1%eth0\n");
    struct stat st;
    assert_int_equal(stat(d.b.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    end(&d);
}

/* While a thread writes, notes wait; none is lost, and the record may go before the thread is through. */
static void notes_while_it_is_written_are_kept(void **state)
{
    struct desk d;
    char name[16], have[4096];

    (void)state;
    begin(&d, NULL);
    pf_record_note(d.record, "anna", "192.0.2.1", 0, T0);
    pf_loop_turn(d.loop, true); /* the timer fires; the job is on its way */
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "n%02d", i);
        pf_record_note(d.record, name, "192.0.2.1", 0, T0);
    }
    pf_record_free(d.record);
    d.record = NULL;
    pf_pool_free(d.pool);
    d.pool = pf_pool_new(d.loop, "record", 1, 4, NULL);
    file_text(&d, have, sizeof have);
    assert_non_null(strstr(have, "anna\t"));
    assert_non_null(strstr(have, "\nn00\t"));
    assert_non_null(strstr(have, "\nn49\t"));
    end(&d);
}

static void broken_files_are_kept_aside(void **state)
{
    static const char *const broken[] = {
        "no end", "anna\tlast=2026-11-22T08:00:01Z\n", "anna\tlast=2026-11-22,x\n",
        "anna\tfirst=2026-11-22T08:00:01Z,x\n",
        "anna\tlast=2026-11-22T08:00:01Z,x\tlast=2026-11-22T08:00:01Z,x\n", "anna\tlast=2026-11-22T08:00:01Z,\n",
        "\n", "../etc\n", "an\x1bna\n", "anna\tlast=2026-11-22T08:00:01Z,\x1b[2J\n", "anna\t\n",
        "anna\tlast=2026-11-22T08:00:01Zx,x\n", "anna\tlast=1960-11-22T08:00:01Z,x\n",
        "anna\tlast=2026-11-22T08:00:01Z,1111111111222222222233333333334444444444555555555566666666667777777777\n",
    };
    char aside[200];
    struct desk d;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        begin(&d, broken[i]);
        assert_int_equal(d.err.code, PF_DAMAGED);
        assert_non_null(strstr(d.err.log, ".broken"));
        snprintf(aside, sizeof aside, "%s.broken", d.b.file);
        assert_int_equal(unlink(aside), 0);
        pf_record_note(d.record, "anna", "192.0.2.1", 0, T0);
        pf_record_free(d.record);
        d.record = NULL;
        expect_file(&d, "anna\tlast=2026-11-22T08:00:00Z,192.0.2.1\n");
        end(&d);
    }
}

static void nothing_odd_gets_into_the_file(void **state)
{
    struct desk d;

    (void)state;
    begin(&d, NULL);
    pf_record_note(d.record, "an\tna", "192.0.2.1", 0, T0);
    pf_record_note(d.record, "an\nna", "192.0.2.1", 0, T0);
    pf_record_note(d.record, "", "192.0.2.1", 0, T0);
    pf_record_note(d.record, "anna", "1\n\t2,\x1b", 0, T0);
    pf_record_free(d.record);
    expect_file(&d, "anna\tlast=2026-11-22T08:00:00Z,1??2,?\n");
    reopen(&d);
    assert_int_equal(d.err.code, PF_OK);
    end(&d);
}

static void a_folder_that_cannot_be_written_is_told_once(void **state)
{
    struct pf_err err = {0};
    struct desk d;
    char moved[200];

    (void)state;
    begin(&d, "");
    snprintf(moved, sizeof moved, "%s.gone", d.b.dir);
    assert_int_equal(rename(d.b.dir, moved), 0);
    assert_false(pf_record_trouble(d.record, &err));
    pf_record_note(d.record, "anna", "192.0.2.1", 0, T0);
    while (pf_loop_turn(d.loop, true) && !pf_record_trouble(d.record, &err))
        ;
    assert_non_null(strstr(err.log, "cannot be written"));
    assert_int_equal(err.sys, ENOENT);
    assert_false(pf_record_trouble(d.record, &err));
    assert_int_equal(rename(moved, d.b.dir), 0);
    pf_record_free(d.record);
    d.record = NULL;
    expect_file(&d, "anna\tlast=2026-11-22T08:00:00Z,192.0.2.1\n");
    end(&d);
}

static void the_longest_unseen_are_forgotten(void **state)
{
    struct pf_record_row *rows;
    struct desk d;
    char name[16];
    size_t count;

    (void)state;
    begin(&d, "old\tlast=2020-01-01T00:00:00Z,192.0.2.1\nolder\tlast=2019-01-01T00:00:00Z,192.0.2.1\n");
    for (int i = 0; i < PF_RECORD_USERS - 1; i++) {
        snprintf(name, sizeof name, "n%06d", i);
        pf_record_note(d.record, name, "192.0.2.1", 0, T0 + i);
    }
    pf_record_note(d.record, "n000000", "192.0.2.1", 0, T0 + PF_RECORD_USERS); /* seen again: not the oldest */
    pf_record_note(d.record, "new", "192.0.2.1", 0, T0 + PF_RECORD_USERS);
    pf_record_note(d.record, "newer", "192.0.2.1", 0, T0 + PF_RECORD_USERS);
    pf_record_free(d.record);
    assert_int_equal(pf_record_read(d.b.file, &rows, &count, NULL), PF_OK);
    assert_int_equal(count, PF_RECORD_USERS);
    assert_string_equal(rows[0].user, "n000000");
    assert_string_equal(rows[1].user, "n000002");
    assert_string_equal(rows[count - 2].user, "new");
    assert_string_equal(rows[count - 1].user, "newer");
    pf_record_rows_free(rows, count);
    reopen(&d);
    assert_int_equal(d.err.code, PF_OK);
    end(&d);
}

static void reading_says_what_is_wrong(void **state)
{
    struct pf_record_row *rows;
    struct pf_err err = {0};
    struct bench b;
    size_t count;

    (void)state;
    bench_setup(&b, "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\nbert x=\tlast\n");
    assert_int_equal(pf_record_read(b.file, &rows, &count, &err), PF_DAMAGED);
    assert_non_null(strstr(err.log, "line 2"));
    bench_write(&b, "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\told-tls=2026-11-22T08:00:00Z,::1\n");
    assert_int_equal(pf_record_read(b.file, &rows, &count, &err), PF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].at[PF_RECORD_LAST], T0 + 1);
    assert_int_equal(rows[0].at[PF_RECORD_OLD_TLS], T0);
    assert_int_equal(rows[0].at[PF_RECORD_APOP], 0);
    assert_string_equal(rows[0].from[PF_RECORD_OLD_TLS], "::1");
    pf_record_rows_free(rows, count);
    unlink(b.file);
    assert_int_equal(pf_record_read(b.file, &rows, &count, &err), PF_CONFIG);
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(rmdir(b.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(logins_are_written_sorted_by_user),
        T(it_is_written_once_a_minute_and_at_the_end),
        T(what_was_read_is_kept),
        T(notes_while_it_is_written_are_kept),
        T(broken_files_are_kept_aside),
        T(nothing_odd_gets_into_the_file),
        T(a_folder_that_cannot_be_written_is_told_once),
        T(the_longest_unseen_are_forgotten),
        T(reading_says_what_is_wrong),
    };

    return RUN(tests);
}
