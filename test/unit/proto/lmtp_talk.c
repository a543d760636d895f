#include "unit/proto/lmtp_talk.h"

#include "unit/cm.h"

#include <stdlib.h>

enum { WHOLE, OCTETS, RANDOM, WAYS = RANDOM + 8, PIECE = 70, TURNS_MAX = 400000 };

bool talk_proxied;

struct play {
    struct pf_lmtp_server *engine;
    struct talk *result;
    struct pf_lmtp_ask ask;
    char names[TALK_RCPTS][12];
    bool settled[TALK_RCPTS];
    unsigned unsettled, recipients;
    unsigned char text[TALK_ROOM];
    size_t text_len;
    uint32_t dice;
    int way;
    bool open, begun, torn;
    unsigned char *buffer;
};

static uint32_t roll(struct play *p, uint32_t sides)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 17;
    p->dice ^= p->dice << 5;
    return p->dice % sides;
}

static void append(char *to, struct pf_bytes what)
{
    size_t len = strlen(to);

    assert_true(len + what.len < TALK_ROOM);
    for (size_t i = 0; i < what.len; i++) /* a NUL is shown, or the string would end */
        to[len + i] = what.at[i] ? (char)what.at[i] : '~';
    to[len + what.len] = 0;
}

static void note(struct play *p, const char *text)
{
    append(p->result->log, pf_bytes_of(text));
}

static void note_bytes(struct play *p, struct pf_bytes b)
{
    append(p->result->log, b);
}

static bool named(const struct play *p, unsigned n, const char *name)
{
    return strcmp(p->names[n], name) == 0;
}

static bool any_named(const struct play *p, const char *name)
{
    for (unsigned i = 0; i < p->recipients; i++)
        if (named(p, i, name))
            return true;
    return false;
}

static void tell(struct play *p, enum pf_lmtp_tell_kind kind, unsigned recipient, enum pf_code code)
{
    struct pf_lmtp_tell t = {.kind = kind, .recipient = recipient, .err = {.code = code}};

    if (code == PF_OVER_QUOTA)
        snprintf(t.err.say, sizeof t.err.say, "is full to the brim");
    pf_lmtp_server_tell(p->engine, &t, 1000);
}

static void ask_rcpt(struct play *p)
{
    const unsigned char *at = p->ask.address.at;
    size_t n = 0;

    note(p, "rcpt ");
    note_bytes(p, p->ask.address);
    note(p, "|");
    assert_true(p->ask.recipient == p->recipients && p->recipients < TALK_RCPTS);
    while (n < p->ask.address.len && n < sizeof p->names[0] - 1 && at[n] != '@' && at[n] != '+')
        n++;
    memcpy(p->names[p->recipients], at, n);
    p->names[p->recipients][n] = 0;
}

static void ask_begin(struct play *p)
{
    char number[64];

    note(p, "begin ");
    note_bytes(p, p->ask.helo);
    note(p, " <");
    note_bytes(p, p->ask.sender);
    snprintf(number, sizeof number, "> %u%s|", p->ask.recipients, p->ask.utf8 ? " utf8" : "");
    note(p, number);
    assert_int_equal(p->ask.recipients, p->recipients);
    p->text_len = 0;
    p->torn = false;
}

static void ask_seal(struct play *p)
{
    assert_true(p->begun);
    note(p, "seal ");
    note_bytes(p, pf_bytes_from(p->text, p->text_len));
    note(p, "|");
    p->unsettled = p->recipients;
    memset(p->settled, 0, sizeof p->settled);
}

static void asked(struct play *p)
{
    switch (p->ask.kind) {
    case PF_LMTP_ASK_RCPT:
        ask_rcpt(p);
        break;
    case PF_LMTP_ASK_BEGIN:
        ask_begin(p);
        break;
    case PF_LMTP_ASK_SEAL:
        ask_seal(p);
        break;
    case PF_LMTP_ASK_DROP:
        note(p, "drop|");
        p->recipients = 0;
        p->begun = false;
        return;
    case PF_LMTP_ASK_XCLIENT:
        note(p, p->ask.xclient->from.told ? "xclient|" : "xclient nobody|");
        break;
    case PF_LMTP_ASK_TLS:
        note(p, "tls|");
        break;
    case PF_LMTP_ASK_CLOSE:
        note(p, "close ");
        note(p, p->ask.close);
        note(p, "|");
        p->result->closed = true;
        return;
    }
    p->open = true;
}

static enum pf_code at_rcpt(const struct play *p)
{
    unsigned n = p->recipients;

    return named(p, n, "nobody") ? PF_NO_USER : named(p, n, "full") ? PF_OVER_QUOTA : PF_OK;
}

static enum pf_code at_seal(const struct play *p, unsigned n)
{
    return named(p, n, "late")   ? PF_TEMP
           : named(p, n, "brim") ? PF_OVER_QUOTA
           : named(p, n, "gone") ? PF_NO_BOX
                                 : PF_OK;
}

static void settle_one(struct play *p)
{
    unsigned n = p->way == WHOLE ? 0 : p->way == OCTETS ? p->recipients - 1 : roll(p, p->recipients);

    while (p->settled[n])
        n = p->way == OCTETS ? n - 1 : (n + 1) % p->recipients;
    p->settled[n] = true;
    p->open = --p->unsettled > 0;
    if (!p->open) {
        p->begun = false;
        p->recipients = 0;
    }
    tell(p, PF_LMTP_TELL_SEALED, n, at_seal(p, n));
}

static void answer(struct play *p)
{
    enum pf_code code;

    if (p->ask.kind == PF_LMTP_ASK_SEAL) {
        settle_one(p);
        return;
    }
    if (p->ask.kind == PF_LMTP_ASK_TLS && pf_lmtp_server_out(p->engine).len)
        return;
    p->open = false;
    if (p->ask.kind == PF_LMTP_ASK_RCPT) {
        code = at_rcpt(p);
        p->recipients += code == PF_OK;
        tell(p, PF_LMTP_TELL_RCPT, 0, code);
    } else if (p->ask.kind == PF_LMTP_ASK_BEGIN) {
        code = any_named(p, "nospace") ? PF_NO_SPACE : PF_OK;
        p->begun = code == PF_OK;
        tell(p, PF_LMTP_TELL_BEGUN, 0, code);
    } else if (p->ask.kind == PF_LMTP_ASK_XCLIENT) {
        tell(p, PF_LMTP_TELL_XCLIENT, 0, p->ask.xclient->from.told ? PF_OK : PF_BUSY);
    } else {
        tell(p, PF_LMTP_TELL_TLS, 0, PF_OK);
    }
}

/* From memory that is gone afterwards, so that nothing may point into it. */
static size_t say(struct play *p, struct pf_bytes in)
{
    size_t n = p->way == WHOLE ? in.len : p->way == OCTETS ? 1 : roll(p, 90);
    struct pf_bytes piece = pf_bytes_head(in, n);
    unsigned char *copy = malloc(piece.len ? piece.len : 1), text[PIECE];
    struct pf_span into = {text, 0, p->way == OCTETS ? 1 : 1 + roll(p, PIECE)};
    size_t taken;

    if (piece.len)
        memcpy(copy, piece.at, piece.len);
    if (pf_lmtp_server_wants_text(p->engine))
        taken = pf_lmtp_server_feed_text(p->engine, pf_bytes_from(copy, piece.len), &into, 1000);
    else
        taken = pf_lmtp_server_feed(p->engine, pf_bytes_from(copy, piece.len), 1000);
    free(copy);
    assert_true(taken == 0 || (!p->open && !p->result->closed));
    assert_true(p->text_len + into.len <= sizeof p->text);
    memcpy(p->text + p->text_len, text, into.len);
    p->text_len += into.len;
    return taken;
}

static void tear(struct play *p)
{
    struct pf_err err = {.code = PF_IO};

    if (!p->begun || p->torn || p->text_len == 0 || !any_named(p, "tear"))
        return;
    p->torn = true;
    pf_lmtp_server_text_failed(p->engine, &err, 1000);
}

static bool hear(struct play *p)
{
    struct pf_bytes out = pf_lmtp_server_out(p->engine);

    if (p->way != WHOLE)
        out = pf_bytes_head(out, p->way == OCTETS ? 1 : 1 + roll(p, 100));
    append(p->result->out, out);
    if (out.len)
        pf_lmtp_server_sent(p->engine, out.len, 1000);
    return out.len > 0;
}

static void lend(struct play *p)
{
    if (!p->buffer)
        pf_lmtp_server_lend(p->engine, p->buffer = malloc(PF_LMTP_OUT_MIN), PF_LMTP_OUT_MIN);
}

static void borrow(struct play *p)
{
    if (p->buffer && pf_lmtp_server_unlend(p->engine)) {
        free(p->buffer);
        p->buffer = NULL;
    }
}

static bool turn(struct play *p, struct pf_bytes *said)
{
    size_t taken;
    bool moved;

    lend(p);
    taken = say(p, *said);
    *said = pf_bytes_skip(*said, taken);
    tear(p);
    moved = taken > 0;
    while (pf_lmtp_server_ask(p->engine, &p->ask)) {
        asked(p);
        moved = true;
    }
    if (p->open && (p->way < RANDOM || roll(p, 2))) {
        answer(p);
        moved = true;
    }
    if (p->way < RANDOM || roll(p, 2))
        moved = hear(p) || moved;
    if (p->way >= RANDOM && roll(p, 2))
        borrow(p);
    return moved || p->open || pf_lmtp_server_out(p->engine).len || (said->len && !p->result->closed);
}

static void note_codes(struct talk *t)
{
    for (const char *line = t->out; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');

        assert_true(end && end > line + 4 && end[-1] == '\r' && end - line < 512);
        if (line[3] != ' ')
            continue;
        append(t->codes, pf_bytes_from(line, line[5] == '.' && line[7] == '.' ? 9 : 3));
        append(t->codes, PF_LIT("|"));
    }
}

static void play(const struct pf_lmtp_server_settings *set, struct pf_bytes said, int way, struct talk *result)
{
    struct play *p = calloc(1, sizeof *p);

    p->way = way;
    p->dice = 77u + (uint32_t)way;
    p->result = result;
    result->out[0] = result->log[0] = result->codes[0] = 0;
    result->closed = false;
    p->engine = pf_lmtp_server_new(set, false, 1000);
    if (talk_proxied)
        pf_lmtp_server_xclient(p->engine);
    for (int turns = 0; turn(p, &said); turns++)
        assert_true(turns < TURNS_MAX);
    result->left = said.len;
    pf_lmtp_server_free(p->engine);
    free(p->buffer);
    free(p);
    note_codes(result);
}

struct pf_lmtp_server_settings talk_settings(void)
{
    struct pf_lmtp_server_settings set;

    pf_lmtp_server_settings_init(&set);
    set.hostname = "mx.example";
    return set;
}

const struct talk *talk(const struct pf_lmtp_server_settings *set, struct pf_bytes said)
{
    static struct talk first, other;
    struct pf_lmtp_server_settings usual = talk_settings();

    if (!set)
        set = &usual;
    play(set, said, WHOLE, &first);
    for (int way = OCTETS; way < WAYS; way++) {
        play(set, said, way, &other);
        assert_string_equal(first.out, other.out);
        assert_string_equal(first.log, other.log);
    }
    return &first;
}
