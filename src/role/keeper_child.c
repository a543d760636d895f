#include "role/hire.h"
#include "role/keeper_parts.h"
#include "sys/explain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    YOUNG = 10 * 1000,          /* ms: who dies before had no time to serve anybody well */
    DELAY = 1000,               /* ms before the second start in a row, doubled by each further one */
    DELAY_MOST = 30 * 1000,     /* a cause that passes is noticed that soon */
    START_WITHIN = 120 * 1000,  /* large files of users, on a machine that swaps */
    GONE_WITHIN = 10 * 1000     /* between the end of a channel and that of its process */
};

static void log_started(struct pf_keeper_child *c)
{
    struct pf_field fields[] = {
        PF_TEXT_FIELD("role", pf_crew_role_name(c->role)),
        PF_NUMBER_FIELD("number", c->number),
        PF_NUMBER_FIELD("pid", (uint64_t)c->pid),
        PF_TEXT_FIELD("user", c->user[0] ? c->user : NULL),
    };

    pf_log_event(c->keeper->log, PF_EVENT_child_started, fields, 4);
}

static void log_ended(struct pf_keeper_child *c, pid_t pid)
{
    bool killed = WIFSIGNALED(c->status);
    struct pf_field fields[] = {
        PF_TEXT_FIELD("role", pf_crew_role_name(c->role)),
        PF_NUMBER_FIELD("number", c->number),
        PF_NUMBER_FIELD("pid", (uint64_t)pid),
        PF_TEXT_FIELD("user", c->user[0] ? c->user : NULL),
        PF_NUMBER_FIELD(killed ? "signal" : "status",
                        (uint64_t)(killed ? WTERMSIG(c->status) : WEXITSTATUS(c->status))),
    };

    pf_log_event(c->keeper->log, PF_EVENT_child_ended, fields, 5);
}

/* Whatever it sent was not its part: nobody knows in whose hands it is. */
static void punish(struct pf_keeper_child *c, const struct pf_err *why)
{
    struct pf_err err;

    pf_fail(&err, PF_PERM, 0, "keeper", "%s %u is killed: %s", pf_crew_role_name(c->role), c->number, why->log);
    pf_keeper_trouble(c->keeper, PF_EVENT_trouble, &err);
    if (c->fault.code == PF_OK)
        c->fault = err;
    pf_keeper_child_kill(c);
}

/* Who may say what. */
static bool hear(struct pf_keeper_child *c, const struct pf_crew *crew)
{
    bool starting = c->state == PF_CHILD_STARTING;

    switch (crew->kind) {
    case PF_CREW_READY:
        if (starting)
            pf_keeper_child_ready(c);
        return starting;
    case PF_CREW_FAILED:
        if (starting)
            pf_fail(&c->fault, crew->code, 0, "keeper", "%s: %s", pf_crew_role_name(c->role), crew->text);
        return starting;
    case PF_CREW_SERVED:
        c->keeper->served += crew->count;
        return c->role == PF_CREW_GATE;
    case PF_CREW_LACKS:
        if (c->role == PF_CREW_GATE)
            pf_keeper_replace(c);
        return c->role == PF_CREW_GATE;
    case PF_CREW_RELOAD:
        if (c->role == PF_CREW_DESK)
            pf_keeper_reload_for(c);
        return c->role == PF_CREW_DESK;
    case PF_CREW_IDLE:
        if (c->user[0])
            pf_keeper_retire(c);
        return c->user[0];
    case PF_CREW_PONG:
        return pf_keeper_pulse_heard(c, crew->number);
    case PF_CREW_START:
    case PF_CREW_PEER:
    case PF_CREW_OF_STORE:
    case PF_CREW_LISTEN:
    case PF_CREW_GO:
    case PF_CREW_STORE_FOR:
    case PF_CREW_DRAIN:
    case PF_CREW_CLOSE:
    case PF_CREW_TOLD:
    case PF_CREW_RELOADED:
    case PF_CREW_PING:
    case PF_CREW_KINDS:
        break;
    }
    return false;
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct pf_keeper_child *c = self;
    struct pf_crew crew;

    if (!pf_crew_read(frame, &crew) || !hear(c, &crew))
        pf_ipc_drop(c->ipc, "a frame that is not its part");
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct pf_keeper_child *c = self;
    struct pf_crew crew;

    if (c->role == PF_CREW_AUTH && pf_crew_read(frame, &crew) && crew.kind == PF_CREW_STORE_FOR)
        pf_keeper_store_for(c, crew.text, id);
    else
        pf_ipc_drop(c->ipc, "a request that is not its part");
}

/* The end has two halves, which come in any order: of the channel, behind its last frame, and of the process. */
static void end_if_both(struct pf_keeper_child *c)
{
    if (c->pid || c->ipc)
        return;
    pf_timer_clear(c->timer);
    pf_keeper_pulse_end(c);
    pf_keeper_letters_free(c);
    pf_keeper_child_ended(c);
}

static void gone(void *self, const struct pf_err *err)
{
    struct pf_keeper_child *c = self;

    pf_keeper_wishes_forget(c);
    if (err->code == PF_PERM)
        punish(c, err);
    pf_ipc_close(c->ipc);
    c->ipc = NULL;
    pf_keeper_pulse_end(c);
    if (c->pid) { /* it is on its way out; who is not is helped */
        c->state = PF_CHILD_LEAVING;
        pf_timer_set(c->timer, pf_loop_now(c->keeper->loop) + GONE_WITHIN);
    }
    end_if_both(c);
}

static void timer(struct pf_timer *t, void *self)
{
    struct pf_keeper_child *c = self;

    (void)t;
    if (c->state == PF_CHILD_WAITING)
        pf_keeper_child_start(c);
    else if (c->retired && c->state == PF_CHILD_JOINED)
        pf_keeper_child_leave(c, 0);
    else
        pf_keeper_child_kill(c);
}

struct pf_keeper_child *pf_keeper_child_new(struct pf_crew_generation *g, enum pf_crew_role role, const char *user)
{
    struct pf_keeper_child *c = calloc(1, sizeof *c);

    if (c) {
        c->keeper = g->keeper;
        c->timer = pf_timer_new(g->keeper->loop, timer, c);
    }
    if (!c || !c->timer || !pf_keeper_pulse_new(c)) {
        if (c && c->timer)
            pf_timer_free(c->timer);
        free(c);
        return NULL;
    }
    c->generation = g;
    c->role = role;
    if (user)
        snprintf(c->user, sizeof c->user, "%s", user);
    c->next = g->children;
    g->children = c;
    return c;
}

static enum pf_code hire(struct pf_keeper_child *c, int channel, struct pf_err *err)
{
    char name[32], number[16];
    char *const argv[] = {name, number, c->user[0] ? c->user : NULL, NULL};

    snprintf(name, sizeof name, "postfach-%s", pf_crew_role_name(c->role));
    snprintf(number, sizeof number, "%u", c->number);
    return pf_hire_start(c->keeper->programs[c->role], argv, channel, &c->pid, err);
}

static void send_start(struct pf_keeper_child *c)
{
    const unsigned char *secret = c->role == PF_CREW_GATE ? c->keeper->seed : c->keeper->ticket_key;
    struct pf_crew crew = {.kind = PF_CREW_START, .number = c->tells};

    memcpy(crew.secret, secret, sizeof crew.secret);
    pf_keeper_send(c, &crew, c->generation->sheet);
}

static enum pf_code start(struct pf_keeper_child *c, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.request = request, .notice = notice, .gone = gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = c, .uid = geteuid()};
    enum pf_code code;
    int ends[2];

    code = pf_ipc_pair(ends, err);
    if (code != PF_OK)
        return code;
    code = hire(c, ends[1], err);
    close(ends[1]);
    if (code != PF_OK) {
        close(ends[0]);
        return code;
    }
    c->ipc = pf_ipc_new(c->keeper->loop, ends[0], &settings, err);
    if (!c->ipc) { /* its channel is closed, so it ends, and is buried then */
        log_started(c);
        return PF_OK;
    }
    log_started(c);
    send_start(c);
    return PF_OK;
}

void pf_keeper_child_start(struct pf_keeper_child *c)
{
    pf_time now = pf_loop_now(c->keeper->loop);

    c->number = ++c->keeper->numbers;
    c->state = PF_CHILD_STARTING;
    c->since = now;
    c->fault = (struct pf_err){0};
    c->status = 0;
    pf_timer_set(c->timer, now + START_WITHIN);
    if (start(c, &c->fault) == PF_OK)
        return;
    if (c->generation->formed)
        pf_keeper_trouble(c->keeper, PF_EVENT_trouble, &c->fault);
    end_if_both(c);
}

void pf_keeper_child_kill(struct pf_keeper_child *c)
{
    if (!c->pid)
        return;
    c->state = PF_CHILD_LEAVING;
    pf_keeper_pulse_end(c);
    kill(c->pid, SIGKILL);
}

void pf_keeper_child_leave(struct pf_keeper_child *c, pf_time grace)
{
    bool hears = c->state == PF_CHILD_JOINED || c->state == PF_CHILD_LEAVING;

    if (!hears) {
        pf_keeper_child_kill(c);
        return;
    }
    c->state = PF_CHILD_LEAVING;
    pf_timer_clear(c->timer);
    pf_keeper_send(c, &(struct pf_crew){.kind = PF_CREW_DRAIN, .grace = grace}, -1);
}

/* How long until it is started again: at once, unless it dies young again and again. */
pf_time pf_keeper_child_delay(struct pf_keeper_child *c)
{
    pf_time delay = DELAY;

    if (pf_loop_now(c->keeper->loop) - c->since >= YOUNG)
        c->young = 0;
    if (c->young++ == 0)
        return 0;
    for (unsigned i = 2; i < c->young && delay < DELAY_MOST; i++)
        delay *= 2;
    return delay < DELAY_MOST ? delay : DELAY_MOST;
}

static void reap(struct pf_keeper_child *c)
{
    pid_t pid = c->pid;

    if (!pid || waitpid(pid, &c->status, WNOHANG) != pid)
        return;
    log_ended(c, pid);
    c->pid = 0;
    end_if_both(c);
}

/* Each by its number: there is a child that is no child of a generation (sys/succeed.h). */
void pf_keeper_reap(void *self, int number)
{
    struct pf_keeper *k = self;

    (void)number;
    for (struct pf_crew_generation *g = k->generations, *next; g; g = next) {
        next = g->next;
        for (struct pf_keeper_child *c = g->children, *after; c; c = after) {
            after = c->next;
            reap(c);
        }
    }
}
