#include "tool/probe_parts.h"

#include "base/text.h"

#include <stdlib.h>

enum {
    ROUNDS = 5, /* measured: enough for a median that one hiccup does not move */
    SILENCE =
        2000 /* ms: who waits for TLS says nothing; a server that looks names up first may take longer */
};

const char *pf_probe_capability(const struct pf_probe_lines *lines, const char *tag)
{
    struct pf_bytes want = pf_bytes_of(tag);

    for (size_t i = 0; i < lines->count; i++) {
        const char *line = lines->at[i];

        if (pf_equal_nocase(pf_bytes_head(pf_bytes_of(line), want.len), want) &&
            (line[want.len] == 0 || line[want.len] == ' '))
            return line;
    }
    return NULL;
}

const struct pf_probe_lines *pf_probe_offers(const struct pf_probe_door *door)
{
    return &door->capa[door->capa_known[PF_PROBE_INSIDE] ? PF_PROBE_INSIDE : PF_PROBE_BEFORE];
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Refusals are not measured: some servers have enough after a few. */
static void measure(struct pf_probe_door *door, struct pf_probe_talk *talk)
{
    const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA};
    struct pf_probe_answer answer;
    double times[ROUNDS];

    if (!pf_probe_offers(door)->count)
        return;
    for (size_t i = 0; i < ROUNDS; i++) {
        if (!pf_probe_ask(talk, &capa, 1, &answer))
            return;
        times[i] = answer.ms;
    }
    qsort(times, ROUNDS, sizeof times[0], by_size);
    door->latency_ms = times[ROUNDS / 2];
}

static bool ask_capa(struct pf_probe_door *door, struct pf_probe_talk *talk, enum pf_probe_capa when)
{
    const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA};
    struct pf_probe_answer answer;
    bool answered;

    talk->lines = &door->capa[when];
    answered = pf_probe_ask(talk, &capa, 1, &answer);
    talk->lines = NULL;
    door->capa_asked[when] = true;
    door->capa_known[when] = answer.end == PF_END_WHOLE;
    return answered;
}

static bool encrypt(struct pf_probe_door *door, struct pf_probe_talk *talk)
{
    const struct pf_probe_tls_wish wish = {.name = door->wish->name};
    struct pf_err err = {0};

    door->tls.tried = true;
    door->upgrades = pf_probe_stls(talk, &wish, &door->stls, &err);
    door->tls_ms = door->stls.ms;
    memcpy(door->stls_raw, talk->link->trace, sizeof door->stls_raw);
    if (!door->upgrades) {
        snprintf(door->tls.problem, sizeof door->tls.problem, "%s", err.log);
        return false;
    }
    door->tls.done = true;
    pf_probe_tls_describe(talk->link, door);
    return ask_capa(door, talk, PF_PROBE_INSIDE);
}

static void keep_greeting(struct pf_probe_door *door, struct pf_probe_talk *talk)
{
    struct pf_bytes timestamp = pf_pop3_client_timestamp(talk->engine);

    door->greeting = talk->greeting;
    door->greeting_lost = talk->why;
    memcpy(door->greeting_raw, talk->link->trace, sizeof door->greeting_raw);
    pf_probe_escape(door->timestamp, sizeof door->timestamp, timestamp);
}

static void converse(struct pf_probe_door *door, struct pf_probe_talk *talk, double begin)
{
    const struct pf_pop3_command quit = {.verb = PF_VERB_QUIT};
    enum pf_probe_mode mode = door->wish->mode;
    bool open;

    door->greeted = pf_probe_greet(talk);
    door->greeting_ms = pf_probe_clock() - begin;
    keep_greeting(door, talk);
    if (!door->greeted)
        return;
    open = ask_capa(door, talk, door->implicit ? PF_PROBE_INSIDE : PF_PROBE_BEFORE);
    if (open && !door->implicit && mode != PF_PROBE_PLAIN &&
        (mode == PF_PROBE_STARTTLS || pf_probe_capability(&door->capa[PF_PROBE_BEFORE], "STLS")))
        open = encrypt(door, talk);
    if (open)
        measure(door, talk);
    pf_probe_ask(talk, &quit, 1, &door->quit);
    door->odd = talk->odd;
}

/* TLS at once: whether there is any. */
static bool shake(struct pf_probe_door *door, struct pf_probe_link *link)
{
    const struct pf_probe_tls_wish wish = {.name = door->wish->name};
    double begin = pf_probe_clock();
    struct pf_err err = {0};

    door->tls.tried = true;
    door->tls.done = pf_probe_handshake(link, &wish, &err) == PF_OK;
    door->tls_ms = pf_probe_clock() - begin;
    if (door->tls.done)
        pf_probe_tls_describe(link, door);
    else
        snprintf(door->tls.problem, sizeof door->tls.problem, "%s", err.log);
    return door->tls.done;
}

static struct pf_probe_link *reach(struct pf_probe_door *door)
{
    const struct pf_probe_wish *wish = door->wish;
    struct pf_probe_link *found = NULL;

    for (size_t i = 0; i < wish->address_count; i++) {
        double begin = pf_probe_clock();
        struct pf_err err = {0};
        struct pf_probe_link *link =
            pf_probe_connect(wish->loop, wish->addresses[i], door->port, wish->wait, &err);

        if (!link && door->silent++ == 0) {
            door->err = err;
            snprintf(door->silent_address, sizeof door->silent_address, "%s", wish->addresses[i]);
        }
        if (link && !found) {
            door->connect_ms = pf_probe_clock() - begin;
            door->address = wish->addresses[i];
            found = link;
        } else {
            pf_probe_close(link);
        }
    }
    return found;
}

/* Nobody said how TLS begins, and the server says nothing: perhaps it waits for TLS. Who does not speak
 * it is waited for as before, on the line that is open. */
static struct pf_probe_link *try_tls(struct pf_probe_door *door, struct pf_probe_link *silent)
{
    struct pf_err err;
    struct pf_probe_link *link =
        pf_probe_connect(door->wish->loop, door->address, door->port, SILENCE, &err);

    if (!link || !shake(door, link)) {
        pf_probe_close(link);
        door->tls = (struct pf_probe_tls){0};
        door->tls_ms = -1;
        return silent;
    }
    pf_probe_close(silent);
    link->wait = door->wish->wait;
    door->implicit = door->tried = true;
    return link;
}

/* TLS where it comes first; false: there is none, and no more to be said. */
static bool begin_tls(struct pf_probe_door *door, struct pf_probe_link **link)
{
    pf_time most = door->wish->wait < SILENCE ? door->wish->wait : SILENCE;

    if (door->implicit)
        return shake(door, *link);
    if (door->wish->mode == PF_PROBE_AUTO && !pf_probe_hears(*link, most))
        *link = try_tls(door, *link);
    return true;
}

void pf_probe_door_visit(struct pf_probe_door *door)
{
    struct pf_probe_link *link = reach(door);
    struct pf_probe_talk *talk;
    double begin = pf_probe_clock();

    door->tls_ms = door->greeting_ms = door->latency_ms = -1;
    if (!link)
        return;
    door->connected = true;
    talk = malloc(sizeof *talk);
    if (!talk || !begin_tls(door, &link)) {
        pf_probe_close(link);
        free(talk);
        return;
    }
    if (pf_probe_talk_init(talk, link, door->implicit, false))
        converse(door, talk, door->implicit ? pf_probe_clock() : begin);
    pf_probe_talk_done(talk);
    free(talk);
    if (door->tls.tried && door->greeted)
        pf_probe_tls_versions(door);
}

bool pf_probe_enter(struct pf_probe_door *door, bool ahead, struct pf_probe_talk *talk)
{
    const struct pf_probe_tls_wish wish = {.name = door->wish->name};

    return pf_probe_enter_as(door, ahead, &wish, talk);
}

bool pf_probe_enter_as(struct pf_probe_door *door, bool ahead, const struct pf_probe_tls_wish *wish,
                       struct pf_probe_talk *talk)
{
    struct pf_probe_answer answer;
    struct pf_err err;
    struct pf_probe_link *link =
        pf_probe_connect(door->wish->loop, door->address, door->port, door->wish->wait, &err);

    *talk = (struct pf_probe_talk){0};
    if (!link)
        return false;
    if (door->implicit && pf_probe_handshake(link, wish, &err) != PF_OK) {
        pf_probe_close(link);
        return false;
    }
    if (pf_probe_talk_init(talk, link, door->implicit, ahead) && pf_probe_greet(talk) &&
        (!door->upgrades || pf_probe_stls(talk, wish, &answer, &err)))
        return true;
    pf_probe_talk_done(talk);
    return false;
}

struct pf_probe_link *pf_probe_knock(struct pf_probe_door *door)
{
    struct pf_probe_link *link;
    unsigned char line[1024];
    struct pf_span in = {line, 0, sizeof line};
    struct pf_err err;
    pf_time until;

    link = pf_probe_connect(door->wish->loop, door->address, door->port, door->wish->wait, &err);
    until = (pf_time)pf_probe_clock() + door->wish->wait;
    while (link && pf_find(pf_span_bytes(&in), '\n') == in.len)
        if (in.len == in.cap || pf_probe_receive(link, &in, until, &err) != PF_OK) {
            pf_probe_close(link);
            return NULL;
        }
    if (link)
        pf_probe_mark(link);
    return link;
}

size_t pf_probe_exchange(struct pf_probe_link *link, struct pf_bytes out, char *text, size_t cap)
{
    struct pf_span in = {(unsigned char *)text, 0, cap - 1};
    pf_time until = (pf_time)pf_probe_clock() + link->wait;
    bool open = pf_probe_send(link, out, NULL) == PF_OK;

    while (open && in.len < in.cap)
        open = pf_probe_receive(link, &in, until, NULL) == PF_OK;
    text[in.len] = 0;
    return in.len;
}
