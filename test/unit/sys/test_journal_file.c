/* The journal's files: days, batches, torn lines, and a disk that is full or fails. */
#include "unit/cm.h"

#include "sys/journal_day.h"
#include "sys/journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 86400 };
#define NOON 1763812800 /* 2025-11-22 12:00 UTC */

static char dir[64], folder[80];
static struct pf_loop *loop;
static struct pf_pool *pool;
static int64_t now_ms;
static unsigned troubles;
static char trouble_text[PF_ERR_LOG];

/* What write(2) does: as ever, an error, or so many octets of the next one. */
static int write_errno;
static size_t write_some;
static int hang = -1; /* a write waits until an octet can be read here */
static unsigned writes;

ssize_t __real_write(int fd, const void *at, size_t len);
ssize_t __wrap_write(int fd, const void *at, size_t len);

ssize_t __wrap_write(int fd, const void *at, size_t len)
{
    size_t some = write_some;
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return __real_write(fd, at, len);
    writes++;
    if (hang >= 0)
        assert_int_equal(read(hang, &(char){0}, 1), 1);
    write_some = 0;
    if (some && some < len)
        return __real_write(fd, at, some);
    if (write_errno) {
        errno = write_errno;
        return -1;
    }
    return __real_write(fd, at, len);
}

static int64_t clock_of_test(void)
{
    return now_ms;
}

static void note_trouble(void *self, const struct pf_err *err)
{
    (void)self;
    troubles++;
    snprintf(trouble_text, sizeof trouble_text, "%s", err->log);
}

static int up(void **state)
{
    (void)state;
    alarm(60);
    snprintf(dir, sizeof dir, "/tmp/postfach-journal.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(folder, sizeof folder, "%s/journal", dir);
    loop = pf_loop_new(NULL);
    pool = pf_pool_new(loop, "disk", 1, 8, NULL);
    assert_true(loop && pool);
    now_ms = (int64_t)NOON * 1000;
    troubles = writes = 0;
    write_errno = 0;
    write_some = 0;
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *entry;

    while (d && (entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    rmdir(path);
}

static int down(void **state)
{
    (void)state;
    pf_pool_free(pool);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
    remove_folder(folder);
    remove_folder(dir);
    alarm(0);
    return 0;
}

static struct pf_journal_file *open_file(size_t memory)
{
    struct pf_journal_file_settings s = {.folder = folder, .keep_days = 30, .memory = memory, .process = 7,
                                         .now = clock_of_test, .trouble = note_trouble};
    struct pf_journal_file *f = pf_journal_file_new(loop, pool, &s, NULL);

    assert_non_null(f);
    return f;
}

static void put(struct pf_journal_file *f, const char *line)
{
    struct pf_journal_sink *sink = pf_journal_file_sink(f);

    sink->put(sink, pf_bytes_of(line));
}

/* What the file of the day holds; "" when there is none. */
static const char *content(int64_t day)
{
    static char text[1 << 16];
    char name[PF_JOURNAL_NAME], path[128];
    int fd;
    ssize_t n;

    assert_true(pf_journal_day_name(name, day));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static void turn_until(bool (*good)(const void *), const void *what)
{
    while (!good(what))
        pf_loop_turn(loop, true);
}

static bool has_today(const void *text)
{
    return strcmp(content(now_ms / 1000 / DAY), text) == 0;
}

static bool has_some_today(const void *text)
{
    return strstr(content(now_ms / 1000 / DAY), text);
}

static bool has_trouble(const void *nothing)
{
    (void)nothing;
    return troubles > 0;
}

static void names_of_files_are_days(void **state)
{
    static const char *const bad[] = {"journal-20251122 ", "journal-2025112", "journal-20251322", "journal-20250230",
                                      "Journal-20251122", "journal-+2025112", "journal-2025-122", "", "journal-"};
    char name[PF_JOURNAL_NAME];
    int64_t day = 0;

    (void)state;
    assert_true(pf_journal_day_name(name, NOON / DAY));
    assert_string_equal(name, "journal-20251122");
    assert_true(pf_journal_day_of(name, &day));
    assert_int_equal(day, NOON / DAY);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(pf_journal_day_of(bad[i], &day));
    assert_false(pf_journal_day_name(name, INT64_MAX));
    assert_false(pf_journal_day_name(name, (int64_t)4000 * 1000));
}

static void a_turns_lines_are_one_write_into_a_private_file(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);
    char path[160];
    struct stat st;

    (void)state;
    for (int i = 0; i < 3; i++)
        put(f, "a line\n");
    turn_until(has_today, "a line\na line\na line\n");
    assert_int_equal(writes, 1);
    assert_true(stat(folder, &st) == 0 && (st.st_mode & 07777) == 0700);
    snprintf(path, sizeof path, "%s/journal-20251122", folder);
    assert_true(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    pf_journal_file_free(f);
    assert_int_equal(troubles, 0);
}

static void what_waits_at_the_end_is_written(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);

    (void)state;
    put(f, "the last line\n");
    pf_journal_file_free(f); /* before any turn of the loop */
    while (pf_loop_turn(loop, false))
        ;
    assert_string_equal(content(NOON / DAY), "the last line\n");
}

static void a_new_day_has_a_new_file_and_old_ones_go(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);
    int64_t first = NOON / DAY;

    (void)state;
    put(f, "one\n");
    turn_until(has_today, "one\n");
    now_ms += 30LL * DAY * 1000;
    put(f, "two\n");
    turn_until(has_today, "two\n");
    assert_string_equal(content(first), "one\n"); /* thirty days old is not older than thirty days */
    now_ms += (int64_t)DAY * 1000;
    put(f, "three\n");
    turn_until(has_today, "three\n");
    assert_string_equal(content(first), "");
    assert_string_equal(content(first + 30), "two\n");
    pf_journal_file_free(f);
}

static void only_files_of_ours_go(void **state)
{
    struct pf_journal_day d = {.folder = folder, .keep_days = 0, .fd = -1};
    char path[160];
    size_t taken;
    int fd;

    (void)state;
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/journal-19990101.gz", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("x\n"), NOON, &taken, NULL), PF_OK);
    pf_journal_day_close(&d);
    assert_int_equal(access(path, F_OK), 0);
    assert_string_equal(content(NOON / DAY), "x\n");
}

static void a_line_that_a_crash_tore_spoils_no_other(void **state)
{
    struct pf_journal_day d = {.folder = folder, .keep_days = -1, .fd = -1};
    char path[160];
    size_t taken = 0;
    int fd;

    (void)state;
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/journal-20251122", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(__real_write(fd, "whole\nhal", 9), 9);
    close(fd);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("next\n"), NOON, &taken, NULL), PF_OK);
    assert_int_equal(taken, 5);
    pf_journal_day_close(&d);
    assert_string_equal(content(NOON / DAY), "whole\nhal\nnext\n");
}

static void links_and_removed_files_are_not_written_to(void **state)
{
    struct pf_journal_day d = {.folder = folder, .keep_days = -1, .fd = -1};
    char path[160], other[160];
    size_t taken;
    struct pf_err err;

    (void)state;
    snprintf(path, sizeof path, "%s/journal-20251122", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("one\n"), NOON, &taken, NULL), PF_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("two\n"), NOON, &taken, NULL), PF_OK);
    assert_string_equal(content(NOON / DAY), "two\n");
    pf_journal_day_close(&d);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("three\n"), NOON, &taken, &err), PF_PERM);
    assert_int_equal(d.fd, -1);
    assert_true(unlink(path) == 0 && symlink(other, path) == 0);
    assert_int_equal(pf_journal_day_write(&d, PF_LIT("three\n"), NOON, &taken, &err), PF_PERM);
    assert_int_equal(taken, 0);
}

static void a_disk_that_fails_is_told_once_and_nothing_is_lost(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);

    (void)state;
    write_errno = EIO;
    put(f, "one\n");
    turn_until(has_trouble, NULL);
    put(f, "two\n");
    for (int i = 0; i < 50; i++)
        pf_loop_turn(loop, false);
    assert_int_equal(troubles, 1);
    assert_non_null(strstr(trouble_text, folder));
    write_errno = 0;
    turn_until(has_today, "one\ntwo\n");
    write_errno = ENOSPC; /* another run of failures is told again */
    put(f, "three\n");
    while (troubles < 2)
        pf_loop_turn(loop, true);
    write_errno = 0;
    pf_journal_file_free(f);
    while (pf_loop_turn(loop, false))
        ;
    assert_string_equal(content(NOON / DAY), "one\ntwo\nthree\n");
}

static void a_write_that_ended_within_a_line_is_mended(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);

    (void)state;
    write_some = 6;
    put(f, "one\n");
    put(f, "two\n");
    turn_until(has_today, "one\ntw\ntwo\n");
    assert_int_equal(troubles, 1);
    pf_journal_file_free(f);
}

/* The kernel's own short writes: the file may not grow beyond its limit. */
static void a_full_disk_of_the_kernels_making(void **state)
{
    struct pf_journal_file *f = open_file(1 << 16);
    struct rlimit before, small;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){6, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    put(f, "one\n");
    put(f, "two\n");
    turn_until(has_trouble, NULL);
    assert_string_equal(content(NOON / DAY), "one\ntw");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    turn_until(has_today, "one\ntw\ntwo\n");
    pf_journal_file_free(f);
}

static void memory_is_bounded_and_what_was_lost_is_counted(void **state)
{
    struct pf_journal_file *f = open_file(1000);
    const char *lost;
    unsigned n = 0;

    (void)state;
    write_errno = EIO;
    for (int i = 0; i < 1000; i++) {
        put(f, "0123456789012345678\n");
        if (i % 100 == 0)
            pf_loop_turn(loop, false);
    }
    turn_until(has_trouble, NULL);
    write_errno = 0;
    turn_until(has_some_today, " lost process=7 count=");
    lost = strstr(content(NOON / DAY), " count=");
    for (const char *c = content(NOON / DAY); (c = strstr(c, "0123456789012345678\n")); c++)
        n++;
    assert_int_equal(strtoul(lost + 7, NULL, 10) + n, 1000);
    assert_true(n < 110);
    assert_int_equal(troubles, 1);
    pf_journal_file_free(f);
}

static void a_disk_that_hangs_holds_nobody_up(void **state)
{
    struct pf_journal_file *f = open_file(1000);
    int pipes[2];
    unsigned n = 0;

    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    hang = pipes[0];
    put(f, "the first\n");
    for (int i = 0; i < 1000; i++) { /* returns each time, while a thread waits */
        pf_loop_turn(loop, false);
        put(f, "0123456789012345678\n");
    }
    assert_int_equal(troubles, 1);
    assert_non_null(strstr(trouble_text, "lost"));
    assert_string_equal(content(NOON / DAY), "");
    assert_int_equal(__real_write(pipes[1], "....", 4), 4);
    turn_until(has_some_today, " lost process=7 count=");
    for (const char *c = content(NOON / DAY); (c = strstr(c, "0123456789012345678\n")); c++)
        n++;
    assert_int_equal(strtoul(strstr(content(NOON / DAY), " count=") + 7, NULL, 10) + n, 1000);
    assert_memory_equal(content(NOON / DAY), "the first\n", 10);
    pf_journal_file_free(f);
    hang = -1;
    close(pipes[0]);
    close(pipes[1]);
}

static void new_settings_count_from_then_on(void **state)
{
    struct pf_journal_file *f = open_file(1000);
    struct pf_journal_file_settings off = {.keep_days = 1, .memory = 1000, .now = clock_of_test}, on = off;

    (void)state;
    put(f, "one\n");
    turn_until(has_today, "one\n");
    pf_journal_file_settings(f, &off);
    put(f, "two\n");
    for (int i = 0; i < 20; i++)
        pf_loop_turn(loop, false);
    on.folder = dir;
    pf_journal_file_settings(f, &on);
    put(f, "three\n");
    pf_journal_file_free(f);
    while (pf_loop_turn(loop, false))
        ;
    assert_string_equal(content(NOON / DAY), "one\n");
    memcpy(folder, dir, sizeof dir);
    assert_string_equal(content(NOON / DAY), "three\n");
    snprintf(folder, sizeof folder, "%s/journal", dir);
}

static void a_folder_that_cannot_be_made_is_trouble(void **state)
{
    struct pf_journal_file *f;

    (void)state;
    snprintf(folder, sizeof folder, "%s/no/where", dir);
    f = open_file(1000);
    put(f, "one\n");
    turn_until(has_trouble, NULL);
    pf_journal_file_free(f);
    while (pf_loop_turn(loop, false))
        ;
    snprintf(folder, sizeof folder, "%s/journal", dir);
}

#define J(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        J(names_of_files_are_days), J(a_turns_lines_are_one_write_into_a_private_file),
        J(what_waits_at_the_end_is_written), J(a_new_day_has_a_new_file_and_old_ones_go), J(only_files_of_ours_go),
        J(a_line_that_a_crash_tore_spoils_no_other), J(links_and_removed_files_are_not_written_to),
        J(a_disk_that_fails_is_told_once_and_nothing_is_lost), J(a_write_that_ended_within_a_line_is_mended),
        J(a_full_disk_of_the_kernels_making), J(memory_is_bounded_and_what_was_lost_is_counted),
        J(a_disk_that_hangs_holds_nobody_up), J(new_settings_count_from_then_on),
        J(a_folder_that_cannot_be_made_is_trouble),
    };

    return RUN(tests);
}
