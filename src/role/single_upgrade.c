#include "role/single_parts.h"

#include "sys/explain.h"
#include "sys/notify.h"
#include "sys/succeed.h"

#include <stdio.h>

enum { LOOK_EVERY = 1000 /* ms: whether the last session has gone */ };

static void log_failure(struct pf_single *s, const char *why)
{
    struct pf_field field = PF_TEXT_FIELD("err", why);

    pf_log_event(s->log, PF_EVENT_upgrade_failed, &field, 1);
}

/* Sessions go on to their end, however long that takes; SIGTERM ends it as ever. */
static void look(struct pf_timer *timer, void *self)
{
    struct pf_single *s = self;

    if (pf_hall_count(s->hall) == 0 && pf_dock_count(s->dock) == 0)
        pf_loop_stop(s->loop);
    else
        pf_timer_set(timer, pf_loop_now(s->loop) + LOOK_EVERY);
}

/* Also at the very end, when the pool is emptied and nobody is there any more to be counted. */
static void told(void *self, long pid)
{
    struct pf_single *s = self;
    size_t sessions = s->stopping ? 0 : pf_hall_count(s->hall) + pf_dock_count(s->dock);
    struct pf_field fields[] = {PF_NUMBER_FIELD("pid", (uint64_t)pid), PF_NUMBER_FIELD("sessions", sessions)};

    s->successor = NULL;
    if (pid == 0) {
        log_failure(s, s->stopping ? "given up: this one was told to end"
                                   : "the new program ended, or hung and was killed, before it could serve; this one "
                                     "goes on");
        return;
    }
    pf_notify_main_pid(pid);
    pf_log_event(s->log, PF_EVENT_upgrade, fields, 2);
    s->succeeded = true;
    if (s->stopping) /* and that was asked of the one who is gone now */
        return;
    pf_listeners_leave(s->listeners);
    pf_listeners_free(s->listeners);
    s->listeners = NULL;
    s->leave = pf_timer_new(s->loop, look, s);
    if (s->leave)
        pf_timer_set(s->leave, pf_loop_now(s->loop));
}

void pf_single_upgrade(void *self, int number)
{
    struct pf_single *s = self;
    const struct pf_successor_asker asker = {s, told};
    char file[] = "-f", single[] = "--single", name[] = "postfachd";
    char *const argv[] = {name, single, file, s->conf_copy, NULL};
    struct pf_successor_order order = {.program = s->program, .argv = argv};
    char text[PF_EXPLAIN_MAX];
    struct pf_err err;

    (void)number;
    if (s->stopping || !s->listeners)
        return;
    if (s->successor) {
        log_failure(s, "one is under way already");
        return;
    }
    if (!s->program[0]) {
        log_failure(s, "where this program lies is not known");
        return;
    }
    order.count = pf_listeners_sockets(s->listeners, &order.sockets, &order.places);
    s->successor = pf_successor_start(s->disk, &order, &asker, &err);
    if (!s->successor)
        log_failure(s, pf_explain(&err, text, sizeof text));
}
