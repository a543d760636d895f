#include "auth/auth_wire.h"

#include "base/number.h"

#include <assert.h>

enum { LENGTH = 4, CHALLENGE_MAX = 65536 };

enum { CHECK_TLS = 1, CHECK_RESPONSE = 2, CHECK_FLAGS = 3 };
enum { VERDICT_MORE = 1, VERDICT_SPENT = 2, VERDICT_FLAGS = 3 };
enum { USER_NEEDS_TLS = 1, USER_NO_DELETE = 2, USER_READ_ONLY = 4, USER_FLAGS = 7 };
enum { OFFER_BINDS = 1, OFFER_APOP = 2, OFFER_FLAGS = 3 };
enum { LINK_TLS = 1, LINK_CERTIFICATE = 2, LINK_EXPORTER = 4, LINK_UNIQUE = 8 };

static_assert(PF_AUTH_WIRE_NAME_MAX + PF_AUTH_WIRE_SECRET_MAX + 1024 < PF_IPC_PAYLOAD_MAX, "the longest secret passes");
static_assert(sizeof(struct pf_auth_wire_bearer) + PF_SEAL_TICKET_MAX < PF_IPC_PAYLOAD_MAX,
              "a page has room for a bearer");

/* One end for writing and one for reading: after the first thing that is wrong, nothing more is done. */

struct pen {
    struct pf_span *span;
    size_t began;
    bool bad;
};

struct eye {
    struct pf_bytes rest;
    bool bad;
};

static struct pen pen_of(struct pf_span *span)
{
    return (struct pen){span, span->len, false};
}

static void put(struct pen *pen, uint64_t number, size_t octets)
{
    pen->bad = pen->bad || !pf_number_put(pen->span, number, octets);
}

static void put_octets(struct pen *pen, struct pf_bytes b, size_t max)
{
    pen->bad = pen->bad || b.len > max;
    put(pen, b.len, LENGTH);
    pen->bad = pen->bad || !pf_span_put(pen->span, b);
}

static bool is_text(struct pf_bytes b)
{
    return b.len == 0 || !memchr(b.at, 0, b.len);
}

static void put_text(struct pen *pen, struct pf_bytes b, size_t max)
{
    pen->bad = pen->bad || !is_text(b);
    put_octets(pen, b, max);
}

static bool put_all(struct pen *pen)
{
    if (pen->bad)
        pen->span->len = pen->began;
    return !pen->bad;
}

static uint64_t get(struct eye *eye, size_t octets)
{
    eye->bad = eye->bad || eye->rest.len < octets;
    return eye->bad ? 0 : pf_number_take(&eye->rest, octets);
}

static unsigned get_flags(struct eye *eye, unsigned known)
{
    unsigned flags = (unsigned)get(eye, 1);

    eye->bad = eye->bad || flags & ~known;
    return flags;
}

static struct pf_bytes get_octets(struct eye *eye, size_t max)
{
    size_t len = (size_t)get(eye, LENGTH);
    struct pf_bytes b;

    eye->bad = eye->bad || len > max || len > eye->rest.len;
    if (eye->bad)
        return (struct pf_bytes){0};
    b = pf_bytes_head(eye->rest, len);
    eye->rest = pf_bytes_skip(eye->rest, len);
    return b;
}

static struct pf_bytes get_text(struct eye *eye, size_t max)
{
    struct pf_bytes b = get_octets(eye, max);

    eye->bad = eye->bad || !is_text(b);
    return b;
}

/* Into `size` octets, one of them for the NUL. */
static void get_string(struct eye *eye, char *out, size_t size)
{
    struct pf_bytes b = get_text(eye, size - 1);

    if (b.len)
        memcpy(out, b.at, b.len);
    out[b.len] = 0;
}

static bool got_all(const struct eye *eye)
{
    return !eye->bad && eye->rest.len == 0;
}

/* Questions */

static bool check_is_lawful(const struct pf_auth_wire_check *c)
{
    bool sasl = c->way == PF_AUTH_BY_SASL;

    if (!c->number || (c->way != PF_AUTH_BY_APOP && c->timestamp.len))
        return false;
    if (sasl)
        return c->mechanism.len && !c->name.len && (c->has_response || !c->secret.len);
    return !c->has_response && !c->mechanism.len && !c->exporter.len && !c->unique.len;
}

bool pf_auth_wire_put_check(struct pf_span *span, const struct pf_auth_wire_check *c)
{
    struct pen pen = pen_of(span);

    pen.bad = !check_is_lawful(c);
    put(&pen, c->number, 8);
    put(&pen, c->session, 8);
    put(&pen, c->way, 1);
    put(&pen, (c->tls ? CHECK_TLS : 0u) | (c->has_response ? CHECK_RESPONSE : 0u), 1);
    put_octets(&pen, c->name, PF_AUTH_WIRE_NAME_MAX);
    put_octets(&pen, c->secret, PF_AUTH_WIRE_SECRET_MAX);
    put_text(&pen, c->timestamp, PF_AUTH_WIRE_STAMP_MAX);
    put_text(&pen, c->mechanism, PF_AUTH_WIRE_MECHANISM_MAX);
    put_text(&pen, c->peer, PF_AUTH_WIRE_PEER_MAX);
    put_text(&pen, c->tls_version, PF_AUTH_WIRE_VERSION_MAX);
    put_text(&pen, c->certificate, PF_AUTH_NAME_MAX);
    put_octets(&pen, c->exporter, PF_AUTH_WIRE_BINDING_MAX);
    put_octets(&pen, c->unique, PF_AUTH_WIRE_BINDING_MAX);
    return put_all(&pen);
}

bool pf_auth_wire_get_check(struct pf_bytes b, struct pf_auth_wire_check *out)
{
    struct eye eye = {b, false};
    struct pf_auth_wire_check c = {.number = get(&eye, 8)};
    uint64_t way;
    unsigned flags;

    c.session = get(&eye, 8);
    way = get(&eye, 1);
    flags = get_flags(&eye, CHECK_FLAGS);
    c.way = (enum pf_auth_way)way;
    c.tls = flags & CHECK_TLS;
    c.has_response = flags & CHECK_RESPONSE;
    c.name = get_octets(&eye, PF_AUTH_WIRE_NAME_MAX);
    c.secret = get_octets(&eye, PF_AUTH_WIRE_SECRET_MAX);
    c.timestamp = get_text(&eye, PF_AUTH_WIRE_STAMP_MAX);
    c.mechanism = get_text(&eye, PF_AUTH_WIRE_MECHANISM_MAX);
    c.peer = get_text(&eye, PF_AUTH_WIRE_PEER_MAX);
    c.tls_version = get_text(&eye, PF_AUTH_WIRE_VERSION_MAX);
    c.certificate = get_text(&eye, PF_AUTH_NAME_MAX);
    c.exporter = get_octets(&eye, PF_AUTH_WIRE_BINDING_MAX);
    c.unique = get_octets(&eye, PF_AUTH_WIRE_BINDING_MAX);
    if (!got_all(&eye) || way > PF_AUTH_BY_SASL || !check_is_lawful(&c))
        return false;
    *out = c;
    return true;
}

bool pf_auth_wire_put_step(struct pf_span *span, const struct pf_auth_wire_step *s)
{
    struct pen pen = pen_of(span);

    pen.bad = !s->number || (!s->has_response && s->response.len);
    put(&pen, s->number, 8);
    put(&pen, s->has_response, 1);
    put_octets(&pen, s->response, PF_AUTH_WIRE_SECRET_MAX);
    return put_all(&pen);
}

bool pf_auth_wire_get_step(struct pf_bytes b, struct pf_auth_wire_step *out)
{
    struct eye eye = {b, false};
    struct pf_auth_wire_step s = {.number = get(&eye, 8)};

    s.has_response = get_flags(&eye, 1);
    s.response = get_octets(&eye, PF_AUTH_WIRE_SECRET_MAX);
    if (!got_all(&eye) || !s.number || (!s.has_response && s.response.len))
        return false;
    *out = s;
    return true;
}

static bool lookup_is_lawful(const struct pf_auth_wire_lookup *l)
{
    return l->address.len && l->from < PF_LOOKUP_USERS_MAX && (l->from || !l->mark);
}

bool pf_auth_wire_put_lookup(struct pf_span *span, const struct pf_auth_wire_lookup *l)
{
    struct pen pen = pen_of(span);

    pen.bad = !lookup_is_lawful(l);
    put(&pen, l->from, 2);
    put(&pen, l->mark, 8);
    put_octets(&pen, l->address, PF_AUTH_WIRE_ADDRESS_MAX);
    return put_all(&pen);
}

bool pf_auth_wire_get_lookup(struct pf_bytes b, struct pf_auth_wire_lookup *out)
{
    struct eye eye = {b, false};
    struct pf_auth_wire_lookup l = {.from = (uint16_t)get(&eye, 2)};

    l.mark = get(&eye, 8);
    l.address = get_octets(&eye, PF_AUTH_WIRE_ADDRESS_MAX);
    if (!got_all(&eye) || !lookup_is_lawful(&l))
        return false;
    *out = l;
    return true;
}

/* Answers */

/* What went well has no texts. */
static void put_err(struct pen *pen, const struct pf_err *err)
{
    bool fine = err->code == PF_OK;

    pen->bad = pen->bad || (unsigned)err->code >= PF_CODES;
    put(pen, err->code, 2);
    put(pen, fine ? 0 : (uint32_t)err->sys, 4);
    put_text(pen, pf_bytes_of(fine ? "" : err->say), PF_ERR_SAY - 1);
    put_text(pen, pf_bytes_of(fine ? "" : err->log), PF_ERR_LOG - 1);
}

static void get_err(struct eye *eye, struct pf_err *err)
{
    uint64_t code = get(eye, 2);

    *err = (struct pf_err){.where = "auth", .sys = (int)(uint32_t)get(eye, 4)};
    get_string(eye, err->say, sizeof err->say);
    get_string(eye, err->log, sizeof err->log);
    eye->bad = eye->bad || code >= PF_CODES || (code == PF_OK && (err->sys || err->say[0] || err->log[0]));
    err->code = eye->bad ? PF_TEMP : (enum pf_code)code;
}

static void put_bearer(struct pen *pen, const struct pf_auth_wire_bearer *b)
{
    const struct pf_user *u = &b->user;

    pen->bad = pen->bad || !u->name[0] || (b->store == 0) != (b->ticket.len == 0);
    put(pen, (u->needs_tls ? USER_NEEDS_TLS : 0u) | (u->no_delete ? USER_NO_DELETE : 0u) |
                 (u->read_only ? USER_READ_ONLY : 0u), 1);
    put(pen, (uint32_t)u->expire_days, 4);
    put(pen, (uint32_t)u->login_delay, 4);
    put(pen, (uint64_t)u->quota_octets, 8);
    put(pen, (uint64_t)u->quota_messages, 8);
    put_text(pen, pf_bytes_of(u->name), sizeof u->name - 1);
    put_text(pen, pf_bytes_of(u->maildrop), sizeof u->maildrop - 1);
    put_text(pen, pf_bytes_of(u->folder), sizeof u->folder - 1);
    put_text(pen, pf_bytes_of(u->master), sizeof u->master - 1);
    put_text(pen, pf_bytes_of(u->token), sizeof u->token - 1);
    put_text(pen, pf_bytes_of(u->recipient), sizeof u->recipient - 1);
    put(pen, b->store, 4);
    put_octets(pen, b->ticket, PF_SEAL_TICKET_MAX);
}

static void get_bearer(struct eye *eye, struct pf_auth_wire_bearer *b)
{
    struct pf_user *u = &b->user;
    unsigned flags = get_flags(eye, USER_FLAGS);

    *u = (struct pf_user){.needs_tls = flags & USER_NEEDS_TLS, .no_delete = flags & USER_NO_DELETE,
                          .read_only = flags & USER_READ_ONLY};
    u->expire_days = (int32_t)(uint32_t)get(eye, 4);
    u->login_delay = (int32_t)(uint32_t)get(eye, 4);
    u->quota_octets = (int64_t)get(eye, 8);
    u->quota_messages = (int64_t)get(eye, 8);
    get_string(eye, u->name, sizeof u->name);
    get_string(eye, u->maildrop, sizeof u->maildrop);
    get_string(eye, u->folder, sizeof u->folder);
    get_string(eye, u->master, sizeof u->master);
    get_string(eye, u->token, sizeof u->token);
    get_string(eye, u->recipient, sizeof u->recipient);
    b->store = (uint32_t)get(eye, 4);
    b->ticket = get_octets(eye, PF_SEAL_TICKET_MAX);
    eye->bad = eye->bad || !u->name[0] || (b->store == 0) != (b->ticket.len == 0);
}

bool pf_auth_wire_put_verdict(struct pf_span *span, const struct pf_auth_wire_verdict *v)
{
    struct pen pen = pen_of(span);

    pen.bad = (!v->more && v->challenge.len) || v->last < 0;
    put_err(&pen, &v->err);
    put(&pen, (v->more ? VERDICT_MORE : 0u) | (v->spent ? VERDICT_SPENT : 0u), 1);
    put_octets(&pen, v->challenge, CHALLENGE_MAX);
    if (v->more || v->err.code != PF_OK) {
        put_text(&pen, pf_bytes_of(v->bearer.user.name), PF_AUTH_NAME_MAX);
        return put_all(&pen);
    }
    put(&pen, (uint64_t)v->last, 8);
    put_bearer(&pen, &v->bearer);
    return put_all(&pen);
}

bool pf_auth_wire_get_verdict(struct pf_bytes b, struct pf_auth_wire_verdict *out)
{
    struct eye eye = {b, false};
    unsigned flags;

    *out = (struct pf_auth_wire_verdict){0};
    get_err(&eye, &out->err);
    flags = get_flags(&eye, VERDICT_FLAGS);
    out->more = flags & VERDICT_MORE;
    out->spent = flags & VERDICT_SPENT;
    out->challenge = get_octets(&eye, CHALLENGE_MAX);
    if (out->more || out->err.code != PF_OK) {
        get_string(&eye, out->bearer.user.name, sizeof out->bearer.user.name);
        return got_all(&eye) && (out->more || !out->challenge.len);
    }
    out->last = (pf_time)get(&eye, 8);
    get_bearer(&eye, &out->bearer);
    return got_all(&eye) && !out->challenge.len && out->last >= 0;
}

bool pf_auth_wire_put_users(struct pf_span *span, const struct pf_auth_wire_users *u)
{
    struct pen pen = pen_of(span);

    put_err(&pen, &u->err);
    if (u->err.code != PF_OK)
        return put_all(&pen);
    pen.bad = pen.bad || u->total == 0 || u->total > PF_LOOKUP_USERS_MAX;
    put(&pen, u->total, 2);
    put(&pen, u->mark, 8);
    return put_all(&pen);
}

bool pf_auth_wire_put_bearer(struct pf_span *span, const struct pf_auth_wire_bearer *bearer)
{
    struct pen pen = pen_of(span);

    put_bearer(&pen, bearer);
    return put_all(&pen);
}

bool pf_auth_wire_bearer_next(struct pf_bytes *page, struct pf_auth_wire_bearer *out)
{
    struct eye eye = {*page, false};

    if (page->len == 0)
        return false;
    get_bearer(&eye, out);
    if (!eye.bad)
        *page = eye.rest;
    return !eye.bad;
}

bool pf_auth_wire_get_users(struct pf_bytes b, struct pf_auth_wire_users *out)
{
    struct eye eye = {b, false};
    struct pf_auth_wire_bearer bearer;
    unsigned count = 0;

    *out = (struct pf_auth_wire_users){0};
    get_err(&eye, &out->err);
    if (eye.bad || out->err.code != PF_OK)
        return got_all(&eye);
    out->total = (uint16_t)get(&eye, 2);
    out->mark = get(&eye, 8);
    out->page = eye.rest;
    while (!eye.bad && eye.rest.len && count <= out->total) {
        get_bearer(&eye, &bearer);
        count++;
    }
    return got_all(&eye) && count && count <= out->total && out->total <= PF_LOOKUP_USERS_MAX;
}

/* Notices */

bool pf_auth_wire_put_end(struct pf_span *span, uint64_t number)
{
    struct pen pen = pen_of(span);

    pen.bad = !number;
    put(&pen, number, 8);
    return put_all(&pen);
}

bool pf_auth_wire_get_end(struct pf_bytes b, uint64_t *out_number)
{
    struct eye eye = {b, false};
    uint64_t number = get(&eye, 8);

    if (!got_all(&eye) || !number)
        return false;
    *out_number = number;
    return true;
}

bool pf_auth_wire_put_noted(struct pf_span *span, const char *user)
{
    struct pen pen = pen_of(span);

    pen.bad = !user[0];
    put_text(&pen, pf_bytes_of(user), PF_AUTH_NAME_MAX);
    return put_all(&pen);
}

bool pf_auth_wire_get_noted(struct pf_bytes b, char out_user[PF_AUTH_NAME_MAX + 1])
{
    struct eye eye = {b, false};

    get_string(&eye, out_user, PF_AUTH_NAME_MAX + 1);
    return got_all(&eye) && out_user[0];
}

bool pf_auth_wire_put_offer(struct pf_span *span, const struct pf_auth_wire_offer *offer)
{
    struct pen pen = pen_of(span);

    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++)
        put(&pen, offer->masks[i], 8);
    put(&pen, (offer->binds ? OFFER_BINDS : 0u) | (offer->apop ? OFFER_APOP : 0u), 1);
    return put_all(&pen);
}

bool pf_auth_wire_get_offer(struct pf_bytes b, struct pf_auth_wire_offer *out)
{
    struct eye eye = {b, false};
    struct pf_auth_wire_offer offer;
    unsigned flags;

    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++)
        offer.masks[i] = get(&eye, 8);
    flags = get_flags(&eye, OFFER_FLAGS);
    offer.binds = flags & OFFER_BINDS;
    offer.apop = flags & OFFER_APOP;
    if (got_all(&eye))
        *out = offer;
    return got_all(&eye);
}

unsigned pf_auth_wire_offer_index(const struct pf_auth_link *link)
{
    return (link->tls ? LINK_TLS : 0u) | (link->certificate ? LINK_CERTIFICATE : 0u) |
           (link->exporter.len ? LINK_EXPORTER : 0u) | (link->unique.len ? LINK_UNIQUE : 0u);
}

struct pf_auth_link pf_auth_wire_offer_link(unsigned index)
{
    return (struct pf_auth_link){
        .peer = "",
        .tls = index & LINK_TLS,
        .certificate = index & LINK_CERTIFICATE ? "somebody" : NULL,
        .exporter = index & LINK_EXPORTER ? PF_LIT("exporter") : PF_LIT(""),
        .unique = index & LINK_UNIQUE ? PF_LIT("unique") : PF_LIT(""),
    };
}
