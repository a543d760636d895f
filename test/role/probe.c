/* probe ROLE SETTINGS USER ATTEMPT...: what somebody can do who took over a process of that role.
 *
 * For each attempt, written as word:argument, a child becomes the user ("-": nobody else), enters exactly the jail that
 * the role has with these settings (ROLE none: no jail) and makes the attempt. A line each: the attempt and "let", the
 * error's name, or "killed". */
#include "role/jail.h"
#include "sys/proc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETUP_FAILED = 250 };

static long closed(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static pid_t number(const char *argument)
{
    return (pid_t)strtol(argument, NULL, 10);
}

static long of_process(const char *argument, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)number(argument), name);
    return closed(open(path, flags | O_CLOEXEC));
}

static long read_it(const char *path)
{
    return closed(open(path, O_RDONLY | O_CLOEXEC));
}

static long list_it(const char *path)
{
    return closed(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static long write_it(const char *path)
{
    return closed(open(path, O_WRONLY | O_CLOEXEC));
}

static long make_it(const char *path)
{
    return closed(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static long remove_it(const char *path)
{
    return unlink(path);
}

static long stat_it(const char *path)
{
    struct stat info;

    return stat(path, &info);
}

static long exec_it(const char *path)
{
    char *const words[] = {(char[]){"x"}, NULL};

    return execve(path, words, NULL);
}

static long fork_it(const char *argument)
{
    pid_t child = fork();

    (void)argument;
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0);
}

static long trace_it(const char *argument)
{
    return ptrace(PTRACE_SEIZE, number(argument), NULL, NULL);
}

static long peek_it(const char *argument)
{
    char here[8];
    struct iovec local = {here, sizeof here}, remote = {(void *)environ, sizeof here};

    return process_vm_readv(number(argument), &local, 1, &remote, 1, 0);
}

static long memory_of(const char *argument)
{
    return of_process(argument, "mem", O_RDWR);
}

static long maps_of(const char *argument)
{
    return of_process(argument, "maps", O_RDONLY);
}

static long descriptors_of(const char *argument)
{
    return of_process(argument, "fd", O_RDONLY | O_DIRECTORY);
}

static long kill_it(const char *argument)
{
    return kill(number(argument), SIGCONT);
}

static long steal_from(const char *argument)
{
    long fd = syscall(SYS_pidfd_open, number(argument), 0);

    return fd < 0 ? -1 : closed((int)syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static long connect_tcp(const char *argument)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(argument)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}

static long connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}

static long enter_namespace(const char *argument)
{
    return setns((int)number(argument), 0);
}

static long mount_it(const char *path)
{
    return mount("none", path, "tmpfs", 0, NULL);
}

static long ring(const char *argument)
{
    char params[120] = {0};

    (void)argument;
    return closed((int)syscall(SYS_io_uring_setup, 2, params));
}

static long program(const char *argument)
{
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    (void)argument;
    return closed((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static long become_root(const char *argument)
{
    (void)argument;
    return setresuid(0, 0, 0);
}

static const struct {
    const char *word;
    long (*go)(const char *argument);
} attempts[] = {
    {"read", read_it},       {"list", list_it},      {"write", write_it},     {"make", make_it},
    {"remove", remove_it},   {"stat", stat_it},      {"exec", exec_it},       {"fork", fork_it},
    {"trace", trace_it},     {"peek", peek_it},      {"memory", memory_of},   {"maps", maps_of},
    {"descriptors", descriptors_of}, {"kill", kill_it}, {"steal", steal_from}, {"tcp", connect_tcp},
    {"unix", connect_unix},  {"setns", enter_namespace}, {"mount", mount_it}, {"ring", ring},
    {"bpf", program},        {"root", become_root},
};

static void mistake(void *self, const struct pf_conf_mistake *m)
{
    (void)self;
    pf_conf_print_mistake(stderr, m);
}

static void enter(const char *role, const char *file, const char *user)
{
    struct pf_conf *conf = pf_conf_read(file, mistake, NULL);
    struct pf_err err = {0};

    if (!conf || (strcmp(user, "-") != 0 && pf_proc_become(user, &err) != PF_OK))
        _exit(SETUP_FAILED);
    for (int i = 0; i < PF_SANDBOX_ROLES; i++)
        if (strcmp(role, pf_sandbox_role_name((enum pf_sandbox_role)i)) == 0 &&
            pf_jail_enter((enum pf_sandbox_role)i, conf, NULL, NULL, &err) != PF_OK)
            _exit(SETUP_FAILED);
    pf_conf_free(conf);
}

/* An exit status. */
static int attempt(const char *text)
{
    const char *argument = strchr(text, ':');

    for (size_t i = 0; argument && i < sizeof attempts / sizeof *attempts; i++)
        if (strncmp(text, attempts[i].word, (size_t)(argument - text)) == 0 && !attempts[i].word[argument - text])
            return attempts[i].go(argument + 1) < 0 ? errno : 0;
    return SETUP_FAILED;
}

static const char *run(char **argv, const char *text)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        enter(argv[1], argv[2], argv[3]);
        _exit(attempt(text));
    }
    if (child < 0 || waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) == SETUP_FAILED))
        return "?";
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? "killed" : "died";
    return WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "let";
}

int main(int argc, char **argv)
{
    for (int i = 4; i < argc; i++)
        printf("%s %s\n", argv[i], run(argv, argv[i]));
    return argc > 4 && fflush(stdout) == 0 ? 0 : 64;
}
