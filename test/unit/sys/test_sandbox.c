/* The sandbox as it is built here, with sanitizers or without. What is refused inside of one is tested without
 * sanitizers, in test/role. */
#include "unit/cm.h"

#include "sys/sandbox_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* exit() and not _exit(): the address sanitizer's search for leaks must still work. */
static void live_in(const struct pf_sandbox *wanted)
{
    struct pf_sandbox_report report;
    struct rlimit core;
    char *memory;

    if (pf_sandbox_enter(wanted, &report, NULL) != PF_OK)
        exit(1);
    memory = malloc(1 << 20);
    if (!memory || getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        exit(2);
    memset(memory, 1, 1 << 20);
    free(memory);
    if (wanted->role != PF_SANDBOX_KEEPER && prctl(PR_GET_DUMPABLE) != PF_SANDBOX_LAX)
        exit(3);
    if (!!strstr(report.missing, "strictness") != PF_SANDBOX_LAX)
        exit(4);
    exit(0);
}

static void every_role_lives_in_its_sandbox(void **state)
{
    (void)state;
    for (int role = 0; role < PF_SANDBOX_ROLES; role++) {
        struct pf_sandbox wanted = {.role = (enum pf_sandbox_role)role};
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            live_in(&wanted);
        assert_int_equal(exit_of(child), 0);
        assert_true(strlen(pf_sandbox_role_name(wanted.role)) >= 4);
    }
}

static void a_path_that_is_not_there_is_told(void **state)
{
    static const struct pf_sandbox_path paths[] = {{.path = "/nowhere/at/all"}};
    const struct pf_sandbox wanted = {.role = PF_SANDBOX_STORE, .paths = paths, .count = 1};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct pf_sandbox_report report;
        struct pf_err err = {0};
        enum pf_code code = pf_sandbox_enter(&wanted, &report, &err);

        if (strcmp(report.missing, "landlock") == 0 || strstr(report.missing, "landlock "))
            exit(0); /* this kernel does not look at paths */
        exit(code == PF_CONFIG && strstr(err.log, "/nowhere/at/all") ? 0 : 1);
    }
    assert_int_equal(exit_of(child), 0);
}

static void *wait_here(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static void who_has_threads_is_too_late(void **state)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const struct pf_sandbox wanted = {.role = PF_SANDBOX_GATE};
    struct pf_sandbox_report report;
    struct pf_err err;
    pthread_t thread;

    (void)state;
    pthread_mutex_lock(&lock);
    assert_int_equal(pthread_create(&thread, NULL, wait_here, &lock), 0);
    assert_int_equal(pf_sandbox_enter(&wanted, &report, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "gate"));
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    /* Nothing was done to us. */
    assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

static void words_that_do_not_fit_are_cut(void **state)
{
    struct pf_sandbox_report report = {0};

    (void)state;
    pf_sandbox_lacks(&report, "one");
    pf_sandbox_lacks(&report, "two");
    assert_string_equal(report.missing, "one two");
    for (int i = 0; i < 100; i++)
        pf_sandbox_lacks(&report, "word");
    assert_int_equal(strlen(report.missing), sizeof report.missing - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_role_lives_in_its_sandbox),
        T(a_path_that_is_not_there_is_told),
        T(who_has_threads_is_too_late),
        T(words_that_do_not_fit_are_cut),
    };

    return RUN(tests);
}
