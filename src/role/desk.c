/* The desk: the process that the administrator talks to.
 *
 * It has the control socket and the port for figures, and asks all others what they have (session/desk_remote.h). It
 * goes on over a reload, with what was counted; only its doors change. */
#include "role/child.h"
#include "session/ctl.h"
#include "session/desk_remote.h"
#include "sys/listen.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DOORS_MOST = 64,              /* listeners that settings can have */
    TOLD_MOST = 64 * 1024,        /* octets of mistakes of one reload */
    LINGER = 500                  /* ms: for an answer that is on its way when the end comes */
};

struct door {
    struct desk *desk;
    struct pf_listen *listen;
    enum pf_ctl_door kind;
    int fd; /* until GO */
};

struct desk {
    struct pf_child child;
    struct pf_stats *stats;
    struct pf_ctl_source *source;
    struct pf_ctl *ctl;
    struct pf_timer *timer; /* of the end */
    struct door doors[DOORS_MOST];
    size_t count;
    unsigned char *told; /* by the keeper of the reload under way: lines */
    size_t told_len;
};

static struct desk *desk_of(struct pf_child *child)
{
    return (struct desk *)(void *)child;
}

static const char *user(const struct pf_child *c)
{
    return c->conf->run_as;
}

static enum pf_code jail(struct pf_child *c, struct pf_jail_needs *needs, struct pf_err *err)
{
    (void)c;
    (void)err;
    needs->name = "desk";
    return PF_OK;
}

static void arrive(void *self, int fd)
{
    struct door *door = self;

    pf_ctl_caller(door->desk->ctl, fd, door->kind);
}

static void close_doors(struct desk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        pf_listen_free(d->doors[i].listen);
        if (d->doors[i].fd >= 0)
            close(d->doors[i].fd);
    }
    d->count = 0;
}

static void open_doors(struct desk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct door *door = &d->doors[i];
        struct pf_err err;

        if (door->listen)
            continue;
        door->listen = pf_listen_adopt(d->child.loop, door->fd, arrive, door, &err);
        door->fd = -1;
        if (!door->listen)
            pf_child_trouble(&d->child, "desk", &err);
    }
}

static void reload(void *self)
{
    struct desk *d = self;

    d->told_len = 0;
    pf_child_say(&d->child, &(struct pf_crew){.kind = PF_CREW_RELOAD});
}

static void gone(void *self, const char *who, const struct pf_err *why, bool expected)
{
    struct desk *d = self;

    if (!expected)
        pf_child_trouble(&d->child, who, why);
}

static void linger_over(struct pf_timer *timer, void *self)
{
    struct desk *d = self;

    (void)timer;
    pf_child_end(&d->child);
}

static enum pf_code build(struct pf_child *c, struct pf_err *err)
{
    struct desk *d = desk_of(c);
    struct pf_desk_remote_parts parts = {.loop = c->loop, .reload = reload, .gone = gone, .self = d};
    struct pf_ctl_parts ctl = {.loop = c->loop, .log = c->log};

    pf_fail(err, PF_NO_MEMORY, 0, "desk", "no memory");
    d->told = malloc(TOLD_MOST);
    d->timer = d->told ? pf_timer_new(c->loop, linger_over, d) : NULL;
    if (!d->timer || !(parts.stats = d->stats = pf_stats_new(err)))
        return err->code;
    pf_stats_gauge(d->stats, PF_STAT_start_time_seconds, (uint64_t)time(NULL));
    d->source = ctl.source = pf_desk_remote_new(&parts, err);
    d->ctl = d->source ? pf_ctl_new(&ctl, err) : NULL;
    return d->ctl ? PF_OK : err->code;
}

static bool meet(struct desk *d, const struct pf_crew *crew, int fd)
{
    struct pf_err err;

    if (crew->role == PF_CREW_DESK)
        return false;
    if (pf_desk_remote_join(d->source, pf_crew_role_name(crew->role)[0], crew->number, fd, &err) != PF_OK)
        pf_child_trouble(&d->child, "desk", &err);
    return true;
}

static bool add_door(struct desk *d, const struct pf_crew *crew, int fd)
{
    if (crew->number > PF_CTL_DOOR_METRICS || d->count == DOORS_MOST)
        return false;
    d->doors[d->count++] = (struct door){.desk = d, .kind = (enum pf_ctl_door)crew->number, .fd = fd};
    return true;
}

static void hear(struct desk *d, const char *line)
{
    size_t len = strlen(line);

    if (len + 1 > TOLD_MOST - d->told_len)
        return;
    memcpy(d->told + d->told_len, line, len);
    d->told[d->told_len + len] = '\n';
    d->told_len += len + 1;
}

static bool told(struct pf_child *c, const struct pf_crew *crew, int fd)
{
    struct desk *d = desk_of(c);

    if (crew->kind == PF_CREW_PEER)
        return meet(d, crew, fd);
    if (crew->kind == PF_CREW_LISTEN)
        return add_door(d, crew, fd);
    if (crew->kind == PF_CREW_GO)
        open_doors(d);
    else if (crew->kind == PF_CREW_CLOSE)
        close_doors(d);
    else if (crew->kind == PF_CREW_TOLD)
        hear(d, crew->text);
    else if (crew->kind == PF_CREW_RELOADED) {
        pf_desk_remote_reloaded(d->source, crew->number == 1, pf_bytes_from(d->told, d->told_len));
        d->told_len = 0;
    } else if (crew->kind == PF_CREW_DRAIN) {
        close_doors(d);
        pf_timer_set(d->timer, pf_loop_now(c->loop) + LINGER);
    } else
        return false;
    return true;
}

static void orphaned(struct pf_child *c)
{
    pf_child_end(c);
}

static void take_down(struct pf_child *c)
{
    struct desk *d = desk_of(c);

    close_doors(d);
    pf_ctl_free(d->ctl);
    pf_ctl_source_free(d->source);
    pf_stats_free(d->stats);
    pf_timer_free(d->timer);
    free(d->told);
}

int main(int argc, char **argv)
{
    static const struct pf_child_part part = {.role = PF_CREW_DESK,
                                              .sandbox = PF_SANDBOX_GATE,
                                              .size = sizeof(struct desk),
                                              .user = user,
                                              .jail = jail,
                                              .build = build,
                                              .told = told,
                                              .orphaned = orphaned,
                                              .take_down = take_down};

    return pf_child_run(&part, argc, argv);
}
