#include "tool/fetch_wait.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    MOST = 30 * MINUTE,
    LOCKED = 15 * SECOND,
    LOCKED_MOST = 5 * MINUTE,
    LEAST = SECOND /* a poll is one at last: none follows at once */
};

bool pf_fetch_is_temporary(enum pf_code code)
{
    return pf_verdict(code)->exit_status == 75 || code == PF_NO_MEMORY;
}

static pf_time doubled(pf_time first, unsigned failures, pf_time most)
{
    for (; failures > 1 && first < most; failures--)
        first *= 2;
    return first < most ? first : most;
}

pf_time pf_fetch_rest(const struct pf_fetch_story *s)
{
    pf_time rest;

    if (s->poll <= 0 && !pf_fetch_is_temporary(s->code))
        return PF_NEVER;
    if (s->code == PF_OK)
        rest = s->poll > s->took ? s->poll - s->took : 0;
    else if (s->code == PF_IN_USE)
        rest = doubled(LOCKED, s->failures, LOCKED_MOST);
    else
        rest = pf_fetch_is_temporary(s->code) ? doubled(MINUTE, s->failures, MOST) : MOST;
    if (s->code != PF_OK)
        rest += rest * (s->random % 1000) / 4000;
    if (rest < LEAST)
        rest = LEAST;
    return rest > s->login_delay ? rest : s->login_delay;
}
