#include "talk_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/b64.h"
#include "proto/parse.h"
#include "proto/pop3_client.h"

enum { NOW = 1000000, RESPONSE = 16384 };

void turned_wrong(struct turned *t, const char *format, ...)
{
    va_list arguments;

    if (t->why[0] || t->unfit)
        return;
    va_start(arguments, format);
    vsnprintf(t->why, sizeof t->why, format, arguments);
    va_end(arguments);
}

static void send_out(struct turned *t)
{
    struct pf_bytes out = pf_pop3_client_out(t->engine);

    talk_put(&t->sent, out);
    pf_pop3_client_sent(t->engine, out.len, NOW);
}

static void note(struct turned *t, const struct pf_heard *h)
{
    char text[120];

    snprintf(text, sizeof text, "%d %d %d %d %d %x %llu %llu\n", h->kind, h->verb, h->end, h->lost,
             h->code, h->odd, (unsigned long long)h->number, (unsigned long long)h->octets);
    if (h->kind != PF_HEARD_PIECE)
        talk_put(&t->transcript, pf_bytes_of(text));
    talk_put(&t->transcript, h->bytes);
    talk_put(&t->transcript, h->text);
}

/* The octets of a message without stuffed dots, the slow way. */
static bool is_body(struct pf_bytes got, struct pf_bytes stuffed)
{
    size_t at = 0;

    for (size_t i = 0; i < stuffed.len; i++) {
        bool starts = i == 0 || (i > 1 && stuffed.at[i - 1] == '\n' && stuffed.at[i - 2] == '\r');

        if (starts && stuffed.at[i] == '.')
            continue;
        if (at == got.len || got.at[at++] != stuffed.at[i])
            return false;
    }
    return at == got.len;
}

static void check_end(struct turned *t, const struct pf_heard *h)
{
    const struct turned_want *want = &t->wants[t->ended % TURNED_FLIGHT];

    if (h->end == PF_END_UNSENT && h->code == PF_STATE && !h->lost) {
        t->unfit = "said in the wrong state";
        return;
    }
    if (t->ended == t->asked)
        turned_wrong(t, "ends what was not said");
    else if (!h->lost && (!want->known || want->good != (h->end == PF_END_WHOLE)))
        turned_wrong(t, "hears %s where the answer is %s", h->end == PF_END_WHOLE ? "yes" : "no",
                     want->good ? "yes" : "no");
    else if (want->has_body && want->good && !is_body(talk_bytes(&t->body), want->body))
        turned_wrong(t, "was lent another message");
    else if (h->lent != t->body.len)
        turned_wrong(t, "says it lent %llu octets, not %zu", (unsigned long long)h->lent, t->body.len);
    t->body.len = 0;
    t->ended++;
}

void turned_events(struct turned *t)
{
    struct pf_heard h;

    while (pf_pop3_client_event(t->engine, &h)) {
        note(t, &h);
        if (h.kind == PF_HEARD_PIECE)
            talk_put(&t->body, h.bytes);
        else if (h.kind == PF_HEARD_CHALLENGE)
            t->exchange = true;
        else if (h.kind == PF_HEARD_TLS)
            t->handshake = true;
        else if (h.kind == PF_HEARD_END)
            check_end(t, &h);
        else if (h.kind == PF_HEARD_LOST) {
            t->lost = true;
            t->why_lost = h.lost;
        }
    }
    send_out(t);
}

void turned_hear(struct turned *t, struct pf_bytes in)
{
    while (in.len && !t->lost && !t->unfit && !t->why[0]) {
        size_t n = t->cut == TURNED_WHOLE ? in.len : 1;

        if (t->cut == TURNED_RANDOM) {
            t->dice ^= t->dice << 13, t->dice ^= t->dice >> 7, t->dice ^= t->dice << 17;
            n = 1 + (size_t)(t->dice % (t->dice & 64 ? 8 : in.len));
        }
        in = pf_bytes_skip(in, pf_pop3_client_feed(t->engine, pf_bytes_head(in, n), NOW));
        turned_events(t);
    }
    if (in.len && t->lost && t->why_lost != PF_LOST_REFUSED)
        turned_wrong(t, "is lost for reason %d while the server speaks", t->why_lost);
}

/* The line as a client would say it: upper case, one space, no zeros in front of numbers. */
static bool plainest(struct pf_bytes line, const struct pf_command *c)
{
    struct pf_bytes word = pf_bytes_head(line, pf_find(line, ' ')), name = pf_bytes_of(c->word->name);
    size_t len = word.len;

    if (!pf_bytes_equal(word, name))
        return false;
    if (c->word->flags & PF_WORD_REST)
        return line.len > len && line.at[len] == ' ';
    for (unsigned i = 0; i < c->count && i < PF_ARGUMENTS_MAX; i++) {
        len += 1 + c->arguments[i].len;
        if (c->word->states == PF_IN_T && (c->arguments[i].at[0] == '0' && c->arguments[i].len > 1))
            return false;
    }
    return len == line.len;
}

static bool number(struct pf_bytes text, uint64_t *out)
{
    return text.len == 0 || pf_parse_u64(text, out);
}

/* "AUTH PLAIN =", "AUTH PLAIN AGEAYg==". */
static bool initial(struct pf_bytes text, struct pf_pop3_command *out, unsigned char room[RESPONSE])
{
    struct pf_span span = {room, 0, RESPONSE};

    if (!text.len)
        return true;
    out->has_initial = true;
    if (!pf_bytes_equal(text, PF_LIT("=")) && !pf_b64_decode(text, &span))
        return false;
    out->secret = pf_span_bytes(&span);
    return true;
}

static bool command_of(const struct pf_command *c, struct pf_pop3_command *out,
                       unsigned char room[RESPONSE])
{
    *out = (struct pf_pop3_command){.verb = (enum pf_pop3_verb)c->word->id};
    switch ((int)out->verb) {
    case PF_VERB_USER:
    case PF_VERB_LANG:
        out->name = c->arguments[0];
        return true;
    case PF_VERB_APOP:
        out->name = c->arguments[0];
        out->secret = c->arguments[1];
        return true;
    case PF_VERB_PASS:
        out->secret = c->arguments[0];
        return true;
    case PF_VERB_AUTH:
        out->name = c->arguments[0];
        return initial(c->arguments[1], out, room);
    case PF_VERB_TOP:
        return number(c->arguments[0], &out->number) && number(c->arguments[1], &out->lines);
    default:
        return number(c->arguments[0], &out->number) && (c->count == 0 || out->number);
    }
}

static void respond(struct turned *t, struct pf_bytes line)
{
    unsigned char room[RESPONSE];
    struct pf_span span = {room, 0, sizeof room};

    t->exchange = false;
    if (pf_bytes_equal(line, PF_LIT("*")))
        pf_pop3_client_cancel(t->engine, NOW);
    else if (!pf_b64_decode(line, &span))
        t->unfit = "no base64";
    else
        pf_pop3_client_respond(t->engine, pf_span_bytes(&span), NOW);
}

void turned_say(struct turned *t, struct pf_bytes line)
{
    struct turned_want *want = &t->wants[t->asked % TURNED_FLIGHT];
    unsigned char room[RESPONSE];
    struct pf_pop3_command c;
    struct pf_command parsed;

    if (t->lost)
        turned_wrong(t, "is lost for reason %d, and should speak", t->why_lost);
    if (t->exchange) {
        respond(t, line);
        return;
    }
    if (pf_parse_command(line, &parsed) != PF_OK || !plainest(line, &parsed))
        t->unfit = "not the plainest form of a command";
    else if (!command_of(&parsed, &c, room))
        t->unfit = "an argument that no client has";
    else if (t->handshake || pf_pop3_client_say(t->engine, &c, NOW) != PF_OK)
        t->unfit = "not to be said here";
    if (t->unfit)
        return;
    *want = (struct turned_want){
        .shape = parsed.word->shape == PF_SHAPE_MULTI ||
                         (parsed.word->shape == PF_SHAPE_MULTI_IF_BARE && !parsed.count)
                     ? TURNED_LINES
                     : TURNED_SINGLE};
    t->asked++;
}
