/* The client engine: a server that says anything, cut anywhere. The first eight octets are the caller's
 * settings and his dice, the rest is said by the server.
 *
 * Checked: each command ends once, in its turn, and LOST comes once and last; while an event waits no
 * input is taken; an answer is WHOLE only behind its final dot, by a slow reader that looks at what was
 * fed; what was lent is what that reader makes of it, be the message whole or cut; views lie in the
 * engine's one piece of memory; texts are printable; a deadline never lies in the past; of a password
 * nothing is left. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pop3_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG = 8, SAID = 1 << 16, COMMANDS = 40 };

enum {
    LF = 1,
    LOOSE = 2,
    PLAIN = 4,
    EIGHT = 8,
    SMALL = 16,
    SASL_FIRST = 32,
    PIPELINES = 64,
    STARTTLS = 128
};

#define SECRET "Pa55-w0rd-nobody-would-say"

struct fuzz {
    struct pf_pop3_client_settings settings;
    struct pf_pop3_client *engine;
    size_t memory;
    uint32_t dice;
    unsigned flags;
    pf_time now;
    uint64_t said, ended; /* commands */
    enum pf_pop3_verb verbs[COMMANDS];
    const uint8_t *in;
    size_t fed, begun; /* octets of input: taken; where the message began */
    bool message, loose, lost, greeted;
    uint8_t *lent;
    size_t lent_len;
};

static uint32_t roll(struct fuzz *f, uint32_t sides)
{
    f->dice ^= f->dice << 13;
    f->dice ^= f->dice >> 17;
    f->dice ^= f->dice << 5;
    return f->dice % sides;
}

/* The slow reader: octets of the message without stuffed dots; how far it read. True: the final dot was
 * there. */
static bool read_slowly(struct pf_bytes in, bool loose, struct pf_span *out, size_t *out_read)
{
    bool starts = true;
    size_t i = 0;

    for (; i < in.len; i++) {
        size_t left = in.len - i;

        if (starts && in.at[i] == '.') {
            if ((left > 2 && in.at[i + 1] == '\r' && in.at[i + 2] == '\n') ||
                (loose && left > 1 && in.at[i + 1] == '\n')) {
                *out_read = i + (in.at[i + 1] == '\r' ? 3 : 2);
                return true;
            }
            starts = false;
            continue;
        }
        pf_span_put(out, pf_bytes_head(pf_bytes_skip(in, i), 1));
        starts = in.at[i] == '\n' && (loose || (i > 0 && in.at[i - 1] == '\r'));
    }
    *out_read = i;
    return false;
}

static void as_lf(struct pf_span *text)
{
    size_t len = 0;

    for (size_t i = 0; i < text->len; i++)
        if (text->at[i] != '\r' || i + 1 == text->len || text->at[i + 1] != '\n')
            text->at[len++] = text->at[i];
    text->len = len;
}

static void check_message(struct fuzz *f, const struct pf_heard *h)
{
    struct pf_bytes raw = pf_bytes_from(f->in + f->begun, f->fed - f->begun);
    struct pf_span text = {malloc(raw.len + 1), 0, raw.len + 1};
    size_t read = 0;
    bool ended;

    assert(text.at);
    ended = read_slowly(raw, f->loose, &text, &read);
    assert(ended == (h->end == PF_END_WHOLE) || h->lost == PF_LOST_OCTETS);
    if (h->end == PF_END_WHOLE)
        assert(read == raw.len && h->octets == text.len);
    if (f->flags & LF)
        as_lf(&text);
    assert(h->lent == f->lent_len && f->lent_len <= text.len);
    assert(f->lent_len == 0 || memcmp(text.at, f->lent, f->lent_len) == 0);
    assert(h->end != PF_END_WHOLE || f->lent_len == text.len);
    free(text.at);
}

static void in_engine(const struct fuzz *f, struct pf_bytes view)
{
    const unsigned char *from = (const unsigned char *)f->engine;

    assert(view.len == 0 || (view.at >= from && view.at + view.len <= from + f->memory));
}

static void check_views(const struct fuzz *f, const struct pf_heard *h)
{
    in_engine(f, h->text);
    in_engine(f, h->response_code);
    in_engine(f, h->bytes);
    in_engine(f, h->uid);
    for (size_t i = 0; i < h->text.len; i++)
        assert(h->text.at[i] >= 0x20 && h->text.at[i] != 0x7f);
    for (size_t i = 0; i < h->uid.len; i++)
        assert(h->uid.at[i] >= 0x20 && h->uid.at[i] != 0x7f);
}

/* A list that is whole ended with a dot, and perhaps blanks. */
static void check_list(const struct fuzz *f)
{
    size_t at = f->fed;

    assert(at > 0 && f->in[at - 1] == '\n');
    at--;
    at -= at > 0 && f->in[at - 1] == '\r';
    while (at > 0 && (f->in[at - 1] == ' ' || f->in[at - 1] == '\t'))
        at--;
    assert(at > 1 && f->in[at - 1] == '.' && f->in[at - 2] == '\n');
}

static void check_end(struct fuzz *f, const struct pf_heard *h)
{
    assert(h->tag == f->ended && f->ended < f->said && h->verb == f->verbs[h->tag]);
    f->ended++;
    assert(h->end >= PF_END_WHOLE && h->end <= PF_END_UNSENT);
    assert((h->end == PF_END_CUT) <= (h->lost != PF_LOST_NOT));
    if (f->message)
        check_message(f, h);
    else
        assert(h->end != PF_END_WHOLE || (h->verb != PF_VERB_RETR && h->verb != PF_VERB_TOP));
    if (h->end == PF_END_WHOLE &&
        (h->verb == PF_VERB_CAPA || (h->verb == PF_VERB_LIST && h->tag % 2 == 0)))
        check_list(f);
    f->message = false;
    f->lent_len = 0;
}

static void answer_challenge(struct fuzz *f, const struct pf_heard *h)
{
    if (roll(f, 4) == 0)
        assert(pf_pop3_client_cancel(f->engine, f->now) == PF_OK);
    else
        assert(pf_pop3_client_respond(f->engine, pf_bytes_head(h->bytes, 600), f->now) == PF_OK);
    assert(pf_pop3_client_cancel(f->engine, f->now) == PF_STATE);
}

static void hear(struct fuzz *f, const struct pf_heard *h)
{
    assert(!f->lost);
    check_views(f, h);
    assert(h->kind == PF_HEARD_GREETING || h->kind == PF_HEARD_LOST || f->greeted || h->lost);
    if (h->kind == PF_HEARD_GREETING) {
        assert(!f->greeted);
        f->greeted = true;
    } else if (h->kind == PF_HEARD_BEGIN) {
        f->message = h->verb == PF_VERB_RETR || h->verb == PF_VERB_TOP;
        f->begun = f->fed;
        f->loose = f->flags & LOOSE || f->fed < 2 || f->in[f->fed - 2] != '\r';
    } else if (h->kind == PF_HEARD_PIECE) {
        assert(f->message && h->bytes.len);
        memcpy(f->lent + f->lent_len, h->bytes.at, h->bytes.len);
        f->lent_len += h->bytes.len;
    } else if (h->kind == PF_HEARD_CHALLENGE) {
        answer_challenge(f, h);
    } else if (h->kind == PF_HEARD_TLS) {
        pf_pop3_client_tls(f->engine, roll(f, 4), f->now);
    } else if (h->kind == PF_HEARD_END) {
        check_end(f, h);
    } else if (h->kind == PF_HEARD_LOST) {
        assert(f->ended == f->said && h->lost != PF_LOST_NOT);
        f->lost = true;
    }
}

static void events(struct fuzz *f)
{
    struct pf_heard h;

    while (pf_pop3_client_event(f->engine, &h))
        hear(f, &h);
    if (!f->lost)
        assert(pf_pop3_client_deadline(f->engine) > f->now);
    else
        assert(pf_pop3_client_deadline(f->engine) == PF_NEVER && pf_pop3_client_out(f->engine).len == 0);
}

static struct pf_pop3_command choose(struct fuzz *f)
{
    static const enum pf_pop3_verb session[] = {PF_VERB_STAT, PF_VERB_LIST, PF_VERB_UIDL, PF_VERB_RETR,
                                                PF_VERB_TOP,  PF_VERB_DELE, PF_VERB_RETR, PF_VERB_NOOP,
                                                PF_VERB_RSET, PF_VERB_LAST, PF_VERB_CAPA, PF_VERB_RETR,
                                                PF_VERB_RAW,  PF_VERB_QUIT};
    struct pf_pop3_command c = {.tag = f->said, .number = f->said % 2, .name = PF_LIT("anna")};
    uint64_t step = f->said;

    if (f->flags & SASL_FIRST && step < 3) {
        c.verb = step % 2 ? PF_VERB_AUTH : PF_VERB_CAPA;
        c.name = PF_LIT("PLAIN");
        c.secret = PF_LIT("\0anna\0" SECRET);
        c.has_initial = f->flags & PIPELINES;
    } else if (f->flags & STARTTLS && step < 3) {
        c.verb = step == 1 ? PF_VERB_STLS : PF_VERB_CAPA;
    } else if (step % 16 == 3 || step % 16 == 4) {
        c.verb = step % 16 == 3 ? PF_VERB_USER : PF_VERB_PASS;
        c.secret = PF_LIT(SECRET);
    } else {
        c.verb = session[roll(f, sizeof session / sizeof session[0])];
        c.number = c.verb == PF_VERB_LIST ? f->said % 2 : 1;
        c.multi = true;
        c.octets_max = roll(f, 8) ? 0 : 100;
    }
    return c;
}

static void say(struct fuzz *f)
{
    while (f->said < COMMANDS) {
        struct pf_pop3_command c = choose(f);
        enum pf_code code = pf_pop3_client_say(f->engine, &c, f->now);

        if (code != PF_OK)
            return;
        f->verbs[f->said++] = c.verb;
    }
}

static void no_secret_waits(const struct fuzz *f)
{
    const struct pf_pop3_client *e = f->engine;

    if (e->count == 0)
        assert(!memmem(e->out.at, f->settings.out, SECRET, sizeof SECRET - 1));
}

static void send(struct fuzz *f)
{
    size_t n = pf_pop3_client_out(f->engine).len;

    if (n == 0)
        return;
    if (roll(f, 8) == 0)
        n = roll(f, (uint32_t)n) + 1;
    pf_pop3_client_sent(f->engine, n, f->now);
    no_secret_waits(f);
}

/* Feeds a piece from memory that is gone when its events are heard. */
static bool feed(struct fuzz *f, size_t size)
{
    size_t n = 1 + roll(f, roll(f, 2) ? 6 : 3000), taken;
    uint8_t *copy;

    if (n > size - f->fed)
        n = size - f->fed;
    copy = malloc(n ? n : 1);
    assert(copy);
    if (n)
        memcpy(copy, f->in + f->fed, n);
    f->now += roll(f, 20);
    taken = pf_pop3_client_feed(f->engine, pf_bytes_from(copy, n), f->now);
    free(copy);
    assert(taken <= n && (!f->lost || taken == 0));
    f->fed += taken;
    if (f->engine->event_count)
        assert(pf_pop3_client_feed(f->engine, pf_bytes_from("x", 1), f->now) == 0);
    return taken > 0;
}

static void end(struct fuzz *f)
{
    if (roll(f, 2)) {
        pf_pop3_client_eof(f->engine, f->now);
    } else if (roll(f, 2)) {
        pf_pop3_client_give_up(f->engine);
    } else {
        pf_time at = pf_pop3_client_deadline(f->engine);

        if (at == PF_NEVER)
            pf_pop3_client_eof(f->engine, f->now);
        else
            assert(pf_pop3_client_feed(f->engine, (struct pf_bytes){0}, f->now = at) == 0);
    }
    events(f);
    assert(f->lost && f->ended == f->said);
}

static void configure(struct fuzz *f, const uint8_t *data)
{
    f->flags = data[0];
    memcpy(&f->dice, data + 1, sizeof f->dice);
    f->dice |= 1;
    f->now = 1000;
    pf_pop3_client_settings_init(&f->settings);
    f->settings.lf = f->flags & LF;
    f->settings.loose_dot = f->flags & LOOSE;
    f->settings.plain_login = f->flags & PLAIN ? PF_PLAIN_ANY : PF_PLAIN_NEVER;
    f->settings.eight_bit = f->flags & EIGHT;
    f->settings.piece = f->flags & SMALL ? PF_PIECE_MIN : 4096;
    f->settings.queue = 1 + data[5] % 32;
    f->settings.window = data[6] * 4u;
    f->settings.out = 2000 + data[6];
    f->settings.line_max = 400 + data[7] * 20u;
    f->settings.lines_max = 1 + data[7];
    f->settings.pipelining = (enum pf_pipelining)(data[7] % 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {0};
    void *memory;

    if (size < CONFIG || size > SAID)
        return 0;
    configure(&f, data);
    f.in = data + CONFIG;
    f.memory = pf_pop3_client_size(&f.settings);
    f.lent = malloc(size);
    memory = malloc(f.memory);
    assert(memory && f.lent);
    f.engine = pf_pop3_client_init(memory, &f.settings, !(f.flags & STARTTLS), f.now);
    do {
        say(&f);
        events(&f);
        send(&f);
    } while (feed(&f, size - CONFIG) && (events(&f), !f.lost));
    events(&f);
    if (!f.lost)
        end(&f);
    pf_pop3_client_done(f.engine);
    free(memory);
    free(f.lent);
    return 0;
}
