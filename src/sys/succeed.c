#include "sys/succeed.h"

#include "sys/handed.h"
#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_VARIABLE "POSTFACH_READY_FD"

enum { MORE = 3 /* variables for the successor */ };

struct pf_successor {
    struct pf_job job;
    struct pf_successor_asker asker;
    pid_t pid;
    int word;    /* the reading end of its pipe */
    int give_up; /* readable: it is not wanted any more */
    pf_time patience;
    bool serves;
};

/* Its descriptors stand in a row behind all of ours, so that no copy falls on one that is still to be copied. */
static int row_begin(const int *sockets, size_t count, int pipe_end)
{
    int most = pipe_end;

    for (size_t i = 0; i < count; i++)
        most = sockets[i] > most ? sockets[i] : most;
    return most + 1;
}

/* Copies lose close-on-exec, and nothing else does. */
static bool add_copies(posix_spawn_file_actions_t *actions, const int *sockets, size_t count, int pipe_end)
{
    int first = row_begin(sockets, count, pipe_end);
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good = good && posix_spawn_file_actions_adddup2(actions, sockets[i], first + (int)i) == 0;
    return good && posix_spawn_file_actions_adddup2(actions, pipe_end, first + (int)count) == 0;
}

static size_t environment_size(void)
{
    size_t count = 0;

    while (environ[count])
        count++;
    return count;
}

/* Ours and some more; the texts are the caller's. */
static char **environment_with(char *const more[MORE])
{
    size_t count = environment_size();
    char **with = calloc(count + MORE + 1, sizeof *with);

    if (!with)
        return NULL;
    memcpy(with, environ, count * sizeof *with);
    memcpy(with + count, more, MORE * sizeof *with);
    return with;
}

/* "NAME=line\nline…", from malloc. */
static char *places_variable(const struct pf_successor_order *order)
{
    size_t size = sizeof PF_HANDED_PLACES "=", len;
    char *text;

    for (size_t i = 0; i < order->count; i++)
        size += strlen(order->places[i]) + 1;
    text = malloc(size);
    if (!text)
        return NULL;
    len = (size_t)snprintf(text, size, PF_HANDED_PLACES "=");
    for (size_t i = 0; i < order->count; i++)
        len += (size_t)snprintf(text + len, size - len, "%s\n", order->places[i]);
    return text;
}

static int spawn_with(struct pf_successor *s, const struct pf_successor_order *order, int pipe_end,
                      char *const more[MORE])
{
    posix_spawn_file_actions_t actions;
    char **environment = environment_with(more);
    struct pf_launch how = {
        .program = order->program, .actions = &actions, .argv = order->argv, .environment = environment};
    int sys = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;

    if (sys == 0) {
        sys = add_copies(&actions, order->sockets, order->count, pipe_end) ? pf_launch(&how, &s->pid) : ENOMEM;
        posix_spawn_file_actions_destroy(&actions);
    }
    free(environment);
    return sys;
}

static int start(struct pf_successor *s, const struct pf_successor_order *order)
{
    char row[64], ready[64], *places;
    int ends[2], first, sys;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    s->word = ends[0];
    first = row_begin(order->sockets, order->count, ends[1]);
    snprintf(row, sizeof row, PF_HANDED_VARIABLE "=%d:%zu", first, order->count);
    snprintf(ready, sizeof ready, READY_VARIABLE "=%d", first + (int)order->count);
    places = places_variable(order);
    sys = places ? spawn_with(s, order, ends[1], (char *[MORE]){row, ready, places}) : ENOMEM;
    free(places);
    close(ends[1]);
    return sys;
}

static pf_time now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether its word, or its end, came before anybody lost patience. */
static bool word_came(struct pf_successor *s)
{
    struct pollfd ends[] = {{.fd = s->word, .events = POLLIN}, {.fd = s->give_up, .events = POLLIN}};
    pf_time until = now() + s->patience, left;

    while ((left = until - now()) > 0) {
        int got = poll(ends, 2, (int)left);

        if (got > 0)
            return ends[0].revents != 0;
        if (got < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* One octet: it serves. The end without one: it is gone, and is buried; who says nothing is helped. */
static void wait_for_word(struct pf_job *job)
{
    struct pf_successor *s = (struct pf_successor *)job;
    char octet;

    if (word_came(s))
        s->serves = read(s->word, &octet, 1) == 1;
    else
        kill(s->pid, SIGKILL);
    if (!s->serves)
        waitpid(s->pid, NULL, 0);
}

void pf_successor_give_up(struct pf_successor *s)
{
    if (s && eventfd_write(s->give_up, 1) != 0)
        kill(s->pid, SIGKILL); /* not buried before `told`, so it is nobody else's number */
}

static void heard(struct pf_job *job)
{
    struct pf_successor *s = (struct pf_successor *)job;
    struct pf_successor_asker asker = s->asker;
    long pid = s->serves ? (long)s->pid : 0;

    close(s->word);
    close(s->give_up);
    free(s);
    asker.told(asker.self, pid);
}

struct pf_successor *pf_successor_start(struct pf_pool *pool, const struct pf_successor_order *order,
                                        const struct pf_successor_asker *asker, struct pf_err *err)
{
    struct pf_successor *s = calloc(1, sizeof *s);
    int sys;

    if (!s) {
        pf_fail(err, PF_NO_MEMORY, 0, "successor", "no memory");
        return NULL;
    }
    *s = (struct pf_successor){.job = {.work = wait_for_word, .done = heard}, .asker = *asker, .word = -1,
                               .patience = order->patience ? order->patience : PF_SUCCESSOR_PATIENCE};
    s->give_up = eventfd(0, EFD_CLOEXEC);
    sys = s->give_up < 0 ? errno : start(s, order);
    if (sys == 0 && pf_pool_submit(pool, &s->job))
        return s;
    if (sys == 0) { /* nobody would hear it */
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    if (s->word >= 0)
        close(s->word);
    if (s->give_up >= 0)
        close(s->give_up);
    free(s);
    pf_fail(err, PF_TEMP, sys, "successor", "%s cannot be started: %s", order->program,
            sys ? strerror(sys) : "too busy");
    return NULL;
}

void pf_successor_ready(void)
{
    const char *text = getenv(READY_VARIABLE);
    int fd = -1;
    char end;

    if (!text || sscanf(text, "%d%c", &fd, &end) != 1 || fd <= STDERR_FILENO)
        return;
    unsetenv(READY_VARIABLE);
    if (write(fd, "R", 1) != 1) /* it is gone: then we are all there is */
        errno = 0;
    close(fd);
}

bool pf_successor_program(char *out_path, size_t cap)
{
    static const char gone[] = " (deleted)"; /* another was put in its place already */
    ssize_t len = readlink("/proc/self/exe", out_path, cap);

    if (len <= 0 || (size_t)len >= cap)
        return false;
    out_path[len] = 0;
    if ((size_t)len > sizeof gone && strcmp(out_path + len - (sizeof gone - 1), gone) == 0)
        out_path[len - (ssize_t)(sizeof gone - 1)] = 0;
    return true;
}
