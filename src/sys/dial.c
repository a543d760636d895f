#include "sys/dial.h"

#include "base/words.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum {
    HOST_CAP = 256,     /* a DNS name has at most 253 octets; a unix path 107 */
    ADDRESSES_MAX = 16, /* more are no service but a mistake in the zone */
    STAGGER_MS = 250    /* RFC 8305 section 5: Connection Attempt Delay */
};

/* What the thread works on; it may outlive the dial. */
struct lookup {
    struct pf_job job;
    struct pf_dial *dial; /* NULL: nobody waits any more */
    char host[HOST_CAP], port[8];
    int problem, sys; /* of getaddrinfo */
    struct addrinfo *found;
};

/* One address that is tried; freed when libuv has let go of it. */
struct attempt {
    uv_poll_t poll;
    struct pf_dial *dial;
    size_t slot;
    int fd;
};

struct pf_dial {
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_dial_settings set;
    char host[HOST_CAP];
    struct pf_timer *timer;
    struct lookup *lookup;
    pf_time until, next_at, looked_up;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    socklen_t lengths[ADDRESSES_MAX];
    struct attempt *attempts[ADDRESSES_MAX];
    size_t count, next, open;
    int sys; /* of the address that failed first */
    char failed[INET6_ADDRSTRLEN];
    bool begun, ended;
};

static void let_go(uv_handle_t *handle)
{
    free(handle->data);
}

/* Ends an attempt; its socket is closed unless it is kept. */
static void drop(struct pf_dial *dial, size_t slot, bool keep)
{
    struct attempt *a = dial->attempts[slot];

    if (!a)
        return;
    dial->attempts[slot] = NULL;
    dial->open--;
    uv_poll_stop(&a->poll);
    uv_close((uv_handle_t *)&a->poll, let_go);
    if (!keep)
        close(a->fd);
}

static void drop_all(struct pf_dial *dial)
{
    for (size_t i = 0; i < dial->count; i++)
        drop(dial, i, false);
}

static void end(struct pf_dial *dial, int fd, const struct pf_err *err)
{
    assert(!dial->ended);
    dial->ended = true;
    drop_all(dial);
    pf_timer_clear(dial->timer);
    if (dial->lookup && dial->lookup->job.busy) { /* its thread goes on, for nobody */
        dial->lookup->dial = NULL;
        dial->lookup = NULL;
    }
    dial->set.done(dial->set.self, fd, err); /* may free it */
}

static const char *hint(int sys)
{
    switch (sys) {
    case ECONNREFUSED:
        return pf_words("nobody serves that port there: is the port right, does the server run?");
    case ETIMEDOUT:
        return pf_words("nobody answers: a firewall, a wrong port, or a machine that is down");
    case ENETUNREACH:
    case EHOSTUNREACH:
        return pf_words("no way leads there: is this machine on the network?");
    case ENOENT:
        return pf_words("there is no such socket: does the server run, is the path right?");
    default:
        return pf_words("see the network of this machine");
    }
}

static void end_badly(struct pf_dial *dial, int sys)
{
    struct pf_err err = {0};

    if (dial->host[0] == '/')
        pf_fail(&err, PF_TEMP, sys, "dial", "cannot connect to %.200s: %s; %s", dial->host,
                strerror(sys), hint(sys));
    else if (dial->count > 1)
        pf_fail(&err, PF_TEMP, sys, "dial",
                "cannot connect to %.120s port %u (%s, and %zu more): %s; %s", dial->host,
                dial->set.port, dial->failed, dial->count - 1, strerror(sys), hint(sys));
    else
        pf_fail(&err, PF_TEMP, sys, "dial", "cannot connect to %.120s port %u: %s; %s", dial->host,
                dial->set.port, strerror(sys), hint(sys));
    end(dial, -1, &err);
}

static void arm(struct pf_dial *dial)
{
    pf_time at = dial->until;

    if (dial->next < dial->count && dial->next_at < at)
        at = dial->next_at;
    pf_timer_set(dial->timer, at);
}

static void note_failure(struct pf_dial *dial, size_t slot, int sys)
{
    const struct sockaddr_storage *to = &dial->addresses[slot];

    if (dial->sys)
        return;
    dial->sys = sys;
    if (to->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, dial->failed,
                  sizeof dial->failed);
    else if (to->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, dial->failed,
                  sizeof dial->failed);
}

static void go_on(struct pf_dial *dial);

static void polled(uv_poll_t *poll, int status, int events)
{
    struct attempt *a = poll->data;
    struct pf_dial *dial = a->dial;
    int sys = 0, fd = a->fd;
    socklen_t len = sizeof sys;

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0)
        sys = errno;
    if (sys == 0 && status < 0)
        sys = -status;
    drop(dial, a->slot, sys == 0);
    if (sys == 0) {
        end(dial, fd, NULL);
        return;
    }
    note_failure(dial, a->slot, sys);
    dial->next_at = pf_loop_now(dial->loop); /* who has failed is not waited for */
    go_on(dial);
}

static int watch(struct pf_dial *dial, size_t slot, int fd)
{
    struct attempt *a = calloc(1, sizeof *a);

    if (!a)
        return ENOMEM;
    a->poll.data = a;
    a->dial = dial;
    a->slot = slot;
    a->fd = fd;
    if (uv_poll_init(pf_loop_uv(dial->loop), &a->poll, fd) < 0) {
        free(a);
        return ENOMEM;
    }
    a->poll.data = a;
    dial->attempts[slot] = a;
    dial->open++;
    uv_poll_start(&a->poll, UV_WRITABLE, polled);
    return 0;
}

/* 0, or an errno: this address is out. */
static int try_one(struct pf_dial *dial, size_t slot)
{
    const struct sockaddr *to = (const struct sockaddr *)&dial->addresses[slot];
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), sys = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, to, dial->lengths[slot]) != 0 && errno != EINPROGRESS && errno != EINTR)
        sys = errno;
    if (!sys)
        sys = watch(dial, slot, fd);
    if (sys)
        close(fd);
    return sys;
}

/* Begins what is due. Ends the dial when nothing is left to wait for. */
static void go_on(struct pf_dial *dial)
{
    pf_time now = pf_loop_now(dial->loop);

    while (dial->next < dial->count && (dial->open == 0 || now >= dial->next_at)) {
        size_t slot = dial->next++;
        int sys = try_one(dial, slot);

        if (sys)
            note_failure(dial, slot, sys);
        else
            dial->next_at = now + STAGGER_MS;
    }
    if (dial->open == 0)
        end_badly(dial, dial->sys);
    else
        arm(dial);
}

static void end_unknown(struct pf_dial *dial, int problem, int sys)
{
    struct pf_err err = {0};

    if (problem == EAI_NONAME || problem == EAI_NODATA || problem == EAI_ADDRFAMILY)
        pf_fail(&err, PF_CONFIG, 0, "dial", "the name %.200s is unknown: is it spelled right?",
                dial->host);
    else if (problem == EAI_MEMORY)
        pf_fail(&err, PF_NO_MEMORY, 0, "dial", "no memory to look up %.200s", dial->host);
    else
        pf_fail(&err, PF_TEMP, sys, "dial", "cannot look up %.160s: %s; is this machine on the network?",
                dial->host, problem == EAI_SYSTEM ? strerror(sys) : gai_strerror(problem));
    end(dial, -1, &err);
}

static void take(struct pf_dial *dial, const struct addrinfo *found)
{
    dial->looked_up = pf_loop_now(dial->loop);
    for (; found && dial->count < ADDRESSES_MAX; found = found->ai_next)
        if (found->ai_addrlen <= sizeof dial->addresses[0]) {
            memcpy(&dial->addresses[dial->count], found->ai_addr, found->ai_addrlen);
            dial->lengths[dial->count++] = found->ai_addrlen;
        }
    go_on(dial);
}

static int resolve(struct lookup *l, int flags)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    int problem = getaddrinfo(l->host, l->port, &want, &l->found);

    l->sys = problem == EAI_SYSTEM ? errno : 0;
    return problem;
}

static void look_up(struct pf_job *job)
{
    struct lookup *l = (struct lookup *)((char *)job - offsetof(struct lookup, job));

    l->problem = resolve(l, AI_ADDRCONFIG);
}

static void forget(struct lookup *l)
{
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

static void answered(struct lookup *l)
{
    struct pf_dial *dial = l->dial;
    int problem = l->problem, sys = l->sys;
    struct addrinfo *found = l->found;

    l->found = NULL;
    if (dial)
        dial->lookup = NULL;
    free(l);
    if (dial && problem)
        end_unknown(dial, problem, sys);
    else if (dial)
        take(dial, found);
    if (found)
        freeaddrinfo(found);
}

static void looked_up(struct pf_job *job)
{
    answered((struct lookup *)((char *)job - offsetof(struct lookup, job)));
}

static void begin_path(struct pf_dial *dial)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&dial->addresses[0];

    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, dial->host, strlen(dial->host) + 1);
    dial->lengths[0] = sizeof *to;
    dial->count = 1;
    dial->looked_up = pf_loop_now(dial->loop);
    go_on(dial);
}

static void begin_busy(struct pf_dial *dial)
{
    struct pf_err err = {0};

    pf_fail(&err, PF_BUSY, 0, "dial", "too many look-ups at once: %.200s is not looked up", dial->host);
    end(dial, -1, &err);
}

static void begin(struct pf_dial *dial)
{
    struct lookup *l = dial->lookup;

    dial->begun = true;
    if (dial->host[0] == '/') {
        begin_path(dial);
        return;
    }
    l->problem = resolve(l, AI_NUMERICHOST);
    if (l->problem != EAI_NONAME) {
        answered(l);
        return;
    }
    l->job = (struct pf_job){.work = look_up, .done = looked_up};
    pf_timer_set(dial->timer, dial->until);
    if (!dial->pool || !pf_pool_submit(dial->pool, &l->job)) {
        dial->lookup = NULL;
        forget(l);
        begin_busy(dial);
    }
}

static void fired(struct pf_timer *timer, void *self)
{
    struct pf_dial *dial = self;

    (void)timer;
    if (!dial->begun)
        begin(dial);
    else if (pf_loop_now(dial->loop) < dial->until)
        go_on(dial);
    else if (dial->lookup)
        end_unknown(dial, EAI_AGAIN, 0);
    else
        end_badly(dial, ETIMEDOUT);
}

static struct lookup *lookup_new(struct pf_dial *dial)
{
    struct lookup *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->dial = dial;
    memcpy(l->host, dial->host, sizeof l->host);
    snprintf(l->port, sizeof l->port, "%u", dial->set.port & 0xFFFF);
    return l;
}

static enum pf_code judge(const struct pf_dial_settings *set, struct pf_err *err)
{
    size_t len = strlen(set->host);

    if (len == 0)
        return pf_fail(err, PF_CONFIG, 0, "dial", "no host was named");
    if (set->host[0] == '/' && len >= sizeof((struct sockaddr_un *)0)->sun_path)
        return pf_fail(err, PF_CONFIG, 0, "dial", "the path of a socket has at most 107 octets: %.200s",
                       set->host);
    if (len >= HOST_CAP)
        return pf_fail(err, PF_CONFIG, 0, "dial", "a host name has at most 253 octets: %.200s ...",
                       set->host);
    if (set->host[0] != '/' && (set->port == 0 || set->port > 65535))
        return pf_fail(err, PF_CONFIG, 0, "dial", "%u is no port", set->port);
    return PF_OK;
}

struct pf_dial *pf_dial_new(struct pf_loop *loop, struct pf_pool *pool,
                            const struct pf_dial_settings *set, struct pf_err *err)
{
    struct pf_dial *dial;

    if (judge(set, err) != PF_OK)
        return NULL;
    dial = calloc(1, sizeof *dial);
    if (dial) {
        dial->loop = loop;
        dial->pool = pool;
        dial->set = *set;
        memcpy(dial->host, set->host, strlen(set->host) + 1);
        dial->timer = pf_timer_new(loop, fired, dial);
        dial->lookup = lookup_new(dial);
    }
    if (!dial || !dial->timer || !dial->lookup) {
        pf_dial_free(dial);
        pf_fail(err, PF_NO_MEMORY, 0, "dial", "no memory to call %.200s", set->host);
        return NULL;
    }
    dial->until = pf_loop_now_fresh(loop) + set->time;
    pf_timer_set(dial->timer, pf_loop_now(loop));
    return dial;
}

pf_time pf_dial_looked_up(const struct pf_dial *dial)
{
    return dial->looked_up;
}

void pf_dial_free(struct pf_dial *dial)
{
    if (!dial)
        return;
    drop_all(dial);
    pf_timer_free(dial->timer);
    if (dial->lookup && dial->lookup->job.busy)
        dial->lookup->dial = NULL; /* its thread goes on */
    else if (dial->lookup)
        forget(dial->lookup);
    free(dial);
}
