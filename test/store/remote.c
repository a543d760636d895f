#include "store/remote.h"

#include "store/wrap.h"
#include "unit/cm.h"

#include "base/kind.h"
#include "sys/ipc.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct front {
    struct pf_wrap wrap;
    struct pf_store_kind kind;
    struct remote_office *office;
};

static int64_t asked_now; /* what the store process takes for the time */

time_t __wrap_time(time_t *out);

time_t __wrap_time(time_t *out)
{
    if (out)
        *out = (time_t)asked_now;
    return (time_t)asked_now;
}

void remote_settle(struct pf_loop *loop)
{
    for (int i = 0; i < 12; i++)
        pf_loop_turn(loop, false);
}

static void copy(char *to, size_t room, struct pf_bytes from)
{
    assert_true(from.len < room);
    memcpy(to, from.at, from.len);
    to[from.len] = '\0';
}

struct pf_ticket remote_ticket(struct remote_office *office, const struct pf_box_where *where)
{
    struct pf_ticket t = {.rights = office->rights, .expire_days = where->expire_days,
                          .quota_octets = where->quota_octets, .quota_messages = where->quota_messages,
                          .gate = office->gate, .store = office->store, .session = ++office->session,
                          .expires = pf_loop_now_fresh(office->loop) + 30000};
    struct pf_bytes path;

    t.kind = (uint8_t)pf_kind_of(pf_bytes_of(where->path), &path);
    copy(t.user, sizeof t.user, pf_bytes_of(where->user));
    copy(t.path, sizeof t.path, path);
    if (where->recipient)
        copy(t.view, sizeof t.view, pf_bytes_of(where->recipient));
    return t;
}

uint64_t remote_pass(struct remote_office *office, const struct pf_box_where *where)
{
    unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_ticket t = remote_ticket(office, where);

    assert_int_equal(pf_seal_put(office->seal, &t, &span, NULL), PF_OK);
    asked_now = where->now;
    return pf_purse_put(office->purse, t.store, pf_span_bytes(&span), pf_loop_now(office->loop));
}

static bool before(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct remote_office *office = ((struct front *)w)->office;

    if (g->call == PF_WRAP_OPEN)
        g->inner.open.where.pass = remote_pass(office, &g->inner.open.where);
    if (g->call == PF_WRAP_BEGIN)
        g->inner.begin.where.pass = remote_pass(office, &g->inner.begin.where);
    return true;
}

static void after(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    (void)g;
}

static void trouble(void *self, const struct pf_err *err)
{
    struct remote_office *office = self;

    office->troubles++;
    snprintf(office->trouble, sizeof office->trouble, "%s", err->log);
}

static void idle(void *self)
{
    ((struct remote_office *)self)->idles++;
}

static void gone(void *self, uint32_t number, const struct pf_err *err)
{
    struct remote_office *office = self;

    (void)err;
    assert_int_equal(number, office->store);
    office->deaths++;
    if (!office->stays_dead)
        assert_true(remote_connect(office));
}

static void wanted(void *self, struct pf_store_wanted *asked)
{
    struct remote_office *office = self;

    if (office->calls.wanted)
        office->calls.wanted(office->calls.self, asked);
}

bool remote_connect(struct remote_office *office)
{
    int fds[2];

    office->gate++;
    if (pf_ipc_pair(fds, NULL) != PF_OK)
        return false;
    if (pf_store_serve_gate(office->serve, fds[0], office->gate, NULL) != PF_OK) {
        close(fds[1]);
        return false;
    }
    return pf_store_remote_join(office->remote, office->store, fds[1], NULL) == PF_OK;
}

static bool make_parts(struct remote_office *office)
{
    static const unsigned char key[PF_SEAL_KEY] = {7};
    const struct pf_store_serve_parts parts = {.loop = office->loop, .store = office->real, .number = office->store,
                                               .trouble = trouble, .idle = idle, .self = office};
    struct pf_store_serve_parts sealed = parts;
    const struct pf_store_remote_calls calls = {.wanted = wanted, .gone = gone, .self = office};

    office->seal = pf_seal_new(key, 4096, NULL);
    office->purse = pf_purse_new();
    sealed.seal = office->seal;
    office->serve = office->seal ? pf_store_serve_new(&sealed, NULL) : NULL;
    office->remote = office->purse ? pf_store_remote_new(office->loop, office->purse, &calls, NULL) : NULL;
    return office->serve && office->remote && remote_connect(office);
}

struct remote_office *remote_office_new(struct pf_loop *loop, struct pf_store *real)
{
    struct remote_office *office = calloc(1, sizeof *office);

    if (!office) {
        pf_store_free(real);
        return NULL;
    }
    office->loop = loop;
    office->real = real;
    office->store = REMOTE_STORE;
    office->gate = 10;
    office->rights = REMOTE_RIGHTS;
    if (make_parts(office))
        return office;
    remote_office_free(office);
    return NULL;
}

static void ended(void *self)
{
    ((struct remote_office *)self)->ended = true;
}

void remote_office_free(struct remote_office *office)
{
    office->stays_dead = true;
    pf_store_free(office->remote);
    if (office->serve) {
        pf_store_serve_end(office->serve, ended, office);
        while (!office->ended)
            pf_loop_turn(office->loop, true);
    }
    remote_settle(office->loop);
    pf_seal_free(office->seal);
    pf_purse_free(office->purse);
    pf_store_free(office->real);
    free(office);
}

static void front_free(struct pf_store *store)
{
    struct front *front = (struct front *)store;

    remote_office_free(front->office);
    free(front);
}

bool remote_make(struct world *w, struct pf_store *real)
{
    struct front *front = calloc(1, sizeof *front);
    struct remote_office *office = real ? remote_office_new(w->drive.loop, real) : NULL;

    if (!front || !office)
        return false;
    pf_wrap_init(&front->wrap, office->remote);
    front->office = office;
    front->wrap.before = before;
    front->wrap.after = after;
    front->kind = *front->wrap.base.kind;
    front->kind.name = "front";
    front->kind.free = front_free;
    front->wrap.base.kind = &front->kind;
    office->front = &front->wrap.base;
    w->drive.store = office->front;
    w->own = office;
    return true;
}

struct remote_office *remote_office(const struct world *w)
{
    return w->own;
}
