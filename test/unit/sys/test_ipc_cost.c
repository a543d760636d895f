/* Two processes and the frames between them; what a round trip costs both. */
#include "unit/cm.h"

#include "sys/ipc.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUND_TRIPS = 4000 };

static struct pf_loop *loop;
static struct pf_ipc *ipc;
static unsigned goners, answers;
static enum pf_code verdict;

static void echo(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    (void)self;
    pf_ipc_answer(ipc, id, frame);
}

static void gone(void *self, const struct pf_err *err)
{
    (void)self;
    (void)err;
    goners++;
}

static void answered(struct pf_ipc_ask *ask)
{
    answers++;
    verdict = ask->why ? PF_TEMP : PF_OK;
}

static void begin(int fd)
{
    static const struct pf_ipc_calls calls = {.request = echo, .gone = gone};

    loop = pf_loop_new(NULL);
    ipc = pf_ipc_new(loop, fd, &(struct pf_ipc_settings){.calls = &calls, .uid = getuid()}, NULL);
    assert_non_null(ipc);
}

static void end(void)
{
    pf_ipc_close(ipc);
    for (int i = 0; i < 4; i++)
        pf_loop_turn(loop, false);
    pf_loop_free(loop);
}

/* Answers until the asker is gone. */
static void serve(int fd)
{
    begin(fd);
    while (!goners)
        pf_loop_turn(loop, true);
    end();
    _exit(goners != 1);
}

static double cpu(int who)
{
    struct rusage used;

    getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void go_there_and_back(void)
{
    struct pf_ipc_frame frame = {.kind = 1, .payload = PF_LIT("sixty octets or so: a common call of a store")};

    for (unsigned i = 1; i <= ROUND_TRIPS; i++) {
        struct pf_ipc_ask ask = {.done = answered};

        assert_int_equal(pf_ipc_ask(ipc, &ask, &frame), PF_OK);
        while (answers < i)
            pf_loop_turn(loop, true);
        assert_int_equal(verdict, PF_OK);
    }
}

static void two_processes_talk(void **state)
{
    double ours, theirs = cpu(RUSAGE_CHILDREN), passed;
    int fds[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        serve(fds[1]);
    }
    close(fds[1]);
    begin(fds[0]);
    ours = cpu(RUSAGE_SELF);
    passed = wall();
    go_there_and_back();
    passed = wall() - passed;
    ours = cpu(RUSAGE_SELF) - ours;
    end();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    theirs = cpu(RUSAGE_CHILDREN) - theirs;
    print_message("# a round trip: %.1f us of the asker, %.1f us of the other, %.1f us on the clock\n",
                  ours / ROUND_TRIPS, theirs / ROUND_TRIPS, passed / ROUND_TRIPS);
}

/* The other dies while it is asked: the request completes, and `gone` comes. */
static void death_of_the_other_process_is_noticed(void **state)
{
    struct pf_ipc_ask ask = {.done = answered};
    int fds[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char octet;

        close(fds[0]);
        /* It is asked, and dies without an answer. */
        while (recv(fds[1], &octet, 1, MSG_TRUNC) < 0)
            ;
        _exit(7);
    }
    close(fds[1]);
    begin(fds[0]);
    goners = answers = 0;
    assert_int_equal(pf_ipc_ask(ipc, &ask, &(struct pf_ipc_frame){.kind = 1}), PF_OK);
    while (!goners)
        pf_loop_turn(loop, true);
    assert_int_equal(answers, 1);
    assert_int_equal(verdict, PF_TEMP);
    end();
    assert_int_equal(goners, 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(two_processes_talk), T(death_of_the_other_process_is_noticed)};

    return RUN(tests);
}
