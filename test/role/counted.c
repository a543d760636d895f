/* Loaded (LD_PRELOAD) into a server whose instructions callgrind counts for check/guard.t.
 *
 * The file named by PF_COUNTED holds one number, the turn. A process that wakes up and finds that another turn has
 * begun writes down what it has spent since (callgrind calls that a dump) under the new number. So each process of a
 * server has its own account of each turn, and nobody has to find a function that begins one.
 *
 * valgrind does not know some calls of the kernel. An openat2 becomes an openat here, lest reading go another way than
 * it does on the real machine; what a jail is made with is not there, as in container.t, since valgrind itself would
 * not live in it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#define SEEN __attribute__((visibility("default")))

static const volatile unsigned *turn;
static unsigned counted;
static int (*wait_really)(int, struct epoll_event *, int, int);
static long (*call_really)(long, ...);

SEEN int epoll_wait(int epoll, struct epoll_event *events, int cap, int timeout);
SEEN long syscall(long number, ...);

static __attribute__((constructor)) void begin(void)
{
    const char *path = getenv("PF_COUNTED");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *turn, PROT_READ, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    *(void **)&wait_really = dlsym(RTLD_NEXT, "epoll_wait");
    *(void **)&call_really = dlsym(RTLD_NEXT, "syscall");
    if (at == MAP_FAILED || !wait_really || !call_really)
        return; /* sh, env and the like */
    turn = at;
    counted = *turn;
}

int epoll_wait(int epoll, struct epoll_event *events, int cap, int timeout)
{
    int count = wait_really(epoll, events, cap, timeout);
    int err = errno;
    char label[16];

    if (turn && *turn != counted) {
        counted = *turn;
        snprintf(label, sizeof label, "%u", counted);
        CALLGRIND_DUMP_STATS_AT(label);
    }
    errno = err;
    return count;
}

static bool is_of_jails(long number)
{
    return number == SYS_seccomp || number == SYS_landlock_create_ruleset || number == SYS_landlock_add_rule ||
           number == SYS_landlock_restrict_self;
}

long syscall(long number, ...)
{
    long with[6];
    va_list more;

    va_start(more, number);
    for (unsigned i = 0; i < 6; i++)
        with[i] = va_arg(more, long);
    va_end(more);
    if (number == SYS_openat2) {
        const struct open_how *how = (const void *)with[2];

        return openat((int)with[0], (const char *)with[1], (int)how->flags, (mode_t)how->mode);
    }
    if (is_of_jails(number)) {
        errno = ENOSYS;
        return -1;
    }
    return call_really(number, with[0], with[1], with[2], with[3], with[4], with[5]);
}
