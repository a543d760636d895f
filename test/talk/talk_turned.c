#include "talk_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/pop3_client.h"

enum { NOW = 1000000 };

static bool expects(const struct talk_step *s)
{
    return s->kind >= TALK_EXPECT && s->kind <= TALK_BEGIN;
}

static void connect(struct turned *t)
{
    pf_pop3_client_free(t->engine);
    t->engine = pf_pop3_client_new(&t->settings, t->talk->tls, NOW);
    if (!t->engine)
        abort();
    t->sent.len = t->said.len = t->half.len = t->body.len = 0;
    t->asked = t->answering = t->ended = 0;
    t->exchange = t->handshake = t->lost = false;
}

/* A pattern as a line: any text is one letter, behind a blank where a status needs it; or base64 in a
 * challenge. */
static void put_line(struct talk_buf *to, const struct talk_text *text)
{
    struct pf_bytes any =
        text->len > 1 && text->at[0] == '+' && text->at[1] == ' ' ? PF_LIT("YWdhaW4=") : PF_LIT("x");

    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->at[i];

        if (text->at[i] == TALK_WILD && i && (text->at[i - 1] == 'K' || text->at[i - 1] == 'R'))
            talk_put(to, PF_LIT(" x"));
        else
            talk_put(to, text->at[i] == TALK_WILD ? any : pf_bytes_from(&c, 1));
    }
    talk_put(to, PF_LIT("\r\n"));
}

/* The status line of the next answer: it is the server's word on the oldest command without one. */
static bool begins_answer(const struct turned *t)
{
    const struct turned_want *want = &t->wants[t->answering % TURNED_FLIGHT];

    return t->answering == t->asked || !want->known;
}

static void note_line(struct turned *t, struct pf_bytes line)
{
    struct turned_want *want = &t->wants[t->answering % TURNED_FLIGHT];

    if (t->answering == t->asked)
        return; /* a greeting */
    if (begins_answer(t)) {
        if (line.len > 1 && line.at[0] == '+' && line.at[1] == ' ')
            return; /* a challenge */
        want->known = true;
        want->good = line.at[0] == '+';
        if (!want->good || want->shape == TURNED_SINGLE)
            t->answering++;
    } else if (pf_bytes_equal(line, PF_LIT(".\r\n"))) {
        t->answering++;
    }
}

/* Nothing is answered before it was said; what waits for its turn waits for answers. */
static void hear(struct turned *t, struct pf_bytes text)
{
    if (t->engine->greeted && pf_pop3_client_stats(t->engine)->flight == 0) {
        t->unfit = "an answer to nothing";
        return;
    }
    turned_hear(t, text);
}

static void expect(struct turned *t, const struct talk_step *step)
{
    const struct talk_message *m = step->n > 0 ? &t->talk->box.messages[step->n - 1] : NULL;
    struct turned_want *want = &t->wants[t->answering % TURNED_FLIGHT];
    struct talk_buf text = {0};

    if (step->kind == TALK_EXPECT || step->kind == TALK_HAS) {
        put_line(&text, &step->text);
        note_line(t, talk_bytes(&text));
    } else if (step->kind == TALK_MESSAGE || step->kind == TALK_TOP) {
        want->body = step->kind == TALK_TOP ? talk_top(m, step->at) : m->wire;
        want->has_body = true;
        talk_put(&text, want->body);
    } else if (step->kind == TALK_BEGIN) {
        talk_put(&text, pf_bytes_head(m->wire, m->wire.len / 2));
    } else if (step->kind == TALK_ANY && begins_answer(t)) {
        t->unfit = "which answer it is cannot be known";
    }
    if (text.len)
        hear(t, talk_bytes(&text));
    talk_buf_free(&text);
}

/* What the engine sent is what the talk says, as far as its turn has come. */
static void compare(struct turned *t)
{
    if (t->unfit || t->why[0])
        return;
    if (t->sent.len > t->said.len || (t->sent.len && memcmp(t->sent.at, t->said.at, t->sent.len) != 0)) {
        char got[100];

        turned_wrong(t, "says %s", talk_show(got, sizeof got, talk_bytes(&t->sent)));
        return;
    }
    talk_drop(&t->said, t->sent.len);
    t->sent.len = 0;
}

/* The engine says whole lines; a talk may say one in pieces. */
static void say(struct turned *t, const struct talk_step *step)
{
    talk_put(&t->half, talk_text_bytes(&t->talk->pool, &step->text));
    while (!t->unfit) {
        struct pf_bytes text = talk_bytes(&t->half);
        size_t lf = pf_find(text, '\n');

        if (lf == text.len)
            return;
        if (lf == 0 || text.at[lf - 1] != '\r') {
            t->unfit = "not a whole line";
            return;
        }
        talk_put(&t->said, pf_bytes_head(text, lf + 1));
        turned_say(t, pf_bytes_head(text, lf - 1));
        talk_drop(&t->half, lf + 1);
        turned_events(t);
        compare(t);
    }
}

static void close_down(struct turned *t)
{
    bool asked = t->ended < t->asked;

    if (!t->lost)
        pf_pop3_client_eof(t->engine, NOW);
    t->lost = true; /* what is cut off now is cut off rightly */
    turned_events(t);
    compare(t);
    if (!t->unfit && t->said.len && !asked)
        turned_wrong(t, "did not say all");
}

static void handshake(struct turned *t)
{
    if (!t->handshake) {
        turned_wrong(t, "did not hear that TLS begins");
        return;
    }
    t->handshake = false;
    pf_pop3_client_tls(t->engine, !t->tls_fails, NOW);
    turned_events(t);
}

static void directive(struct turned *t, const struct talk_step *step)
{
    switch ((int)step->kind) {
    case TALK_STARTTLS:
        handshake(t);
        return;
    case TALK_FAULT:
        t->tls_fails |= step->fault.kind == TALK_FAIL_TLS;
        return;
    case TALK_CLOSED:
    case TALK_EOF:
        close_down(t);
        return;
    case TALK_CONNECT:
        connect(t);
        return;
    case TALK_STALL:
    case TALK_RESUME:
    case TALK_SHUTDOWN:
    case TALK_WAIT:
        t->unfit = "the server's affair";
        return;
    default:
        return;
    }
}

static void greet(struct turned *t, size_t next)
{
    if (next == t->talk->count || !expects(&t->talk->steps[next]))
        turned_hear(t, PF_LIT("+OK POP3 ready\r\n"));
}

static void walk(struct turned *t)
{
    const struct talk *talk = t->talk;

    connect(t);
    for (size_t at = 0; at < talk->count && !t->unfit && !t->why[0]; at++) {
        const struct talk_step *step = &talk->steps[at];

        t->line = step->line;
        if (!t->engine->greeted && step->kind == TALK_SEND)
            greet(t, at);
        t->engine->offer.can |= PF_CAN_SASL; /* known from an earlier session */
        if (step->kind == TALK_SEND)
            say(t, step);
        else if (t->half.len && step->kind != TALK_SPLIT)
            t->unfit = "half a line";
        else if (expects(step))
            expect(t, step);
        else
            directive(t, step);
        compare(t);
    }
    if (!t->unfit && !t->why[0] && t->said.len)
        turned_wrong(t, "did not say all");
}

bool turned_play(struct turned *out_turned, struct talk *talk, enum turned_cut cut, uint64_t seed)
{
    struct turned *t = out_turned;

    *t = (struct turned){.talk = talk, .cut = cut, .dice = seed | 1};
    pf_pop3_client_settings_init(&t->settings);
    t->settings.plain_login = PF_PLAIN_ANY;
    t->settings.pipelining = PF_PIPELINE_ALWAYS;
    t->settings.eight_bit = true;
    t->settings.queue = TURNED_FLIGHT;
    t->settings.initial_line = 8000;
    t->settings.sasl_rounds = 100;
    walk(t);
    return t->unfit || !t->why[0];
}

void turned_done(struct turned *t)
{
    pf_pop3_client_free(t->engine);
    talk_buf_free(&t->sent);
    talk_buf_free(&t->said);
    talk_buf_free(&t->half);
    talk_buf_free(&t->body);
    talk_buf_free(&t->transcript);
}
