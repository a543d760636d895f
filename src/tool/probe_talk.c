#include "tool/probe_talk.h"

#include <assert.h>
#include <stdlib.h>

/* An answer that drips takes at most so many times the wait. */
enum { DRIPS = 3 };

static pf_time now(void)
{
    return (pf_time)pf_probe_clock();
}

bool pf_probe_talk_init(struct pf_probe_talk *t, struct pf_probe_link *link, bool tls, bool ahead)
{
    *t = (struct pf_probe_talk){.link = link};
    pf_pop3_client_settings_init(&t->set);
    t->set.pipelining = ahead ? PF_PIPELINE_ALWAYS : PF_PIPELINE_NEVER;
    t->set.greeting_time = t->set.answer_time = t->set.quit_time = t->set.stall_time = link->wait;
    t->set.line_max = 16384; /* nothing in a stranger's answers is as long */
    t->engine = pf_pop3_client_new(&t->set, tls, now());
    return t->engine != NULL;
}

void pf_probe_talk_done(struct pf_probe_talk *t)
{
    pf_pop3_client_free(t->engine);
    pf_probe_close(t->link);
    *t = (struct pf_probe_talk){0};
}

struct pf_pop3_command pf_probe_raw(const char *line)
{
    return (struct pf_pop3_command){.verb = PF_VERB_RAW, .name = pf_bytes_of(line)};
}

/* As the server said it, with its code. */
static void keep_text(struct pf_probe_answer *a, const struct pf_heard *h)
{
    size_t len = 0;

    if (h->response_code.len && h->response_code.len < sizeof a->text / 2) {
        a->text[len++] = '[';
        len += pf_probe_escape(a->text + len, sizeof a->text - 2 - len, h->response_code);
        a->text[len++] = ']';
        a->text[len++] = ' ';
    }
    pf_probe_escape(a->text + len, sizeof a->text - len, h->text);
}

void pf_probe_collect(const struct pf_heard *h, struct pf_probe_answer *a, struct pf_probe_lines *lines)
{
    if (h->kind == PF_HEARD_ITEM && lines && lines->count < PF_PROBE_LINES)
        pf_probe_escape(lines->at[lines->count++], PF_PROBE_LINE, h->bytes);
    if (h->kind == PF_HEARD_ITEM || h->kind == PF_HEARD_PIECE)
        return;
    a->odd |= h->odd;
    if (h->kind == PF_HEARD_GREETING || h->kind == PF_HEARD_BEGIN || h->kind == PF_HEARD_TLS ||
        !a->text[0])
        keep_text(a, h);
    if (h->kind == PF_HEARD_END || h->kind == PF_HEARD_GREETING) {
        a->end = h->kind == PF_HEARD_END ? h->end : h->code == PF_OK ? PF_END_WHOLE : PF_END_REFUSED;
        a->lost = h->lost;
        a->code = h->code;
        a->coded = h->coded;
    }
}

static void hear(struct pf_probe_talk *t, double begin)
{
    struct pf_heard h;

    while (!t->tls_asked && pf_pop3_client_event(t->engine, &h)) {
        bool greeting = h.kind == PF_HEARD_GREETING;
        struct pf_probe_answer *a = greeting ? &t->greeting : h.tag ? &t->answers[h.tag - 1] : NULL;

        t->odd |= h.odd;
        if (h.kind == PF_HEARD_LOST) {
            t->lost = true;
            t->why = h.lost;
            continue;
        }
        if (!a)
            continue;
        pf_probe_collect(&h, a, t->lines);
        if (greeting || h.kind == PF_HEARD_END)
            a->ms = pf_probe_clock() - begin;
        t->greeted |= greeting;
        t->tls_asked = h.kind == PF_HEARD_TLS;
        t->awaited -= h.kind == PF_HEARD_END;
    }
}

/* One look at the world: what is to be said goes out, what came goes in. */
static void turn(struct pf_probe_talk *t, pf_time end)
{
    struct pf_bytes out = pf_pop3_client_out(t->engine);
    struct pf_span in = {t->in, t->in_len, sizeof t->in};
    pf_time until = pf_pop3_client_deadline(t->engine);
    enum pf_code code = PF_OK;
    size_t taken;

    if (out.len) {
        code = pf_probe_send(t->link, out, NULL);
        pf_pop3_client_sent(t->engine, out.len, now());
    }
    if (code == PF_OK && t->in_len == 0) {
        code = pf_probe_receive(t->link, &in, until < end ? until : end, NULL);
        t->in_len = in.len;
    }
    taken = pf_pop3_client_feed(t->engine, pf_bytes_from(t->in, t->in_len), now());
    memmove(t->in, t->in + taken, t->in_len - taken);
    t->in_len -= taken;
    if (code == PF_GONE)
        pf_pop3_client_eof(t->engine, now());
    else if (code != PF_OK && now() >= end)
        pf_pop3_client_give_up(t->engine);
}

static void go_on(struct pf_probe_talk *t, const bool *until)
{
    double begin = pf_probe_clock();
    pf_time end = now() + DRIPS * t->link->wait;

    hear(t, begin);
    while (!t->lost && !t->tls_asked && (until ? !*until : t->awaited > 0)) {
        if (now() > end)
            pf_pop3_client_give_up(t->engine);
        else
            turn(t, end);
        hear(t, begin);
    }
}

bool pf_probe_greet(struct pf_probe_talk *t)
{
    pf_probe_mark(t->link);
    go_on(t, &t->greeted);
    if (t->greeting.end == PF_END_REFUSED)
        go_on(t, &t->lost);
    return t->greeted && !t->lost;
}

bool pf_probe_ask(struct pf_probe_talk *t, const struct pf_pop3_command *commands, size_t n,
                  struct pf_probe_answer *out)
{
    bool good = true;

    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i].end = PF_END_UNSENT;
    if (t->lost)
        return false;
    pf_probe_mark(t->link);
    t->answers = out;
    for (size_t i = 0; i < n; i++) {
        struct pf_pop3_command c = commands[i];

        c.tag = i + 1;
        t->awaited += pf_pop3_client_say(t->engine, &c, now()) == PF_OK;
    }
    go_on(t, NULL);
    for (size_t i = 0; i < n; i++)
        good = good && (out[i].end == PF_END_WHOLE || out[i].end == PF_END_REFUSED);
    return good;
}

bool pf_probe_stls(struct pf_probe_talk *t, const struct pf_probe_tls_wish *wish,
                   struct pf_probe_answer *out, struct pf_err *err)
{
    const struct pf_pop3_command stls = {.verb = PF_VERB_STLS};
    double begin = pf_probe_clock();
    bool good;

    pf_probe_ask(t, &stls, 1, out);
    if (!t->tls_asked) {
        pf_fail(err, PF_TEMP, 0, "probe", "STLS was not answered with +OK");
        return false;
    }
    good = pf_probe_handshake(t->link, wish, err) == PF_OK;
    begin = pf_probe_clock() - begin;
    t->tls_asked = false;
    pf_pop3_client_tls(t->engine, good, now());
    go_on(t, NULL);
    out->ms = begin;
    return good && !t->lost;
}
