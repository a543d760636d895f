#include "auth/auth_remote_private.h"

#include <stdlib.h>

/* A recipient's users, page by page. */
struct question {
    struct pf_auth_remote_wait wait; /* the first member */
    struct pf_lookup_ask *ask;
    struct pf_user *users;
    unsigned count, total;
    uint64_t mark;
    size_t len;
    unsigned char address[PF_AUTH_WIRE_ADDRESS_MAX];
};

static struct pf_auth_remote *remote_of(struct pf_lookup *door)
{
    return (struct pf_auth_remote *)(void *)((char *)door - offsetof(struct pf_auth_remote, lookup));
}

static void question_free(struct question *q)
{
    for (unsigned i = 0; q->users && i < q->count; i++)
        pf_purse_drop(q->wait.remote->purse, q->users[i].pass);
    free(q->users);
    free(q);
}

static enum pf_code send(struct question *q, struct pf_err *err)
{
    struct pf_auth_remote *r = q->wait.remote;
    struct pf_span span = {r->buffer, 0, sizeof r->buffer};
    struct pf_auth_wire_lookup l = {(uint16_t)q->count, q->mark, pf_bytes_from(q->address, q->len)};

    if (!pf_auth_wire_put_lookup(&span, &l))
        return pf_fail(err, PF_NO_USER, 0, "auth", "an address of %zu octets", q->len);
    return pf_auth_remote_ask(&q->wait, PF_AUTH_WIRE_LOOKUP, span.len, err);
}

static void fail(struct question *q, const struct pf_err *err)
{
    struct pf_lookup_ask *ask = q->ask;

    ask->err = *err;
    ask->state = NULL;
    question_free(q);
    ask->done(ask);
}

static void complete(struct question *q)
{
    struct pf_lookup_ask *ask = q->ask;

    ask->err = (struct pf_err){0};
    ask->users = q->users;
    ask->count = q->count;
    ask->state = NULL;
    q->users = NULL;
    question_free(q);
    ask->done(ask);
}

/* Users that changed between two pages are asked for anew by who brings the mail, later. */
static bool belongs(const struct question *q, const struct pf_auth_wire_users *page)
{
    return q->count == 0 || (page->total == q->total && page->mark == q->mark);
}

static bool take_ticket(struct pf_auth_remote *r, struct pf_auth_wire_bearer *bearer)
{
    if (bearer->store)
        bearer->user.pass = pf_purse_put(r->purse, bearer->store, bearer->ticket, pf_loop_now(r->loop));
    return !bearer->store || bearer->user.pass;
}

/* PF_OK, or why it cannot be taken; PF_PERM: it is none. */
static enum pf_code take_page(struct question *q, const struct pf_auth_wire_users *u, struct pf_err *err)
{
    struct pf_auth_wire_bearer bearer;
    struct pf_bytes page = u->page;

    if (!belongs(q, u))
        return pf_fail(err, PF_TEMP, 0, "auth", "users were changed while they were looked up");
    q->total = u->total;
    q->mark = u->mark;
    if (!q->users)
        q->users = calloc(q->total, sizeof *q->users);
    if (!q->users)
        return pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for users");
    while (pf_auth_wire_bearer_next(&page, &bearer)) {
        if (q->count == q->total)
            return PF_PERM;
        if (!take_ticket(q->wait.remote, &bearer))
            return pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for a ticket");
        q->users[q->count++] = bearer.user;
    }
    return PF_OK;
}

static void answered(struct pf_ipc_ask *ask)
{
    struct question *q = (struct question *)ask;
    struct pf_auth_wire_users u;
    struct pf_err err = {0};
    bool good = pf_auth_remote_answered(&q->wait, PF_AUTH_WIRE_USERS, &err);

    if (good && !pf_auth_wire_get_users(ask->answer->payload, &u))
        pf_auth_remote_bad(&q->wait, &err);
    else if (good && u.err.code != PF_OK)
        err = u.err;
    else if (good && take_page(q, &u, &err) == PF_PERM)
        pf_auth_remote_bad(&q->wait, &err);
    if (good)
        pf_auth_remote_wipe(&q->wait);
    if (err.code == PF_OK && q->count < q->total && send(q, &err) == PF_OK)
        return;
    if (err.code == PF_OK)
        complete(q);
    else
        fail(q, &err);
}

static enum pf_code ask_remote(struct pf_lookup *door, struct pf_lookup_ask *ask)
{
    struct question *q;
    enum pf_code code;

    if (ask->address.len == 0 || ask->address.len > PF_AUTH_WIRE_ADDRESS_MAX)
        return pf_fail(&ask->err, PF_NO_USER, 0, "lookup", "an address of %zu octets", ask->address.len);
    q = calloc(1, sizeof *q);
    if (!q)
        return pf_fail(&ask->err, PF_NO_MEMORY, 0, "lookup", "no memory for a recipient");
    *q = (struct question){.wait = {.ask.done = answered, .remote = remote_of(door)}, .ask = ask,
                           .len = ask->address.len};
    memcpy(q->address, ask->address.at, q->len);
    code = send(q, &ask->err);
    if (code == PF_OK)
        ask->state = q;
    else
        free(q);
    return code;
}

static void abandon(struct pf_lookup *door, struct pf_lookup_ask *ask)
{
    struct question *q = ask->state;

    (void)door;
    ask->state = NULL;
    if (!q)
        return;
    pf_auth_remote_abandon(&q->wait);
    question_free(q);
}

/* What auth cannot read, auth tells. */
static bool trouble(struct pf_lookup *door, struct pf_err *out_err)
{
    (void)door;
    (void)out_err;
    return false;
}

const struct pf_lookup_kind pf_auth_remote_lookup_kind = {ask_remote, abandon, trouble};
