/* The LMTP engine: a client that says anything, cut anywhere, and a world that answers late, in any order, badly.
 * The first eight octets are the world's, the rest is said by the client.
 *
 * Checked while it runs: no input is taken while a question is open, nothing is sealed that was not
 * begun, no recipient is left with the world when the session ends. Checked at the end by the model:
 * one reply for each command and one per recipient behind a text, 250 only where the seal was told
 * well, no seal without an end, each octet of each text, and no text that breaks a rule. */
#include "fuzz/lmtp_model.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG = 8, SAID_MAX = 1 << 15, TURNS_MAX = 1000000 };

enum { SMTP = 1, TLS = 2, STARTTLS = 4, BARE = 8, FAULTS = 16, SMALL = 32, PROXY = 64 };

struct fuzz {
    struct pf_lmtp_server *engine;
    struct model_log log;
    struct pf_lmtp_ask ask;
    unsigned flags;
    uint32_t dice;
    unsigned char *buffer;
    unsigned char *text;
    size_t text_len;
    unsigned recipients, unsealed;
    bool told[MODEL_RCPTS];
    bool open, begun, closed;
    pf_time now;
};

static uint32_t roll(struct fuzz *f, uint32_t sides)
{
    f->dice ^= f->dice << 13;
    f->dice ^= f->dice >> 17;
    f->dice ^= f->dice << 5;
    return f->dice % sides;
}

static void *grown(void *at, size_t size)
{
    void *memory = realloc(at, size ? size : 1);

    assert(memory);
    return memory;
}

static enum pf_code luck(struct fuzz *f)
{
    static const enum pf_code bad[] = {PF_NO_USER, PF_OVER_QUOTA, PF_TEMP, PF_PERM, PF_NO_SPACE};

    return f->flags & FAULTS && roll(f, 4) == 0 ? bad[roll(f, 5)] : PF_OK;
}

static void note_fault(struct fuzz *f)
{
    f->log.faults = grown(f->log.faults, (f->log.fault_count + 1) * sizeof *f->log.faults);
    f->log.faults[f->log.fault_count++] = f->log.said_len;
}

static void tell(struct fuzz *f, enum pf_lmtp_tell_kind kind, unsigned recipient, enum pf_code code)
{
    struct pf_lmtp_tell t = {.kind = kind, .recipient = recipient, .err = {.code = code}};

    if (roll(f, 2))
        memcpy(t.err.say, "words of the world", 19);
    pf_lmtp_server_tell(f->engine, &t, f->now);
}

static void ask_seal(struct fuzz *f)
{
    struct model_seal s = {.at = f->log.said_len, .text_len = f->text_len, .recipients = f->ask.recipients};

    assert(f->begun && f->recipients == f->ask.recipients && f->recipients > 0);
    s.text = grown(NULL, f->text_len);
    if (f->text_len)
        memcpy(s.text, f->text, f->text_len);
    f->log.seals = grown(f->log.seals, (f->log.seal_count + 1) * sizeof s);
    f->log.seals[f->log.seal_count++] = s;
    f->unsealed = f->recipients;
    memset(f->told, 0, sizeof f->told);
}

static void check_view(struct pf_bytes b, bool utf8)
{
    for (size_t i = 0; i < b.len; i++)
        assert(b.at[i] >= 0x20 && b.at[i] != 0x7f && (utf8 || b.at[i] < 0x80));
}

static bool ask(struct fuzz *f)
{
    if (!pf_lmtp_server_ask(f->engine, &f->ask))
        return false;
    assert(!f->open);
    assert(!f->closed || strcmp(f->ask.close, "stall") == 0);
    check_view(f->ask.helo, false);
    check_view(f->ask.sender, f->ask.utf8);
    check_view(f->ask.address, f->ask.utf8);
    f->open = f->ask.kind != PF_LMTP_ASK_DROP && f->ask.kind != PF_LMTP_ASK_CLOSE;
    if (f->ask.kind == PF_LMTP_ASK_RCPT) {
        assert(f->ask.recipient == f->recipients && f->recipients < MODEL_RCPTS && f->ask.address.len);
    } else if (f->ask.kind == PF_LMTP_ASK_BEGIN) {
        assert(f->ask.recipients == f->recipients && f->recipients && !f->begun && f->ask.helo.len);
        f->text_len = 0;
    } else if (f->ask.kind == PF_LMTP_ASK_SEAL) {
        ask_seal(f);
    } else if (f->ask.kind == PF_LMTP_ASK_DROP) {
        assert(f->recipients);
        f->recipients = 0;
        f->begun = false;
    } else if (f->ask.kind == PF_LMTP_ASK_CLOSE) {
        assert(f->recipients == 0 && !f->begun);
        f->closed = true;
    }
    return true;
}

static void answer_seal(struct fuzz *f)
{
    unsigned n = roll(f, f->recipients);
    struct model_seal *s = &f->log.seals[f->log.seal_count - 1];

    while (f->told[n])
        n = (n + 1) % f->recipients;
    f->told[n] = true;
    s->codes[n] = luck(f);
    f->open = --f->unsealed > 0;
    if (!f->open) {
        f->recipients = 0;
        f->begun = false;
    }
    tell(f, PF_LMTP_TELL_SEALED, n, s->codes[n]);
}

static void answer(struct fuzz *f)
{
    enum pf_code code;

    if (f->ask.kind == PF_LMTP_ASK_SEAL) {
        answer_seal(f);
        return;
    }
    if (f->ask.kind == PF_LMTP_ASK_TLS && pf_lmtp_server_out(f->engine).len)
        return;
    f->open = false;
    code = luck(f);
    if (f->ask.kind == PF_LMTP_ASK_RCPT) {
        f->recipients += code == PF_OK;
        tell(f, PF_LMTP_TELL_RCPT, 0, code);
    } else if (f->ask.kind == PF_LMTP_ASK_BEGIN) {
        f->begun = code == PF_OK;
        if (code != PF_OK)
            note_fault(f);
        tell(f, PF_LMTP_TELL_BEGUN, 0, code);
    } else if (f->ask.kind == PF_LMTP_ASK_XCLIENT) {
        assert(f->flags & PROXY && f->recipients == 0);
        assert(memchr(f->ask.xclient->helo, 0, sizeof f->ask.xclient->helo));
        tell(f, PF_LMTP_TELL_XCLIENT, 0, code);
    } else {
        tell(f, PF_LMTP_TELL_TLS, 0, code);
    }
}

/* Feeds a piece of it from memory that is gone afterwards; the octets taken. */
static size_t say(struct fuzz *f, struct pf_bytes in)
{
    struct pf_bytes piece = pf_bytes_head(in, 1 + roll(f, roll(f, 2) ? 8 : 2000));
    unsigned char *copy = grown(NULL, piece.len);
    struct pf_span into = {NULL, 0, roll(f, roll(f, 2) ? 4 : 300)};
    size_t taken;

    if (piece.len)
        memcpy(copy, piece.at, piece.len);
    into.at = grown(NULL, into.cap);
    if (pf_lmtp_server_wants_text(f->engine) || roll(f, 2))
        taken = pf_lmtp_server_feed_text(f->engine, pf_bytes_from(copy, piece.len), &into, f->now);
    else
        taken = pf_lmtp_server_feed(f->engine, pf_bytes_from(copy, piece.len), f->now);
    assert(taken <= piece.len && (taken == 0 || (!f->open && !f->closed)));
    assert(into.len == 0 || f->begun);
    if (taken)
        memcpy(f->log.said + f->log.said_len, piece.at, taken);
    f->log.said_len += taken;
    assert(f->text_len + into.len <= SAID_MAX);
    memcpy(f->text + f->text_len, into.at, into.len);
    f->text_len += into.len;
    free(copy);
    free(into.at);
    return taken;
}

static void tear(struct fuzz *f)
{
    struct pf_err err = {.code = PF_IO};

    if (!f->begun || f->unsealed || !(f->flags & FAULTS) || roll(f, 16))
        return;
    note_fault(f);
    pf_lmtp_server_text_failed(f->engine, &err, f->now);
}

static bool hear(struct fuzz *f)
{
    struct pf_bytes out = pf_bytes_head(pf_lmtp_server_out(f->engine), 1 + roll(f, 5000));

    if (out.len == 0)
        return false;
    if (f->log.heard_len + out.len > f->log.heard_cap) {
        f->log.heard_cap = 2 * (f->log.heard_len + out.len);
        f->log.heard = grown(f->log.heard, f->log.heard_cap);
    }
    memcpy(f->log.heard + f->log.heard_len, out.at, out.len);
    f->log.heard_len += out.len;
    pf_lmtp_server_sent(f->engine, out.len, f->now);
    return true;
}

static void lend(struct fuzz *f)
{
    size_t cap = f->flags & SMALL ? PF_LMTP_OUT_MIN : PF_LMTP_OUT_MIN + roll(f, 20000);

    if (f->buffer)
        return;
    f->buffer = grown(NULL, cap);
    pf_lmtp_server_lend(f->engine, f->buffer, cap);
}

static void borrow(struct fuzz *f)
{
    if (f->buffer && pf_lmtp_server_unlend(f->engine)) {
        free(f->buffer);
        f->buffer = NULL;
    }
}

static bool turn(struct fuzz *f, struct pf_bytes *in)
{
    size_t taken;
    bool moved;

    lend(f);
    taken = say(f, *in);
    *in = pf_bytes_skip(*in, taken);
    tear(f);
    moved = taken > 0;
    while (ask(f))
        moved = true;
    if (f->open && (roll(f, 3) || in->len == 0)) {
        answer(f);
        moved = true;
    }
    if (roll(f, 3))
        moved = hear(f) || moved;
    if (roll(f, 2))
        borrow(f);
    return moved || (!f->closed && in->len) || pf_lmtp_server_out(f->engine).len || f->open;
}

/* How it ends, when the client did not end it. */
static void end(struct fuzz *f)
{
    struct pf_bytes nothing = {0};
    uint32_t how = roll(f, 3);

    if (how == 1)
        pf_lmtp_server_shutdown(f->engine, f->now);
    while (how == 1 && turn(f, &nothing))
        continue;
    if (f->closed)
        return;
    lend(f);
    if (how == 0) {
        pf_lmtp_server_eof(f->engine, f->now);
    } else {
        f->now = pf_lmtp_server_deadline(f->engine);
        assert(f->now != PF_NEVER);
        assert(pf_lmtp_server_feed(f->engine, nothing, f->now) == 0);
    }
    while (turn(f, &nothing))
        continue;
    assert(f->closed);
}

static void configure(struct fuzz *f, const uint8_t *data)
{
    struct pf_lmtp_server_settings *set = &f->log.set;

    f->flags = data[0];
    memcpy(&f->dice, data + 1, sizeof f->dice);
    f->dice |= 1;
    f->now = 5;
    pf_lmtp_server_settings_init(set);
    set->smtp = f->flags & SMTP;
    set->starttls = f->flags & STARTTLS;
    set->bare_ends = f->flags & BARE;
    set->line_max = 100u + data[5];
    set->size_max = data[6];
    set->recipients_max = 1 + data[7] % MODEL_RCPTS;
    set->bad_max = data[7] / 16;
}

static void clean(struct fuzz *f)
{
    pf_lmtp_server_free(f->engine);
    for (size_t i = 0; i < f->log.seal_count; i++)
        free(f->log.seals[i].text);
    free(f->log.seals);
    free(f->log.faults);
    free(f->log.said);
    free(f->log.heard);
    free(f->text);
    free(f->buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes in = pf_bytes_skip(pf_bytes_from(data, size), CONFIG);
    struct fuzz f = {0};

    if (size < CONFIG || size > SAID_MAX)
        return 0;
    configure(&f, data);
    f.log.said = grown(NULL, size);
    f.text = grown(NULL, SAID_MAX);
    f.engine = pf_lmtp_server_new(&f.log.set, f.flags & TLS, f.now);
    assert(f.engine);
    if (f.flags & PROXY)
        pf_lmtp_server_xclient(f.engine);
    for (int turns = 0; turn(&f, &in); turns++)
        assert(turns < TURNS_MAX);
    if (!f.closed)
        end(&f);
    model_check(&f.log);
    clean(&f);
    return 0;
}
