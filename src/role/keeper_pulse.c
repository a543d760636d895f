#include "role/keeper_parts.h"

/* A child whose loop turns answers a PING at once, for nothing that a role does waits on its loop. One that does not
 * for `patience` hangs: stopped, in an endless loop, in a system call that never ends. It is killed and started again,
 * for its guests wait for nothing.
 *
 * The patience is counted in steps and not as one time: a machine that was asleep, or a group of processes that was
 * frozen, wakes with every deadline passed, but with one step gone at most, and the answers come before the next. */
enum { STEPS = 4 };

static void hangs(struct pf_keeper_child *c)
{
    struct pf_err err;

    pf_fail(&err, PF_TEMP, 0, "keeper", "%s %u (process %ld) hangs: it has answered nothing for %lld s, and is killed",
            pf_crew_role_name(c->role), c->number, (long)c->pid,
            (long long)(c->generation->conf->process_patience / 1000));
    pf_keeper_trouble(c->keeper, PF_EVENT_trouble, &err);
    pf_keeper_child_kill(c);
}

static void step(struct pf_timer *timer, void *self)
{
    struct pf_keeper_child *c = self;

    if (c->unanswered == STEPS) {
        hangs(c);
        return;
    }
    if (c->unanswered++ == 0)
        pf_keeper_send(c, &(struct pf_crew){.kind = PF_CREW_PING, .number = ++c->pings}, -1);
    pf_timer_set(timer, pf_loop_now(c->keeper->loop) + c->generation->conf->process_patience / STEPS);
}

bool pf_keeper_pulse_new(struct pf_keeper_child *c)
{
    c->pulse = pf_timer_new(c->keeper->loop, step, c);
    return c->pulse != NULL;
}

void pf_keeper_pulse_begin(struct pf_keeper_child *c)
{
    c->unanswered = 0;
    step(c->pulse, c);
}

void pf_keeper_pulse_end(struct pf_keeper_child *c)
{
    pf_timer_clear(c->pulse);
    c->unanswered = 0;
}

bool pf_keeper_pulse_heard(struct pf_keeper_child *c, uint32_t number)
{
    bool asked = c->unanswered && number == c->pings;

    c->unanswered = 0;
    return asked || c->state == PF_CHILD_LEAVING; /* it was killed, perhaps, when its answer was on the way */
}
