/* A command gets each message on its standard input, with LF line ends.
 *
 * It is started without a shell, in the person's home, with nothing else open than its output, whose end
 * is told when it fails. Its environment is PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_ALL,
 * LC_CTYPE, LC_MESSAGES, TZ, TMPDIR and XDG_RUNTIME_DIR as far as they are set, POSTFACH_ACCOUNT, the
 * account's name, and POSTFACH_UID, by which the server knows the message. It has ten minutes. */
#include "fetch/carry_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const char where[] = "carry_command";

enum {
    LIMIT = 10 * 60 * 1000, /* ms: beyond that it hangs */
    GRACE = 5000,           /* ms, between SIGTERM and SIGKILL */
    TAIL = 512,             /* octets of its output's end that are looked at */
    LAST_WORDS = 8,         /* reads of what it said before it ended */
    TELLS = 16              /* variables */
};

static const char *const passed[] = {
    "PATH=",   "HOME=",        "USER=", "LOGNAME=", "SHELL=",           "LANG=",    "LANGUAGE=",
    "LC_ALL=", "LC_MESSAGES=", "TZ=",   "TMPDIR=",  "XDG_RUNTIME_DIR=", "LC_CTYPE="};

struct command {
    const char *const *words;
    char account[256];
};

enum pf_code pf_carry_exit(int status)
{
    /* What sysexits(3) has for messages and commands that no second try mends; what a machine's trouble
     * may be (EX_UNAVAILABLE, EX_OSERR, EX_OSFILE, EX_CANTCREAT, EX_IOERR), and what a program means
     * that knows nothing of sysexits (1), is tried again: a message that was refused is never fetched
     * again. */
    static const int permanent[] = {EX_USAGE,    EX_DATAERR,  EX_NOINPUT, EX_NOUSER, EX_NOHOST,
                                    EX_SOFTWARE, EX_PROTOCOL, EX_NOPERM,  EX_CONFIG};

    if (status == 0)
        return PF_OK;
    for (size_t i = 0; i < sizeof permanent / sizeof permanent[0]; i++) {
        if (permanent[i] == status)
            return PF_PERM;
    }
    return PF_TEMP;
}

static enum pf_code command_open(const struct pf_account *a, void **out_state, struct pf_err *err)
{
    struct command *c = calloc(1, sizeof *c);

    if (!c)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a command");
    c->words = a->command;
    snprintf(c->account, sizeof c->account, "POSTFACH_ACCOUNT=%s", a->name);
    *out_state = c;
    return PF_OK;
}

static void choose(const char *tells[TELLS], const char *account, const char *uid)
{
    size_t n = 0;

    for (size_t i = 0; environ[i]; i++) {
        for (size_t j = 0; j < sizeof passed / sizeof passed[0] && n < TELLS - 3; j++) {
            if (strncmp(environ[i], passed[j], strlen(passed[j])) == 0)
                tells[n++] = environ[i];
        }
    }
    tells[n++] = account;
    tells[n++] = uid;
    tells[n] = NULL;
}

static int prepare(posix_spawnattr_t *attr, posix_spawn_file_actions_t *actions, int in, int out)
{
    sigset_t none, all;
    int sys;

    sigemptyset(&none);
    sigfillset(&all);
    sys = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK);
    if (!sys)
        sys = posix_spawnattr_setsigmask(attr, &none);
    if (!sys)
        sys = posix_spawnattr_setsigdefault(attr, &all);
    if (!sys)
        sys = posix_spawn_file_actions_adddup2(actions, in, 0);
    if (!sys)
        sys = posix_spawn_file_actions_adddup2(actions, out, 1);
    return sys ? sys : posix_spawn_file_actions_adddup2(actions, out, 2);
}

static int spawn(const struct command *c, const char *uid, const int ends[2], pid_t *out_pid)
{
    const char *tells[TELLS];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int sys = posix_spawn_file_actions_init(&actions);

    if (sys)
        return sys;
    sys = posix_spawnattr_init(&attr);
    if (sys) {
        posix_spawn_file_actions_destroy(&actions);
        return sys;
    }
    choose(tells, c->account, uid);
    sys = prepare(&attr, &actions, ends[0], ends[1]);
    if (!sys)
        sys = posix_spawnp(out_pid, c->words[0], &actions, &attr, (char *const *)(const void *)c->words,
                           (char *const *)(const void *)tells);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return sys;
}

/* The end of what it says, for who asks why. */
struct tail {
    char at[TAIL];
    size_t len;
};

static bool hear(int fd, struct tail *t)
{
    char room[TAIL / 2];
    ssize_t n = read(fd, room, sizeof room);

    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    if (t->len + (size_t)n > sizeof t->at) {
        memmove(t->at, t->at + sizeof t->at / 2, t->len - sizeof t->at / 2);
        t->len -= sizeof t->at / 2;
    }
    memcpy(t->at + t->len, room, (size_t)n);
    t->len += (size_t)n;
    return true;
}

/* Its last line with something in it. */
static const char *last_line(const struct tail *t, char room[200])
{
    size_t end = t->len, begin;

    while (end && (t->at[end - 1] == '\n' || t->at[end - 1] == '\r' || t->at[end - 1] == ' '))
        end--;
    begin = end;
    while (begin && t->at[begin - 1] != '\n' && end - begin < 199)
        begin--;
    memcpy(room, t->at + begin, end - begin);
    room[end - begin] = 0;
    return room;
}

/* Until it has ended or the time is over; true: it has. Whoever it left behind with its output is not
 * waited for. */
static bool watch(int pidfd, int out, pf_time until, struct tail *t)
{
    struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = out, .events = POLLIN}};

    for (;;) {
        pf_time left = until - pf_carry_now();
        int n = left > 0 ? poll(fds, 2, (int)left) : 0;

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        for (int i = 0; n > 0 && fds[1].revents && i < (fds[0].revents ? LAST_WORDS : 1); i++) {
            if (!hear(out, t))
                fds[1].fd = -1;
        }
        if (n > 0 && fds[0].revents)
            return true;
    }
}

/* Its status, or -1: it was killed for its time. */
static int end_of(pid_t pid, int out, struct tail *t)
{
    int status = 0, pidfd = pidfd_open(pid, 0);
    bool ended = pidfd >= 0 && watch(pidfd, out, pf_carry_now() + LIMIT, t), in_time = ended;

    if (!ended) {
        kill(-pid, SIGTERM);
        ended = pidfd >= 0 && watch(pidfd, out, pf_carry_now() + GRACE, t);
    }
    if (!ended)
        kill(-pid, SIGKILL);
    if (pidfd >= 0)
        close(pidfd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return in_time ? status : -1;
}

static enum pf_code judge(const struct command *c, int status, const struct tail *t, struct pf_err *err)
{
    char room[200];
    const char *said = last_line(t, room);
    enum pf_code code = status >= 0 && WIFEXITED(status) ? pf_carry_exit(WEXITSTATUS(status)) : PF_TEMP;

    if (code == PF_OK)
        return PF_OK;
    if (status < 0)
        return pf_fail(err, PF_TEMP, 0, where, "%s took longer than ten minutes and was ended",
                       c->words[0]);
    if (!WIFEXITED(status))
        return pf_fail(err, PF_TEMP, 0, where, "%s was killed by signal %d", c->words[0],
                       WTERMSIG(status));
    return pf_fail(err, code, 0, where, "%s ended with status %d%s%s", c->words[0], WEXITSTATUS(status),
                   said[0] ? ": " : "", said);
}

static enum pf_code no_start(const struct command *c, int sys, struct pf_err *err)
{
    bool for_all = sys == ENOENT || sys == EACCES || sys == ENOEXEC || sys == ENOTDIR;

    return pf_fail(err, for_all ? PF_CONFIG : PF_TEMP, sys, where, "%s cannot be started: %s",
                   c->words[0], strerror(sys));
}

static enum pf_code command_deliver(void *state, int file, const struct pf_ledger_note *note,
                                    struct pf_err *err)
{
    const struct command *c = state;
    char uid[PF_LEDGER_UID_MAX + 16];
    struct tail tail = {.len = 0};
    int pipe_ends[2], sys;
    pid_t pid = 0;

    snprintf(uid, sizeof uid, "POSTFACH_UID=%.*s", (int)note->uid.len, (const char *)note->uid.at);
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return pf_fail(err, PF_TEMP, errno, where, "no pipe for a command: %s", strerror(errno));
    sys = spawn(c, uid, (const int[2]){file, pipe_ends[1]}, &pid);
    close(pipe_ends[1]);
    fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
    if (!sys)
        sys = end_of(pid, pipe_ends[0], &tail);
    else {
        close(pipe_ends[0]);
        return no_start(c, sys, err);
    }
    close(pipe_ends[0]);
    return judge(c, sys, &tail, err);
}

const struct pf_carry_kind pf_carry_command = {"command", command_open, command_deliver, NULL, free};
