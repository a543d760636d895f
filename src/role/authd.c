/* auth: knows passwords and users, and never meets a client.
 *
 * Gates ask it who somebody is, and get a verdict; with a good one a ticket, for one store and for a short time
 * (auth/auth_serve.h). It says which store that is: the one that all maildrops are served by, or the one of their
 * owner, which the keeper starts when it is wanted. */
#include "auth/auth_pam_bench.h"
#include "auth/auth_preload.h"
#include "auth/auth_serve.h"
#include "auth/auth_settings.h"
#include "base/text.h"
#include "role/child.h"
#include "role/figures.h"
#include "role/setup.h"
#include "sys/proc.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SPARE_DESCRIPTORS = 1024, /* files, connections to databases, gates */
    LOOK_EVERY = 1000         /* ms: for files that changed, and for gates when the keeper is gone */
};

/* A question to the keeper. */
struct errand {
    struct pf_ipc_ask ask;
    struct errand *next, **link;
    struct pf_auth_store_ask *wanted;
};

struct authd {
    struct pf_child child;
    struct pf_pool *disk;
    struct pf_seal *seal;
    struct pf_auth *auth;
    struct pf_lookup *lookup; /* or NULL: no mail is taken */
    struct pf_auth_serve *serve;
    struct pf_timer *timer;
    struct pf_figures figures;
    struct errand *errands;
    uint32_t store; /* of all, or 0 */
    bool orphan;
};

static struct authd *auth_of(struct pf_child *child)
{
    return (struct authd *)(void *)child;
}

static const char *user(const struct pf_child *c)
{
    return c->conf->auth_user ? c->conf->auth_user : c->conf->run_as;
}

static enum pf_code take(struct pf_child *c, struct pf_err *err)
{
    pf_proc_descriptors(SPARE_DESCRIPTORS);
    return pf_pam_bench_start(c->conf, err);
}

static enum pf_code before_jail(struct pf_child *c, struct pf_jail_needs *needs, struct pf_err *err)
{
    (void)needs;
    (void)err;
    pf_auth_preload(c->conf);
    return PF_OK;
}

static void trouble(void *self, const struct pf_err *err)
{
    struct authd *a = self;

    pf_child_trouble(&a->child, "auth", err);
}

static void errand_free(struct errand *e)
{
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    free(e);
}

static void answered(struct pf_ipc_ask *ask)
{
    struct errand *e = (struct errand *)(void *)ask;
    struct pf_auth_store_ask *wanted = e->wanted;
    struct pf_crew crew;

    wanted->store = 0;
    if (!ask->why && pf_crew_read(ask->answer, &crew) && crew.kind == PF_CREW_OF_STORE)
        wanted->store = crew.number;
    errand_free(e);
    wanted->done(wanted);
}

static bool ask_keeper(struct authd *a, struct pf_auth_store_ask *wanted)
{
    struct pf_crew crew = {.kind = PF_CREW_STORE_FOR};
    unsigned char payload[PF_CREW_PAYLOAD_MAX];
    struct pf_span span = {payload, 0, sizeof payload};
    struct pf_ipc_frame frame = {.kind = PF_CREW_STORE_FOR};
    struct errand *e = a->child.keeper ? calloc(1, sizeof *e) : NULL;

    snprintf(crew.text, sizeof crew.text, "%s", wanted->user);
    if (!e || strlen(wanted->user) >= sizeof crew.text || !pf_crew_write(&span, &crew)) {
        free(e);
        return false;
    }
    frame.payload = pf_span_bytes(&span);
    e->ask.done = answered;
    e->wanted = wanted;
    if (pf_ipc_ask(a->child.keeper, &e->ask, &frame) != PF_OK) {
        free(e);
        return false;
    }
    e->next = a->errands;
    e->link = &a->errands;
    if (e->next)
        e->next->link = &e->next;
    a->errands = e;
    return true;
}

static void store_of(void *self, struct pf_auth_store_ask *wanted)
{
    struct authd *a = self;

    wanted->store = a->store;
    if (a->child.conf->mail_owner == PF_CONF_OWNER_USER) {
        if (ask_keeper(a, wanted))
            return;
        wanted->store = 0;
    }
    wanted->done(wanted);
}

static void end(struct authd *a)
{
    pf_figures_end(&a->figures);
    pf_child_end(&a->child);
}

static void look_at_queue(void *self, struct pf_stats *stats)
{
    struct authd *a = self;

    pf_stats_gauge(stats, PF_STAT_hash_queue, pf_auth_waiting(a->auth));
}

static void look(struct pf_timer *timer, void *self)
{
    struct authd *a = self;

    pf_auth_serve_look(a->serve);
    if (pf_pam_bench_lost() || (a->orphan && pf_auth_serve_gates(a->serve) == 0)) /* another one has new helpers */
        end(a);
    else
        pf_timer_set(timer, pf_loop_now(a->child.loop) + LOOK_EVERY);
}

static enum pf_code build_auth(struct authd *a, struct pf_err *err)
{
    struct pf_child *c = &a->child;
    struct pf_auth_settings settings;
    struct pf_lookup_settings lookup;
    const struct pf_lookup_settings *wanted = pf_setup_lookup(c->conf, &lookup);

    pf_auth_settings_of(c->conf, &settings);
    a->disk = pf_pool_new(c->loop, "pf-disk", c->conf->disk_threads, c->conf->disk_queue, err);
    if (!a->disk)
        return err->code;
    settings.pool = a->disk;
    if (!(a->auth = pf_auth_new(c->loop, &settings, err)))
        return err->code;
    if (wanted && !(a->lookup = pf_lookup_new(c->loop, wanted, err)))
        return err->code;
    return PF_OK;
}

static enum pf_code build(struct pf_child *c, struct pf_err *err)
{
    struct authd *a = auth_of(c);
    struct pf_auth_serve_parts parts = {.loop = c->loop, .conf = c->conf, .store_of = store_of, .trouble = trouble,
                                        .self = a};
    enum pf_code code = build_auth(a, err);

    if (code == PF_OK)
        code = pf_figures_init(&a->figures, c, err);
    if (code != PF_OK)
        return code;
    a->figures.parts.look = look_at_queue;
    a->figures.parts.self = a;
    a->seal = pf_seal_new(c->secret, 0, err);
    pf_wipe(c->secret, sizeof c->secret);
    parts.auth = a->auth;
    parts.lookup = a->lookup;
    parts.seal = a->seal;
    a->serve = a->seal ? pf_auth_serve_new(&parts, err) : NULL;
    a->timer = a->serve ? pf_timer_new(c->loop, look, a) : NULL;
    if (!a->timer)
        return a->serve ? pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory") : err->code;
    pf_timer_set(a->timer, pf_loop_now(c->loop) + LOOK_EVERY);
    return PF_OK;
}

static bool told(struct pf_child *c, const struct pf_crew *crew, int fd)
{
    struct authd *a = auth_of(c);
    struct pf_err err;

    if (crew->kind == PF_CREW_PEER && crew->role == PF_CREW_GATE) {
        if (pf_auth_serve_gate(a->serve, fd, crew->number, &err) != PF_OK)
            trouble(a, &err);
        return true;
    }
    if (crew->kind == PF_CREW_PEER && crew->role == PF_CREW_DESK) {
        pf_figures_desk(&a->figures, c, fd);
        return true;
    }
    if (crew->kind == PF_CREW_OF_STORE)
        a->store = crew->number;
    else if (crew->kind == PF_CREW_DRAIN) /* there is no gate any more */
        end(a);
    else
        return false;
    return true;
}

static void orphaned(struct pf_child *c)
{
    struct authd *a = auth_of(c);

    a->orphan = true;
    pf_timer_set(a->timer, pf_loop_now(c->loop));
}

static void take_down(struct pf_child *c)
{
    struct authd *a = auth_of(c);

    pf_timer_free(a->timer);
    pf_figures_free(&a->figures);
    pf_auth_serve_free(a->serve);
    while (a->errands) {
        pf_ipc_abandon(&a->errands->ask);
        errand_free(a->errands);
    }
    pf_lookup_free(a->lookup);
    if (a->auth)
        pf_auth_free(a->auth);
    if (a->disk)
        pf_pool_free(a->disk);
    pf_seal_free(a->seal);
}

int main(int argc, char **argv)
{
    static const struct pf_child_part part = {.role = PF_CREW_AUTH,
                                              .sandbox = PF_SANDBOX_AUTH,
                                              .size = sizeof(struct authd),
                                              .user = user,
                                              .take = take,
                                              .jail = before_jail,
                                              .build = build,
                                              .told = told,
                                              .orphaned = orphaned,
                                              .take_down = take_down};

    return pf_child_run(&part, argc, argv);
}
