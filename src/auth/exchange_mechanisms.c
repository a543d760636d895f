/* The names of the mechanisms, without what stands behind them: a gate has these and no library for the rest. */
#include "auth/exchange.h"

#include <assert.h>

#define PF_MECHANISM(name, needs, forms, usual, ...) {name, needs, forms, usual},
static const struct pf_exchange_mechanism mechanisms[] = {
#include "auth/exchange_mechanisms.def"
};
#undef PF_MECHANISM

enum { COUNT = sizeof mechanisms / sizeof mechanisms[0] };

static_assert(sizeof mechanisms / sizeof mechanisms[0] <= (size_t)PF_AUTH_MECHANISMS, "an offer has a bit for each");

const struct pf_exchange_mechanism *pf_exchange_mechanisms(size_t *out_count)
{
    *out_count = COUNT;
    return mechanisms;
}

size_t pf_auth_mechanisms(struct pf_pop3_mechanism out[PF_AUTH_MECHANISMS])
{
    for (size_t i = 0; i < COUNT; i++)
        out[i] = (struct pf_pop3_mechanism){mechanisms[i].name, mechanisms[i].needs & PF_NEED_SHOW};
    return COUNT;
}
