#include "sys/dns_srv.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static bool is_domain(const char *domain)
{
    size_t len = strlen(domain);

    /* With the longest label in front it must fit into a name. */
    if (len == 0 || len > PF_SRV_NAME - sizeof "_pop3s._tcp." || domain[0] == '.' || strstr(domain, ".."))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = pf_lower((unsigned char)domain[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return domain[len - 1] != '.';
}

static uint32_t draw(void *self, uint32_t below)
{
    uint32_t number = 0;

    (void)self;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return 0; /* an order all the same */
    return number % below;
}

static enum pf_code ask(struct __res_state *resolver, const char *name, const char *domain, struct pf_srv_list *out,
                        struct pf_err *err)
{
    enum { SRV = 33, IN = 1 };
    unsigned char *room = malloc(PF_SRV_ANSWER);
    enum pf_code code = PF_OK;
    int len;

    if (!room)
        return pf_fail(err, PF_NO_MEMORY, 0, "dns", "out of memory");
    len = res_nquery(resolver, name, IN, SRV, room, PF_SRV_ANSWER);
    if (len > PF_SRV_ANSWER)
        len = PF_SRV_ANSWER;
    if (len > 0)
        code = pf_srv_answer(pf_bytes_from(room, (size_t)len), name, domain, out, err);
    else if (resolver->res_h_errno != HOST_NOT_FOUND && resolver->res_h_errno != NO_DATA)
        code = pf_fail(err, PF_TEMP, 0, "dns", "%s: no resolver answers: %s", name, hstrerror(resolver->res_h_errno));
    free(room);
    return code;
}

static enum pf_code ask_service(struct __res_state *resolver, const char *domain, bool implicit,
                                struct pf_srv_list *out, struct pf_err *err)
{
    char name[PF_SRV_NAME];
    size_t begin = out->count;
    enum pf_code code;

    snprintf(name, sizeof name, "%s._tcp.%s", implicit ? "_pop3s" : "_pop3", domain);
    code = ask(resolver, name, domain, out, err);
    if (code)
        return code;
    for (size_t i = begin; i < out->count; i++)
        out->at[i].implicit = implicit;
    pf_srv_order(out, begin, draw, NULL);
    return PF_OK;
}

static bool use(struct __res_state *state, const struct pf_srv_resolver *resolver)
{
    state->nscount = 1;
    state->nsaddr_list[0].sin_family = AF_INET;
    state->nsaddr_list[0].sin_port = htons((uint16_t)resolver->port);
    return inet_pton(AF_INET, resolver->address, &state->nsaddr_list[0].sin_addr) == 1;
}

enum pf_code pf_srv_find(const char *domain, bool plain, const struct pf_srv_resolver *resolver,
                         struct pf_srv_list *out, struct pf_err *err)
{
    struct __res_state state = {0};
    struct pf_srv_list found = {0};
    enum pf_code code = PF_OK;

    if (!is_domain(domain))
        return pf_fail(err, PF_SYNTAX, 0, "dns", "%s is no domain", domain);
    if (res_ninit(&state) != 0)
        return pf_fail(err, PF_TEMP, 0, "dns", "the resolver does not start");
    if (resolver && !use(&state, resolver))
        code = pf_fail(err, PF_CONFIG, 0, "dns", "%s is no address of a resolver", resolver->address);
    if (code == PF_OK)
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
