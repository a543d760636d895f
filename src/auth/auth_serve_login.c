#include "auth/auth_serve_private.h"

#include <stdio.h>
#include <stdlib.h>

enum state {
    CHECKING, /* auth has it */
    PLACING,  /* the role is asked for a store */
    IDLE      /* between two steps */
};

/* A login of a gate, from its first question to its verdict. */
struct pf_auth_serve_login {
    struct pf_auth_serve_gate *gate; /* NULL: nobody waits; only while PLACING */
    struct pf_auth_check check;
    struct pf_auth_store_ask store;
    struct pf_right right;
    enum state state;
    uint64_t number, id; /* of the request that waits for its answer */
    char peer[PF_AUTH_WIRE_PEER_MAX + 1], tls_version[PF_AUTH_WIRE_VERSION_MAX + 1];
};

static struct pf_auth_serve_login **place_of(struct pf_auth_serve_gate *gate, uint64_t number)
{
    return &gate->logins[number & (PF_AUTH_WIRE_TALKS - 1)];
}

/* A step for which there was no memory leaves its exchange behind. */
static void forget(struct pf_auth_serve_login *l)
{
    *place_of(l->gate, l->number) = NULL;
    pf_auth_forget(l->gate->serve->parts.auth, &l->check);
    free(l);
}

/* What cannot be written is nothing that a gate could use. */
static void answer(struct pf_auth_serve_gate *gate, uint64_t id, const struct pf_auth_wire_verdict *v)
{
    struct pf_span span = {gate->serve->buffer, 0, sizeof gate->serve->buffer};
    struct pf_auth_wire_verdict none = {0};

    if (!pf_auth_wire_put_verdict(&span, v)) {
        pf_fail(&none.err, PF_TEMP, 0, "auth", "an answer that has no form");
        pf_auth_wire_put_verdict(&span, &none);
    }
    pf_auth_serve_answer(gate, id, PF_AUTH_WIRE_VERDICT, span.len);
}

static void refuse(struct pf_auth_serve_gate *gate, uint64_t id, enum pf_code code, const char *why)
{
    struct pf_auth_wire_verdict v = {0};

    pf_fail(&v.err, code, 0, "auth", "%s", why);
    answer(gate, id, &v);
}

static void tell_challenge(struct pf_auth_serve_login *l)
{
    struct pf_auth_wire_verdict v = {.err = l->check.err, .more = true, .spent = l->check.spent,
                                     .challenge = l->check.challenge, .bearer.user = l->check.user};

    l->state = IDLE;
    answer(l->gate, l->id, &v);
}

/* With the ticket, when a store was found for one. */
static void tell_verdict(struct pf_auth_serve_login *l)
{
    unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_span ticket = {room, 0, sizeof room};
    struct pf_auth_serve_gate *gate = l->gate;
    struct pf_auth_wire_verdict v = {.err = l->check.err, .spent = l->check.spent, .bearer.user = l->check.user};
    struct pf_auth_serve_claim claim = {gate, &v.bearer.user, pf_auth_serve_rights(&v.bearer.user), l->store.store,
                                        l->check.session ? l->check.session : l->number};

    if (claim.store && pf_auth_serve_ticket(&claim, &l->right, &ticket, &v.err) == PF_OK) {
        v.bearer.store = claim.store;
        v.bearer.ticket = pf_span_bytes(&ticket);
    }
    if (v.err.code == PF_OK && l->right.login_delay)
        v.last = pf_auth_serve_last(gate, v.bearer.user.name);
    answer(gate, l->id, &v);
    forget(l);
}

static void placed(struct pf_auth_store_ask *ask)
{
    struct pf_auth_serve_login *l =
        (struct pf_auth_serve_login *)(void *)((char *)ask - offsetof(struct pf_auth_serve_login, store));

    if (!l->gate) {
        free(l);
        return;
    }
    if (!ask->store)
        pf_fail(&l->check.err, PF_TEMP, 0, "auth", "no store serves the maildrop of %s now", l->check.user.name);
    tell_verdict(l);
}

/* Whose maildrop nobody can name is let in, and told by the session what is wrong with it. */
static void find_store(struct pf_auth_serve_login *l)
{
    const struct pf_auth_serve_parts *parts = &l->gate->serve->parts;

    l->store = (struct pf_auth_store_ask){.done = placed, .user = l->check.user.name};
    if (pf_right_of(parts->conf, &l->check.user, &l->right, NULL) != PF_OK) {
        l->right = (struct pf_right){0};
        tell_verdict(l);
        return;
    }
    l->state = PLACING;
    parts->store_of(parts->self, &l->store);
}

static void checked(struct pf_auth_check *check)
{
    struct pf_auth_serve_login *l =
        (struct pf_auth_serve_login *)(void *)((char *)check - offsetof(struct pf_auth_serve_login, check));
    struct pf_auth_serve *serve = l->gate->serve;
    struct pf_err trouble;

    if (pf_auth_trouble(serve->parts.auth, &trouble))
        serve->parts.trouble(serve->parts.self, &trouble);
    pf_auth_serve_look(serve);
    if (check->more)
        tell_challenge(l);
    else if (check->err.code == PF_OK)
        find_store(l);
    else
        tell_verdict(l);
}

static void text(char *out, size_t size, struct pf_bytes from)
{
    snprintf(out, size, "%.*s", (int)from.len, (const char *)from.at);
}

/* What a check is asked with lives as long as the asking: auth copies it. */
static void ask(struct pf_auth_serve_login *l, const struct pf_auth_wire_check *c)
{
    const struct pf_conf *conf = l->gate->serve->parts.conf;
    char timestamp[PF_AUTH_WIRE_STAMP_MAX + 1], mechanism[PF_AUTH_WIRE_MECHANISM_MAX + 1];
    char certificate[PF_AUTH_NAME_MAX + 1];
    struct pf_auth_check *check = &l->check;

    text(timestamp, sizeof timestamp, c->timestamp);
    text(mechanism, sizeof mechanism, c->mechanism);
    text(certificate, sizeof certificate, c->certificate);
    check->name = c->name;
    check->secret = check->response = c->secret;
    check->has_response = c->has_response;
    check->timestamp = timestamp;
    check->mechanism = mechanism;
    check->link.certificate = c->certificate.len && conf->client_ca ? certificate : NULL;
    check->link.exporter = c->exporter;
    check->link.unique = c->unique;
    l->state = CHECKING;
    pf_auth_check(l->gate->serve->parts.auth, check);
    check->name = check->secret = check->response = (struct pf_bytes){0};
    check->link.exporter = check->link.unique = (struct pf_bytes){0};
    check->timestamp = check->mechanism = check->link.certificate = NULL;
}

bool pf_auth_serve_check(struct pf_auth_serve_gate *gate, uint64_t id, struct pf_bytes payload)
{
    struct pf_auth_serve_login *l;
    struct pf_auth_wire_check c;

    if (!pf_auth_wire_get_check(payload, &c) || *place_of(gate, c.number))
        return false;
    l = calloc(1, sizeof *l);
    if (!l) {
        refuse(gate, id, PF_TEMP, "no memory for a login");
        return true;
    }
    l->gate = gate;
    l->number = c.number;
    l->id = id;
    text(l->peer, sizeof l->peer, c.peer);
    text(l->tls_version, sizeof l->tls_version, c.tls_version);
    l->check = (struct pf_auth_check){.done = checked, .way = c.way, .session = c.session, .link.peer = l->peer,
                                      .link.tls = c.tls};
    l->check.link.tls_version = c.tls_version.len ? l->tls_version : NULL;
    *place_of(gate, c.number) = l;
    ask(l, &c);
    return true;
}

bool pf_auth_serve_step(struct pf_auth_serve_gate *gate, uint64_t id, struct pf_bytes payload)
{
    struct pf_auth_serve_login *l;
    struct pf_auth_wire_step s;
    struct pf_auth_wire_check c = {0};

    if (!pf_auth_wire_get_step(payload, &s))
        return false;
    l = *place_of(gate, s.number);
    if (!l || l->number != s.number || l->state != IDLE)
        return false;
    l->id = id;
    c.secret = s.response;
    c.has_response = s.has_response;
    ask(l, &c);
    return true;
}

/* Takes it from auth; what the role is asked is kept until it answers. */
static void leave(struct pf_auth_serve_login *l)
{
    struct pf_auth *auth = l->gate->serve->parts.auth;

    *place_of(l->gate, l->number) = NULL;
    if (l->state == PLACING) {
        l->gate = NULL;
        return;
    }
    if (l->state == CHECKING)
        pf_auth_abandon(auth, &l->check);
    else
        pf_auth_forget(auth, &l->check);
    free(l);
}

/* A number that nobody has: the verdict and the end have met on the way. */
bool pf_auth_serve_end(struct pf_auth_serve_gate *gate, struct pf_bytes payload)
{
    struct pf_auth_serve_login *l;
    uint64_t number, id;

    if (!pf_auth_wire_get_end(payload, &number))
        return false;
    l = *place_of(gate, number);
    if (!l || l->number != number)
        return true;
    id = l->state == IDLE ? 0 : l->id;
    leave(l);
    if (id)
        refuse(gate, id, PF_CANCELLED, "nobody waits for it");
    return true;
}

void pf_auth_serve_drop_logins(struct pf_auth_serve_gate *gate)
{
    for (size_t i = 0; i < PF_AUTH_WIRE_TALKS; i++)
        if (gate->logins[i])
            leave(gate->logins[i]);
}
