#include "tool/probe_mail.h"

#include "base/text.h"

#include <stdlib.h>

enum { NOOPS = 5, BIGGEST = 64 << 20 /* octets of a message that are fetched */ };

/* One question after the other, though the call is driven by events. */
struct session {
    struct pf_probe_door *door;
    struct pf_probe_mail *mail;
    struct pf_client *client;
    struct pf_client_secret secret;
    struct pf_reach *reach;
    struct pf_call *call;
    bool gone;
    struct pf_probe_answer *answers;
    size_t awaited;
    double begin;
    void (*hear)(struct session *, const struct pf_heard *); /* lines and pieces */
    struct pf_probe_sample *sample;
    unsigned header; /* of TOP: 0 in a line, 1 at its begin, 2 behind the empty line */
    struct pf_probe_lines *lines;
};

static void give(void *self, struct pf_bytes secret, const struct pf_err *err)
{
    struct session *s = self;

    pf_reach_secret(s->reach, secret, err);
}

static void secret(void *self, struct pf_reach *reach, const char *host)
{
    struct session *s = self;

    (void)reach;
    s->secret.give = give;
    s->secret.self = s;
    pf_client_secret(&s->secret, s->client, s->secret.account, host);
}

static void ready(void *self, struct pf_reach *reach, struct pf_call *call)
{
    struct session *s = self;

    (void)reach;
    s->call = call;
    pf_loop_stop(s->client->loop);
}

static void heard(void *self, struct pf_reach *reach, struct pf_call *call, const struct pf_heard *h)
{
    struct session *s = self;

    (void)reach;
    (void)call;
    if (h->tag == 0 || !s->answers)
        return;
    s->mail->odd |= h->odd;
    pf_probe_collect(h, &s->answers[h->tag - 1], s->lines);
    if (s->hear)
        s->hear(s, h);
    if (h->kind != PF_HEARD_END)
        return;
    s->answers[h->tag - 1].ms = pf_probe_clock() - s->begin;
    s->awaited--;
    if (s->awaited == 0)
        pf_loop_stop(s->client->loop);
}

static void gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    struct session *s = self;

    (void)reach;
    s->gone = true;
    s->call = NULL;
    s->mail->err = *err;
    pf_loop_stop(s->client->loop);
}

static const struct pf_reach_calls calls = {secret, ready, heard, gone};

static bool ask(struct session *s, const struct pf_pop3_command *commands, size_t n,
                struct pf_probe_answer *out)
{
    bool good = true;

    for (size_t i = 0; i < n; i++)
        out[i] = (struct pf_probe_answer){.end = PF_END_UNSENT};
    if (!s->call)
        return false;
    s->answers = out;
    s->begin = pf_probe_clock();
    for (size_t i = 0; i < n; i++) {
        struct pf_pop3_command c = commands[i];

        c.tag = i + 1;
        s->awaited += pf_call_say(s->call, &c) == PF_OK;
    }
    while (s->awaited > 0 && !s->gone)
        pf_loop_run(s->client->loop);
    s->awaited = 0;
    s->answers = NULL;
    s->hear = NULL;
    for (size_t i = 0; i < n; i++)
        good = good && (out[i].end == PF_END_WHOLE || out[i].end == PF_END_REFUSED);
    return good;
}

static bool ask_one(struct session *s, enum pf_pop3_verb verb, uint64_t number,
                    struct pf_probe_answer *out)
{
    const struct pf_pop3_command command = {
        .verb = verb, .number = number, .expect = s->sample ? s->sample->told : 0};

    return ask(s, &command, 1, out);
}

static void hear_stat(struct session *s, const struct pf_heard *h)
{
    if (h->kind != PF_HEARD_END || !h->parsed)
        return;
    s->mail->stat_count = h->number;
    s->mail->stat_octets = h->octets;
}

static void hear_last(struct session *s, const struct pf_heard *h)
{
    if (h->kind == PF_HEARD_END)
        s->mail->last_number = h->parsed ? h->number : 0;
}

static void hear_list(struct session *s, const struct pf_heard *h)
{
    struct pf_probe_mail *m = s->mail;

    if (h->kind != PF_HEARD_ITEM || !h->parsed)
        return;
    m->list_sum += h->octets;
    if (m->count < PF_PROBE_MESSAGES)
        m->messages[m->count++] = (struct pf_probe_message){.number = h->number, .told = h->octets};
}

static int by_number(const void *a, const void *b)
{
    const struct pf_probe_message *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static void hear_uidl(struct session *s, const struct pf_heard *h)
{
    struct pf_probe_mail *m = s->mail;
    const struct pf_probe_message key = {.number = h->number};
    struct pf_probe_message *found;

    if (h->kind != PF_HEARD_ITEM)
        return;
    m->uid_count++;
    if ((h->odd & PF_ODD_UID || !h->parsed) && !m->bad_uid[0])
        pf_probe_escape(m->bad_uid, sizeof m->bad_uid, h->bytes);
    if (!h->parsed)
        return;
    found = bsearch(&key, m->messages, m->count, sizeof key, by_number);
    if (found)
        pf_probe_escape(found->uid, sizeof found->uid, h->uid);
    else if (m->stray++ == 0)
        pf_probe_escape(m->stray_line, sizeof m->stray_line, h->bytes);
}

static void hear_retr(struct session *s, const struct pf_heard *h)
{
    if (h->kind == PF_HEARD_END)
        s->sample->came = h->octets;
}

static void hear_top(struct session *s, const struct pf_heard *h)
{
    if (h->kind == PF_HEARD_END)
        s->sample->top_octets = h->octets;
    if (h->kind != PF_HEARD_PIECE)
        return;
    for (size_t i = 0; i < h->bytes.len; i++) {
        unsigned char c = h->bytes.at[i];

        if (s->header == 2)
            s->sample->top_body++;
        else if (c == '\n')
            s->header++; /* 2: this line was empty */
        else if (c != '\r')
            s->header = 0;
    }
    s->sample->top_blank = s->header == 2;
}

static void hear_one_list(struct session *s, const struct pf_heard *h)
{
    if (h->kind == PF_HEARD_END && h->parsed)
        s->sample->list_octets = h->octets;
}

static void hear_one_uidl(struct session *s, const struct pf_heard *h)
{
    if (h->kind == PF_HEARD_END && h->parsed)
        pf_probe_escape(s->sample->uid, sizeof s->sample->uid, h->uid);
}

/* The first, the last, and some between: what was kept long, and what came just now. */
static void take_samples(struct session *s)
{
    struct pf_probe_mail *m = s->mail;
    size_t wished =
        s->door->wish->messages < PF_PROBE_SAMPLE ? s->door->wish->messages : PF_PROBE_SAMPLE;
    size_t n = wished < m->count ? wished : m->count;

    for (size_t i = 0; i < n && s->call; i++) {
        const struct pf_probe_message *message = &m->messages[n == 1 ? 0 : i * (m->count - 1) / (n - 1)];
        const struct pf_pop3_command top = {.verb = PF_VERB_TOP, .number = message->number};

        if (message->told > BIGGEST)
            continue;
        s->sample = &m->sample[m->sample_count++];
        s->sample->number = message->number;
        s->sample->told = message->told;
        s->hear = hear_one_list;
        ask_one(s, PF_VERB_LIST, message->number, &s->sample->list);
        s->hear = hear_one_uidl;
        ask_one(s, PF_VERB_UIDL, message->number, &s->sample->uidl);
        s->hear = hear_top;
        s->header = 1;
        ask(s, &top, 1, &s->sample->top);
        s->hear = hear_retr;
        ask_one(s, PF_VERB_RETR, message->number, &s->sample->retr);
    }
    s->sample = NULL;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(struct session *s)
{
    double times[NOOPS];
    size_t n = 0;

    while (n < NOOPS && ask_one(s, PF_VERB_NOOP, 0, &s->mail->noop))
        times[n++] = s->mail->noop.ms;
    qsort(times, n, sizeof times[0], by_size);
    s->mail->noop_ms = n ? times[n / 2] : -1;
}

static void converse(struct session *s)
{
    static const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA}, noop = {.verb = PF_VERB_NOOP};
    const struct pf_pop3_command ahead[] = {
        noop, pf_probe_raw("XPOSTFACH"), {.verb = PF_VERB_STAT}, noop};
    struct pf_probe_mail *m = s->mail;
    struct pf_probe_door *door = s->door;
    struct pf_probe_answer answer;

    s->lines = &door->capa[PF_PROBE_LOGGED_IN];
    ask(s, &capa, 1, &answer);
    s->lines = NULL;
    door->capa_asked[PF_PROBE_LOGGED_IN] = true;
    door->capa_known[PF_PROBE_LOGGED_IN] = answer.end == PF_END_WHOLE;
    s->hear = hear_stat;
    ask_one(s, PF_VERB_STAT, 0, &m->stat);
    s->hear = hear_list;
    ask_one(s, PF_VERB_LIST, 0, &m->list);
    qsort(m->messages, m->count, sizeof m->messages[0], by_number);
    s->hear = hear_uidl;
    ask_one(s, PF_VERB_UIDL, 0, &m->uidl);
    take_samples(s);
    ask_one(s, PF_VERB_RETR, m->count ? m->messages[m->count - 1].number + 1 : 1, &m->beyond);
    s->hear = hear_last;
    ask_one(s, PF_VERB_LAST, 0, &m->last);
    measure(s);
    m->pipelining = s->call && pf_call_offer(s->call)->can & PF_CAN_PIPELINING;
    if (m->pipelining)
        ask(s, ahead, 4, m->ahead);
    ask_one(s, PF_VERB_QUIT, 0, &m->quit);
}

static void talk(struct session *s, const struct pf_account *account)
{
    const struct pf_reach_settings settings = {.loop = s->client->loop,
                                               .pool = s->client->pool,
                                               .account = account,
                                               .pipelining = PF_PIPELINE_IF_OFFERED,
                                               .keep_crlf = true,
                                               .resolver = s->door->wish->resolver};
    struct pf_probe_mail *m = s->mail;
    const struct pf_call_facts *facts;

    s->reach = pf_reach_new(&settings, &calls, s, &m->err);
    if (!s->reach)
        return;
    while (!s->call && !s->gone)
        pf_loop_run(s->client->loop);
    m->in = s->call != NULL;
    facts = pf_reach_facts(s->reach);
    m->facts = *facts;
    snprintf(m->mechanism, sizeof m->mechanism, "%s", facts->mechanism ? facts->mechanism : "");
    snprintf(m->checked, sizeof m->checked, "%s", facts->checked ? facts->checked : "");
    if (m->in)
        converse(s);
    pf_reach_free(s->reach);
    pf_client_secret_drop(&s->secret);
}

void pf_probe_mail_visit(struct pf_probe_door *door, struct pf_client *client,
                         const struct pf_account *account)
{
    struct session *s = calloc(1, sizeof *s);

    door->mail->messages = calloc(PF_PROBE_MESSAGES, sizeof *door->mail->messages);
    if (s && door->mail->messages) {
        s->door = door;
        s->mail = door->mail;
        s->client = client;
        s->secret.account = account;
        door->mail->who = account->user;
        talk(s, account);
    } else {
        pf_fail(&door->mail->err, PF_NO_MEMORY, 0, "probe", "no memory");
    }
    free(s);
}

void pf_probe_mail_free(struct pf_probe_mail *m)
{
    if (m)
        free(m->messages);
    free(m);
}
