#include "unit/cm.h"

#include "sys/proc.h"

#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What changes a process for good is tried in a child, which exits without a word. */
static bool in_child(bool (*test)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(test() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool becomes_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    uid_t real, effective, saved;
    struct pf_err err;

    if (!nobody || pf_proc_become("nobody", NULL) != PF_OK)
        return false;
    return getresuid(&real, &effective, &saved) == 0 && real == nobody->pw_uid && effective == real &&
           saved == real && getgid() == nobody->pw_gid && setuid(0) != 0 &&
           pf_proc_become("nobody", NULL) == PF_OK && /* nothing to do */
           pf_proc_become("root", &err) == PF_CONFIG && strstr(err.log, "root");
}

static bool refuses_root(void)
{
    struct pf_err err;

    return pf_proc_become("root", &err) == PF_CONFIG && strstr(err.log, "cannot become user root");
}

static void becoming_another_user_is_for_good(void **state)
{
    (void)state;
    assert_true(in_child(geteuid() == 0 ? becomes_nobody : refuses_root));
}

static void becoming_oneself_is_nothing(void **state)
{
    const struct passwd *me = getpwuid(geteuid());

    (void)state;
    if (me)
        assert_int_equal(pf_proc_become(me->pw_name, NULL), PF_OK);
}

static void an_unknown_user_is_told(void **state)
{
    struct pf_err err = {.code = PF_OK};

    (void)state;
    assert_int_equal(pf_proc_become("no-such-user-here", &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "no-such-user-here"));
}

static bool raises(void)
{
    struct rlimit low = {64, 256}, now;
    size_t most;

    if (setrlimit(RLIMIT_NOFILE, &low) != 0 || pf_proc_descriptors(32) != 64 ||
        pf_proc_descriptors(200) != 200)
        return false;
    getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_cur != 200 || now.rlim_max != 256)
        return false;
    most = pf_proc_descriptors(1000); /* who has the right goes beyond the hard limit */
    return most == 256 || (geteuid() == 0 && most == 1000);
}

static void descriptors_are_raised_as_far_as_allowed(void **state)
{
    (void)state;
    assert_true(in_child(raises));
}

static bool hardens(void)
{
    struct rlimit core;

    pf_proc_harden();
    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 &&
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void a_hardened_process_leaves_no_core(void **state)
{
    (void)state;
    assert_true(in_child(hardens));
}

static void the_host_has_a_name(void **state)
{
    char name[256], little[2] = {'x', 'x'};

    (void)state;
    pf_proc_hostname(name, sizeof name);
    assert_in_range(strlen(name), 1, sizeof name - 1);
    pf_proc_hostname(little, sizeof little);
    assert_int_equal(little[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(becoming_another_user_is_for_good),
        T(becoming_oneself_is_nothing),
        T(an_unknown_user_is_told),
        T(descriptors_are_raised_as_far_as_allowed),
        T(a_hardened_process_leaves_no_core),
        T(the_host_has_a_name),
    };

    return RUN(tests);
}
