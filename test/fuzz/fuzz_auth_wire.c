/* The payloads between a gate and auth. The first octet names the kind; whatever its reader takes of the rest is
 * the only form of what was read: written again it is the same. */
#include "auth/auth_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static unsigned char room[PF_IPC_PAYLOAD_MAX];

static bool inside(struct pf_bytes whole, struct pf_bytes part)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static void check(struct pf_bytes b, struct pf_span *again)
{
    struct pf_auth_wire_check c;

    if (!pf_auth_wire_get_check(b, &c))
        return;
    must(c.number && inside(b, c.name) && inside(b, c.secret) && inside(b, c.exporter) && inside(b, c.unique));
    must(c.secret.len <= PF_AUTH_WIRE_SECRET_MAX && c.peer.len <= PF_AUTH_WIRE_PEER_MAX);
    must((c.way == PF_AUTH_BY_SASL) == (c.mechanism.len != 0));
    must(pf_auth_wire_put_check(again, &c) && pf_bytes_equal(pf_span_bytes(again), b));
}

static void step(struct pf_bytes b, struct pf_span *again)
{
    struct pf_auth_wire_step s;

    if (pf_auth_wire_get_step(b, &s))
        must(s.number && pf_auth_wire_put_step(again, &s) && pf_bytes_equal(pf_span_bytes(again), b));
}

static void lookup(struct pf_bytes b, struct pf_span *again)
{
    struct pf_auth_wire_lookup l;

    if (pf_auth_wire_get_lookup(b, &l))
        must(l.from < PF_LOOKUP_USERS_MAX && pf_auth_wire_put_lookup(again, &l) &&
             pf_bytes_equal(pf_span_bytes(again), b));
}

static void verdict(struct pf_bytes b, struct pf_span *again)
{
    struct pf_auth_wire_verdict v;

    if (!pf_auth_wire_get_verdict(b, &v))
        return;
    must((unsigned)v.err.code < PF_CODES && (v.err.code == PF_OK || !v.bearer.store));
    must(!v.more || !v.bearer.store);
    must((v.bearer.store == 0) == (v.bearer.ticket.len == 0) && inside(b, v.bearer.ticket));
    must(pf_auth_wire_put_verdict(again, &v) && pf_bytes_equal(pf_span_bytes(again), b));
}

static void users(struct pf_bytes b, struct pf_span *again)
{
    struct pf_auth_wire_bearer bearer;
    struct pf_auth_wire_users u;
    unsigned count = 0;

    if (!pf_auth_wire_get_users(b, &u))
        return;
    must(pf_auth_wire_put_users(again, &u));
    for (struct pf_bytes page = u.page; pf_auth_wire_bearer_next(&page, &bearer); count++)
        must(bearer.user.name[0] && pf_auth_wire_put_bearer(again, &bearer));
    must(pf_bytes_equal(pf_span_bytes(again), b));
    must(u.err.code == PF_OK ? count && count <= u.total && u.total <= PF_LOOKUP_USERS_MAX : !count);
}

static void notices(unsigned kind, struct pf_bytes b, struct pf_span *again)
{
    char user[PF_AUTH_NAME_MAX + 1];
    struct pf_auth_wire_offer offer;
    uint64_t number;
    bool good = false;

    if (kind == PF_AUTH_WIRE_END && pf_auth_wire_get_end(b, &number))
        must((good = pf_auth_wire_put_end(again, number)));
    if (kind == PF_AUTH_WIRE_NOTED && pf_auth_wire_get_noted(b, user))
        must((good = pf_auth_wire_put_noted(again, user)));
    if (kind == PF_AUTH_WIRE_OFFER && pf_auth_wire_get_offer(b, &offer))
        must((good = pf_auth_wire_put_offer(again, &offer)));
    must(!good || pf_bytes_equal(pf_span_bytes(again), b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes b = pf_bytes_skip(pf_bytes_from(data, size), 1);
    struct pf_span again = {room, 0, sizeof room};
    unsigned kind = size ? data[0] % 9 : 0;

    if (kind == PF_AUTH_WIRE_CHECK)
        check(b, &again);
    else if (kind == PF_AUTH_WIRE_STEP)
        step(b, &again);
    else if (kind == PF_AUTH_WIRE_LOOKUP)
        lookup(b, &again);
    else if (kind == PF_AUTH_WIRE_VERDICT)
        verdict(b, &again);
    else if (kind == PF_AUTH_WIRE_USERS)
        users(b, &again);
    else
        notices(kind, b, &again);
    return 0;
}
