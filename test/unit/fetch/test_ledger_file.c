#include "ledger_scene.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* A process that holds the ledger until it is told. */
struct holder {
    pid_t pid;
    int end;
};

static struct holder hold(void)
{
    struct holder h;
    int up[2], down[2];
    char ready;

    assert_int_equal(pipe2(up, O_CLOEXEC) | pipe2(down, O_CLOEXEC), 0);
    h.pid = fork();
    assert_true(h.pid >= 0);
    if (h.pid == 0) {
        struct pf_ledger *l = NULL;

        close(down[1]);
        if (pf_ledger_open(scene_path, "joe", 5000, &l, NULL) != PF_OK || write(up[1], "r", 1) != 1)
            _exit(1);
        (void)!read(down[0], &ready, 1);
        pf_ledger_close(l);
        _exit(0);
    }
    close(up[1]);
    close(down[0]);
    assert_int_equal(read(up[0], &ready, 1), 1);
    close(up[0]);
    h.end = down[1];
    return h;
}

static void release(struct holder h, int signal)
{
    int status;

    if (signal)
        kill(h.pid, signal);
    else
        assert_int_equal(write(h.end, "x", 1), 1); /* others may have a copy of this end */
    close(h.end);
    assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
    assert_int_equal(signal ? WTERMSIG(status) : WEXITSTATUS(status), signal);
}

static void one_at_a_time_and_the_holder_is_named(void **state)
{
    struct holder h = hold();
    struct pf_ledger *l = NULL;
    struct pf_err err;
    char pid[32];

    (void)state;
    snprintf(pid, sizeof pid, "process %d", (int)h.pid);
    assert_int_equal(pf_ledger_open(scene_path, "joe", 0, &l, &err), PF_IN_USE);
    assert_non_null(strstr(err.log, pid));
    assert_null(l);
    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_OK);
    pf_ledger_close(l);
    release(h, 0);
    pf_ledger_close(opened("joe"));
}

static void the_same_process_does_not_get_it_twice(void **state)
{
    struct pf_ledger *one = opened("joe"), *two = NULL;

    (void)state;
    assert_int_equal(pf_ledger_open(scene_path, "joe", 60, &two, NULL), PF_IN_USE);
    pf_ledger_close(one);
    pf_ledger_close(opened("joe"));
}

static void a_killed_holder_holds_nothing(void **state)
{
    struct holder h = hold();

    (void)state;
    release(h, SIGKILL);
    pf_ledger_close(opened("joe"));
}

static void who_waits_gets_it_when_the_holder_ends(void **state)
{
    struct holder h = hold();
    struct pf_ledger *l = NULL;
    pid_t waiter = fork();
    int status;

    (void)state;
    if (waiter == 0)
        _exit(pf_ledger_open(scene_path, "joe", 20000, &l, NULL) == PF_OK ? 0 : 1);
    release(h, 0);
    assert_int_equal(waitpid(waiter, &status, 0), waiter);
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A carrier: it has only a copy of the lock's descriptor, and its master was killed. */
static void an_inherited_lock_holds_on_and_is_told_so(void **state)
{
    struct pf_ledger *l = opened("joe"), *other = NULL;
    int copy = fcntl(pf_ledger_lock_fd(l), F_DUPFD_CLOEXEC, 0);
    struct pf_err err;
    pid_t dead = fork();
    char pid[32];

    (void)state;
    if (dead == 0)
        _exit(0);
    waitpid(dead, NULL, 0);
    assert_int_equal(close(pf_ledger_lock_fd(l)), 0); /* as its death does it */
    snprintf(pid, sizeof pid, "%d\n", (int)dead);
    assert_int_equal(ftruncate(copy, 0), 0);
    assert_int_equal(pwrite(copy, pid, strlen(pid), 0), strlen(pid));
    assert_int_equal(pf_ledger_open(scene_path, "joe", 0, &other, &err), PF_IN_USE);
    assert_non_null(strstr(err.log, "has ended"));
    assert_int_equal(close(copy), 0);
    pf_ledger_close(opened("joe"));
    pf_ledger_close(l);
}

static void closing_unlocks_whoever_has_a_copy(void **state)
{
    struct pf_ledger *l = opened("joe");
    int copy = fcntl(pf_ledger_lock_fd(l), F_DUPFD_CLOEXEC, 0);

    (void)state;
    pf_ledger_close(l);
    pf_ledger_close(opened("joe"));
    close(copy);
}

/* A lock on a file that was removed is a lock on nothing. */
static void a_removed_lock_file_lets_nobody_in_beside_who_comes_next(void **state)
{
    struct pf_ledger *l = opened("joe"), *next, *third = NULL;
    char lock[PATH_MAX + 8];

    (void)state;
    snprintf(lock, sizeof lock, "%s.lock", scene_path);
    assert_int_equal(unlink(lock), 0);
    next = opened("joe");
    assert_int_equal(pf_ledger_open(scene_path, "joe", 0, &third, NULL), PF_IN_USE);
    pf_ledger_close(l);
    assert_int_equal(pf_ledger_open(scene_path, "joe", 0, &third, NULL), PF_IN_USE);
    pf_ledger_close(next);
}

static void assert_refused(const char *why)
{
    struct pf_ledger *l = NULL;
    struct pf_err err = {0};

    assert_int_equal(pf_ledger_open(scene_path, "joe", 0, &l, &err), PF_PERM);
    if (!strstr(err.log, why))
        fail_msg("%s", err.log);
}

/* Each in turn is the ledger's file and its lock's. */
static void files_that_others_may_have_made_are_refused(void **state)
{
    char path[PATH_MAX + 8], target[PATH_MAX + 8];

    (void)state;
    snprintf(target, sizeof target, "%s/target", scene_folder);
    for (int lock = 0; lock < 2; lock++) {
        int fd;

        snprintf(path, sizeof path, "%s%s", scene_path, lock ? ".lock" : "");
        (void)unlink(path);
        assert_int_equal(symlink(target, path), 0);
        assert_refused("symbolic link");
        assert_int_equal(access(target, F_OK), -1);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_refused("no plain file");
        assert_int_equal(unlink(path), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(fchmod(fd, 0620), 0);
        assert_refused("written by others");
        assert_int_equal(fchmod(fd, 0602), 0);
        assert_refused("written by others");
        assert_int_equal(fchmod(fd, 0644), 0);
        close(fd);
        if (geteuid() == 0) {
            assert_int_equal(chown(path, 65534, 65534), 0);
            assert_refused("another user");
            assert_int_equal(chown(path, 0, 0), 0);
        }
        pf_ledger_close(opened("joe"));
    }
}

static void looking_refuses_the_same(void **state)
{
    struct pf_ledger *l = NULL;

    (void)state;
    assert_int_equal(symlink("/dev/null", scene_path), 0);
    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_PERM);
    assert_int_equal(unlink(scene_path), 0);
    assert_int_equal(mkdir(scene_path, 0700), 0);
    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_PERM);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    struct pf_ledger *l = NULL;
    struct pf_err err;
    char path[PATH_MAX + 32];

    (void)state;
    spill("x", 1);
    snprintf(path, sizeof path, "%s/below/joe.ledger", scene_path);
    assert_int_not_equal(pf_ledger_open(path, "joe", 0, &l, &err), PF_OK);
    assert_non_null(strstr(err.log, scene_path));
}

static void a_who_of_any_octets_is_the_same_the_next_day(void **state)
{
    char who[PF_LEDGER_WHO_MAX + 2];
    struct pf_ledger *l = NULL;

    (void)state;
    for (size_t i = 0; i < PF_LEDGER_WHO_MAX; i++)
        who[i] = (char)(i % 255 + 1);
    who[PF_LEDGER_WHO_MAX] = 0;
    l = opened(who);
    put(l, PF_LEDGER_DONE, "a");
    pf_ledger_close(l);
    l = opened(who);
    assert_string_equal(told(l, false), "a=D");
    pf_ledger_close(l);
    who[PF_LEDGER_WHO_MAX] = 'x';
    who[PF_LEDGER_WHO_MAX + 1] = 0;
    assert_int_equal(pf_ledger_open(scene_path, who, 0, &l, NULL), PF_CONFIG);
    assert_int_equal(pf_ledger_open(scene_path, "", 0, &l, NULL), PF_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(one_at_a_time_and_the_holder_is_named),
        S(the_same_process_does_not_get_it_twice),
        S(a_killed_holder_holds_nothing),
        S(who_waits_gets_it_when_the_holder_ends),
        S(an_inherited_lock_holds_on_and_is_told_so),
        S(closing_unlocks_whoever_has_a_copy),
        S(a_removed_lock_file_lets_nobody_in_beside_who_comes_next),
        S(files_that_others_may_have_made_are_refused),
        S(looking_refuses_the_same),
        S(a_folder_that_cannot_be_made_is_told),
        S(a_who_of_any_octets_is_the_same_the_next_day),
    };

    return RUN(tests);
}
