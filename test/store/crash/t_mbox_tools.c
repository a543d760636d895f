/* The dotlock as other programs make it and heed it: liblockfile, procmail, mutt, Python. Those that are not there are
 * skipped. */
#include "unit/mbox/rig.h"

#include "store/mbox/dotlock.h"
#include "store/mbox/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MISSING = 127 };

static const char hold[] = "import mailbox, sys\nm = mailbox.mbox(sys.argv[1])\nm.lock()\nprint(flush=True)\n"
                           "sys.stdin.read()\nm.unlock()\n";
static const char try[] = "import mailbox, sys\nm = mailbox.mbox(sys.argv[1])\n"
                          "try: m.lock()\nexcept mailbox.ExternalClashError: sys.exit(1)\nm.unlock()\n";

/* The status of a program. */
static int run(const char *const *argv)
{
    int status = -1;
    pid_t pid = fork();

    if (!pid) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(MISSING);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN_TOOL(...) run((const char *const[]){__VA_ARGS__, NULL})

static const char *dot_of(const struct rig *r)
{
    return rig_beside(r, "box.lock");
}

/* Programs that make FILE.lock and end: it stays until it is removed. */
static void lk_002_locks_of_others_keep_us_out(void **state)
{
    struct rig *r = *state;
    const char *const tools[][5] = {
        {"dotlockfile", "-l", "-r", "0", dot_of(r)},
        {"lockfile", "-r", "0", dot_of(r), NULL},
        {"lockfile-create", "--retry", "0", r->path, NULL},
        {"mutt_dotlock", "-r", "0", r->path, NULL},
    };
    unsigned seen = 0;

    rig_put(r, RIG_A, "w");
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        const char *const *t = tools[i];
        int status = RUN_TOOL(t[0], t[1], t[2], t[3], t[4]);

        if (status == MISSING || access(dot_of(r), F_OK) != 0)
            continue;
        assert_int_equal(rig_try(r), PF_TEMP);
        assert_int_equal(access(dot_of(r), F_OK), 0);
        unlink(dot_of(r));
        rig_enter(r, 1);
        rig_leave(r);
        seen++;
    }
    if (!seen)
        skip();
}

static void lk_002_others_heed_ours(void **state)
{
    struct rig *r = *state;
    struct pf_mbox_place place;
    struct pf_mbox_locks locks;
    int status[4];

    rig_put(r, RIG_A, "w");
    assert_int_equal(pf_mbox_place_open(&place, &r->settings, r->path, NULL), PF_OK);
    assert_int_equal(pf_mbox_lock(&place, &r->settings, &locks, NULL), PF_OK);
    status[0] = RUN_TOOL("dotlockfile", "-l", "-r", "0", dot_of(r));
    status[1] = RUN_TOOL("lockfile", "-r", "0", dot_of(r));
    status[2] = RUN_TOOL("lockfile-create", "--retry", "0", r->path);
    status[3] = RUN_TOOL("python3", "-c", try, r->path);
    for (size_t i = 0; i < sizeof status / sizeof *status; i++)
        assert_int_not_equal(status[i], 0);
    close(pf_mbox_unlock(&locks));
    pf_mbox_place_close(&place);
    assert_int_equal(access(dot_of(r), F_OK), -1);
    assert_true(RUN_TOOL("dotlockfile", "-l", "-r", "0", dot_of(r)) == 0 || status[0] == MISSING);
    unlink(dot_of(r));
    assert_true(RUN_TOOL("python3", "-c", try, r->path) == 0 || status[3] == MISSING);
}

/* Python takes the kernel lock, then the dotlock. */
static void lk_005_python_keeps_us_out_until_it_unlocks(void **state)
{
    struct rig *r = *state;
    int in[2], out[2];
    char octet;
    pid_t pid;

    rig_put(r, RIG_A, "w");
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid = fork();
    if (!pid) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", "-c", hold, r->path, (char *)NULL);
        _exit(MISSING);
    }
    close(in[0]);
    close(out[1]);
    if (read(out[0], &octet, 1) == 1) {
        assert_int_equal(rig_try(r), PF_TEMP);
        close(in[1]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        rig_enter(r, 1);
        rig_leave(r);
        close(out[0]);
        return;
    }
    close(in[1]);
    close(out[0]);
    waitpid(pid, NULL, 0);
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(lk_002_locks_of_others_keep_us_out),
        RIG(lk_002_others_heed_ours),
        RIG(lk_005_python_keeps_us_out_until_it_unlocks),
    };

    return RUN(tests);
}
