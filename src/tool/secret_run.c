#include "tool/secret.h"

#include "base/text.h"
#include "base/words.h"
#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A group of its own, so that its children end with it. */
static int spawn(const char *const *argv, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    struct pf_launch s = {argv[0], true, true, &actions, (char *const *)(const void *)argv, environ};
    int sys = posix_spawn_file_actions_init(&actions);

    if (sys)
        return sys;
    sys = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (sys == 0)
        sys = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (sys == 0)
        sys = pf_launch(&s, pid);
    posix_spawn_file_actions_destroy(&actions);
    return sys;
}

/* Waits for one descriptor; false when the time is over. */
static bool wait_for(int fd, int64_t deadline)
{
    struct pollfd wanted = {fd, POLLIN, 0};
    int64_t left;
    int count;

    do {
        left = deadline - now();
        count = left > 0 ? poll(&wanted, 1, (int)(left < 1000000 ? left : 1000000)) : 0;
    } while ((count < 0 && errno == EINTR) || (count == 0 && left > 1000000));
    return count != 0;
}

/* All that comes until the end; false when it is too much, or too late. */
static bool read_output(int fd, int64_t deadline, struct pf_secret *out)
{
    char extra[256];
    ssize_t got;

    for (;;) {
        size_t room = PF_SECRET_MAX - out->len;

        if (!wait_for(fd, deadline))
            return false;
        got = read(fd, room ? out->text + out->len : extra, room ? room : sizeof extra);
        if (got > 0 && room == 0)
            return pf_wipe(extra, sizeof extra), false;
        if (got > 0)
            out->len += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return got == 0;
    }
}

/* The program's end; false when it had to be killed. */
static bool finish(pid_t pid, bool kill_it, int64_t deadline, int *out_status)
{
    int fd = kill_it ? -1 : pidfd_open(pid, 0);
    bool ended = fd >= 0 && wait_for(fd, deadline);

    if (fd >= 0)
        close(fd);
    if (!ended)
        kill(-pid, SIGKILL);
    while (waitpid(pid, out_status, 0) < 0 && errno == EINTR)
        continue;
    return ended;
}

static enum pf_code judge(const char *name, int status, struct pf_secret *out, struct pf_err *err)
{
    size_t line = pf_find(pf_bytes_from(out->text, out->len), '\n');

    if (WIFSIGNALED(status))
        return pf_fail(err, PF_TEMP, 0, "secret", "%s was ended by signal %d", name, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return pf_fail(err, PF_AUTH, 0, "secret", "%s gives no secret: it ends with status %d", name,
                       WEXITSTATUS(status));
    if (line && line < out->len && out->text[line - 1] == '\r')
        line--;
    if (line == 0 || memchr(out->text, 0, line))
        return pf_fail(err, PF_AUTH, 0, "secret", "%s prints no secret on its first line", name);
    pf_wipe(out->text + line, out->len - line);
    out->text[line] = 0;
    out->len = line;
    return PF_OK;
}

enum pf_code pf_secret_run(const char *const *argv, int64_t timeout, struct pf_secret *out, struct pf_err *err)
{
    int64_t deadline = now() + timeout;
    int ends[2], sys, status = 0;
    enum pf_code code;
    bool whole;
    pid_t pid;

    pf_secret_wipe(out);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return pf_fail(err, PF_TEMP, errno, "secret", "pipe: %s", strerror(errno));
    sys = spawn(argv, ends[1], &pid);
    close(ends[1]);
    if (sys) {
        close(ends[0]);
        return pf_fail(err, PF_CONFIG, sys, "secret", "%s cannot be started: %s", argv[0], strerror(sys));
    }
    whole = read_output(ends[0], deadline, out);
    close(ends[0]);
    if (finish(pid, !whole, deadline, &status) && whole)
        code = judge(argv[0], status, out, err);
    else
        code = pf_fail(err, PF_TEMP, 0, "secret", "%s was ended: it %s", argv[0],
                       out->len == PF_SECRET_MAX ? pf_words("prints too much") : pf_words("takes too long"));
    if (code)
        pf_secret_wipe(out);
    return code;
}
