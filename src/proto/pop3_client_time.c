#include "proto/pop3_client.h"

/* A time that is not set never comes. */
static pf_time after(pf_time from, pf_time wait)
{
    pf_time at;

    if (wait <= 0 || __builtin_add_overflow(from, wait, &at))
        return PF_NEVER;
    return at;
}

static pf_time answer_deadline(const struct pf_pop3_client *e)
{
    const struct pf_client_slot *slot = pf_client_head(e);

    if (!e->greeted)
        return after(e->start, e->set->greeting_time);
    if (!slot || slot->unsent || e->phase == PF_CLIENT_SASL || e->phase == PF_CLIENT_TLS)
        return PF_NEVER;
    return after(e->heard_from, slot->verb == PF_VERB_QUIT ? e->set->quit_time : e->set->answer_time);
}

static pf_time stall_deadline(const struct pf_pop3_client *e)
{
    return pf_client_visible(e) ? after(e->stall_from, e->set->stall_time) : PF_NEVER;
}

pf_time pf_pop3_client_deadline(const struct pf_pop3_client *e)
{
    pf_time answer = answer_deadline(e), stall = stall_deadline(e);

    if (e->lost)
        return PF_NEVER;
    return answer < stall ? answer : stall;
}

void pf_client_tick(struct pf_pop3_client *e, pf_time now)
{
    if (e->lost)
        return;
    if (now >= stall_deadline(e) && stall_deadline(e) != PF_NEVER)
        pf_client_lose(e, PF_LOST_STALL);
    else if (now >= answer_deadline(e) && answer_deadline(e) != PF_NEVER)
        pf_client_lose(e, PF_LOST_TIME);
}
