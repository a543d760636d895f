#include "unit/cm.h"

#include "sys/pool.h"
#include "sys/succeed.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

struct asker {
    unsigned told;
    long pid;
};

static struct pf_loop *loop;
static struct pf_pool *pool;
static char shell[] = "bash", dash_c[] = "-c"; /* sh knows descriptors of one digit only */

static void told(void *self, long pid)
{
    struct asker *a = self;

    a->told++;
    a->pid = pid;
}

static struct pf_successor *begin(struct asker *a, char *script, pf_time patience)
{
    char *const argv[] = {shell, dash_c, script, NULL};
    const struct pf_successor_order order = {.program = "/bin/bash", .argv = argv, .patience = patience};
    struct pf_err err;

    return pf_successor_start(pool, &order, &(struct pf_successor_asker){a, told}, &err);
}

static void wait_for(struct asker *a)
{
    while (!a->told)
        pf_loop_turn(loop, true);
}

/* Buried: we have no child left, of whatever number. */
static bool is_childless(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void who_says_so_serves(void **state)
{
    char script[] = "eval \"printf R >&$POSTFACH_READY_FD\"; exec sleep 600";
    struct asker a = {0};

    (void)state;
    assert_non_null(begin(&a, script, 0));
    wait_for(&a);
    assert_true(a.pid > 0);
    assert_int_equal(kill((pid_t)a.pid, SIGKILL), 0);
    assert_int_equal(waitpid((pid_t)a.pid, NULL, 0), a.pid);
}

static void who_ends_does_not(void **state)
{
    char script[] = "exit 0";
    struct asker a = {0};

    (void)state;
    assert_non_null(begin(&a, script, 0));
    wait_for(&a);
    assert_int_equal(a.pid, 0);
    assert_true(is_childless());
}

static void who_hangs_is_killed(void **state)
{
    char script[] = "exec sleep 600";
    struct asker a = {0};

    (void)state;
    assert_non_null(begin(&a, script, 50));
    wait_for(&a);
    assert_int_equal(a.pid, 0);
    assert_true(is_childless());
}

static void who_is_given_up_is_killed(void **state)
{
    char script[] = "exec sleep 600";
    struct asker a = {0};
    struct pf_successor *s;

    (void)state;
    s = begin(&a, script, 0);
    assert_non_null(s);
    pf_successor_give_up(s);
    wait_for(&a);
    assert_int_equal(a.pid, 0);
    assert_true(is_childless());
    pf_successor_give_up(NULL);
}

static int set_up(void **state)
{
    struct pf_err err;

    (void)state;
    loop = pf_loop_new(&err);
    pool = loop ? pf_pool_new(loop, "t-succeed", 1, 1, &err) : NULL;
    return pool ? 0 : -1;
}

static int take_down(void **state)
{
    (void)state;
    pf_pool_free(pool);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(who_says_so_serves),
        T(who_ends_does_not),
        T(who_hangs_is_killed),
        T(who_is_given_up_is_killed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, take_down);
}
