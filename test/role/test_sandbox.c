/* Every forbidden thing is tried in every role's sandbox, as root and as an ordinary user. */
#include "unit/cm.h"

#include "role/attempts.h"
#include "role/cell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener = -1;

/* Lies there until it is killed, looked at by those who may. */
static pid_t victim(void)
{
    int ready[2];
    char octet;
    pid_t child;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getuid() == 0 && (setresgid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) != 0 ||
                              setresuid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) != 0))
            _exit(1);
        prctl(PR_SET_DUMPABLE, 1);
        /* Yama may be on: then only descendants may be traced, and this one says that all may. */
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    return child;
}

static int prepare(void **state)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;

    (void)state;
    jail_init();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&here, &len) != 0)
        return -1;
    targets.listener_port = ntohs(here.sin_port);
    targets.terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    targets.namespace_fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    targets.victim = victim();
    targets.victim_fd = (int)syscall(SYS_pidfd_open, targets.victim, 0);
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    kill(targets.victim, SIGKILL);
    waitpid(targets.victim, NULL, 0);
    close(targets.victim_fd);
    close(listener);
    close(targets.terminal);
    close(targets.namespace_fd);
    jail_done();
    return 0;
}

static int go(const struct jail *jail, const struct attempt *attempt)
{
    int result;

    jail_tidy();
    targets.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    result = jail_run(jail, attempt->go, NULL);
    close(targets.tcp);
    return result;
}

static unsigned faults;

static void role_refuses(const struct pf_sandbox *sandbox, char letter, bool nobody)
{
    struct jail jail = {sandbox, nobody};
    unsigned refused = 0, killed = 0, let = 0;

    for (unsigned i = 0; i < attempts_count; i++) {
        bool should = strchr(attempts[i].refused, letter) != NULL;
        int result = go(&jail, &attempts[i]);

        if (result == JAIL_NEVER || result >= 1000 || (should && result == 0) ||
            (!should && result != 0 && attempts[i].free && nobody)) {
            print_message("# %s as %s: %s: %d\n", pf_sandbox_role_name(sandbox->role), nobody ? "nobody" : "oneself",
                          attempts[i].name, result);
            faults++;
        }
        refused += result != 0;
        killed += result == JAIL_KILLED;
        let += result == 0;
    }
    print_message("# %s%s as %s: %u tried, %u refused (%u by death), %u let\n", pf_sandbox_role_name(sandbox->role),
                  sandbox->network ? " with network" : "", nobody ? "nobody" : "oneself", attempts_count, refused,
                  killed, let);
}

static void refuses(const struct pf_sandbox *sandbox, char letter)
{
    faults = 0;
    role_refuses(sandbox, letter, true);
    if (getuid() == 0)
        role_refuses(sandbox, letter, false);
    assert_int_equal(faults, 0);
}

/* Else what is refused below might be so without us. */
static void outside_it_can_be_done(void **state)
{
    struct jail none = {NULL, true};
    unsigned done = 0;

    (void)state;
    faults = 0;
    for (unsigned i = 0; i < attempts_count; i++) {
        int result = go(&none, &attempts[i]);

        if (attempts[i].free && result != 0) {
            print_message("# outside, as nobody: %s: %d\n", attempts[i].name, result);
            faults++;
        }
        done += result == 0;
    }
    print_message("# outside, as nobody: %u of %u let\n", done, attempts_count);
    assert_int_equal(faults, 0);
}

static void a_gate_can_do_none_of_it(void **state)
{
    (void)state;
    refuses(&jail_gate, 'g');
}

static void auth_sees_its_files_alone(void **state)
{
    (void)state;
    refuses(&jail_auth, 'a');
}

static void auth_with_the_network_has_that_too(void **state)
{
    (void)state;
    refuses(&jail_auth_network, 'n');
}

static void a_store_sees_its_mail_alone(void **state)
{
    (void)state;
    refuses(&jail_store, 's');
}

static void a_keeper_is_kept_from_the_worst(void **state)
{
    (void)state;
    refuses(&jail_keeper, 'k');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(outside_it_can_be_done),           T(a_gate_can_do_none_of_it),    T(auth_sees_its_files_alone),
        T(auth_with_the_network_has_that_too), T(a_store_sees_its_mail_alone), T(a_keeper_is_kept_from_the_worst),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
