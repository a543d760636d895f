/* The store: touches mail, and knows no password and no network.
 *
 * It honours tickets that auth made (store/store_serve.h). One serves all maildrops, or it serves those of one owner as
 * that owner, and then ends by itself when nobody has needed it for a while. */
#include "base/text.h"
#include "role/child.h"
#include "role/figures.h"
#include "role/setup.h"
#include "store/counted.h"
#include "store/store_serve.h"
#include "sys/proc.h"

enum {
    LOOK_EVERY = 250,       /* ms: whether the last box was closed, at the end */
    IDLE_AFTER = 60 * 1000, /* ms: clients that poll come by every few minutes, those with many messages stay */
    DESCRIPTORS_PER_GUEST = 5, /* a lock, two folders, an open message, one more */
    SPARE_DESCRIPTORS = 512
};

struct stored {
    struct pf_child child;
    struct pf_pool *disk;
    struct pf_store *store;
    struct pf_seal *seal;
    struct pf_store_serve *serve;
    struct pf_timer *timer;
    struct pf_figures figures;
    pf_time quiet; /* since when no box was open; 0: one is */
    bool leaving, ended;
};

static struct stored *store_of(struct pf_child *child)
{
    return (struct stored *)(void *)child;
}

static const char *user(const struct pf_child *c)
{
    return c->owner ? c->owner : c->conf->run_as;
}

static enum pf_code take(struct pf_child *c, struct pf_err *err)
{
    (void)err;
    pf_proc_descriptors((size_t)c->conf->connections * DESCRIPTORS_PER_GUEST + SPARE_DESCRIPTORS);
    return PF_OK;
}

static void trouble(void *self, const struct pf_err *err)
{
    struct stored *s = self;

    pf_child_trouble(&s->child, "store", err);
}

static void ended(void *self)
{
    struct stored *s = self;

    s->serve = NULL;
    pf_figures_end(&s->figures);
    pf_child_end(&s->child);
}

/* The gates have gone; what they had under way ends first. */
static void leave(struct stored *s)
{
    pf_timer_clear(s->timer);
    s->ended = true;
    pf_store_serve_end(s->serve, ended, s);
}

static void look_whether_idle(struct stored *s, pf_time now)
{
    if (pf_store_serve_open(s->serve))
        s->quiet = 0;
    else if (!s->quiet)
        s->quiet = now;
    else if (now - s->quiet >= IDLE_AFTER) {
        s->quiet = now; /* and again, if the keeper does not end it */
        pf_child_say(&s->child, &(struct pf_crew){.kind = PF_CREW_IDLE});
    }
}

static void look(struct pf_timer *timer, void *self)
{
    struct stored *s = self;
    pf_time now = pf_loop_now(s->child.loop);
    bool orphan = !s->child.keeper;

    if (s->leaving && pf_store_serve_open(s->serve) == 0 && (!orphan || pf_store_serve_gates(s->serve) == 0)) {
        leave(s);
        return;
    }
    if (s->child.owner)
        look_whether_idle(s, now);
    pf_timer_set(timer, now + LOOK_EVERY);
}

static void look_at_queue(void *self, struct pf_stats *stats)
{
    struct stored *s = self;

    pf_stats_gauge(stats, PF_STAT_disk_queue, pf_pool_waiting(s->disk));
}

static enum pf_code build(struct pf_child *c, struct pf_err *err)
{
    struct stored *s = store_of(c);
    struct pf_store_serve_parts parts = {.loop = c->loop, .number = c->number, .trouble = trouble, .self = s};

    if (pf_figures_init(&s->figures, c, err) != PF_OK)
        return err->code;
    s->disk = pf_pool_new(c->loop, "pf-disk", c->conf->disk_threads, c->conf->disk_queue, err);
    s->store = s->disk ? pf_setup_store(c->conf, c->loop, s->disk, c->log, err) : NULL;
    s->store = pf_counted_new(s->store, s->figures.parts.stats, err);
    s->seal = s->store ? pf_seal_new(c->secret, PF_SEAL_WINDOW, err) : NULL;
    pf_wipe(c->secret, sizeof c->secret);
    parts.store = s->store;
    parts.seal = s->seal;
    s->serve = s->seal ? pf_store_serve_new(&parts, err) : NULL;
    s->timer = s->serve ? pf_timer_new(c->loop, look, s) : NULL;
    if (!s->timer)
        return s->serve ? pf_fail(err, PF_NO_MEMORY, 0, "store", "no memory") : err->code;
    if (c->owner)
        pf_timer_set(s->timer, pf_loop_now(c->loop) + LOOK_EVERY);
    s->figures.parts.look = look_at_queue;
    s->figures.parts.self = s;
    return PF_OK;
}

static void begin_to_leave(struct stored *s)
{
    s->leaving = true;
    if (!s->ended)
        pf_timer_set(s->timer, pf_loop_now(s->child.loop));
}

static bool told(struct pf_child *c, const struct pf_crew *crew, int fd)
{
    struct stored *s = store_of(c);
    struct pf_err err;

    if (crew->kind == PF_CREW_PEER && crew->role == PF_CREW_GATE && s->serve && !s->ended) {
        if (pf_store_serve_gate(s->serve, fd, crew->number, &err) != PF_OK)
            trouble(s, &err);
        return true;
    }
    if (crew->kind == PF_CREW_PEER && crew->role == PF_CREW_DESK) {
        pf_figures_desk(&s->figures, c, fd);
        return true;
    }
    if (crew->kind != PF_CREW_DRAIN)
        return false;
    begin_to_leave(s);
    return true;
}

static void orphaned(struct pf_child *c)
{
    begin_to_leave(store_of(c));
}

static void take_down(struct pf_child *c)
{
    struct stored *s = store_of(c);

    if (s->serve) { /* the start failed behind it: nobody was served */
        s->ended = true;
        pf_store_serve_end(s->serve, ended, s);
        while (s->serve)
            pf_loop_turn(c->loop, true);
    }
    pf_timer_free(s->timer);
    pf_store_free(s->store);
    pf_figures_free(&s->figures);
    if (s->disk)
        pf_pool_free(s->disk);
    pf_seal_free(s->seal);
}

int main(int argc, char **argv)
{
    static const struct pf_child_part part = {.role = PF_CREW_STORE,
                                              .sandbox = PF_SANDBOX_STORE,
                                              .size = sizeof(struct stored),
                                              .user = user,
                                              .take = take,
                                              .build = build,
                                              .told = told,
                                              .orphaned = orphaned,
                                              .take_down = take_down};

    return pf_child_run(&part, argc, argv);
}
