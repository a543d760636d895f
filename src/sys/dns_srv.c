#include "sys/dns_private.h"

#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* With the longest label in front it must fit into a name. */
static bool is_domain(const char *domain)
{
    return pf_dns_is_name(domain, PF_SRV_NAME - sizeof "_pop3s._tcp.");
}

static uint32_t draw(void *self, uint32_t below)
{
    uint32_t number = 0;

    (void)self;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return 0; /* an order all the same */
    return number % below;
}

static enum pf_code ask_service(struct __res_state *resolver, const char *domain, bool implicit,
                                struct pf_srv_list *out, struct pf_err *err)
{
    char name[PF_SRV_NAME];
    size_t begin = out->count;
    struct pf_bytes answer;
    enum pf_code code;

    snprintf(name, sizeof name, "%s._tcp.%s", implicit ? "_pop3s" : "_pop3", domain);
    code = pf_dns_ask(resolver, name, PF_DNS_SRV, &answer, err);
    if (code)
        return code;
    code = answer.len ? pf_srv_answer(answer, name, domain, out, err) : PF_OK;
    free((void *)(uintptr_t)answer.at);
    if (code)
        return code;
    for (size_t i = begin; i < out->count; i++)
        out->at[i].implicit = implicit;
    pf_srv_order(out, begin, draw, NULL);
    return PF_OK;
}

enum pf_code pf_srv_find(const char *domain, bool plain, const struct pf_srv_resolver *resolver,
                         struct pf_srv_list *out, struct pf_err *err)
{
    struct __res_state state;
    struct pf_srv_list found = {0};
    enum pf_code code;

    if (!is_domain(domain))
        return pf_fail(err, PF_SYNTAX, 0, "dns", "%s is no domain", domain);
    code = pf_dns_begin(&state, resolver, err);
    if (code)
        return code;
    code = ask_service(&state, domain, true, &found, err);
    if (code == PF_OK && plain)
        code = ask_service(&state, domain, false, &found, err);
    res_nclose(&state);
    if (code == PF_OK)
        *out = found;
    return code;
}

bool pf_srv_guess(const char *domain, bool plain, struct pf_srv_list *out)
{
    static const char *const fronts[] = {"pop.", "pop3.", "mail.", ""};
    enum { FRONTS = sizeof fronts / sizeof fronts[0] };

    if (!is_domain(domain))
        return false;
    *out = (struct pf_srv_list){0};
    for (size_t i = 0; i < (plain ? 2 : 1) * (size_t)FRONTS; i++) {
        struct pf_srv *srv = &out->at[out->count++];

        srv->implicit = i < FRONTS;
        srv->inside = true;
        srv->port = srv->implicit ? 995 : 110;
        snprintf(srv->host, sizeof srv->host, "%s%s", fronts[i % FRONTS], domain);
    }
    return true;
}
