/* Every system call of a delivery fails once, and every one is once the last that a process does.
 * Whatever happened, the next run has each message exactly once. */
#include "unit/fetch/placerig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LETTERS = 5, DIED = 9, ENOUGH = 400 };

static atomic_int countdown; /* 0: nothing happens */
static int fault;            /* an errno; 0: the process dies */
static atomic_bool struck;

static bool strikes(void)
{
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_store(&struck, true);
    if (!fault)
        _exit(DIED);
    errno = fault;
    return true;
}

#define WRAP(type, name, parameters, result)                                                            \
    type __real_##name parameters;                                                                      \
    type __wrap_##name parameters;                                                                      \
    type __wrap_##name parameters                                                                       \
    {                                                                                                   \
        return strikes() ? -1 : result;                                                                 \
    }

WRAP(ssize_t, write, (int fd, const void *at, size_t len), __real_write(fd, at, len))
/* No power is cut here, so no disk need be waited for. */
WRAP(int, fsync, (int fd), fcntl(fd, F_GETFD) < 0 ? -1 : 0)
WRAP(int, fdatasync, (int fd), fcntl(fd, F_GETFD) < 0 ? -1 : 0)
WRAP(int, syncfs, (int fd), fcntl(fd, F_GETFD) < 0 ? -1 : 0)
WRAP(int, mkdirat, (int fd, const char *name, mode_t mode), __real_mkdirat(fd, name, mode))
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e),
     __real_renameat2(a, b, c, d, e))
WRAP(int, unlinkat, (int fd, const char *name, int flags), __real_unlinkat(fd, name, flags))

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...)
{
    return strikes() ? -1 : __real_openat64(at, path, flags, 0600);
}

static const char *folder_of(long i)
{
    return i == 2 ? "Lists" : NULL;
}

/* One alone, then a group; those that the ledger does not know yet. */
static void deliver_all(struct placerig *r)
{
    unsigned ended = 0;

    for (long i = 0; i < LETTERS; i++) {
        char text[64];
        struct pf_err err;
        struct pf_letter *l;

        if (placerig_state(r, i) != PF_LEDGER_GONE)
            continue;
        snprintf(text, sizeof text, "Subject: %ld\r\n\r\ntext\r\n", i);
        l = placerig_write(r, i, text, 0, &err);
        if (!l)
            continue;
        placerig_end_letter(r, l, folder_of(i));
        ended++;
        if (i == 0)
            placerig_wait(r, ended);
    }
    placerig_wait(r, ended);
}

static unsigned seen[LETTERS], litter;

static int see(const char *path, const struct stat *st, int what, struct FTW *walk)
{
    char text[64] = "";
    long number = -1;
    int fd;

    (void)walk;
    if (what != FTW_F || !S_ISREG(st->st_mode) || strstr(path, "maildirfolder"))
        return 0;
    litter += strstr(path, "/tmp/1") != NULL;
    if (!strstr(path, "/new/"))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    assert_int_equal(sscanf(text, "Subject: %ld\n\ntext\n", &number), 1);
    assert_true(strlen(text) == strlen("Subject: 0\n\ntext\n"));
    assert_in_range(number, 0, LETTERS - 1);
    seen[number]++;
    return 0;
}

static void look(struct placerig *r)
{
    memset(seen, 0, sizeof seen);
    litter = 0;
    nftw(r->maildir, see, 16, FTW_PHYS);
}

/* Who was told that his letter is there finds it known and there, and what was not is fetched again. */
static void the_next_run_makes_it_whole(struct placerig *r, const bool promised[LETTERS])
{
    assert_true(placerig_open(r));
    assert_int_equal(r->settled.code, PF_OK);
    assert_int_equal(r->again, 0);
    look(r);
    for (long i = 0; i < LETTERS; i++) {
        if (promised && promised[i])
            assert_int_equal(placerig_state(r, i), PF_LEDGER_DONE);
        assert_int_equal(seen[i], placerig_state(r, i) == PF_LEDGER_DONE);
    }
    deliver_all(r);
    placerig_close(r);
    look(r);
    for (long i = 0; i < LETTERS; i++)
        assert_int_equal(seen[i], 1);
}

static bool strike_once(struct placerig *r, int n, int with)
{
    bool promised[LETTERS] = {0};

    assert_true(placerig_open(r));
    fault = with;
    atomic_store(&struck, false);
    atomic_store(&countdown, n);
    deliver_all(r);
    placerig_close(r);
    atomic_store(&countdown, 0);
    for (unsigned i = 0; i < r->told_count; i++)
        promised[r->told[i].of] = r->told[i].err.code == PF_OK;
    the_next_run_makes_it_whole(r, promised);
    return atomic_load(&struck);
}

static void any_call_fails(void **state)
{
    int n = 1;
    bool more = true;

    (void)state;
    for (; more && n < ENOUGH; n++) {
        void *rig;

        placerig_begin(&rig);
        more = strike_once(rig, n, n % 2 ? ENOSPC : EIO);
        placerig_end(&rig);
    }
    assert_in_range(n, 20, ENOUGH - 1);
}

static int run_and_die(struct placerig *r, int n)
{
    int status = 0;
    pid_t pid;

    placerig_stop(r);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        placerig_start(r);
        if (!placerig_open(r))
            _exit(1);
        fault = 0;
        atomic_store(&countdown, n);
        deliver_all(r);
        placerig_close(r);
        _exit(0);
    }
    placerig_start(r);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_process_dies_anywhere(void **state)
{
    int n = 1, status = DIED;

    (void)state;
    for (; status == DIED && n < ENOUGH; n++) {
        void *rig;

        placerig_begin(&rig);
        status = run_and_die(rig, n);
        assert_true(status == DIED || status == 0);
        the_next_run_makes_it_whole(rig, NULL);
        placerig_end(&rig);
    }
    assert_in_range(n, 20, ENOUGH - 1);
}

/* A full disk ends the run with a hint, leaves nothing, and everything behind it has the same reason. */
static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err = {0};
    struct pf_letter *l;

    assert_true(placerig_open(r));
    l = placerig_write(r, 1, "Subject: 1\r\n\r\ntext\r\n", 0, &err);
    assert_non_null(l);
    fault = ENOSPC;
    atomic_store(&countdown, 1);
    assert_null(placerig_write(r, 2, "Subject: 2\r\n", 0, &err)); /* openat */
    assert_int_equal(err.code, PF_NO_SPACE);
    assert_non_null(strstr(err.log, "make room on that disk"));
    placerig_end_letter(r, l, NULL);
    placerig_wait(r, 1);
    assert_int_equal(r->told[0].err.code, PF_NO_SPACE);
    assert_null(placerig_write(r, 3, "Subject: 3\r\n", 0, &err));
    assert_int_equal(err.code, PF_NO_SPACE);
    look(r);
    assert_int_equal(litter, 0);
    assert_int_equal(placerig_count(r, "Mail/new"), 0);
}

static void a_write_that_fails_says_so_at_once(void **state)
{
    static const int causes[] = {EDQUOT, EROFS, EACCES};
    struct placerig *r = placerig_of(state);

    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        struct pf_err err = {0};
        struct pf_letter *l;

        assert_true(placerig_open(r));
        l = placerig_write(r, 1, "", 0, &err);
        fault = causes[i];
        atomic_store(&countdown, 1);
        assert_int_not_equal(pf_letter_write(l, pf_bytes_of("Subject: 1\r\n"), &err), PF_OK);
        assert_int_equal(err.code, causes[i] == EDQUOT ? PF_NO_SPACE : PF_CONFIG);
        assert_int_equal(pf_letter_write(l, pf_bytes_of("x\r\n"), &err), err.code);
        placerig_end_letter(r, l, NULL);
        placerig_wait(r, 1);
        assert_int_equal(r->told[0].err.code, err.code);
        look(r);
        assert_int_equal(litter, 0);
        placerig_close(r);
    }
}

/* File systems that cannot rename without overwriting. */
static void a_rename_that_is_not_known_is_done_otherwise(void **state)
{
    struct placerig *r = placerig_of(state);

    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, "Subject: 1\r\n\r\ntext\r\n", "Lists"), PF_OK);
    fault = EINVAL;
    /* openat, write; fsync of the file, of tmp; write and sync of the ledger; then the rename */
    atomic_store(&countdown, 7);
    assert_int_equal(placerig_deliver(r, 2, "Subject: 2\r\n\r\ntext\r\n", "Lists"), PF_OK);
    assert_true(atomic_load(&countdown) <= 0);
    assert_int_equal(placerig_count(r, "Mail/.Lists/new"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_call_fails),
        T(a_process_dies_anywhere),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_leaves_nothing, placerig_begin,
                                        placerig_end),
        cmocka_unit_test_setup_teardown(a_write_that_fails_says_so_at_once, placerig_begin,
                                        placerig_end),
        cmocka_unit_test_setup_teardown(a_rename_that_is_not_known_is_done_otherwise, placerig_begin,
                                        placerig_end),
    };

    return RUN(tests);
}
