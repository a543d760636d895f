#include "role/attempts.h"

#include "role/cell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt_targets targets;

#define TRY(name, expression)      \
    static int name(void *self)    \
    {                              \
        (void)self;                \
        errno = 0;                 \
        return jail_result(expression); \
    }

static char *mail_path(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", jail_mail, name);
    return path;
}

static char *users_path(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", jail_users, name);
    return path;
}

static long reap(pid_t child)
{
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0);
}

static long opened(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static long connected(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)targets.listener_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(targets.tcp, (struct sockaddr *)&to, sizeof to);
}

static long bound(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return bind(targets.tcp, (struct sockaddr *)&to, sizeof to) ? -1 : listen(targets.tcp, 1);
}

static long filtered(void)
{
    struct sock_filter one = {BPF_RET | BPF_K, 0, 0, 0xFFFF};
    struct sock_fprog program = {1, &one};

    return setsockopt(targets.tcp, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static long executed(void)
{
    char *const words[] = {(char[]){"true"}, NULL};

    return execve("/bin/true", words, NULL);
}

static long executed_at(void)
{
    char *const words[] = {(char[]){"true"}, NULL};

    return syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, NULL, 0);
}

static long traced(void)
{
    if (ptrace(PTRACE_SEIZE, targets.victim, NULL, NULL) != 0)
        return -1;
    return ptrace(PTRACE_DETACH, targets.victim, NULL, NULL), 0;
}

static long its_memory(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/mem", (int)targets.victim);
    return opened(open(path, O_RDWR | O_CLOEXEC));
}

static long peeked(void)
{
    char here[8];
    struct iovec local = {here, sizeof here}, remote = {jail_mail, sizeof here};

    return process_vm_readv(targets.victim, &local, 1, &remote, 1, 0);
}

static long mapped(int protection)
{
    void *at = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? -1 : 0;
}

static long made_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static long code_from_memory(void)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    void *at;

    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return -1;
    at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? -1 : 0;
}

static long bpf_map(void)
{
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    return opened((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static long ring(void)
{
    char params[120] = {0};

    return opened((int)syscall(SYS_io_uring_setup, 2, params));
}

static long key_ring(void)
{
    return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1) == -1 ? -1 : 0;
}

static long measured(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .exclude_kernel = 1};

    return opened((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static long raised(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = limit.rlim_cur > 64 ? limit.rlim_cur - 1 : 64;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static long all_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0xFFFFFFFF, 0xFFFFFFFF, 0}, {0x1FF, 0x1FF, 0}};

    return syscall(SYS_capset, &head, data);
}

static long made(const char *path)
{
    return opened(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
}

/* By number: <sys/shm.h> wants a <sys/ipc.h>, and finds ours. */
static long segment(void)
{
    long id = syscall(SYS_shmget, 0L, 4096L, 01600L); /* IPC_CREAT, 0600 */

    return id < 0 ? -1 : syscall(SYS_shmctl, id, 0L, NULL); /* IPC_RMID */
}

static void *nothing(void *self)
{
    return self;
}

static long threaded(void)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno ? -1 : pthread_join(thread, NULL);
}

TRY(read_passwd, opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC)))
TRY(look_at_root, opened(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
TRY(stat_passwd, stat("/etc/passwd", &(struct stat){0}))
TRY(read_mail, opened(open(mail_path("file"), O_RDONLY | O_CLOEXEC)))
TRY(write_mail, opened(open(mail_path("file"), O_RDWR | O_CLOEXEC)))
TRY(make_mail, made(mail_path("made")))
TRY(link_mail, (unlink(mail_path("linked")), symlink("/etc/passwd", mail_path("linked"))))
TRY(read_users, opened(open(users_path("file"), O_RDONLY | O_CLOEXEC)))
TRY(write_users, opened(open(users_path("file"), O_WRONLY | O_CLOEXEC)))
TRY(cut_users, truncate(users_path("file"), 6))
TRY(make_users, made(users_path("made")))
TRY(chmod_users, chmod(users_path("file"), 0666))
TRY(make_node, mknod(mail_path("made"), S_IFIFO | 0600, 0) && errno != EEXIST ? -1 : 0)
TRY(out_of_the_root, opened(openat(AT_FDCWD, mail_path("../../etc/passwd"), O_RDONLY | O_CLOEXEC)))
TRY(self_memory, opened(open("/proc/self/mem", O_RDWR | O_CLOEXEC)))
TRY(socket_inet, opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)))
TRY(socket_inet6, opened(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)))
TRY(socket_unix, opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)))
TRY(socket_netlink, opened(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 16)))
TRY(socket_vsock, opened(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)))
TRY(socket_alg, opened(socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)))
TRY(connect_out, connected())
TRY(bind_port, bound())
TRY(attach_filter, filtered())
TRY(exec_it, executed())
TRY(exec_at, executed_at())
TRY(fork_child, reap((pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)))
TRY(fork_libc, reap(fork()))
TRY(start_thread, threaded())
TRY(new_user_namespace, unshare(CLONE_NEWUSER))
TRY(new_mount_namespace, unshare(CLONE_NEWNS))
TRY(clone_namespace, reap((pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, NULL, NULL, NULL, NULL)))
TRY(enter_namespace, setns(targets.namespace_fd, 0))
TRY(trace_other, traced())
TRY(trace_me, ptrace(PTRACE_TRACEME, 0, NULL, NULL))
TRY(kill_other, kill(targets.victim, SIGCONT))
TRY(ask_for_other, kill(targets.victim, 0))
TRY(kill_parent, kill(getppid(), 0))
TRY(kill_all, kill(-1, 0))
TRY(signal_thread, syscall(SYS_tgkill, targets.victim, targets.victim, 0))
TRY(signal_by_pidfd, syscall(SYS_pidfd_send_signal, targets.victim_fd, 0, NULL, 0))
TRY(open_pidfd, opened((int)syscall(SYS_pidfd_open, targets.victim, 0)))
TRY(steal_descriptor, opened((int)syscall(SYS_pidfd_getfd, targets.victim_fd, 0, 0)))
TRY(open_memory, its_memory())
TRY(read_memory, peeked())
TRY(map_code, mapped(PROT_READ | PROT_EXEC))
TRY(map_all, mapped(PROT_READ | PROT_WRITE | PROT_EXEC))
TRY(protect_code, made_executable())
TRY(map_file_code, code_from_memory())
TRY(type_for_others, ioctl(targets.terminal, TIOCSTI, "x"))
TRY(terminal_settings, ioctl(targets.terminal, TIOCGPTN, &(int){0}))
TRY(io_uring, ring())
TRY(bpf, bpf_map())
TRY(fault_handler, opened((int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */)))
TRY(perf, measured())
TRY(mount_it, mount("none", "/mnt", "tmpfs", 0, NULL))
TRY(change_root, chroot("/"))
TRY(keys, key_ring())
TRY(by_handle, opened((int)syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)))
TRY(become_root, setuid(0))
TRY(become_another, setresuid(1, 1, 1))
TRY(raise_limit, raised())
TRY(dumpable_again, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(take_capabilities, all_capabilities())
TRY(set_clock, syscall(SYS_clock_settime, 0, &(struct timespec){0}))
TRY(host_name, sethostname("x", 1))
TRY(shared_memory, segment())
TRY(kernel_log, syscall(SYS_syslog, 9, NULL, 0))

/* clang-format off */
const struct attempt attempts[] = {
    {"read /etc/passwd", read_passwd, "gans", true},
    {"look into /", look_at_root, "gans", true},
    {"ask whether /etc/passwd is there", stat_passwd, "g", true}, /* landlock does not hide names */
    {"read mail", read_mail, "gan", true},
    {"write mail", write_mail, "gan", true},
    {"make a file among mail", make_mail, "gan", true},
    {"make a symbolic link", link_mail, "gans", true},
    {"read users", read_users, "gs", true},
    {"write users", write_users, "gans", true},
    {"truncate users", cut_users, "gans", true},
    {"make a file among users", make_users, "gans", true},
    {"change a mode", chmod_users, "gan", false},
    {"make a FIFO", make_node, "gans", false},
    {"leave the root by ..", out_of_the_root, "gans", true},
    {"open its own memory", self_memory, "gans", false},
    {"socket for IPv4", socket_inet, "gas", true},
    {"socket for IPv6", socket_inet6, "gas", false},
    {"socket, unix", socket_unix, "gas", true},
    {"socket, netlink audit", socket_netlink, "gans", true},
    {"socket, vsock", socket_vsock, "gans", false},
    {"socket, kernel crypto", socket_alg, "gans", false},
    {"connect", connect_out, "gas", true},
    {"bind and listen", bind_port, "gans", true},
    {"attach a filter", attach_filter, "gans", false},
    {"execve", exec_it, "gans", true},
    {"execveat", exec_at, "gans", true},
    {"clone as fork does", fork_child, "gans", true},
    {"fork", fork_libc, "gans", true},
    {"start a thread", start_thread, "g", true},
    {"new user namespace", new_user_namespace, "kgans", false},
    {"new mount namespace", new_mount_namespace, "kgans", false},
    {"clone into a namespace", clone_namespace, "gans", false},
    {"setns", enter_namespace, "kgans", false},
    {"ptrace another", trace_other, "kgans", true},
    {"ptrace by the parent", trace_me, "kgans", true},
    {"kill another", kill_other, "gans", true},
    {"ask whether another lives", ask_for_other, "gan", false},
    {"ask for the parent", kill_parent, "gan", false},
    {"ask for all", kill_all, "gan", false},
    {"tgkill another", signal_thread, "gans", true},
    {"signal by pidfd", signal_by_pidfd, "gans", true},
    {"pidfd_open", open_pidfd, "gans", true},
    {"pidfd_getfd", steal_descriptor, "kgans", true},
    {"open another's memory", open_memory, "gans", true},
    {"read another's memory", read_memory, "kgans", true},
    {"map code", map_code, "gans", true},
    {"map writable code", map_all, "gans", true},
    {"make memory executable", protect_code, "gans", true},
    {"map code from a file", map_file_code, "gans", true},
    {"type into a terminal", type_for_others, "gans", false},
    {"ioctl of a terminal", terminal_settings, "gans", true},
    {"io_uring_setup", io_uring, "kgans", false},
    {"bpf", bpf, "kgans", false},
    {"userfaultfd", fault_handler, "kgans", false},
    {"perf_event_open", perf, "kgans", false},
    {"mount", mount_it, "kgans", false},
    {"chroot", change_root, "kgans", false},
    {"keyctl", keys, "kgans", false},
    {"open_by_handle_at", by_handle, "kgans", false},
    {"setuid", become_root, "gans", false},
    {"setresuid", become_another, "gans", false},
    {"set a limit", raise_limit, "gans", true},
    {"dumpable again", dumpable_again, "gans", true},
    {"take capabilities", take_capabilities, "kgans", false},
    {"set the clock", set_clock, "kgans", false},
    {"host name", host_name, "kgans", false},
    {"System V shared memory", shared_memory, "gans", true},
    {"kernel log", kernel_log, "kgans", false},
};
/* clang-format on */
const unsigned attempts_count = sizeof attempts / sizeof *attempts;
