#include "sys/dns_private.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

bool pf_dns_is_name(const char *name, size_t most)
{
    size_t len = strlen(name);

    if (len == 0 || len > most || name[0] == '.' || strstr(name, ".."))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = pf_lower((unsigned char)name[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return name[len - 1] != '.';
}

static bool use(struct __res_state *state, const struct pf_srv_resolver *resolver)
{
    state->nscount = 1;
    state->nsaddr_list[0].sin_family = AF_INET;
    state->nsaddr_list[0].sin_port = htons((uint16_t)resolver->port);
    return inet_pton(AF_INET, resolver->address, &state->nsaddr_list[0].sin_addr) == 1;
}

enum pf_code pf_dns_begin(struct __res_state *state, const struct pf_srv_resolver *resolver,
                          struct pf_err *err)
{
    memset(state, 0, sizeof *state);
    if (res_ninit(state) != 0)
        return pf_fail(err, PF_TEMP, 0, "dns", "the resolver does not start");
    if (!resolver || use(state, resolver))
        return PF_OK;
    res_nclose(state);
    return pf_fail(err, PF_CONFIG, 0, "dns", "%s is no address of a resolver", resolver->address);
}

enum pf_code pf_dns_ask(struct __res_state *state, const char *name, unsigned type,
                        struct pf_bytes *out_answer, struct pf_err *err)
{
    enum { IN = 1 };
    unsigned char *room = malloc(PF_SRV_ANSWER);
    int len;

    if (!room)
        return pf_fail(err, PF_NO_MEMORY, 0, "dns", "out of memory");
    len = res_nquery(state, name, IN, (int)type, room, PF_SRV_ANSWER);
    if (len > PF_SRV_ANSWER)
        len = PF_SRV_ANSWER;
    *out_answer = (struct pf_bytes){0};
    if (len > 0) {
        *out_answer = pf_bytes_from(room, (size_t)len);
        return PF_OK;
    }
    free(room);
    if (state->res_h_errno == HOST_NOT_FOUND || state->res_h_errno == NO_DATA)
        return PF_OK;
    return pf_fail(err, PF_TEMP, 0, "dns", "%s: no resolver answers: %s", name,
                   hstrerror(state->res_h_errno));
}
