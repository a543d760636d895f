#include "store/crash/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAGIC = 0x5f0cdead,
    STOPS_MAX = 200000, /* a child that makes more calls goes round in circles */
    LIFE_SECONDS = 60,  /* one that makes none, too */
    UNTRACED = 77       /* exit status: ptrace was refused */
};

bool crash_child;

struct tracer {
    pid_t pid;
    const struct crash_point *point;
    struct crash_record *record;
    struct crash_end *end;
    struct crash_call now;
    uint32_t files, memory;
    bool inside; /* between begin and end */
    bool counted; /* `now` is such a call */
    bool chosen; /* and the one to be disturbed */
    bool skipped; /* a sync that only seems to happen */
    bool killed;
};

void crash_mark(enum crash_marker marker)
{
    syscall(SYS_getppid, (long)MAGIC, (long)marker);
}

static void trouble(struct tracer *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void trouble(struct tracer *t, const char *format, ...)
{
    va_list list;

    if (t->end->trouble[0])
        return;
    va_start(list, format);
    vsnprintf(t->end->trouble, sizeof t->end->trouble, format, list);
    va_end(list);
}

static void path_of_fd(const struct tracer *t, int fd, char *room)
{
    char name[64];
    ssize_t len;

    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)t->pid, fd);
    len = readlink(name, room, CRASH_WORDS - 1);
    room[len > 0 ? len : 0] = 0;
}

static void text_of_child(const struct tracer *t, uint64_t at, char *room, size_t cap)
{
    char name[64];
    ssize_t len;
    int fd;

    snprintf(name, sizeof name, "/proc/%d/mem", (int)t->pid);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    len = fd >= 0 ? pread(fd, room, cap - 1, (off_t)at) : -1;
    if (fd >= 0)
        close(fd);
    room[len > 0 ? len : 0] = 0;
}

/* folder and name made one path; an empty name (fstat by name) means the folder itself. */
static void path_at(const struct tracer *t, uint64_t dir, uint64_t name, char *room)
{
    char text[CRASH_WORDS];
    size_t len;

    text_of_child(t, name, text, sizeof text);
    if (text[0] == '/') {
        memcpy(room, text, sizeof text);
        return;
    }
    path_of_fd(t, (int)dir, room);
    len = strlen(room);
    if (text[0] && strcmp(text, ".") != 0)
        snprintf(room + len, CRASH_WORDS - len, "/%s", text);
}

static void find_paths(const struct tracer *t, struct crash_call *c)
{
    switch (c->row->shape) {
    case CRASH_PLAIN:
        break;
    case CRASH_FD:
        path_of_fd(t, (int)c->args[0], c->a);
        break;
    case CRASH_AT_AT:
        path_at(t, c->args[2], c->args[3], c->b);
        path_at(t, c->args[0], c->args[1], c->a);
        break;
    case CRASH_AT:
        path_at(t, c->args[0], c->args[1], c->a);
        break;
    case CRASH_PATH_PATH:
        text_of_child(t, c->args[1], c->b, sizeof c->b);
        text_of_child(t, c->args[0], c->a, sizeof c->a);
        break;
    case CRASH_PATH:
        text_of_child(t, c->args[0], c->a, sizeof c->a);
        break;
    }
}

static void keep(struct tracer *t, const struct crash_call *call)
{
    if (!t->record)
        return;
    if (t->record->count == CRASH_CALLS)
        trouble(t, "more than %d calls", CRASH_CALLS);
    else
        t->record->calls[t->record->count++] = *call;
}

static void on_marker(struct tracer *t, enum crash_marker marker)
{
    const struct crash_call call = {.marker = marker};

    t->counted = false;
    if (marker == CRASH_BEGIN)
        t->inside = true;
    else if (marker == CRASH_END)
        t->inside = false;
    else
        keep(t, &call);
}

static void end_child(struct tracer *t)
{
    t->killed = true;
    kill(t->pid, SIGKILL);
}

static bool is_chosen(const struct tracer *t)
{
    const struct crash_point *p = t->point;

    if (p->how == CRASH_NOT || p->memory != t->now.row->memory || t->now.number < p->number)
        return false;
    if (t->now.number == p->number)
        return true;
    for (unsigned bit = 1; bit < 1u << CRASH_ERRORS; bit <<= 1)
        if (p->lasting && t->now.errors & bit && crash_errno(bit) == p->error)
            return true;
    return false;
}

/* A close gives the descriptor back whatever it returns, so that one takes place. */
static void disturb_begin(struct tracer *t)
{
    bool ok = true;

    t->end->hit = true;
    if (t->point->how == CRASH_KILL_BEFORE)
        end_child(t);
    else if (t->point->how == CRASH_TEAR || t->point->how == CRASH_SHORT)
        ok = crash_regs_third(t->pid, t->now.args[2] / 2);
    else if (t->point->how == CRASH_FAIL && t->now.row->number != SYS_close)
        ok = crash_regs_skip(t->pid);
    if (!ok)
        trouble(t, "registers cannot be set: %s", strerror(errno));
}

static void disturb_end(struct tracer *t)
{
    if (t->point->how == CRASH_KILL_AFTER || t->point->how == CRASH_TEAR)
        end_child(t);
    else if (t->point->how == CRASH_FAIL && !crash_regs_result(t->pid, -t->point->error))
        trouble(t, "registers cannot be set: %s", strerror(errno));
}

/* What a sync does shows after a power cut only, and order.c looks at that in the undisturbed run. Else
 * it would be most of the time that a test takes. */
static void skip_sync(struct tracer *t)
{
    long number = t->now.row->number;

    t->skipped = !t->chosen && t->point->how != CRASH_NOT &&
                 (number == SYS_fsync || number == SYS_fdatasync) && crash_regs_skip(t->pid);
}

static void on_begin(struct tracer *t, const struct __ptrace_syscall_info *info)
{
    long number = (long)info->entry.nr;

    if (number == SYS_getppid && info->entry.args[0] == MAGIC) {
        on_marker(t, (enum crash_marker)info->entry.args[1]);
        return;
    }
    t->counted = t->inside;
    t->chosen = false;
    if (!t->inside)
        return;
    t->now = (struct crash_call){.row = crash_row(number, info->entry.args)};
    memcpy(t->now.args, info->entry.args, sizeof t->now.args);
    t->now.number = t->now.row->memory ? ++t->memory : ++t->files;
    t->now.errors = crash_errors(t->now.row, t->now.args);
    if (t->record && !t->now.row->memory) {
        find_paths(t, &t->now);
        t->now.existed = t->now.a[0] && access(t->now.a, F_OK) == 0;
    }
    t->chosen = is_chosen(t);
    skip_sync(t);
    if (t->chosen)
        disturb_begin(t);
}

static void on_end(struct tracer *t, const struct __ptrace_syscall_info *info)
{
    if (!t->counted)
        return;
    t->counted = false;
    t->now.result = info->exit.rval;
    if (t->skipped && !crash_regs_result(t->pid, 0))
        trouble(t, "registers cannot be set: %s", strerror(errno));
    if (t->chosen)
        disturb_end(t);
    else if (t->record && !t->now.row->memory)
        keep(t, &t->now);
}

static void on_stop(struct tracer *t)
{
    struct __ptrace_syscall_info info = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) < 0)
        trouble(t, "PTRACE_GET_SYSCALL_INFO: %s", strerror(errno));
    else if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        on_begin(t, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        on_end(t, &info);
}

/* Nothing is left to be disturbed: the rest may run without being looked at. */
static bool is_over(const struct tracer *t)
{
    return t->end->hit && !t->counted && !t->point->lasting && !t->record;
}

static void follow(struct tracer *t, int *status)
{
    bool begun = false;

    for (uint32_t stops = 0; waitpid(t->pid, status, 0) == t->pid && WIFSTOPPED(*status); stops++) {
        int sig = WSTOPSIG(*status);

        if (sig == (SIGTRAP | 0x80)) {
            on_stop(t);
            sig = 0;
        } else if (!begun && sig == SIGSTOP) {
            begun = ptrace(PTRACE_SETOPTIONS, t->pid, NULL,
                           (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == 0;
            if (!begun)
                trouble(t, "PTRACE_SETOPTIONS: %s", strerror(errno));
            sig = 0;
        }
        if (stops > STOPS_MAX || t->end->trouble[0]) {
            trouble(t, "it does not come to an end");
            end_child(t);
        }
        ptrace(is_over(t) ? PTRACE_CONT : PTRACE_SYSCALL, t->pid, NULL, (void *)(intptr_t)sig);
    }
}

static _Noreturn void be_child(void (*run)(void *), void *arg)
{
    crash_child = true;
    alarm(LIFE_SECONDS);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(UNTRACED);
    raise(SIGSTOP);
    crash_mark(CRASH_BEGIN);
    run(arg);
    crash_mark(CRASH_END);
    _exit(0);
}

void crash_trace(const struct crash_point *point, void (*run)(void *), void *arg,
                 struct crash_record *record, struct crash_end *out_end)
{
    struct tracer t = {.point = point, .record = record, .end = out_end};
    int status = 0;

    *out_end = (struct crash_end){0};
    if (record)
        record->count = 0;
    fflush(NULL);
    t.pid = fork();
    if (t.pid == 0)
        be_child(run, arg);
    if (t.pid < 0) {
        trouble(&t, "fork: %s", strerror(errno));
        return;
    }
    follow(&t, &status);
    if (record)
        record->memory = t.memory;
    out_end->finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRACED)
        trouble(&t, "PTRACE_TRACEME is refused");
    else if (WIFEXITED(status) && WEXITSTATUS(status))
        trouble(&t, "it ended with status %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status) && !t.killed)
        trouble(&t, "it died of signal %d", WTERMSIG(status));
}

static void one_call(void *arg)
{
    (void)arg;
    if (syscall(SYS_fsync, -1L) != -1 || errno != ENOSPC)
        _exit(1);
}

const char *crash_impossible(void)
{
    static const struct crash_point point = {.how = CRASH_FAIL, .number = 1, .error = ENOSPC};
    static struct crash_end end;

    if (!crash_regs_known())
        return "the registers of this processor are not known here";
    crash_trace(&point, one_call, NULL, NULL, &end);
    if (end.trouble[0])
        return end.trouble;
    return end.hit ? NULL : "ptrace shows no system calls here";
}
