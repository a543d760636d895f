#include "unit/proto/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <postfach/dot.h>

static const struct pf_pop3_mechanism mechanisms[] = {{"PLAIN", true}, {"SCRAM-SHA-256", false}};

static uint32_t roll(struct world *w)
{
    w->dice ^= w->dice << 13;
    w->dice ^= w->dice >> 17;
    w->dice ^= w->dice << 5;
    return w->dice;
}

static size_t piece(struct world *w, size_t rule, size_t len)
{
    size_t n = rule == SIZE_MAX ? 1 + roll(w) % 97 : rule;

    return rule == 0 || n > len ? len : n;
}

static size_t length(const struct world_message *m)
{
    return m->len ? m->len : strlen(m->stored);
}

static uint64_t wire_size(const struct world_message *m)
{
    struct pf_dot d;

    pf_dot_init(&d);
    pf_dot_measure(&d, pf_bytes_from(m->stored, length(m)));
    pf_dot_measure_end(&d);
    return d.octets;
}

struct pf_listing world_listing(const struct world_message *messages, uint32_t count)
{
    struct pf_row *rows = calloc(count + 1, sizeof *rows);
    char *uidls = calloc(count + 1, PF_UIDL_MAX + 1);
    struct pf_listing listing = {.rows = rows, .uidls = (unsigned char *)uidls, .count = count, .octets = 0};
    uint32_t at = 0;

    assert(rows && uidls);
    for (uint32_t i = 0; i < count; i++) {
        const struct world_message *m = &messages[i];

        rows[i].octets = m->octets ? m->octets : wire_size(m);
        rows[i].flags = m->seen ? PF_ROW_SEEN : 0;
        rows[i].uidl_at = at;
        rows[i].uidl_len = (uint8_t)(m->uidl ? snprintf(uidls + at, PF_UIDL_MAX + 1, "%s", m->uidl)
                                             : snprintf(uidls + at, PF_UIDL_MAX + 1, "uid%u", i + 1));
        at += rows[i].uidl_len;
        listing.octets += rows[i].octets;
    }
    return listing;
}

void world_listing_free(struct pf_listing *l)
{
    free((void *)(uintptr_t)l->rows);
    free((void *)(uintptr_t)l->uidls);
    *l = (struct pf_listing){0};
}

void world_init(struct world *w)
{
    *w = (struct world){.tls = true,
                        .user = "alice",
                        .password = "secret",
                        .digest = "5fd5a4a8a4b8b7b5d6e3c1f0a9b8c7d6",
                        .offer = UINT64_MAX,
                        .expire_days = PF_EXPIRE_NEVER,
                        .lent = 65536,
                        .dice = 2463534242u};
    pf_pop3_server_settings_init(&w->settings);
    w->settings.mechanisms = mechanisms;
    w->settings.mechanism_count = 2;
    w->settings.implementation = "Postfach";
}

static void lend(struct world *w)
{
    if (!w->buffer) {
        w->buffer = malloc(w->lent);
        assert(w->buffer);
        pf_pop3_server_lend(w->engine, w->buffer, w->lent);
    }
}

static void borrow(struct world *w)
{
    if (w->borrow && w->buffer && pf_pop3_server_unlend(w->engine)) {
        free(w->buffer);
        w->buffer = NULL;
    }
}

static void note(struct world *w, const char *text, struct pf_bytes a, struct pf_bytes b)
{
    size_t at = strlen(w->asked);

    snprintf(w->asked + at, sizeof w->asked - at, "%s%s%s%.*s%s%.*s%s", at ? " " : "", text,
             a.at ? "(" : "", (int)a.len, a.at ? (const char *)a.at : "", b.at ? "," : "", (int)b.len,
             b.at ? (const char *)b.at : "", a.at ? ")" : "");
}

static void note_number(struct world *w, const char *text, uint64_t n)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    note(w, text, pf_bytes_of(digits), (struct pf_bytes){0});
}

static void tell(struct world *w, struct pf_tell t, enum pf_code code)
{
    t.err.code = code;
    w->has_open_ask = false;
    pf_pop3_server_tell(w->engine, &t, w->now);
}

static bool equal(struct pf_bytes b, const char *text)
{
    return pf_bytes_equal(b, pf_bytes_of(text));
}

static void answer_sasl(struct world *w)
{
    const struct pf_ask *a = &w->open_ask;
    struct pf_bytes plain;
    char expected[128];

    if (a->first)
        w->step = 0;
    snprintf(expected, sizeof expected, "%c%s%c%s", 0, w->user, 0, w->password);
    plain = pf_bytes_from(expected, strlen(w->user) + strlen(w->password) + 2);
    if (w->step++ < w->challenges || !a->has_response)
        tell(w, (struct pf_tell){.kind = PF_TELL_CHALLENGE, .challenge = w->challenge}, PF_OK);
    else
        tell(w, (struct pf_tell){.kind = PF_TELL_AUTH},
             pf_bytes_equal(a->secret, plain) ? PF_OK : PF_AUTH);
}

static void answer_open(struct world *w)
{
    uint32_t count = 0;

    while (count < WORLD_MESSAGES && w->messages[count].stored)
        count++;
    if (!w->listing.rows)
        w->listing = world_listing(w->messages, count);
    tell(w, (struct pf_tell){.kind = PF_TELL_OPEN, .listing = w->listing,
                             .expire_days = w->expire_days, .login_delay = w->login_delay,
                             .no_delete = w->no_delete}, w->open);
}

/* The wire form of a whole message. */
static size_t wire(const struct world_message *m, unsigned char *to, size_t cap)
{
    struct pf_span s = {to, 0, cap};
    struct pf_dot d;

    pf_dot_init(&d);
    pf_dot_encode_scalar(&d, pf_bytes_from(m->stored, length(m)), &s);
    pf_dot_finish(&d, &s);
    return s.len;
}

/* What the store will give of the message that is asked for. */
static void fetch_body(struct world *w)
{
    const struct world_message *m = &w->messages[w->open_ask.index];
    size_t cap = 3 * length(m) + 8;

    free(w->body_given);
    w->body_given = malloc(cap);
    assert(w->body_given);
    w->body_len = length(m);
    if (w->clean)
        w->body_len = wire(m, w->body_given, cap);
    else
        memcpy(w->body_given, m->stored, w->body_len);
    if (m->fails && m->fails_at < w->body_len)
        w->body_len = m->fails_at;
    w->body_at = 0;
}

/* One piece; true when the body is over, well or not. */
static bool give_body(struct world *w)
{
    if (w->body_at < w->body_len && pf_pop3_server_body_wanted(w->engine)) {
        size_t n = piece(w, w->body, w->body_len - w->body_at);

        w->body_at +=
            pf_pop3_server_body(w->engine, pf_bytes_from(w->body_given + w->body_at, n), w->clean);
    }
    return w->body_at >= w->body_len || !pf_pop3_server_body_wanted(w->engine);
}

void world_answer(struct world *w)
{
    const struct pf_ask *a = &w->open_ask;

    switch (a->kind) {
    case PF_ASK_PASS:
        tell(w, (struct pf_tell){.kind = PF_TELL_AUTH},
             equal(a->name, w->user) && equal(a->secret, w->password) ? PF_OK : PF_AUTH);
        return;
    case PF_ASK_APOP:
        tell(w, (struct pf_tell){.kind = PF_TELL_AUTH},
             equal(a->name, w->user) && equal(a->secret, w->digest) ? PF_OK : PF_AUTH);
        return;
    case PF_ASK_SASL:
        answer_sasl(w);
        return;
    case PF_ASK_OPEN:
        answer_open(w);
        return;
    case PF_ASK_TLS:
        if (!pf_pop3_server_out(w->engine).len)
            tell(w, (struct pf_tell){.kind = PF_TELL_TLS}, w->handshake);
        return;
    case PF_ASK_BODY:
        if (give_body(w))
            tell(w, (struct pf_tell){.kind = PF_TELL_BODY}, w->messages[a->index].fails);
        return;
    case PF_ASK_XCLIENT:
        tell(w, (struct pf_tell){.kind = PF_TELL_XCLIENT, .transport = w->transport}, w->xclient_verdict);
        return;
    case PF_ASK_COMMIT:
        tell(w, (struct pf_tell){.kind = PF_TELL_COMMIT}, w->commit);
        return;
    case PF_ASK_CANCEL:
    case PF_ASK_CLOSE:
        return;
    }
}

static void note_ask(struct world *w)
{
    static const char *const names[] = {
        [PF_ASK_PASS] = "PASS", [PF_ASK_APOP] = "APOP",
        [PF_ASK_SASL] = "SASL", [PF_ASK_CANCEL] = "CANCEL",
        [PF_ASK_OPEN] = "OPEN", [PF_ASK_TLS] = "TLS",       [PF_ASK_BODY] = "BODY",
        [PF_ASK_CLOSE] = "CLOSE", [PF_ASK_COMMIT] = "COMMIT", [PF_ASK_XCLIENT] = "XCLIENT",
    };
    const struct pf_ask *a = &w->open_ask;

    if (a->kind == PF_ASK_PASS || a->kind == PF_ASK_APOP)
        note(w, names[a->kind], a->name, a->secret.at ? a->secret : PF_LIT(""));
    else if (a->kind == PF_ASK_BODY)
        note_number(w, names[a->kind], a->index);
    else if (a->kind == PF_ASK_COMMIT)
        note_number(w, names[a->kind], a->remove_count);
    else
        note(w, names[a->kind], (struct pf_bytes){0}, (struct pf_bytes){0});
}

static bool ask(struct world *w)
{
    if (!pf_pop3_server_ask(w->engine, &w->open_ask))
        return false;
    note_ask(w);
    if (w->open_ask.kind == PF_ASK_BODY)
        fetch_body(w);
    w->has_open_ask = w->open_ask.kind != PF_ASK_CANCEL && w->open_ask.kind != PF_ASK_CLOSE;
    if (w->open_ask.kind == PF_ASK_CLOSE) {
        w->closed = true;
        w->why = w->open_ask.close;
    }
    return true;
}

static bool send_some(struct world *w)
{
    struct pf_bytes out = pf_pop3_server_out(w->engine);
    size_t n = w->deaf ? 0 : piece(w, w->take, out.len);
    bool more = pf_pop3_server_more(w->engine);

    if (n == 0)
        return false;
    while (w->out_cap < w->out_len + n + 1) {
        w->out_cap = w->out_cap * 2 + 4096;
        w->out = realloc(w->out, w->out_cap);
        assert(w->out);
    }
    memcpy(w->out + w->out_len, out.at, n);
    w->out_len += n;
    w->out[w->out_len] = 0;
    pf_pop3_server_sent(w->engine, n, w->now);
    assert(!more || pf_pop3_server_out(w->engine).len);
    return true;
}

void world_pump(struct world *w)
{
    bool moved = true;

    while (moved) {
        size_t before = w->body_at;

        moved = ask(w);
        if (w->has_open_ask && !w->mute) {
            world_answer(w);
            moved = moved || !w->has_open_ask || w->body_at != before;
        }
        moved = send_some(w) || moved;
    }
    borrow(w);
}

void world_start(struct world *w)
{
    w->engine = pf_pop3_server_new(&w->settings, w->tls, w->now);
    assert(w->engine);
    pf_pop3_server_offer(w->engine, w->offer);
    if (w->xclient)
        pf_pop3_server_xclient(w->engine);
    if (w->timestamp)
        pf_pop3_server_apop(w->engine, w->timestamp);
    lend(w);
    world_pump(w);
}

size_t world_say_octets(struct world *w, struct pf_bytes in)
{
    size_t at = 0;
    bool moved = true;

    while (moved && at < in.len && !w->closed) {
        size_t n = piece(w, w->cut, in.len - at), taken;
        unsigned char *copy = malloc(n);

        /* An exact copy, gone after the call: the engine keeps no view of its input. */
        assert(copy);
        memcpy(copy, in.at + at, n);
        lend(w);
        taken = pf_pop3_server_feed(w->engine, pf_bytes_from(copy, n), w->now);
        free(copy);
        w->spilled = pf_pop3_server_secret_taken(w->engine) || w->spilled;
        at += taken;
        moved = taken > 0;
        world_pump(w);
        if (!moved && !w->mute && !w->deaf && !w->closed)
            moved = pf_pop3_server_feed(w->engine, (struct pf_bytes){0}, w->now) == 0 && at < in.len &&
                    !w->has_open_ask;
    }
    return at;
}

size_t world_say(struct world *w, const char *text)
{
    return world_say_octets(w, pf_bytes_of(text));
}

void world_eof(struct world *w)
{
    pf_pop3_server_eof(w->engine, w->now);
    world_pump(w);
}

void world_wait(struct world *w, pf_time ms)
{
    w->now += ms;
    lend(w);
    pf_pop3_server_feed(w->engine, (struct pf_bytes){0}, w->now);
    world_pump(w);
}

const char *world_heard(struct world *w)
{
    free(w->heard);
    w->heard = w->out ? w->out : calloc(1, 1);
    assert(w->heard);
    w->out = NULL;
    w->out_len = w->out_cap = 0;
    return w->heard;
}

const char *world_chat(struct world *w, const char *text)
{
    world_say(w, text);
    return world_heard(w);
}

const char *world_asked(struct world *w)
{
    memcpy(w->asked_before, w->asked, sizeof w->asked);
    w->asked[0] = 0;
    return w->asked_before;
}

void world_login(struct world *w)
{
    world_say(w, "USER alice\r\nPASS secret\r\n");
    world_heard(w);
    world_asked(w);
}

void world_begin(struct world *w)
{
    world_start(w);
    world_login(w);
}

void world_end(struct world *w)
{
    pf_pop3_server_free(w->engine);
    world_listing_free(&w->listing);
    free(w->buffer);
    free(w->body_given);
    free(w->out);
    free(w->heard);
}
