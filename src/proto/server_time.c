#include "proto/server_time.h"

#include "proto/server.h"

/* A time that is not set never comes. */
static pf_time after(pf_time from, pf_time wait)
{
    pf_time at;

    if (wait <= 0 || __builtin_add_overflow(from, wait, &at))
        return PF_NEVER;
    return at;
}

static pf_time stall_deadline(const struct pf_pop3_server *e)
{
    return pf_server_out_bytes(&e->out).len ? after(e->stall_from, e->set->stall_time) : PF_NEVER;
}

static pf_time first_deadline(const struct pf_pop3_server *e)
{
    return e->stats.commands ? PF_NEVER : after(e->start, e->set->first_command_time);
}

static pf_time login_deadline(const struct pf_pop3_server *e)
{
    return after(e->start, e->set->login_time);
}

/* While output waits, the client is not idle: it has something to take. */
static pf_time idle_deadline(const struct pf_pop3_server *e)
{
    return pf_server_out_bytes(&e->out).len ? PF_NEVER : after(e->idle_from, e->set->idle_time);
}

/* The first deadline to come, and what it closes with. */
static pf_time next(const struct pf_pop3_server *e, enum pf_close *out_why)
{
    const struct {
        pf_time at;
        enum pf_close why;
    } login[] = {{first_deadline(e), PF_CLOSE_IDLE}, {login_deadline(e), PF_CLOSE_LOGIN_TIME}};
    pf_time at = stall_deadline(e);

    *out_why = PF_CLOSE_STALL;
    if (e->asking)
        return e->closing || e->asked == PF_ASK_BODY || pf_server_commit_waits(e) ? at : PF_NEVER;
    if (e->state == PF_IN_T) {
        if (idle_deadline(e) < at) {
            at = idle_deadline(e);
            *out_why = PF_CLOSE_IDLE;
        }
        return at;
    }
    for (size_t i = 0; i < sizeof login / sizeof login[0]; i++)
        if (login[i].at < at) {
            at = login[i].at;
            *out_why = login[i].why;
        }
    return at;
}

pf_time pf_pop3_server_deadline(const struct pf_pop3_server *e)
{
    enum pf_close why;

    return next(e, &why);
}

void pf_server_tick(struct pf_pop3_server *e, pf_time now)
{
    enum pf_close why;

    e->now = now;
    if (e->stall_unsure) {
        e->stall_from = now;
        e->stall_unsure = false;
    }
    if (now < next(e, &why))
        return;
    if (why == PF_CLOSE_STALL) {
        /* Also when it is closing already: the rest of the output cannot be flushed. */
        pf_server_out_clear(&e->out);
        e->closing = false;
    }
    pf_server_close(e, why);
}
