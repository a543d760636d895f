#include "sys/listen.h"

#include "sys/handed.h"
#include "sys/listen_unix.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
    BATCH = 16,     /* accepted per turn: guests who are here come first */
    YIELD_MS = 10,   /* while full: long enough for another process to be first */
    BREATHE_MS = 100 /* without descriptors or memory: soon enough to serve, rare enough not to spin */
};

struct pf_listen {
    uv_poll_t poll;
    struct pf_loop *loop;
    void (*accept)(void *, int);
    bool (*full)(void *); /* or NULL */
    void *self;
    struct pf_timer *breath; /* set while accepting has no sense */
    struct pf_listen_unix file;
    int fd, spare;
    unsigned port;
    bool paused, breathing, watched, freed;
    bool yielded; /* others have had their chance */
};

/* It stands for a descriptor; what it is open to does not matter, so it is what needs no file. */
static int open_spare(const struct pf_listen *listener)
{
    return fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
}

static void ready(uv_poll_t *poll, int status, int events);

static void arm(struct pf_listen *listener)
{
    bool watch = !listener->paused && !listener->breathing;

    if (watch == listener->watched)
        return;
    listener->watched = watch;
    if (watch)
        uv_poll_start(&listener->poll, UV_READABLE, ready);
    else
        uv_poll_stop(&listener->poll);
}

static void breathed(struct pf_timer *timer, void *self)
{
    struct pf_listen *listener = self;

    (void)timer;
    listener->breathing = false;
    arm(listener);
}

static void breathe_for(struct pf_listen *listener, pf_time ms)
{
    listener->breathing = true;
    pf_timer_set(listener->breath, pf_loop_now(listener->loop) + ms);
    arm(listener);
}

static void breathe(struct pf_listen *listener)
{
    breathe_for(listener, BREATHE_MS);
}

/* No descriptor is left: the spare one is given up for a moment to take the stranger in front and
 * hang up on him; a socket that is never accepted would keep the poll awake for ever. Returns 0 or
 * an errno. */
static int turn_one_away(struct pf_listen *listener)
{
    int fd, sys;

    if (listener->spare < 0)
        listener->spare = open_spare(listener);
    if (listener->spare < 0)
        return errno;
    close(listener->spare);
    fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    sys = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    listener->spare = open_spare(listener);
    return sys;
}

/* True when there may be another stranger waiting. Most errors of accept(2) are the stranger's own
 * trouble, and he is out of the queue with it. */
static bool after_error(struct pf_listen *listener, int sys)
{
    if (sys == EMFILE || sys == ENFILE)
        sys = turn_one_away(listener);
    switch (sys) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        breathe(listener);
        return false;
    default:
        return true;
    }
}

static bool is_full(const struct pf_listen *listener)
{
    return listener->full && listener->full(listener->self);
}

/* `anyway`: whoever comes is taken, to be told that there is no room. */
static void accept_batch(struct pf_listen *listener, bool anyway)
{
    for (int i = 0; i < BATCH && listener->watched && !listener->freed && (anyway || !is_full(listener)); i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            listener->accept(listener->self, fd);
        else if (!after_error(listener, errno))
            return;
    }
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct pf_listen *listener = poll->data;

    (void)events;
    if (status < 0) { /* libuv has stopped the handle */
        listener->watched = false;
        breathe(listener);
        return;
    }
    if (is_full(listener) && !listener->yielded) {
        listener->yielded = true;
        breathe_for(listener, YIELD_MS);
        return;
    }
    listener->yielded = false;
    accept_batch(listener, is_full(listener));
}

static enum pf_code cannot(const char *what, const struct pf_listen_place *place, struct pf_err *err)
{
    int sys = errno;

    pf_fail(err, PF_CONFIG, sys, "pf_listen_open", "cannot %s %s port %u: %s", what, place->address, place->port,
            strerror(sys));
    errno = sys;
    return PF_CONFIG;
}

static bool is_both(const struct pf_listen_place *place)
{
    return strcmp(place->address, PF_LISTEN_BOTH) == 0;
}

static enum pf_code parse(const struct pf_listen_place *place, struct addrinfo **out_info, struct pf_err *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    char service[12];

    snprintf(service, sizeof service, "%u", place->port);
    if (place->port > UINT16_MAX || getaddrinfo(is_both(place) ? "::" : place->address, service, &hints, out_info) != 0)
        return pf_fail(err, PF_CONFIG, 0, __func__, "%s port %u is not a numeric address and port",
                       place->address, place->port);
    return PF_OK;
}

static bool set_options(int fd, int family, bool both)
{
    int on = 1, alone = !both;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    return family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone) == 0;
}

static bool find_port(struct pf_listen *listener)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;

    if (getsockname(listener->fd, (struct sockaddr *)&name, &len) != 0)
        return false;
    if (name.ss_family == AF_UNIX)
        listener->port = 0;
    else
        listener->port = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                                          : ((struct sockaddr_in *)&name)->sin_port);
    return true;
}

static enum pf_code bind_to(struct pf_listen *listener, const struct pf_listen_place *place,
                            const struct addrinfo *info, struct pf_err *err)
{
    listener->fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return cannot("make a socket for", place, err);
    if (!set_options(listener->fd, info->ai_family, is_both(place)))
        return cannot("set up a socket for", place, err);
    if (bind(listener->fd, info->ai_addr, info->ai_addrlen) != 0 ||
        listen(listener->fd, place->backlog) != 0 || !find_port(listener))
        return cannot("listen on", place, err);
    return PF_OK;
}

/* A machine without IPv6 has one family less, and that is all. */
static bool no_ipv6(struct pf_listen *listener, int sys)
{
    if (sys != EAFNOSUPPORT && sys != EADDRNOTAVAIL)
        return false;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
    return true;
}

static enum pf_code bind_any(struct pf_listen *listener, const struct pf_listen_place *place,
                             struct pf_err *err)
{
    struct addrinfo *info;
    enum pf_code code;
    int sys;

    listener->fd = pf_handed_take(place->handed, place->address, place->port);
    if (listener->fd >= 0)
        return find_port(listener) ? PF_OK : cannot("look at", place, err);
    if (place->address[0] == '/')
        return pf_listen_unix_open(place, &listener->file, &listener->fd, err);
    code = parse(place, &info, err);
    if (code != PF_OK)
        return code;
    code = bind_to(listener, place, info, err);
    sys = errno;
    freeaddrinfo(info);
    if (code != PF_OK && is_both(place) && no_ipv6(listener, sys))
        return bind_any(listener, &(struct pf_listen_place){"0.0.0.0", place->port, place->backlog, 0, NULL}, err);
    return code;
}

static enum pf_code watch(struct pf_listen *listener, struct pf_err *err)
{
    listener->spare = open_spare(listener);
    listener->breath = pf_timer_new(listener->loop, breathed, listener);
    if (listener->spare < 0 || !listener->breath)
        return pf_fail(err, PF_BUSY, errno, "pf_listen_open", "no descriptors or memory for a listener");
    if (uv_poll_init(pf_loop_uv(listener->loop), &listener->poll, listener->fd) < 0)
        return pf_fail(err, PF_PERM, 0, "pf_listen_open", "cannot watch a listening socket");
    listener->poll.data = listener;
    arm(listener);
    return PF_OK;
}

static void close_all(struct pf_listen *listener)
{
    pf_listen_unix_remove(&listener->file);
    pf_timer_free(listener->breath);
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->spare >= 0)
        close(listener->spare);
}

static struct pf_listen *fail(struct pf_listen *listener)
{
    close_all(listener);
    free(listener);
    return NULL;
}

static struct pf_listen *made(struct pf_loop *loop, void (*accept_it)(void *self, int fd), void *self,
                              struct pf_err *err)
{
    struct pf_listen *listener = malloc(sizeof *listener);

    if (listener)
        *listener = (struct pf_listen){.loop = loop, .accept = accept_it, .self = self, .fd = -1, .spare = -1};
    else
        pf_fail(err, PF_NO_MEMORY, 0, "pf_listen_open", "no memory for a listener");
    return listener;
}

struct pf_listen *pf_listen_open(struct pf_loop *loop, const struct pf_listen_place *place,
                                 void (*accept_it)(void *self, int fd), void *self, struct pf_err *err)
{
    struct pf_listen *listener = made(loop, accept_it, self, err);

    if (!listener || (bind_any(listener, place, err) == PF_OK && watch(listener, err) == PF_OK))
        return listener;
    return fail(listener);
}

struct pf_listen *pf_listen_adopt(struct pf_loop *loop, int fd, void (*accept_it)(void *self, int fd), void *self,
                                  struct pf_err *err)
{
    struct pf_listen *listener = made(loop, accept_it, self, err);

    if (!listener) {
        close(fd);
        return NULL;
    }
    listener->fd = fd;
    if (!find_port(listener)) {
        pf_fail(err, PF_CONFIG, errno, "pf_listen_open", "descriptor %d is no socket", fd);
        return fail(listener);
    }
    return watch(listener, err) == PF_OK ? listener : fail(listener);
}

void pf_listen_yields(struct pf_listen *listener, bool (*full)(void *self))
{
    listener->full = full;
}

unsigned pf_listen_port(const struct pf_listen *listener)
{
    return listener->port;
}

int pf_listen_fd(const struct pf_listen *listener)
{
    return listener->fd;
}

void pf_listen_leave(struct pf_listen *listener)
{
    pf_listen_unix_leave(&listener->file);
}

void pf_listen_pause(struct pf_listen *listener, bool paused)
{
    listener->paused = paused;
    arm(listener);
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void pf_listen_free(struct pf_listen *listener)
{
    if (!listener)
        return;
    listener->freed = true; /* perhaps from inside accept: the memory stays until the end of the turn */
    uv_close((uv_handle_t *)&listener->poll, closed);
    close_all(listener);
}
