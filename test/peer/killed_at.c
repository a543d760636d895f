/* Runs a program and kills it at one of its system calls.
 *
 *     killed_at [-c] [-f FILE] [-l LOG] POINT PROGRAM [ARGUMENT...]
 *     killed_at -t MICROSECONDS PROGRAM [ARGUMENT...]
 *
 * Only calls that the world can see are counted: what is written to files and sockets, made, renamed,
 * removed, synced, connected; with -f only writes and syncs of that file; -l writes them down. The
 * program dies before the POINT-th of them (0: never), by SIGKILL with all its threads. What it has
 * started lives on; with -c its children's calls count, too, and they die with it. Says "killed" or
 * "ended STATUS CALLS" as soon as that has happened ("refused": nobody may trace here), on standard
 * output (the program's own goes to standard error), and ends when the last that it left behind has
 * ended: orphans come here (PR_SET_CHILD_SUBREAPER). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LIFE_SECONDS = 120, /* who takes longer goes round in circles */
    CHILDREN = 64,
    PATH = 4096,
    SYNCS = 64, /* threads that are in a sync at once */
    NOT_RUN = 126,
    BEGINNING = 32 /* octets of what is written, for the log */
};

static struct {
    pid_t master;
    bool children; /* -c */
    bool counts;   /* the program has begun */
    bool killed;
    const char *file; /* -f */
    FILE *log;        /* -l */
    unsigned long point, calls;
    pid_t known[CHILDREN]; /* processes that are killed with it */
    unsigned known_count;
} at;

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "killed_at: %s: %s\n", what, strerror(errno));
    exit(NOT_RUN);
}

/* A number of /proc/TID/status; 0: it is gone. */
static pid_t status_of(pid_t tid, const char *field)
{
    char path[64], line[256];
    long found = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            found = strtol(line + strlen(field), NULL, 10);
    if (file)
        fclose(file);
    return (pid_t)found;
}

static void path_of_fd(pid_t tid, uint64_t fd, char room[PATH])
{
    char link[64];
    ssize_t len;

    if ((int)fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%d/cwd", (int)tid);
    else
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)tid, (int)fd);
    len = readlink(link, room, PATH - 1);
    room[len > 0 ? len : 0] = 0;
}

/* A file or a socket: not an eventfd or a pipe, by which threads wake each other. */
static bool is_seen(pid_t tid, uint64_t fd)
{
    char target[PATH];

    path_of_fd(tid, fd, target);
    if (at.file)
        return strcmp(target, at.file) == 0;
    return target[0] == '/' || strncmp(target, "socket:", 7) == 0;
}

static bool counts(pid_t tid, uint64_t number, const uint64_t args[6])
{
    static const long by_name[] = {
        SYS_renameat2, SYS_unlinkat,  SYS_mkdirat, SYS_linkat,   SYS_connect, SYS_flock,
        SYS_ftruncate, SYS_utimensat, SYS_fchmod,  SYS_shutdown, SYS_execve,
#ifdef SYS_renameat
        SYS_renameat,
#endif
#ifdef SYS_open /* processors that have a past */
        SYS_rename,    SYS_unlink,    SYS_mkdir,   SYS_link,
#endif
    };
    static const long by_fd[] = {SYS_write,   SYS_writev, SYS_pwrite64, SYS_sendto,
                                 SYS_sendmsg, SYS_fsync,  SYS_fdatasync};

    for (size_t i = 0; i < sizeof by_fd / sizeof *by_fd; i++)
        if ((long)number == by_fd[i])
            return is_seen(tid, args[0]);
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
        if ((long)number == by_name[i])
            return !at.file;
#ifdef SYS_open
    if (number == SYS_open)
        return !at.file && args[1] & O_CREAT;
#endif
    return number == SYS_openat && !at.file && args[2] & O_CREAT;
}

static void text_at(pid_t tid, uint64_t from, char *room, size_t cap)
{
    struct iovec here = {room, cap - 1}, there = {(void *)(uintptr_t)from, cap - 1};
    ssize_t len;

    /* Not across the end of a page, behind which there may be nothing. */
    if (from % PATH + cap > PATH)
        there.iov_len = PATH - from % PATH < cap - 1 ? PATH - from % PATH : cap - 1;
    len = process_vm_readv(tid, &here, 1, &there, 1, 0);
    room[len > 0 ? len : 0] = 0;
}

static void log_path(pid_t tid, uint64_t folder, uint64_t name)
{
    char room[PATH], text[PATH];

    text_at(tid, name, text, sizeof text);
    path_of_fd(tid, folder, room);
    if (text[0] == '/')
        fprintf(at.log, " %s", text);
    else
        fprintf(at.log, " %s/%s", room, text);
}

static void log_write(pid_t tid, uint64_t fd, uint64_t from, uint64_t len)
{
    char room[PATH], text[BEGINNING];

    path_of_fd(tid, fd, room);
    text_at(tid, from, text, len < sizeof text ? len + 1 : sizeof text);
    for (char *c = text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '.';
    fprintf(at.log, "write %s %s\n", room, text);
}

/* A sync counts when it has ended. */
static struct {
    pid_t tid;
    char path[PATH];
} syncs[SYNCS];

static void begin_sync(pid_t tid, uint64_t fd)
{
    for (unsigned i = 0; i < SYNCS; i++) {
        if (!syncs[i].tid) {
            syncs[i].tid = tid;
            path_of_fd(tid, fd, syncs[i].path);
            return;
        }
    }
}

static void end_sync(pid_t tid)
{
    for (unsigned i = 0; i < SYNCS; i++) {
        if (syncs[i].tid == tid) {
            syncs[i].tid = 0;
            fprintf(at.log, "sync %s\n", syncs[i].path);
        }
    }
}

static void write_down(pid_t tid, uint64_t number, const uint64_t args[6])
{
    uint64_t vector[2] = {0, 0};

    if (number == SYS_fsync || number == SYS_fdatasync) {
        begin_sync(tid, args[0]);
    } else if (number == SYS_write || number == SYS_pwrite64 || number == SYS_sendto) {
        log_write(tid, args[0], args[1], args[2]);
    } else if (number == SYS_writev) {
        struct iovec here = {vector, sizeof vector}, there = {(void *)(uintptr_t)args[1], sizeof vector};
        if (process_vm_readv(tid, &here, 1, &there, 1, 0) == sizeof vector)
            log_write(tid, args[0], vector[0], vector[1]);
    } else if (number == SYS_renameat2 || number == SYS_renameat) {
        fputs("rename", at.log);
        log_path(tid, args[0], args[1]);
        log_path(tid, args[2], args[3]);
        fputs("\n", at.log);
    } else if (number == SYS_openat) {
        fputs("create", at.log);
        log_path(tid, args[0], args[1]);
        fputs("\n", at.log);
    }
}

static void kill_all(void)
{
    at.killed = true;
    kill(at.master, SIGKILL);
    for (unsigned i = 0; i < at.known_count; i++)
        kill(at.known[i], SIGKILL);
}

static void on_call(pid_t tid)
{
    struct __ptrace_syscall_info info;

    if (at.killed || !at.counts || ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0)
        return;
    if (at.log && info.op == PTRACE_SYSCALL_INFO_EXIT)
        end_sync(tid);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !counts(tid, info.entry.nr, info.entry.args))
        return;
    if (at.log)
        write_down(tid, info.entry.nr, info.entry.args);
    if (++at.calls == at.point)
        kill_all();
}

/* A process that began: one of ours is followed, those of others not. */
static bool follows(pid_t tid)
{
    if (status_of(tid, "Tgid:") != tid || tid == at.master)
        return true; /* a thread */
    for (unsigned i = 0; i < at.known_count; i++)
        if (at.known[i] == tid)
            return true;
    if (status_of(tid, "PPid:") != at.master || at.known_count == CHILDREN)
        return false;
    at.known[at.known_count++] = tid;
    return true;
}

static void go_on(pid_t tid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;

    if (signal == (SIGTRAP | 0x80)) {
        on_call(tid);
        signal = 0;
    } else if (event == PTRACE_EVENT_STOP &&
               (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN)) {
        (void)ptrace(PTRACE_LISTEN, tid, 0L, 0L);
        return;
    } else if (event) {
        at.counts |= event == PTRACE_EVENT_EXEC;
        signal = 0;
        if (event == PTRACE_EVENT_STOP && !follows(tid)) {
            (void)ptrace(PTRACE_DETACH, tid, 0L, 0L);
            return;
        }
    }
    (void)ptrace(PTRACE_SYSCALL, tid, 0L, (long)signal);
}

static void say(int status)
{
    if (at.killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        printf("killed\n");
    else
        printf("ended %d %lu\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
               at.calls);
    fflush(stdout);
}

static void wait_for_all(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return;
        if (WIFSTOPPED(status))
            go_on(pid, status);
        else if (pid == at.master)
            say(status);
    }
}

static pid_t start(char **words, int *out_gate)
{
    int gate[2];
    char octet;
    pid_t pid;

    if (pipe2(gate, O_CLOEXEC) != 0)
        stop("pipe");
    pid = fork();
    if (pid < 0)
        stop("fork");
    if (pid == 0) {
        close(gate[1]);
        if (dup2(2, 1) < 0 || read(gate[0], &octet, 1) != 1)
            _exit(NOT_RUN);
        execvp(words[0], words);
        _exit(NOT_RUN);
    }
    close(gate[0]);
    *out_gate = gate[1];
    return pid;
}

static void trace(void)
{
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    int status;

    if (at.children)
        options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (ptrace(PTRACE_SEIZE, at.master, 0L, options) != 0 ||
        ptrace(PTRACE_INTERRUPT, at.master, 0L, 0L) != 0 ||
        waitpid(at.master, &status, __WALL) != at.master ||
        ptrace(PTRACE_SYSCALL, at.master, 0L, 0L) != 0)
        stop("ptrace");
}

static void let_go(int gate)
{
    if (write(gate, "x", 1) != 1)
        stop("write");
    close(gate);
}

static void kill_after(unsigned long microseconds)
{
    struct timespec pause = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};

    nanosleep(&pause, NULL);
    at.killed = kill(at.master, SIGKILL) == 0;
}

static _Noreturn void usage(void)
{
    fputs("usage: killed_at [-c] [-f FILE] [-l LOG] POINT PROGRAM ...\n"
          "       killed_at -t MICROSECONDS PROGRAM ...\n",
          stderr);
    exit(NOT_RUN);
}

int main(int argc, char **argv)
{
    bool timed = false;
    int option, gate;

    while ((option = getopt(argc, argv, "+cf:l:t")) != -1) {
        if (option == '?')
            usage();
        at.children |= option == 'c';
        timed |= option == 't';
        at.file = option == 'f' ? optarg : at.file;
        at.log = option == 'l' ? fopen(optarg, "we") : at.log;
    }
    if (argc < optind + 2)
        usage();
    at.point = strtoul(argv[optind], NULL, 10);
    alarm(LIFE_SECONDS);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        stop("prctl");
    at.master = start(argv + optind + 1, &gate);
    if (!timed)
        trace();
    let_go(gate);
    if (timed)
        kill_after(at.point);
    wait_for_all();
    return 0;
}
