#include "proto/lmtp_time.h"

#include "proto/lmtp_server.h"

/* A time that is not set never comes. */
static pf_time after(pf_time from, pf_time wait)
{
    pf_time at;

    if (wait <= 0 || __builtin_add_overflow(from, wait, &at))
        return PF_NEVER;
    return at;
}

/* A client that has something to take is not idle, but must take it. */
static bool stalls(const struct pf_lmtp_server *e)
{
    return pf_server_out_bytes(&e->out).len > 0;
}

pf_time pf_lmtp_server_deadline(const struct pf_lmtp_server *e)
{
    if (e->asking && !e->closing)
        return PF_NEVER;
    if (stalls(e))
        return after(e->stall_from, e->set->stall_time);
    return e->closing ? PF_NEVER : after(e->idle_from, e->set->idle_time);
}

void pf_lmtp_tick(struct pf_lmtp_server *e, pf_time now)
{
    static const struct pf_lmtp_answer timeout = {421, "4.4.2", "nothing came for too long"};

    e->now = now;
    if (e->stall_unsure) {
        e->stall_from = now;
        e->stall_unsure = false;
    }
    if (now < pf_lmtp_server_deadline(e))
        return;
    if (!stalls(e)) {
        pf_lmtp_bye(e, &timeout, "idle");
        return;
    }
    /* Also when it is closing already: the rest of the output cannot be flushed. */
    pf_server_out_clear(&e->out);
    e->farewell = NULL;
    e->closing = false;
    pf_lmtp_close(e, "stall");
}
