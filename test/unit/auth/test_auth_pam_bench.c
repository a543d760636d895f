/* The real helper, with services of ours. */
#include "unit/cm.h"
#include "unit/conf/told.h"

#include "auth/auth_entry.h"
#include "auth/auth_pam.h"
#include "auth/auth_pam_bench.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

enum { HELPERS = 2 };

static char folder[] = "/tmp/pf-pam-bench-XXXXXX";
static atomic_int asked_for;

static const char *below(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(below(name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    assert_int_equal(chmod(below(name), 0700), 0);
}

static enum pf_code verify(const char *service, pf_time timeout, struct pf_err *why)
{
    const struct pf_conf_userdb userdb = {.service = service, .timeout = timeout, .connections = HELPERS};
    const struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("secret"), .peer = "192.0.2.1"};
    struct pf_auth_entry entry;
    enum pf_code code;
    void *self = pf_auth_pam_source.open(&userdb, NULL, NULL, why);

    *why = (struct pf_err){0};
    assert_non_null(self);
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    code = pf_auth_pam_source.verify(self, &proof, &entry, why);
    pf_auth_pam_source.close(self);
    assert_true(code != PF_OK || strcmp(entry.user.name, "anna") == 0);
    return code;
}

/* Our children; how many. */
static size_t helpers(pid_t out[16])
{
    char path[64];
    size_t count = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    assert_non_null(file = fopen(path, "re"));
    while (count < 16 && fscanf(file, "%d", &out[count]) == 1)
        count++;
    fclose(file);
    return count;
}

static void wanted(void *self)
{
    atomic_fetch_add((atomic_int *)self, 1);
}

static void who_has_no_pam_has_no_bench(void **state)
{
    struct pf_conf *conf = told_good("users { password-file /x/u }");
    pid_t found[16];

    (void)state;
    assert_int_equal(pf_pam_bench_start(conf, NULL), PF_OK);
    assert_false(pf_pam_bench_used() || pf_pam_bench_lost());
    assert_int_equal(helpers(found), 0);
    pf_conf_free(conf);
}

static void helpers_that_are_kept_answer(void **state)
{
    struct pf_conf *conf = told_good("userdb pam { connections 2 }");
    pid_t found[16];
    struct pf_err why;

    (void)state;
    pf_pam_bench_hook(wanted, &asked_for);
    assert_int_equal(pf_pam_bench_start(conf, NULL), PF_OK);
    assert_true(pf_pam_bench_used());
    assert_int_equal(pf_pam_bench_start(conf, NULL), PF_OK); /* once is enough */
    assert_int_equal(helpers(found), HELPERS);
    assert_int_equal(setenv("POSTFACH_PAM", "/nowhere", 1), 0); /* nothing is started any more */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify("permit", 60000, &why), PF_OK);
        assert_int_equal(verify("deny", 60000, &why), PF_AUTH);
    }
    assert_int_equal(helpers(found), HELPERS);
    assert_int_equal(atomic_load(&asked_for), 0);
    pf_conf_free(conf);
}

static void a_module_that_is_late_is_killed_and_the_helper_lives(void **state)
{
    pid_t before[16], after[16];
    struct pf_err why;

    (void)state;
    assert_int_equal(helpers(before), HELPERS);
    assert_int_equal(verify("slow", 200, &why), PF_TEMP);
    assert_non_null(strstr(why.log, "no answer in time"));
    assert_int_equal(helpers(after), HELPERS);
    assert_memory_equal(before, after, HELPERS * sizeof(pid_t));
    assert_int_equal(verify("permit", 60000, &why), PF_OK);
    assert_int_equal(verify("permit", 60000, &why), PF_OK);
}

static int login(void *self)
{
    struct pf_err why;
    int good = 0;

    for (int i = 0; i < 10; i++)
        good += verify("permit", 60000, &why) == PF_OK;
    *(int *)self = good;
    return 0;
}

static void more_threads_than_helpers_wait_their_turn(void **state)
{
    thrd_t threads[6];
    int good[6] = {0};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(thrd_create(&threads[i], login, &good[i]), thrd_success);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(thrd_join(threads[i], NULL), thrd_success);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(good[i], 10);
}

static void lost_helpers_are_told_and_replaced(void **state)
{
    pid_t found[16], pid;
    struct pf_err why;
    int ends[2];

    (void)state;
    assert_int_equal(helpers(found), HELPERS);
    for (int i = 0; i < HELPERS; i++)
        kill(found[i], SIGKILL);
    for (int i = 0; i < HELPERS; i++) {
        assert_int_equal(verify("permit", 60000, &why), PF_TEMP);
        assert_non_null(strstr(why.log, "a helper ended"));
    }
    assert_int_equal(atomic_load(&asked_for), HELPERS);
    assert_true(pf_pam_bench_lost());
    assert_int_equal(verify("permit", 100, &why), PF_TEMP);
    assert_non_null(strstr(why.log, "all helpers have ended"));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pf_pam_start(below("helper"), ends[1], &pid), 0);
    close(ends[1]);
    pf_pam_bench_give(ends[0]);
    assert_false(pf_pam_bench_lost());
    assert_int_equal(verify("permit", 60000, &why), PF_OK);
    assert_int_equal(verify("deny", 60000, &why), PF_AUTH);
}

/* What answers nonsense is no helper. */
static void nonsense_is_no_answer(void **state)
{
    static const char *const answers[] = {
        "", "x", "\0\0\0\0", "\0\0\0\0yes anna", "\0\0\1\0yes anna\n", "\0\0\0\0yes bad/name\n"};
    static const size_t lens[] = {0, 1, 4, 12, 13, 17};
    struct pf_pam_said said;
    char line[PF_PAM_ANSWER_MAX];
    struct pf_auth_entry entry;
    int status, ends[2];
    size_t len;

    (void)state;
    said = (struct pf_pam_said){line, &len, &status};
    for (size_t i = 0; i < 6; i++) {
        while (!pf_pam_bench_lost()) /* whoever is there goes, without a question that is one */
            (void)pf_pam_bench_ask(PF_LIT(""), 0, &said, NULL);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(send(ends[1], answers[i], lens[i], 0), lens[i]);
        pf_pam_bench_give(ends[0]);
        if (pf_pam_bench_ask(PF_LIT("x"), INT64_MAX / 2, &said, NULL) == PF_OK) {
            pf_auth_entry_begin(&entry, PF_LIT("anna"));
            assert_int_equal(pf_pam_answer(pf_bytes_from(line, len), status, &entry, NULL), PF_TEMP);
        }
        close(ends[1]);
    }
}

static int prepare(void **state)
{
    char text[256];

    (void)state;
    assert_non_null(mkdtemp(folder));
    put("permit", "auth required pam_permit.so\naccount required pam_permit.so\n");
    put("deny", "auth required pam_deny.so\naccount required pam_permit.so\n");
    snprintf(text, sizeof text, "auth required pam_exec.so quiet %s\naccount required pam_permit.so\n",
             below("script"));
    put("slow", text);
    put("script", "#!/bin/sh\nexec tail -f /dev/null\n");
    snprintf(text, sizeof text, "#!/bin/sh\nexec %s --confdir %s\n", HELPER, folder);
    put("helper", text);
    return setenv("POSTFACH_PAM", below("helper"), 1);
}

static int clean_up(void **state)
{
    static const char *const names[] = {"permit", "deny", "slow", "script", "helper"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(below(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(who_has_no_pam_has_no_bench),
                                       T(helpers_that_are_kept_answer),
                                       T(a_module_that_is_late_is_killed_and_the_helper_lives),
                                       T(more_threads_than_helpers_wait_their_turn),
                                       T(lost_helpers_are_told_and_replaced),
                                       T(nonsense_is_no_answer)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
