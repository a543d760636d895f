#include "fetch/reach_private.h"

#include "base/text.h"
#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>

static void forget_secret(struct pf_reach *r)
{
    if (r->secret)
        pf_wipe(r->secret, r->secret_len);
    free(r->secret);
    r->secret = NULL;
    r->secret_len = 0;
}

static const char *keep(char *room, size_t cap, const char *text)
{
    snprintf(room, cap, "%s", text);
    return room;
}

/* The texts of a call's facts die with it. */
static void note_facts(struct pf_reach *r, const struct pf_call *call)
{
    r->facts = *pf_call_facts(call);
    r->facts.tls_version = keep(r->version, sizeof r->version, r->facts.tls_version);
    r->facts.tls_cipher = keep(r->cipher, sizeof r->cipher, r->facts.tls_cipher);
    r->facts.mechanism = keep(r->mechanism, sizeof r->mechanism, r->facts.mechanism);
    r->facts.checked = keep(r->checked, sizeof r->checked, r->facts.checked);
}

static void soon(struct pf_reach *r)
{
    pf_timer_set(r->kick, pf_loop_now(r->set.loop));
}

/* The last that is done with a reach: its owner may free it here. */
static void end(struct pf_reach *r, const struct pf_err *err)
{
    struct pf_err why = *err;

    r->over = true;
    forget_secret(r);
    r->calls.gone(r->self, r, &why);
}

static void end_unreached(struct pf_reach *r)
{
    struct pf_err err = {0};

    if (r->list.count == 1) {
        end(r, &r->worst);
        return;
    }
    pf_fail(&err, r->worst.code, r->worst.sys, "reach",
            "%.60s: none of the %zu servers that %s can be reached: %.140s%s", r->place.domain,
            r->list.count, r->list.guessed ? pf_words("it might have") : pf_words("it names"),
            r->worst.log,
            r->list.guessed ? pf_words("; write its name as `server` into the account") : "");
    end(r, &err);
}

/* This server cannot be reached. One that may be there later says more than a name that is not known. */
static void go_on(struct pf_reach *r, const struct pf_err *err)
{
    if (r->worst.code == PF_OK || (r->worst.code == PF_CONFIG && err->code == PF_TEMP))
        r->worst = *err;
    r->at++;
    r->looked = r->careful = false;
    pf_reach_search_drop(r->dane);
    r->dane = NULL;
    soon(r);
}

static void on_secret(void *self, struct pf_call *call)
{
    struct pf_reach *r = self;
    static const struct pf_err none = {
        .code = PF_CONFIG, .where = "reach", .log = "a password is needed, and there is none"};

    note_facts(r, call);
    r->connected = true;
    if (r->secret_here) {
        pf_call_secret(call, pf_bytes_from(r->secret, r->secret_len), &r->secret_err);
        return;
    }
    if (r->secret_asked)
        return;
    r->secret_asked = true;
    if (r->calls.secret)
        r->calls.secret(r->self, r, r->place.path ? r->place.path : r->list.at[r->at].host);
    else
        pf_reach_secret(r, (struct pf_bytes){0}, &none);
}

static void on_ready(void *self, struct pf_call *call)
{
    struct pf_reach *r = self;

    note_facts(r, call);
    forget_secret(r);
    r->connected = r->ready = true;
    r->calls.ready(r->self, r, call);
}

static void on_heard(void *self, struct pf_call *call, const struct pf_heard *heard)
{
    struct pf_reach *r = self;

    r->calls.heard(r->self, r, call, heard);
}

static void on_gone(void *self, struct pf_call *call, const struct pf_err *err)
{
    struct pf_reach *r = self;
    struct pf_err why = *err;

    note_facts(r, call);
    pf_call_free(call);
    r->call = NULL;
    r->connected = false;
    if (!r->facts.connected && (why.code == PF_TEMP || why.code == PF_CONFIG)) {
        go_on(r, &why);
    } else if (!r->ready && !r->careful && (r->facts.capa_lost || r->facts.ahead_lost)) {
        r->careful = true;
        soon(r);
    } else {
        end(r, &why);
    }
}

static void call(struct pf_reach *r, const struct pf_reach_server *server)
{
    static const struct pf_call_calls calls = {on_secret, on_ready, on_heard, on_gone};
    struct pf_err err = {0};

    pf_reach_account(r, server);
    r->call = pf_call_new(r->set.loop, r->set.pool, &r->account, &calls, r, &err);
    if (!r->call)
        end(r, &err);
}

static void go(struct pf_reach *r);

static void found(struct pf_reach *r, const struct pf_reach_search *s)
{
    struct pf_err err = s->err;

    if (err.code == PF_OK)
        pf_reach_choose(&s->servers, r->place.domain, r->set.account->tls, &r->list, &err);
    r->found = true;
    if (err.code == PF_OK)
        go(r);
    else
        end(r, &err);
}

static void looked_up(struct pf_job *job)
{
    struct pf_reach_search *s =
        (struct pf_reach_search *)((char *)job - offsetof(struct pf_reach_search, job));
    struct pf_reach *r = s->reach;
    struct pf_err err = {0};

    if (!r) {
        free(s);
        return;
    }
    r->search = NULL;
    if (s->port == 0) {
        found(r, s);
        free(s);
    } else if (s->err.code != PF_OK) {
        pf_fail(
            &err, s->err.code, s->err.sys, "reach",
            "whether there are TLSA records for %.80s cannot be found out, so it is not called: %.160s",
            s->name, s->err.log);
        free(s);
        go_on(r, &err);
    } else {
        r->dane = s;
        r->looked = true;
        go(r);
    }
}

static void search(struct pf_reach *r, const char *name, unsigned port)
{
    struct pf_err err = {0};

    if (pf_reach_search(r, name, port, looked_up, &err) != PF_OK)
        end(r, &err);
}

/* What is to be done next. */
static void go(struct pf_reach *r)
{
    const struct pf_reach_server *server = &r->list.at[r->at];

    if (!r->found)
        search(r, r->place.domain, 0);
    else if (r->at == r->list.count)
        end_unreached(r);
    else if (!r->looked && pf_reach_wants_dane(r, server))
        search(r, server->host, server->port);
    else
        call(r, server);
}

static void kicked(struct pf_timer *timer, void *self)
{
    (void)timer;
    go(self);
}

static void name_it(struct pf_reach *r)
{
    const struct pf_reach_place *p = &r->place;
    const char *user = r->set.account->acts_for ? r->set.account->acts_for : p->user ? p->user : "";
    const char *host = p->path ? p->path : p->host[0] ? p->host : p->domain;
    size_t len = strlen(user), tail = strlen(p->domain);
    bool address = p->domain[0] && len > tail && user[len - tail - 1] == '@' &&
                   pf_equal_nocase(pf_bytes_of(user + len - tail), pf_bytes_of(p->domain));
    char port[12] = "";

    if (p->port)
        snprintf(port, sizeof port, ":%u", p->port);
    snprintf(r->who, sizeof r->who, "%s%s%.280s%s", user, address ? "" : "@", address ? "" : host, port);
}

static enum pf_code init(struct pf_reach *r, struct pf_err *err)
{
    struct pf_reach_server *only = &r->list.at[0];
    enum pf_code code = pf_reach_place(r->set.account, r->set.anonymous, &r->place, err);

    if (code)
        return code;
    name_it(r);
    r->facts.tls_version = r->facts.tls_cipher = r->facts.mechanism = r->facts.checked = "";
    if (!r->place.domain[0]) {
        *only = (struct pf_reach_server){.port = r->place.port, .tls = r->place.tls, .sure = true};
        if (!only->port)
            only->port = only->tls == PF_CALL_IMPLICIT ? 995 : 110;
        memcpy(only->host, r->place.host, sizeof r->place.host);
        r->list.count = 1;
        r->found = true;
    }
    r->kick = pf_timer_new(r->set.loop, kicked, r);
    if (!r->kick)
        return pf_fail(err, PF_NO_MEMORY, 0, "reach", "no memory to reach a server");
    soon(r);
    return PF_OK;
}

struct pf_reach *pf_reach_new(const struct pf_reach_settings *set, const struct pf_reach_calls *calls,
                              void *self, struct pf_err *err)
{
    struct pf_reach *r = calloc(1, sizeof *r);

    if (!r) {
        pf_fail(err, PF_NO_MEMORY, 0, "reach", "no memory to reach a server");
        return NULL;
    }
    r->set = *set;
    r->calls = *calls;
    r->self = self;
    if (init(r, err) == PF_OK)
        return r;
    pf_reach_free(r);
    return NULL;
}

void pf_reach_secret(struct pf_reach *r, struct pf_bytes secret, const struct pf_err *err)
{
    if (r->over || !r->secret_asked || r->secret_here)
        return;
    r->secret_here = true;
    if (err && err->code != PF_OK)
        r->secret_err = *err;
    else if ((r->secret = malloc(secret.len + 1)))
        memcpy(r->secret, secret.at ? (const void *)secret.at : "", r->secret_len = secret.len);
    else
        pf_fail(&r->secret_err, PF_NO_MEMORY, 0, "reach", "no memory for a secret");
    if (r->call)
        pf_call_secret(r->call, pf_bytes_from(r->secret, r->secret_len), &r->secret_err);
}

struct pf_call *pf_reach_call(struct pf_reach *r)
{
    return r->connected ? r->call : NULL;
}

const struct pf_call_facts *pf_reach_facts(const struct pf_reach *r)
{
    return &r->facts;
}

const char *pf_reach_who(const struct pf_reach *r)
{
    return r->who;
}

void pf_reach_free(struct pf_reach *r)
{
    if (!r)
        return;
    forget_secret(r);
    pf_call_free(r->call);
    pf_reach_search_drop(r->search);
    pf_reach_search_drop(r->dane);
    pf_timer_free(r->kick);
    free(r);
}
