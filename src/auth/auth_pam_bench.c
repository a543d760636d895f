#include "auth/auth_pam_bench.h"

#include "auth/auth_pam.h"
#include "auth/auth_sql_slots.h"
#include "base/text.h"
#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define KIND "pam"

/* Helpers that have nothing to do are numbers in a pipe: who wants one waits there for a limited time, and no lock is
 * held while a helper is waited for. */
static struct {
    int idle[2]; /* a pipe; {0, 0}: no bench */
    atomic_int living;
    void (*wanted)(void *self);
    void *self;
} bench;

const char *pf_pam_helper(void)
{
    const char *named = secure_getenv("POSTFACH_PAM");

    return named && named[0] == '/' ? named : PF_LIBEXEC "/postfach-pam";
}

int pf_pam_start(const char *path, int theirs, pid_t *out_pid)
{
    char name[] = "postfach-pam", where[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    char *const words[] = {name, NULL}, *const environment[] = {where, locale, NULL};
    posix_spawn_file_actions_t files;
    struct pf_launch s = {
        .program = path, .group = true, .actions = &files, .argv = words, .environment = environment};
    int failed = posix_spawn_file_actions_init(&files);

    if (failed)
        return failed;
    failed = posix_spawn_file_actions_adddup2(&files, theirs, STDIN_FILENO);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&files, theirs, STDOUT_FILENO);
    if (!failed)
        failed = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!failed)
        failed = pf_launch(&s, out_pid);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

bool pf_pam_bench_used(void)
{
    return bench.idle[1] != 0;
}

bool pf_pam_bench_lost(void)
{
    return pf_pam_bench_used() && atomic_load(&bench.living) <= 0;
}

void pf_pam_bench_hook(void (*wanted)(void *self), void *self)
{
    bench.wanted = wanted;
    bench.self = self;
}

/* Four octets go into a pipe whole, and there are never so many of them that it is full. */
static void put_idle(int fd)
{
    if (write(bench.idle[1], &fd, sizeof fd) != (ssize_t)sizeof fd) {
        close(fd);
        atomic_fetch_sub(&bench.living, 1);
    }
}

void pf_pam_bench_give(int fd)
{
    if (!pf_pam_bench_used()) {
        close(fd);
        return;
    }
    atomic_fetch_add(&bench.living, 1);
    put_idle(fd);
}

static int take_idle(pf_time deadline)
{
    int fd;

    do {
        if (read(bench.idle[0], &fd, sizeof fd) == (ssize_t)sizeof fd)
            return fd;
    } while (pf_sql_wait(bench.idle[0], POLLIN, deadline)); /* another thread may be quicker: then once more */
    return -1;
}

static void lose(int fd)
{
    close(fd);
    atomic_fetch_sub(&bench.living, 1);
    if (bench.wanted)
        bench.wanted(bench.self);
}

static enum pf_code start_one(const char *path, struct pf_err *err)
{
    int ends[2], failed;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return pf_fail(err, PF_CONFIG, errno, KIND, KIND ": no socket: %s", strerror(errno));
    failed = pf_pam_start(path, ends[1], &pid);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return pf_fail(err, PF_CONFIG, failed, KIND, KIND ": %s: %s", path, strerror(failed));
    }
    pf_pam_bench_give(ends[0]);
    return PF_OK;
}

static unsigned wanted_by(const struct pf_conf *conf)
{
    unsigned count = 0;

    for (size_t i = 0; i < conf->userdb_count; i++)
        if (conf->userdbs[i].kind == PF_CONF_USERDB_PAM)
            count += conf->userdbs[i].connections ? conf->userdbs[i].connections : 1;
    return count < PF_PAM_BENCH_MOST ? count : PF_PAM_BENCH_MOST;
}

enum pf_code pf_pam_bench_start(const struct pf_conf *conf, struct pf_err *err)
{
    unsigned count = wanted_by(conf);
    enum pf_code code = PF_OK;
    int idle[2];

    if (!count || pf_pam_bench_used())
        return PF_OK;
    if (pipe2(idle, O_CLOEXEC | O_NONBLOCK) != 0)
        return pf_fail(err, PF_CONFIG, errno, KIND, KIND ": no pipe: %s", strerror(errno));
    memcpy(bench.idle, idle, sizeof idle);
    signal(SIGCHLD, SIG_IGN);
    for (unsigned i = 0; i < count && code == PF_OK; i++)
        code = start_one(pf_pam_helper(), err);
    return code;
}

static bool send_question(int fd, struct pf_bytes request, pf_time left)
{
    unsigned char head[PF_PAM_HEAD] = {(unsigned char)(left >> 24), (unsigned char)(left >> 16),
                                       (unsigned char)(left >> 8), (unsigned char)left};
    unsigned char room[PF_PAM_HEAD + PF_PAM_REQUEST_MAX];
    struct pf_span question = {room, 0, sizeof room};
    bool sent = pf_span_put(&question, pf_bytes_from(head, sizeof head)) && pf_span_put(&question, request) &&
                send(fd, room, question.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)question.len;

    pf_wipe(room, sizeof room);
    return sent;
}

/* The answer, if one came that is one. */
static bool hear(int fd, pf_time deadline, const struct pf_pam_said *said)
{
    unsigned char head[PF_PAM_HEAD];
    struct iovec parts[] = {{head, sizeof head}, {said->line, PF_PAM_ANSWER_MAX}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got = pf_sql_wait(fd, POLLIN, deadline) ? recvmsg(fd, &message, MSG_DONTWAIT) : -1;

    if (got < (ssize_t)sizeof head || (message.msg_flags & MSG_TRUNC))
        return false;
    *said->len = (size_t)got - sizeof head;
    *said->status = (int)((uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3]);
    return true;
}

enum pf_code pf_pam_bench_ask(struct pf_bytes request, pf_time deadline, const struct pf_pam_said *said,
                              struct pf_err *err)
{
    int fd = take_idle(deadline);
    pf_time left = deadline - pf_sql_now();

    if (fd < 0 && pf_pam_bench_lost())
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": all helpers have ended");
    if (fd < 0)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": all helpers were busy (userdb connections, timeout)");
    if (!send_question(fd, request, left > 1 ? left : 1) || !hear(fd, deadline + PF_PAM_GRACE, said)) {
        lose(fd);
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": a helper ended, or did not answer");
    }
    put_idle(fd);
    if (*said->status == PF_PAM_LATE)
        return pf_fail(err, PF_TEMP, ETIMEDOUT, KIND, KIND ": no answer in time; the helper was killed");
    return PF_OK;
}
