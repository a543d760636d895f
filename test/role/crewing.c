#include "role/crewing.h"

#include "role/hire.h"
#include "role/sheet.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 60 * 1000 /* ms until what is waited for is a failure */ };

pf_time clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fired(struct pf_timer *timer, void *self)
{
    (void)timer;
    (void)self;
}

/* Nothing that is waited for here may fail to come. */
static void until(struct crewing *c, const bool *what)
{
    pf_time end = clock_now() + PATIENCE;
    struct pf_timer *timer = pf_timer_new(c->loop, fired, NULL);

    MUST(timer);
    pf_timer_set(timer, pf_loop_now_fresh(c->loop) + PATIENCE); /* so that no turn waits longer */
    while (!*what && clock_now() < end)
        pf_loop_turn(c->loop, true);
    pf_timer_free(timer);
    MUST(*what);
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct crewed *child = self;
    struct pf_crew crew;

    MUST(pf_crew_read(frame, &crew));
    if (crew.kind == PF_CREW_FAILED)
        printf("# %s: %s\n", pf_crew_role_name(child->role), crew.text);
    MUST(crew.kind != PF_CREW_FAILED);
    child->ready = child->ready || crew.kind == PF_CREW_READY;
}

static void gone(void *self, const struct pf_err *err)
{
    struct crewed *child = self;

    (void)err;
    child->gone = true;
}

static void say(struct crewed *child, const struct pf_crew *crew, int fd)
{
    unsigned char room[PF_CREW_PAYLOAD_MAX];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_ipc_frame frame = {.kind = (uint16_t)crew->kind, .fd_count = fd >= 0, .fds = {fd}};

    MUST(pf_crew_write(&span, crew));
    frame.payload = pf_span_bytes(&span);
    MUST(pf_ipc_notice(child->ipc, &frame) == PF_OK);
}

static void start(struct crewing *c, struct crewed *child, const char *program, enum pf_crew_role role)
{
    static const struct pf_ipc_calls calls = {.notice = notice, .gone = gone};
    struct pf_crew crew = {.kind = PF_CREW_START};
    int ends[2], sheet = pf_sheet_write(c->conf, NULL);
    char number[16], name[] = "postfach-role";
    char *const words[] = {name, number, NULL};

    *child = (struct crewed){.role = role, .number = ++c->numbers};
    snprintf(number, sizeof number, "%u", (unsigned)child->number);
    memcpy(crew.secret, c->key, sizeof crew.secret);
    MUST(sheet >= 0 && pf_ipc_pair(ends, NULL) == PF_OK);
    MUST(pf_hire_start(program, words, ends[1], &child->pid, NULL) == PF_OK);
    close(ends[1]);
    child->ipc = pf_ipc_new(c->loop, ends[0],
                            &(struct pf_ipc_settings){.calls = &calls, .self = child, .any_uid = true}, NULL);
    MUST(child->ipc);
    say(child, &crew, sheet);
    close(sheet);
    until(c, &child->ready);
}

static void mistake(void *self, const struct pf_conf_mistake *m)
{
    (void)self;
    printf("# %s:%u: %s\n", m->file, m->line, m->text);
}

void crewing_start(struct crewing *c, const char *conf_file, const char *auth, const char *store)
{
    *c = (struct crewing){.loop = pf_loop_new(NULL), .conf = pf_conf_read(conf_file, mistake, NULL)};
    MUST(c->loop && c->conf && pf_seal_key(c->key, NULL) == PF_OK);
    start(c, &c->store, store, PF_CREW_STORE);
    start(c, &c->auth, auth, PF_CREW_AUTH);
    say(&c->auth, &(struct pf_crew){.kind = PF_CREW_OF_STORE, .number = c->store.number}, -1);
}

static void end(struct crewing *c, struct crewed *child)
{
    int status = -1;

    say(child, &(struct pf_crew){.kind = PF_CREW_DRAIN}, -1);
    until(c, &child->gone);
    MUST(waitpid(child->pid, &status, 0) == child->pid);
    if (status)
        printf("# %s ended with status %d\n", pf_crew_role_name(child->role), status);
    MUST(status == 0);
    pf_ipc_close(child->ipc);
}

void crewing_end(struct crewing *c)
{
    end(c, &c->auth);
    end(c, &c->store);
    while (pf_loop_turn(c->loop, true)) /* handles that close take a turn */
        ;
    pf_loop_free(c->loop);
    pf_conf_free(c->conf);
}

static int join(struct crewed *child, uint32_t number)
{
    int ends[2];

    MUST(pf_ipc_pair(ends, NULL) == PF_OK);
    say(child, &(struct pf_crew){.kind = PF_CREW_PEER, .role = PF_CREW_GATE, .number = number}, ends[0]);
    close(ends[0]);
    return ends[1];
}

uint32_t crewing_join(struct crewing *c, int *out_auth, int *out_store)
{
    uint32_t number = ++c->numbers;

    *out_auth = join(&c->auth, number);
    *out_store = join(&c->store, number);
    return number;
}

void gate_open(struct crewing *c, struct gate *g)
{
    static const struct pf_store_remote_calls calls = {.wanted = NULL};
    pf_time end = clock_now() + PATIENCE;

    *g = (struct gate){.purse = pf_purse_new()};
    g->number = crewing_join(c, &g->auth_fd, &g->store_fd);
    g->remote = pf_auth_remote_new(c->loop, g->purse, NULL);
    g->store = pf_store_remote_new(c->loop, g->purse, &calls, NULL);
    MUST(g->purse && g->remote && g->store);
    MUST(pf_auth_remote_join(g->remote, g->auth_fd, NULL) == PF_OK);
    MUST(pf_store_remote_join(g->store, c->store.number, g->store_fd, NULL) == PF_OK);
    while (!pf_auth_remote_ready(g->remote) && clock_now() < end)
        pf_loop_turn(c->loop, true);
    MUST(pf_auth_remote_ready(g->remote));
}

void gate_close(struct crewing *c, struct gate *g)
{
    pf_auth_remote_free(g->remote);
    pf_store_free(g->store);
    pf_purse_free(g->purse);
    for (int i = 0; i < 8; i++)
        pf_loop_turn(c->loop, false);
}

struct login {
    struct pf_auth_check check;
    bool done;
};

static void checked(struct pf_auth_check *check)
{
    ((struct login *)(void *)check)->done = true;
}

uint64_t gate_login(struct crewing *c, struct gate *g, const char *user, const char *secret)
{
    struct login login = {.check = {.done = checked, .way = PF_AUTH_BY_PASSWORD, .name = pf_bytes_of(user),
                                    .secret = pf_bytes_of(secret), .peer = "192.0.2.1", .tls = true,
                                    .link = {.peer = "192.0.2.1", .tls = true}}};

    pf_auth_check(pf_auth_remote_auth(g->remote), &login.check);
    until(c, &login.done);
    if (login.check.err.code == PF_OK)
        MUST(login.check.user.pass && strcmp(login.check.user.name, user) == 0);
    return login.check.err.code == PF_OK ? login.check.user.pass : 0;
}

static bool op_done; /* one at a time here */

static void done(struct pf_store_op *op)
{
    (void)op;
    op_done = true;
}

static enum pf_code wait_for(struct crewing *c, const struct pf_store_op *op)
{
    until(c, &op_done);
    op_done = false;
    return op->err.code;
}

bool gate_read(struct crewing *c, struct gate *g, uint64_t pass)
{
    unsigned char text[4096];
    struct pf_box_open open = {.op.done = done,
                               .where = {.user = "anna", .path = "/", .expire_days = -1, .pass = pass}};
    struct pf_box_read read = {.op.done = done, .at = text, .cap = sizeof text};
    struct pf_box_close close_it = {.op.done = done};

    pf_box_open(g->store, &open);
    if (wait_for(c, &open.op) != PF_OK)
        return false;
    MUST(open.listing.count > 0);
    do {
        pf_box_read(open.box, &read);
        MUST(wait_for(c, &read.op) == PF_OK);
        read.offset += read.got;
    } while (!read.last);
    MUST(read.offset > 0);
    pf_box_close(open.box, &close_it);
    return wait_for(c, &close_it.op) == PF_OK;
}

struct asked {
    struct pf_lookup_ask ask;
    bool done;
};

static void found(struct pf_lookup_ask *ask)
{
    ((struct asked *)(void *)ask)->done = true;
}

bool gate_deliver(struct crewing *c, struct gate *g, const char *address)
{
    struct asked asked = {.ask = {.done = found, .address = pf_bytes_of(address)}};
    struct pf_parcel_begin begin = {.op.done = done, .where = {.user = "anna", .path = "/", .expire_days = -1}};
    struct pf_parcel_write write = {.op.done = done, .bytes = PF_LIT("Subject: x\r\n\r\nbody\r\n")};
    struct pf_parcel_seal seal = {.op.done = done};

    MUST(pf_lookup_ask(pf_auth_remote_lookup(g->remote), &asked.ask) == PF_OK);
    until(c, &asked.done);
    if (asked.ask.err.code != PF_OK)
        return false;
    begin.where.pass = asked.ask.users[0].pass;
    free(asked.ask.users);
    pf_parcel_begin(g->store, &begin);
    MUST(wait_for(c, &begin.op) == PF_OK);
    pf_parcel_write(begin.parcel, &write);
    MUST(wait_for(c, &write.op) == PF_OK);
    pf_parcel_seal(begin.parcel, &seal);
    return wait_for(c, &seal.op) == PF_OK;
}
