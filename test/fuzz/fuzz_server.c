/* The server engine: a client that says anything, cut anywhere, and a world that answers late, badly
 * or not. The first eight octets are the world's, the rest is said by the client.
 *
 * Checked while it runs: no input is taken while a question is open, questions come once, secrets are
 * gone from the engine when the answer is told, logins are asked only by what is offered. Checked at
 * the end, against a model that reads the conversation line by line: one answer for each command, in
 * order; a dot only behind a body that was vouched for, and then every octet of it; no line over 512
 * octets outside of bodies; and exactly those messages are removed that the client was told were
 * marked. */
#include "fuzz/server_model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG = 8, SECRET_LEAST = 8, TURNS_MAX = 400000 };

enum { TLS = 1, PLAINTEXT = 2, STLS = 4, LAST = 8, EXPIRE = 16, CLEAN = 32, FAULTS = 64, SMALL = 128 };

/* More of the world, from a hash of the dice as they lie at the beginning. */
enum { OFFER = 3, OFFER_IN_TLS = 12, APOP = 16, NO_DELETE = 32, LESS_OFTEN = 64, XCLIENT = 128 };

#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"

static const struct pf_pop3_mechanism mechanisms[] = {{"PLAIN", true}, {"X-FUZZ", false}};

struct fuzz {
    struct pf_pop3_server_settings settings;
    struct pf_pop3_server *engine;
    struct model *model;
    unsigned flags, more;
    uint64_t offer;
    bool tls, exposed, tried, told;
    uint32_t dice;
    unsigned char *buffer;
    struct pf_ask ask;
    bool open, closed;
    unsigned char secret[64];
    size_t secret_len;
    const struct model_message *message;
    struct pf_bytes body; /* what the store gives */
    size_t body_at;
    enum pf_code body_end;
    pf_time now;
};

static uint32_t roll(struct fuzz *f, uint32_t sides)
{
    f->dice ^= f->dice << 13;
    f->dice ^= f->dice >> 17;
    f->dice ^= f->dice << 5;
    return f->dice % sides;
}

static bool bad_luck(struct fuzz *f)
{
    return f->flags & FAULTS && roll(f, 4) == 0;
}

static bool holds(const void *at, size_t len, const struct fuzz *f)
{
    return at && len >= f->secret_len && memmem(at, len, f->secret, f->secret_len);
}

static void no_secret_left(struct fuzz *f)
{
    const struct pf_pop3_server *e = f->engine;

    if (f->secret_len < SECRET_LEAST)
        return;
    assert(!holds(e, sizeof *e, f));
    assert(!holds(e->secret.at, e->secret.len, f));
    assert(!holds(e->line.heap, e->line.len, f));
    f->secret_len = 0;
}

/* Keeps a copy to look for, unless it is so plain that it could be anywhere. */
static void remember_secret(struct fuzz *f)
{
    struct pf_bytes s = pf_bytes_head(f->ask.secret, sizeof f->secret);

    f->secret_len = 0;
    for (size_t i = 1; i < s.len; i++)
        if (s.at[i] != s.at[0])
            f->secret_len = s.len;
    if (f->secret_len)
        memcpy(f->secret, s.at, s.len);
}

static void tell(struct fuzz *f, struct pf_tell t, enum pf_code code)
{
    t.err.code = code;
    f->open = false;
    pf_pop3_server_tell(f->engine, &t, f->now);
    no_secret_left(f);
}

static void answer_login(struct fuzz *f)
{
    struct pf_tell t = {.kind = PF_TELL_AUTH, .challenge = PF_LIT("1234")};

    if (f->ask.kind == PF_ASK_SASL && roll(f, 2)) {
        t.kind = PF_TELL_CHALLENGE;
        t.challenge.len = roll(f, 5);
        tell(f, t, PF_OK);
    } else {
        tell(f, t, bad_luck(f) ? PF_AUTH : PF_OK);
    }
}

static void answer_open(struct fuzz *f)
{
    struct pf_tell t = {.kind = PF_TELL_OPEN, .listing = f->model->listing, .expire_days = PF_EXPIRE_NEVER};

    if (f->flags & EXPIRE)
        t.expire_days = 0;
    t.no_delete = f->model->no_delete;
    tell(f, t, bad_luck(f) ? PF_IN_USE : PF_OK);
}

/* Chooses what the store will do with the body that is asked for. */
static void begin_body(struct fuzz *f)
{
    f->message = &f->model->messages[f->ask.index];
    f->body = f->message->stored;
    if (f->flags & CLEAN)
        f->body = f->message->wire;
    f->body_at = 0;
    f->body_end = PF_OK;
    if (bad_luck(f)) {
        f->body.len = roll(f, (uint32_t)f->body.len + 1);
        f->body_end = roll(f, 2) ? PF_IO : PF_OK; /* cut short, and the store may not even know */
    }
    model_body(f->model, &f->ask, f->body_end == PF_OK);
}

static void answer_body(struct fuzz *f)
{
    struct pf_bytes rest = pf_bytes_skip(f->body, f->body_at);
    bool wanted = pf_pop3_server_body_wanted(f->engine);

    if (rest.len && wanted) {
        rest = pf_bytes_head(rest, 1 + roll(f, 3000));
        f->body_at += pf_pop3_server_body(f->engine, rest, f->flags & CLEAN);
        return;
    }
    tell(f, (struct pf_tell){.kind = PF_TELL_BODY}, wanted ? f->body_end : PF_OK);
}

static void answer_commit(struct fuzz *f)
{
    enum pf_code code = bad_luck(f) ? PF_IO : PF_OK;

    model_commit(f->model, &f->ask);
    tell(f, (struct pf_tell){.kind = PF_TELL_COMMIT}, code);
}

static void offer(struct fuzz *f, unsigned bits)
{
    f->offer = f->more & LESS_OFTEN ? bits : UINT64_MAX;
    pf_pop3_server_offer(f->engine, f->offer);
}

static void answer_tls(struct fuzz *f)
{
    enum pf_code code = bad_luck(f) ? PF_IO : PF_OK;

    if (pf_pop3_server_out(f->engine).len)
        return;
    assert(!f->told && !f->tls);
    offer(f, (f->more & OFFER_IN_TLS) >> 2);
    f->tls = code == PF_OK;
    tell(f, (struct pf_tell){.kind = PF_TELL_TLS}, code);
}

/* Once, before any login, and where it is offered; what it says is well formed. */
static void answer_xclient(struct fuzz *f)
{
    struct pf_tell t = {.kind = PF_TELL_XCLIENT, .transport = f->ask.xclient->transport};
    enum pf_code code = bad_luck(f) ? PF_BUSY : PF_OK;

    assert(f->more & XCLIENT && !f->tried && !f->told);
    assert(memchr(f->ask.xclient->session, 0, sizeof f->ask.xclient->session));
    assert(memchr(f->ask.xclient->helo, 0, sizeof f->ask.xclient->helo) && f->ask.xclient->from.port <= UINT16_MAX);
    f->told = code == PF_OK;
    f->tls = f->tls || t.transport == PF_XCLIENT_TLS;
    f->exposed = t.transport == PF_XCLIENT_INSECURE;
    tell(f, t, code);
}

/* Asked is only for what was offered, and as it must look. */
static void check_login(const struct fuzz *f, const struct pf_ask *a)
{
    bool shown = a->kind == PF_ASK_PASS;

    if (a->kind == PF_ASK_SASL) {
        size_t which = a->mechanism == mechanisms[0].name ? 0 : 1;

        assert(a->mechanism == mechanisms[which].name && f->offer >> which & 1);
        shown = mechanisms[which].plaintext;
    }
    assert(!shown || (f->tls && !f->exposed) || f->flags & PLAINTEXT);
    if (a->kind != PF_ASK_APOP)
        return;
    assert(f->more & APOP && a->name.len && pf_find(a->name, ' ') == a->name.len && a->secret.len == 32);
    for (size_t i = 0; i < 32; i++)
        assert(strchr("0123456789abcdefABCDEF", a->secret.at[i]) && a->secret.at[i]);
}

static void answer(struct fuzz *f)
{
    switch (f->ask.kind) {
    case PF_ASK_PASS:
    case PF_ASK_APOP:
    case PF_ASK_SASL:
        answer_login(f);
        return;
    case PF_ASK_OPEN:
        answer_open(f);
        return;
    case PF_ASK_TLS:
        answer_tls(f);
        return;
    case PF_ASK_BODY:
        answer_body(f);
        return;
    case PF_ASK_XCLIENT:
        answer_xclient(f);
        return;
    case PF_ASK_COMMIT:
        answer_commit(f);
        return;
    case PF_ASK_CANCEL:
    case PF_ASK_CLOSE:
        abort();
    }
}

static bool ask(struct fuzz *f)
{
    struct pf_ask a;

    if (!pf_pop3_server_ask(f->engine, &a))
        return false;
    if (a.kind == PF_ASK_CANCEL)
        return true;
    assert(!f->closed || a.close == PF_CLOSE_STALL);
    assert(!f->open || a.kind == PF_ASK_CLOSE);
    f->ask = a;
    f->open = a.kind != PF_ASK_CLOSE;
    if (a.kind == PF_ASK_CLOSE) {
        f->closed = true;
        f->model->why = a.close;
    }
    remember_secret(f);
    if (a.kind == PF_ASK_PASS || a.kind == PF_ASK_SASL || a.kind == PF_ASK_APOP) {
        f->tried = true;
        check_login(f, &a);
    }
    if (a.kind == PF_ASK_BODY)
        begin_body(f);
    return true;
}

static void lend(struct fuzz *f)
{
    if (!f->buffer) {
        size_t cap = f->flags & SMALL ? PF_POP3_OUT_MIN : PF_POP3_OUT_MIN + roll(f, 20000);

        f->buffer = malloc(cap);
        assert(f->buffer);
        pf_pop3_server_lend(f->engine, f->buffer, cap);
    }
}

static void borrow(struct fuzz *f)
{
    if (f->buffer && pf_pop3_server_unlend(f->engine)) {
        free(f->buffer);
        f->buffer = NULL;
    }
}

static bool hear(struct fuzz *f)
{
    struct pf_bytes out = pf_bytes_head(pf_pop3_server_out(f->engine), 1 + roll(f, 5000));
    bool more;

    if (out.len == 0)
        return false;
    more = pf_pop3_server_more(f->engine);
    model_hear(f->model, out);
    pf_pop3_server_sent(f->engine, out.len, f->now);
    assert(!more || pf_pop3_server_out(f->engine).len);
    return true;
}

/* Feeds a piece of it from memory that is gone afterwards; the octets taken. */
static size_t say(struct fuzz *f, struct pf_bytes in)
{
    struct pf_bytes piece = pf_bytes_head(in, 1 + roll(f, roll(f, 2) ? 8 : 2000));
    unsigned char *copy = malloc(piece.len ? piece.len : 1);
    size_t taken;

    assert(copy);
    if (piece.len)
        memcpy(copy, piece.at, piece.len);
    taken = pf_pop3_server_feed(f->engine, pf_bytes_from(copy, piece.len), f->now);
    free(copy);
    assert(taken == 0 || (!f->open && !f->closed));
    model_said(f->model, pf_bytes_head(piece, taken));
    return taken;
}

static bool turn(struct fuzz *f, struct pf_bytes *in)
{
    size_t taken = 0;
    bool moved;

    lend(f);
    taken = say(f, *in);
    *in = pf_bytes_skip(*in, taken);
    moved = ask(f) || taken > 0;
    if (f->open && (roll(f, 3) || in->len == 0)) {
        answer(f);
        moved = true;
    }
    if (roll(f, 3))
        moved = hear(f) || moved;
    if (roll(f, 2))
        borrow(f);
    return moved || (!f->closed && in->len) || pf_pop3_server_out(f->engine).len || f->open;
}

/* How it ends, when the client did not end it. */
static void end(struct fuzz *f)
{
    struct pf_bytes nothing = {0};

    if (roll(f, 2)) {
        pf_pop3_server_eof(f->engine, f->now);
    } else if (roll(f, 2)) {
        pf_pop3_server_shutdown(f->engine, f->now);
    } else {
        f->now = pf_pop3_server_deadline(f->engine);
        assert(f->now != PF_NEVER);
        assert(pf_pop3_server_feed(f->engine, nothing, f->now) == 0);
    }
    while (turn(f, &nothing))
        continue;
    assert(f->closed);
}

static void configure(struct fuzz *f, const uint8_t *data)
{
    f->flags = data[0];
    memcpy(&f->dice, data + 1, sizeof f->dice);
    f->more = f->dice * 2654435761u >> 25; /* Knuth's multiplier: all bits count */
    f->more |= f->dice * 2654435761u >> 17 & XCLIENT;
    f->tls = f->flags & TLS;
    f->dice |= 1;
    f->now = 5;
    pf_pop3_server_settings_init(&f->settings);
    f->settings.mechanisms = mechanisms;
    f->settings.mechanism_count = 2;
    f->settings.stls = f->flags & STLS;
    f->settings.plaintext_login = f->flags & PLAINTEXT;
    f->settings.last = f->flags & LAST;
    f->settings.line_max = 255u + data[5];
    f->settings.sasl_line_max = 255u + data[5] + data[6];
    f->settings.bad_before_login = f->settings.bad_after_login = data[7];
    f->settings.login_tries = data[7] / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes in = pf_bytes_skip(pf_bytes_from(data, size), CONFIG);
    struct fuzz f = {0};

    if (size < CONFIG || size > MODEL_SAID)
        return 0;
    configure(&f, data);
    f.model = model_new(f.flags & EXPIRE, f.settings.line_max, f.settings.sasl_line_max);
    f.engine = pf_pop3_server_new(&f.settings, f.flags & TLS, f.now);
    assert(f.engine);
    offer(&f, f.more & OFFER);
    if (f.more & XCLIENT)
        pf_pop3_server_xclient(f.engine);
    if (f.more & APOP)
        pf_pop3_server_apop(f.engine, TIMESTAMP);
    f.model->no_delete = f.more & NO_DELETE;
    f.model->timestamp = f.more & APOP ? TIMESTAMP : "";
    for (int turns = 0; turn(&f, &in); turns++)
        assert(turns < TURNS_MAX);
    if (!f.closed)
        end(&f);
    model_check(f.model, f.engine);
    pf_pop3_server_free(f.engine);
    model_free(f.model);
    free(f.buffer);
    return 0;
}
