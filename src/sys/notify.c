#include "sys/notify.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The protocol is a datagram of lines to the socket that NOTIFY_SOCKET names, and is stable for ever
 * (systemd's INTERFACE_PORTABILITY_AND_STABILITY); the library for it would bring those of compression and
 * cryptography into every process that says "ready". */
static bool address_of(const char *name, struct sockaddr_un *out, socklen_t *out_len)
{
    size_t len = name ? strlen(name) : 0;

    if (len < 2 || (name[0] != '/' && name[0] != '@') || len >= sizeof out->sun_path)
        return false;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, name, len);
    if (name[0] == '@')
        out->sun_path[0] = 0; /* an abstract one */
    *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

/* Lost where nobody listens: there is nobody to tell that. */
static void tell(const char *lines)
{
    struct sockaddr_un to;
    socklen_t len;
    int fd;

    if (!address_of(getenv("NOTIFY_SOCKET"), &to, &len))
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    close(fd);
}

static void tell_reloading(void)
{
    struct timespec now;
    char lines[128];

    clock_gettime(CLOCK_MONOTONIC, &now); /* as Type=notify-reload wants it */
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading settings",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(lines);
}

void pf_notify(enum pf_notify what)
{
    switch (what) {
    case PF_NOTIFY_READY:
        tell("READY=1\nSTATUS=serving");
        break;
    case PF_NOTIFY_RELOADING:
        tell_reloading();
        break;
    case PF_NOTIFY_STOPPING:
        tell("STOPPING=1\nSTATUS=waiting for sessions to end");
        break;
    }
}

void pf_notify_main_pid(long pid)
{
    char line[32];

    snprintf(line, sizeof line, "MAINPID=%ld", pid);
    tell(line);
}

/* A positive number of the environment. */
static bool number_of(const char *name, uint64_t *out)
{
    const char *text = getenv(name);

    return text && pf_parse_u64(pf_bytes_of(text), out) && *out;
}

/* How often it wants a sign; 0: never, or of another process. */
static uint64_t watched(void)
{
    uint64_t usec, pid;

    if (!number_of("WATCHDOG_USEC", &usec) || usec > (uint64_t)INT64_MAX)
        return 0;
    if (getenv("WATCHDOG_PID") && (!number_of("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
        return 0;
    return usec;
}

struct pf_watchdog {
    struct pf_loop *loop;
    struct pf_timer *timer;
    pf_time every;
};

static void alive(struct pf_timer *timer, void *self)
{
    struct pf_watchdog *dog = self;

    tell("WATCHDOG=1");
    pf_timer_set(timer, pf_loop_now(dog->loop) + dog->every);
}

struct pf_watchdog *pf_watchdog_new(struct pf_loop *loop)
{
    struct pf_watchdog *dog;
    uint64_t usec = watched();

    if (!usec)
        return NULL;
    dog = calloc(1, sizeof *dog);
    if (!dog)
        return NULL;
    *dog = (struct pf_watchdog){.loop = loop, .every = (pf_time)(usec / 2000)}; /* twice as often as it must be */
    dog->timer = pf_timer_new(loop, alive, dog);
    if (!dog->timer) {
        free(dog);
        return NULL;
    }
    pf_timer_set(dog->timer, pf_loop_now(loop));
    return dog;
}

void pf_watchdog_free(struct pf_watchdog *dog)
{
    if (!dog)
        return;
    pf_timer_free(dog->timer);
    free(dog);
}
