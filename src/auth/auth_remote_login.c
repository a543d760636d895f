#include "auth/auth_remote_private.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

/* A login at the gate: a question under way, or an exchange that waits for its guest's next step. Between steps the
 * check holds it as its talk. */
struct login {
    struct pf_auth_remote_wait wait; /* the first member */
    struct pf_later later;           /* tells a failure that was known at once */
    struct pf_auth_check *check;     /* who waits; NULL between steps, and when he has gone */
    unsigned joined;                 /* with which auth */
    uint64_t number;                 /* 0: it has none (any more) */
    struct pf_err err;               /* with `later` */
    size_t challenge_len;
    unsigned char *challenge;
};

static struct login *login_of(struct pf_ipc_ask *ask)
{
    return (struct login *)ask;
}

static void forget_challenge(struct login *l)
{
    if (l->challenge)
        pf_wipe(l->challenge, l->challenge_len);
    free(l->challenge);
    l->challenge = NULL;
}

static bool is_of_now(const struct login *l)
{
    return l->number && l->wait.remote->ipc && l->joined == l->wait.remote->joined;
}

/* auth still knows the login and need not. */
static void end(struct login *l)
{
    if (is_of_now(l))
        pf_auth_remote_end(l->wait.remote, l->number);
    l->number = 0;
}

/* auth has told its last word. */
static void through(struct login *l)
{
    if (is_of_now(l))
        pf_auth_remote_number_free(l->wait.remote, l->number);
    l->number = 0;
}

static void login_free(struct login *l)
{
    forget_challenge(l);
    free(l);
}

/* The end of a check: all that is out. */
static void complete(struct pf_auth_check *check, const struct pf_auth_wire_verdict *v)
{
    check->err = v->err;
    check->more = v->more;
    check->spent = v->spent;
    check->user = v->bearer.user;
    check->state = NULL;
    check->done(check);
}

static void fail(struct login *l, const struct pf_err *err)
{
    struct pf_auth_check *check = l->check;
    struct pf_auth_wire_verdict v = {.err = *err};

    end(l);
    login_free(l);
    check->challenge = (struct pf_bytes){0};
    complete(check, &v);
}

/* Nothing of the remote is touched for who has gone: it may have gone as well. */
static void run_later(struct pf_later *later)
{
    struct login *l = (struct login *)(void *)((char *)later - offsetof(struct login, later));
    struct pf_err err = l->err;

    if (l->check)
        fail(l, &err);
    else
        login_free(l);
}

static void tell_challenge(struct login *l, const struct pf_auth_wire_verdict *v)
{
    struct pf_auth_check *check = l->check;
    struct pf_err err;

    l->challenge = malloc(v->challenge.len + 1);
    if (!l->challenge) {
        pf_fail(&err, PF_TEMP, 0, "auth", "no memory for a challenge");
        fail(l, &err);
        return;
    }
    if (v->challenge.len)
        memcpy(l->challenge, v->challenge.at, v->challenge.len);
    l->challenge_len = v->challenge.len;
    pf_auth_remote_wipe(&l->wait);
    l->check = NULL;
    check->challenge = pf_bytes_from(l->challenge, l->challenge_len);
    check->talk = (struct pf_auth_talk *)(void *)l;
    complete(check, v);
}

/* A user whose ticket cannot be kept could open nothing. */
static void take_ticket(struct pf_auth_remote *r, struct pf_auth_wire_verdict *v)
{
    struct pf_user *user = &v->bearer.user;

    if (!v->bearer.store)
        return;
    user->pass = pf_purse_put(r->purse, v->bearer.store, v->bearer.ticket, pf_loop_now(r->loop));
    if (!user->pass)
        pf_fail(&v->err, PF_TEMP, 0, "auth", "no memory for a ticket");
}

static void tell_verdict(struct login *l, struct pf_auth_wire_verdict *v)
{
    struct pf_auth_remote *r = l->wait.remote;
    struct pf_auth_check *check = l->check;

    take_ticket(r, v);
    pf_auth_remote_wipe(&l->wait);
    if (v->err.code == PF_OK)
        pf_auth_remote_noted(r, v->bearer.user.name, v->last);
    through(l);
    login_free(l);
    check->challenge = (struct pf_bytes){0};
    complete(check, v);
}

static void answered(struct pf_ipc_ask *ask)
{
    struct login *l = login_of(ask);
    struct pf_auth_wire_verdict v;
    struct pf_err err;

    if (!pf_auth_remote_answered(&l->wait, PF_AUTH_WIRE_VERDICT, &err)) {
        fail(l, &err);
    } else if (!pf_auth_wire_get_verdict(ask->answer->payload, &v) || (v.more && l->check->way != PF_AUTH_BY_SASL)) {
        pf_auth_remote_bad(&l->wait, &err);
        fail(l, &err);
    } else if (v.more) {
        tell_challenge(l, &v);
    } else {
        tell_verdict(l, &v);
    }
}

static struct pf_bytes text_of(const char *text)
{
    return pf_bytes_of(text ? text : "");
}

/* What is longer than anybody takes is cut where it is too long still. */
static size_t put_check(struct pf_span *span, uint64_t number, const struct pf_auth_check *check)
{
    const struct pf_auth_link *link = &check->link;
    bool sasl = check->way == PF_AUTH_BY_SASL;
    struct pf_auth_wire_check c = {
        .number = number,
        .session = check->session,
        .way = check->way,
        .tls = link->tls || check->tls,
        .has_response = sasl && check->has_response,
        .name = sasl ? PF_LIT("") : pf_bytes_head(check->name, PF_AUTH_WIRE_NAME_MAX),
        .secret = pf_bytes_head(sasl ? check->response : check->secret, PF_AUTH_WIRE_SECRET_MAX),
        .timestamp = check->way == PF_AUTH_BY_APOP ? text_of(check->timestamp) : PF_LIT(""),
        .mechanism = sasl ? pf_bytes_head(text_of(check->mechanism), PF_AUTH_WIRE_MECHANISM_MAX) : PF_LIT(""),
        .peer = pf_bytes_head(text_of(link->peer ? link->peer : check->peer), PF_AUTH_WIRE_PEER_MAX),
        .tls_version = pf_bytes_head(text_of(link->tls_version), PF_AUTH_WIRE_VERSION_MAX),
        .certificate = text_of(link->certificate),
    };

    if (sasl) {
        c.exporter = pf_bytes_head(link->exporter, PF_AUTH_WIRE_BINDING_MAX);
        c.unique = pf_bytes_head(link->unique, PF_AUTH_WIRE_BINDING_MAX);
    }
    return pf_auth_wire_put_check(span, &c) ? span->len : 0;
}

static size_t put_step(struct pf_span *span, uint64_t number, const struct pf_auth_check *check)
{
    struct pf_auth_wire_step s = {number, check->has_response,
                                  pf_bytes_head(check->response, PF_AUTH_WIRE_SECRET_MAX)};

    return pf_auth_wire_put_step(span, &s) ? span->len : 0;
}

static enum pf_code send(struct login *l, bool first)
{
    struct pf_auth_remote *r = l->wait.remote;
    struct pf_span span = {r->buffer, 0, sizeof r->buffer};
    enum pf_code code;
    size_t len;

    if (first) {
        l->joined = r->joined;
        l->number = r->ipc ? pf_auth_remote_number(r) : 0;
    }
    if (!r->ipc || l->joined != r->joined)
        return pf_fail(&l->err, PF_TEMP, 0, "auth", "auth cannot be asked: it is not there");
    if (!l->number)
        return pf_fail(&l->err, PF_BUSY, 0, "auth", "too many logins are under way");
    len = first ? put_check(&span, l->number, l->check) : put_step(&span, l->number, l->check);
    code = len ? pf_auth_remote_ask(&l->wait, first ? PF_AUTH_WIRE_CHECK : PF_AUTH_WIRE_STEP, len, &l->err)
               : pf_fail(&l->err, PF_SYNTAX, 0, "auth", "a name or a text that is too long");
    if (!len)
        pf_wipe(r->buffer, sizeof r->buffer);
    if (code != PF_OK && first)
        through(l); /* auth never heard of it */
    return code;
}

void pf_auth_remote_check(struct pf_auth *door, struct pf_auth_check *check)
{
    struct pf_auth_remote *r = (struct pf_auth_remote *)door;
    struct login *l = (struct login *)(void *)check->talk;
    bool first = !l;

    check->talk = NULL;
    if (first && !(l = calloc(1, sizeof *l))) {
        pf_auth_feeder_add(r->feeder, check);
        return;
    }
    forget_challenge(l);
    l->wait.remote = r;
    l->wait.ask.done = answered;
    l->check = check;
    check->state = l;
    if (send(l, first) == PF_OK)
        return;
    l->later.run = run_later;
    pf_loop_later(r->loop, &l->later);
}

void pf_auth_remote_forget(struct pf_auth *door, struct pf_auth_check *check)
{
    struct login *l = (struct login *)(void *)check->talk;

    (void)door;
    check->talk = NULL;
    if (!l)
        return;
    assert(!l->check);
    end(l);
    login_free(l);
}

void pf_auth_remote_leave(struct pf_auth *door, struct pf_auth_check *check)
{
    struct pf_auth_remote *r = (struct pf_auth_remote *)door;
    struct login *l = check->state;

    if (!pf_auth_feeder_remove(r->feeder, check) && l) {
        end(l);
        l->check = NULL;
        if (!l->later.queued) {
            pf_auth_remote_abandon(&l->wait);
            login_free(l);
        }
    }
    check->state = NULL;
    pf_auth_remote_forget(door, check);
}
