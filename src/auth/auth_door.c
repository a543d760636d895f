#include "auth/auth_kind.h"

void pf_auth_check(struct pf_auth *auth, struct pf_auth_check *check)
{
    auth->kind->check(auth, check);
}

void pf_auth_abandon(struct pf_auth *auth, struct pf_auth_check *check)
{
    auth->kind->abandon(auth, check);
}

void pf_auth_forget(struct pf_auth *auth, struct pf_auth_check *check)
{
    auth->kind->forget(auth, check);
}

uint64_t pf_auth_offer(const struct pf_auth *auth, const struct pf_auth_link *link)
{
    return auth->kind->offer(auth, link);
}

bool pf_auth_binds(const struct pf_auth *auth)
{
    return auth->kind->binds(auth);
}

bool pf_auth_offers_apop(const struct pf_auth *auth)
{
    return auth->kind->offers_apop(auth);
}

bool pf_auth_login_due(struct pf_auth *auth, const char *user, unsigned delay, pf_time now)
{
    return auth->kind->login_due(auth, user, delay, now);
}

bool pf_auth_trouble(struct pf_auth *auth, struct pf_err *out_err)
{
    return auth->kind->trouble(auth, out_err);
}

unsigned pf_auth_waiting(const struct pf_auth *auth)
{
    return auth->kind->waiting(auth);
}

enum pf_code pf_lookup_ask(struct pf_lookup *lookup, struct pf_lookup_ask *ask)
{
    return lookup->kind->ask(lookup, ask);
}

void pf_lookup_abandon(struct pf_lookup *lookup, struct pf_lookup_ask *ask)
{
    lookup->kind->abandon(lookup, ask);
}

bool pf_lookup_trouble(struct pf_lookup *lookup, struct pf_err *out_err)
{
    return lookup->kind->trouble(lookup, out_err);
}
