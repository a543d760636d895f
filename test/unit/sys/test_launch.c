#include "unit/cm.h"

#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What a program says of itself; its process. */
static pid_t said_by(const char *program, bool group, char *out, size_t cap)
{
    static const char *const argv[] = {
        "sh", "-c", "grep -E '^Sig(Blk|Ign):' /proc/self/status; cut -d' ' -f5 /proc/$$/stat", NULL};
    posix_spawn_file_actions_t actions;
    struct pf_launch s = {program, program[0] != '/', group, &actions, (char *const *)(const void *)argv,
                          environ};
    ssize_t got;
    size_t len = 0;
    pid_t pid = 0;
    int ends[2], status;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
    assert_int_equal(pf_launch(&s, &pid), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while ((got = read(ends[0], out + len, cap - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return pid;
}

static void signals_are_those_of_a_new_program(void **state)
{
    uint64_t blocked = 1, ignored = 1;
    sigset_t all, before;
    char said[200];

    (void)state;
    sigfillset(&all);
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    said_by("/bin/sh", false, said, sizeof said);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(sscanf(said, "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blocked, &ignored), 2);
    assert_true(blocked == 0);
    assert_true((ignored & UINT32_MAX >> 1) == 0); /* above are the C library's own, which it lets ignore */
}

static void a_group_of_its_own_is_for_who_wants_it(void **state)
{
    char said[200], number[32];
    pid_t pid;

    (void)state;
    said_by("/bin/sh", false, said, sizeof said);
    snprintf(number, sizeof number, "\n%d\n", (int)getpgrp());
    assert_non_null(strstr(said, number));
    pid = said_by("sh", true, said, sizeof said);
    snprintf(number, sizeof number, "\n%d\n", (int)pid);
    assert_non_null(strstr(said, number));
}

static void only_who_wants_it_is_looked_for(void **state)
{
    static const char *const argv[] = {"sh", "-c", "exit", NULL};
    struct pf_launch s = {
        .program = "sh", .argv = (char *const *)(const void *)argv, .environment = environ};
    pid_t pid;

    (void)state;
    assert_int_equal(chdir("/proc"), 0); /* no program of that name lies here */
    assert_int_equal(pf_launch(&s, &pid), ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(signals_are_those_of_a_new_program),
        T(a_group_of_its_own_is_for_who_wants_it),
        T(only_who_wants_it_is_looked_for),
    };

    return RUN(tests);
}
