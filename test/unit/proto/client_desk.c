#include "unit/proto/client_desk.h"

#include <stdlib.h>

#include "unit/cm.h"

static const char *const verbs[] = {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) #word,
#include <postfach/pop3_words.def>
#undef PF_WORD
    "RAW", "-"};

static const char *const kinds[] = {"GREETING",  "BEGIN", "ITEM", "PIECE",
                                    "CHALLENGE", "TLS",   "END",  "LOST"};
static const char *const ends[] = {"", " whole", " refused", " cut", " unsent"};
static const char *const losts[] = {"",       "quit",    "refused",    "eof",  "time",
                                    "stall",  "garbage", "tls-record", "line", "list",
                                    "octets", "unasked", "smuggle",    "tls",  "given-up"};
static const char *const odds[] = {"lf",   "status", "long",  "control", "eight", "space", "extra",
                                   "form", "number", "order", "uid",     "size",  "sum",   "wrapped",
                                   "dot",  "code",   "twice", "loose",   "blank"};

void desk_init(struct desk *d)
{
    memset(d, 0, sizeof *d);
    pf_pop3_client_settings_init(&d->settings);
    d->tls = true;
    d->dice = 2463534242u;
    d->now = 1000;
}

void desk_start(struct desk *d)
{
    d->engine = pf_pop3_client_new(&d->settings, d->tls, d->now);
    assert_non_null(d->engine);
}

void desk_end(struct desk *d)
{
    pf_pop3_client_free(d->engine);
    d->engine = NULL;
}

static void put(struct desk *d, const char *text)
{
    size_t n = strlen(text);

    assert_true(d->log_len + n < sizeof d->log);
    memcpy(d->log + d->log_len, text, n + 1);
    d->log_len += n;
}

static void put_bytes(struct desk *d, struct pf_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        char text[8] = {(char)b.at[i]};

        if (b.at[i] < 0x20 || b.at[i] > 0x7e)
            snprintf(text, sizeof text,
                     b.at[i] == '\r'   ? "\\r"
                     : b.at[i] == '\n' ? "\\n"
                                       : "\\x%02x",
                     b.at[i]);
        put(d, text);
    }
}

static void put_number(struct desk *d, uint64_t n)
{
    char text[32];

    snprintf(text, sizeof text, n == PF_OCTETS_UNKNOWN ? " ?" : " %llu", (unsigned long long)n);
    put(d, text);
}

static void put_fields(struct desk *d, const struct pf_heard *h)
{
    bool body = h->kind == PF_HEARD_END && (h->verb == PF_VERB_RETR || h->verb == PF_VERB_TOP);

    if (h->parsed || (body && h->end != PF_END_UNSENT && h->end != PF_END_REFUSED)) {
        put_number(d, h->number);
        if (h->octets || body)
            put_number(d, h->octets);
    }
    if (body && h->lent != h->octets)
        put_number(d, h->lent);
    if (h->uid.len) {
        put(d, " ");
        put_bytes(d, h->uid);
    }
    if (h->kind == PF_HEARD_ITEM || h->kind == PF_HEARD_CHALLENGE) {
        put(d, " {");
        put_bytes(d, h->bytes);
        put(d, "}");
    }
    if (h->initial)
        put(d, " initial");
}

static void put_words(struct desk *d, const struct pf_heard *h)
{
    if (h->text.len) {
        put(d, " \"");
        put_bytes(d, h->text);
        put(d, "\"");
    }
    if (h->response_code.len) {
        put(d, " [");
        put_bytes(d, h->response_code);
        put(d, "]");
    }
    if (h->code != PF_OK && h->kind != PF_HEARD_LOST) {
        put(d, h->coded ? " " : " ~");
        put(d, pf_verdict(h->code)->name);
    }
    if (h->odd)
        put(d, " odd");
    for (size_t i = 0; i < sizeof odds / sizeof odds[0]; i++)
        if (h->odd >> i & 1) {
            put(d, " ");
            put(d, odds[i]);
        }
}

static void piece(struct desk *d, const struct pf_heard *h)
{
    d->lent += h->bytes.len;
    if (d->quiet)
        return;
    if (d->in_piece) /* one with the piece before */
        d->log_len -= 2;
    else
        put(d, "PIECE {");
    put_bytes(d, h->bytes);
    put(d, "}\n");
    d->in_piece = true;
}

static void write_down(struct desk *d, const struct pf_heard *h)
{
    d->last = *h;
    if (h->kind == PF_HEARD_PIECE) {
        assert_true(h->bytes.len > 0 && h->bytes.len <= d->settings.piece);
        piece(d, h);
        return;
    }
    d->in_piece = false;
    if (d->quiet)
        return;
    put(d, kinds[h->kind]);
    if (h->kind == PF_HEARD_LOST) {
        put(d, " ");
        put(d, losts[h->lost]);
    } else if (h->kind != PF_HEARD_GREETING) {
        put(d, " ");
        put(d, verbs[h->verb]);
        put(d, ends[h->end]);
    }
    put_fields(d, h);
    put_words(d, h);
    put(d, "\n");
}

static void take_events(struct desk *d)
{
    struct pf_heard h;

    while (pf_pop3_client_event(d->engine, &h))
        write_down(d, &h);
}

static void begin_log(struct desk *d)
{
    d->log_len = 0;
    d->log[0] = 0;
    d->in_piece = false;
}

const char *desk_events(struct desk *d)
{
    begin_log(d);
    take_events(d);
    return d->log;
}

static size_t cut(struct desk *d, size_t len)
{
    size_t n = d->cut;

    d->dice ^= d->dice << 13, d->dice ^= d->dice >> 17, d->dice ^= d->dice << 5;
    if (d->cut == SIZE_MAX)
        n = 1 + d->dice % 40;
    return n == 0 || n > len ? len : n;
}

const char *desk_hear(struct desk *d, struct pf_bytes said)
{
    begin_log(d);
    take_events(d);
    while (said.len) {
        size_t n = cut(d, said.len), taken;
        unsigned char *copy = malloc(n); /* of exact size, and gone when the event is read */

        assert_non_null(copy);
        memcpy(copy, said.at, n);
        taken = pf_pop3_client_feed(d->engine, pf_bytes_from(copy, n), d->now);
        assert_true(taken <= n);
        memset(copy, '#', n);
        free(copy);
        take_events(d);
        said = pf_bytes_skip(said, taken);
        if (!taken)
            break;
    }
    d->not_taken = said.len;
    take_events(d);
    return d->log;
}

const char *desk_out(struct desk *d)
{
    struct pf_bytes out = pf_pop3_client_out(d->engine);

    assert_true(out.len < sizeof d->out);
    if (out.len)
        memcpy(d->out, out.at, out.len);
    d->out[out.len] = 0;
    pf_pop3_client_sent(d->engine, out.len, d->now);
    return d->out;
}

enum pf_code desk_say(struct desk *d, enum pf_pop3_verb verb)
{
    return desk_say_number(d, verb, 0);
}

enum pf_code desk_say_number(struct desk *d, enum pf_pop3_verb verb, uint64_t number)
{
    struct pf_pop3_command c = {.verb = verb, .number = number};

    return pf_pop3_client_say(d->engine, &c, d->now);
}

enum pf_code desk_say_name(struct desk *d, enum pf_pop3_verb verb, const char *name, const char *secret)
{
    struct pf_pop3_command c = {.verb = verb, .name = pf_bytes_of(name ? name : "")};

    if (secret) {
        c.secret = pf_bytes_of(secret);
        c.has_initial = verb == PF_VERB_AUTH;
    }
    return pf_pop3_client_say(d->engine, &c, d->now);
}

static void pass(struct desk *d)
{
    assert_int_equal(desk_say_name(d, PF_VERB_USER, "anna", NULL), PF_OK);
    assert_int_equal(desk_say_name(d, PF_VERB_PASS, NULL, "secret"), PF_OK);
    IS(desk_out(d), "USER anna\r\n");
    IS(HEAR(d, "+OK\r\n"), "END USER whole\n");
    IS(desk_out(d), "PASS secret\r\n");
    IS(HEAR(d, "+OK\r\n"), "END PASS whole\n");
    assert_true(pf_pop3_client_in_transaction(d->engine));
}

void desk_login(struct desk *d)
{
    desk_start(d);
    IS(HEAR(d, "+OK ready\r\n"), "GREETING \"ready\"\n");
    pass(d);
}

void desk_login_pipelined(struct desk *d)
{
    desk_start(d);
    HEAR(d, "+OK ready\r\n");
    desk_say(d, PF_VERB_CAPA);
    IS(desk_out(d), "CAPA\r\n");
    HEAR(d, "+OK\r\nPIPELINING\r\nUIDL\r\nTOP\r\nSASL PLAIN\r\nRESP-CODES\r\n.\r\n");
    pass(d);
}
