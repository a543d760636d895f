#include "auth/auth_serve_private.h"

#include <stdlib.h>

/* Of one gate at once; each may hold a hundred users. More are told to come again. */
enum { LOOKUPS = 256 };

struct pf_auth_serve_lookup {
    LIST_ENTRY(pf_auth_serve_lookup) link;
    struct pf_auth_serve_gate *gate; /* NULL: nobody waits; only while a store is asked for */
    uint64_t id, mark, session; /* what its tickets say */
    struct pf_lookup_ask ask;
    struct pf_user *users;
    unsigned from, count, index; /* the page begins with, there are, a store is asked for */
    bool placing, inside, placed;
    struct pf_auth_store_ask store;
    uint32_t stores[PF_LOOKUP_USERS_MAX]; /* 0: this one gets no ticket */
};

static void forget(struct pf_auth_serve_lookup *l)
{
    if (l->gate) {
        LIST_REMOVE(l, link);
        l->gate->lookup_count--;
    }
    free(l->users);
    free(l);
}

static void refuse(struct pf_auth_serve_gate *gate, uint64_t id, const struct pf_err *err)
{
    struct pf_span span = {gate->serve->buffer, 0, sizeof gate->serve->buffer};
    const struct pf_auth_wire_users u = {.err = *err};

    pf_auth_wire_put_users(&span, &u);
    pf_auth_serve_answer(gate, id, PF_AUTH_WIRE_USERS, span.len);
}

static void fail(struct pf_auth_serve_lookup *l, enum pf_code code, const char *why)
{
    struct pf_err err = {0};

    pf_fail(&err, code, 0, "auth", "%s", why);
    refuse(l->gate, l->id, &err);
    forget(l);
}

/* FNV-1a: pages are told apart by it, and nobody gains by making two alike. */
static uint64_t mark_of(const struct pf_user *users, size_t count)
{
    uint64_t mark = 0xcbf29ce484222325;

    for (size_t i = 0; i < count; i++)
        for (const char *at = users[i].name;; at++) {
            mark = (mark ^ (unsigned char)*at) * 0x100000001b3;
            if (!*at)
                break;
        }
    return mark;
}

/* False: it has no room on this page. A ticket that cannot be made leaves its user without one. */
static bool put_user(struct pf_auth_serve_lookup *l, unsigned i, struct pf_span *page)
{
    unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_span ticket = {room, 0, sizeof room};
    struct pf_auth_wire_bearer bearer = {.user = l->users[i]};
    struct pf_auth_serve_claim claim = {l->gate, &bearer.user, PF_TICKET_DELIVER, l->stores[i], l->session};
    struct pf_right right;

    if (claim.store && pf_right_of(l->gate->serve->parts.conf, claim.user, &right, NULL) == PF_OK &&
        pf_auth_serve_ticket(&claim, &right, &ticket, NULL) == PF_OK) {
        bearer.store = claim.store;
        bearer.ticket = pf_span_bytes(&ticket);
    }
    return pf_auth_wire_put_bearer(page, &bearer);
}

static void tell_page(struct pf_auth_serve_lookup *l)
{
    struct pf_auth_serve *serve = l->gate->serve;
    struct pf_span page = {serve->buffer, 0, sizeof serve->buffer};
    const struct pf_auth_wire_users u = {.total = (uint16_t)l->count, .mark = l->mark};
    unsigned i = l->from;

    if (!pf_auth_wire_put_users(&page, &u) || !put_user(l, i++, &page)) {
        fail(l, PF_TEMP, "a user that has no form");
        return;
    }
    while (i < l->count && put_user(l, i, &page))
        i++;
    pf_auth_serve_answer(l->gate, l->id, PF_AUTH_WIRE_USERS, page.len);
    forget(l);
}

static void place(struct pf_auth_serve_lookup *l);

static void placed(struct pf_auth_store_ask *ask)
{
    struct pf_auth_serve_lookup *l =
        (struct pf_auth_serve_lookup *)(void *)((char *)ask - offsetof(struct pf_auth_serve_lookup, store));

    l->placing = false;
    if (!l->gate) {
        forget(l);
        return;
    }
    l->placed = true;
    l->stores[l->index] = ask->store;
    if (!l->inside)
        place(l);
}

/* Asks for the store of the one at `index`; false: the answer comes later. */
static bool place_one(struct pf_auth_serve_lookup *l)
{
    const struct pf_auth_serve_parts *parts = &l->gate->serve->parts;

    l->store = (struct pf_auth_store_ask){.done = placed, .user = l->users[l->index].name};
    l->placing = l->inside = true;
    l->placed = false;
    parts->store_of(parts->self, &l->store);
    l->inside = false;
    return l->placed;
}

/* One after the other; it comes back here with each store that is named later. */
static void place(struct pf_auth_serve_lookup *l)
{
    struct pf_right right;

    for (;; l->index++, l->placed = false) {
        bool has = l->index < l->count &&
                   pf_right_of(l->gate->serve->parts.conf, &l->users[l->index], &right, NULL) == PF_OK;

        if (l->index == l->count)
            break;
        if (!has)
            continue;
        if (!l->placed && !place_one(l))
            return;
        if (!l->stores[l->index]) {
            fail(l, PF_TEMP, "no store serves a recipient's maildrop now");
            return;
        }
    }
    tell_page(l);
}

static void looked(struct pf_lookup_ask *ask)
{
    struct pf_auth_serve_lookup *l =
        (struct pf_auth_serve_lookup *)(void *)((char *)ask - offsetof(struct pf_auth_serve_lookup, ask));
    struct pf_auth_serve *serve = l->gate->serve;
    struct pf_err trouble;

    if (pf_lookup_trouble(serve->parts.lookup, &trouble))
        serve->parts.trouble(serve->parts.self, &trouble);
    if (ask->err.code != PF_OK) {
        refuse(l->gate, l->id, &ask->err);
        forget(l);
        return;
    }
    l->users = ask->users;
    l->count = (unsigned)ask->count;
    l->index = l->from;
    if (l->count == 0 || l->count > PF_LOOKUP_USERS_MAX || l->from >= l->count ||
        (l->from && l->mark != mark_of(l->users, l->count))) {
        fail(l, PF_TEMP, "users were changed while they were looked up");
        return;
    }
    l->mark = mark_of(l->users, l->count);
    place(l);
}

static enum pf_code begin(struct pf_auth_serve_gate *gate, uint64_t id, const struct pf_auth_wire_lookup *wanted,
                          struct pf_err *err)
{
    struct pf_lookup *lookup = gate->serve->parts.lookup;
    struct pf_auth_serve_lookup *l;

    if (!lookup)
        return pf_fail(err, PF_TEMP, 0, "auth", "no listener takes mail");
    if (gate->lookup_count == LOOKUPS)
        return pf_fail(err, PF_BUSY, 0, "auth", "too many recipients wait to be looked up");
    l = calloc(1, sizeof *l);
    if (!l)
        return pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for a recipient");
    l->gate = gate;
    l->id = id;
    l->from = wanted->from;
    l->mark = wanted->mark;
    l->session = ++gate->serve->lookups;
    l->ask = (struct pf_lookup_ask){.done = looked, .address = wanted->address};
    if (pf_lookup_ask(lookup, &l->ask) != PF_OK) {
        *err = l->ask.err;
        free(l);
        return err->code;
    }
    l->ask.address = (struct pf_bytes){0};
    LIST_INSERT_HEAD(&gate->lookups, l, link);
    gate->lookup_count++;
    return PF_OK;
}

bool pf_auth_serve_look_up(struct pf_auth_serve_gate *gate, uint64_t id, struct pf_bytes payload)
{
    struct pf_auth_wire_lookup wanted;
    struct pf_err err;

    if (!pf_auth_wire_get_lookup(payload, &wanted))
        return false;
    if (begin(gate, id, &wanted, &err) != PF_OK)
        refuse(gate, id, &err);
    return true;
}

void pf_auth_serve_drop_lookups(struct pf_auth_serve_gate *gate)
{
    struct pf_auth_serve_lookup *l;

    while ((l = LIST_FIRST(&gate->lookups))) {
        LIST_REMOVE(l, link);
        l->gate = NULL;
        if (l->placing)
            continue;
        pf_lookup_abandon(gate->serve->parts.lookup, &l->ask);
        forget(l);
    }
    gate->lookup_count = 0;
}
