#include "sys/dns_tlsa.h"

#include "sys/dns_private.h"

#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

/* RFC 6698 section 2.1: three numbers of an octet each, then the data. */
static bool take_tlsa(void *self, struct pf_dns_message *m, size_t end)
{
    struct pf_tlsa_list *list = self;
    struct pf_bytes all = pf_bytes_from(m->all.at + m->at, end - m->at);
    struct pf_tls_tlsa *one = &list->at[list->count];

    if (all.len < 3)
        return false;
    m->at = end;
    if (list->count == PF_TLSA_MOST || all.len - 3 > sizeof list->room - list->used)
        return true;
    *one = (struct pf_tls_tlsa){all.at[0], all.at[1], all.at[2], {list->room + list->used, all.len - 3}};
    memcpy(list->room + list->used, all.at + 3, all.len - 3);
    list->used += all.len - 3;
    list->count++;
    return true;
}

static void empty(struct pf_tlsa_list *list)
{
    list->count = list->used = 0;
    list->vouched = false;
}

enum pf_code pf_tlsa_answer(struct pf_bytes answer, const char *name, struct pf_tlsa_list *out,
                            struct pf_err *err)
{
    struct pf_dns_wish wish = {.name = name, .type = PF_DNS_TLSA, .take = take_tlsa, .self = out};
    enum pf_code code;

    empty(out);
    code = pf_dns_read(answer, &wish, err);
    if (code)
        empty(out);
    out->vouched = out->count && wish.vouched;
    return code;
}

static bool take_nothing(void *self, struct pf_dns_message *m, size_t end)
{
    (void)self;
    m->at = end;
    return true;
}

/* Where the host's aliases lead, when the whole way is vouched for; else the host. */
static enum pf_code follow(struct __res_state *state, const char *host, char out_name[PF_SRV_NAME],
                           struct pf_err *err)
{
    struct pf_dns_wish wish = {.name = host, .type = PF_DNS_A, .take = take_nothing};
    struct pf_bytes answer = {0};
    enum pf_code code = pf_dns_ask(state, host, PF_DNS_A, &answer, err);

    if (code == PF_OK && answer.len)
        code = pf_dns_read(answer, &wish, err);
    if (code == PF_OK)
        snprintf(out_name, PF_SRV_NAME, "%s",
                 answer.len && wish.vouched && wish.final[0] ? wish.final : host);
    free((void *)(uintptr_t)answer.at);
    return code;
}

static enum pf_code ask(struct __res_state *state, const char *base, unsigned port,
                        struct pf_tlsa_list *out, struct pf_err *err)
{
    char name[PF_SRV_NAME];
    struct pf_bytes answer = {0};
    enum pf_code code;

    empty(out);
    if (snprintf(name, sizeof name, "_%u._tcp.%s", port, base) >= (int)sizeof name)
        return PF_OK; /* longer than any name in DNS */
    code = pf_dns_ask(state, name, PF_DNS_TLSA, &answer, err);
    if (code == PF_OK && answer.len)
        code = pf_tlsa_answer(answer, name, out, err);
    free((void *)(uintptr_t)answer.at);
    return code;
}

static enum pf_code find(struct __res_state *state, const char *host, unsigned port,
                         struct pf_tlsa_list *out, struct pf_err *err)
{
    char expanded[PF_SRV_NAME];
    enum pf_code code = follow(state, host, expanded, err);

    if (code)
        return code;
    if (strcmp(expanded, host) != 0) {
        code = ask(state, expanded, port, out, err);
        if (code)
            return code;
        if (out->vouched) {
            memcpy(out->base, expanded, sizeof out->base);
            return PF_OK;
        }
    }
    return ask(state, host, port, out, err);
}

enum pf_code pf_tlsa_find(const char *host, unsigned port, const struct pf_srv_resolver *resolver,
                          struct pf_tlsa_list *out, struct pf_err *err)
{
    struct __res_state state;
    enum pf_code code;

    empty(out);
    if (port == 0 || port > 65535 || !pf_dns_is_name(host, PF_SRV_NAME - 1))
        return pf_fail(err, PF_SYNTAX, 0, "dns", "%s port %u has no name in DNS", host, port);
    snprintf(out->base, sizeof out->base, "%s", host);
    code = pf_dns_begin(&state, resolver, err);
    if (code)
        return code;
    code = find(&state, host, port, out, err);
    res_nclose(&state);
    if (code)
        empty(out);
    return code;
}
