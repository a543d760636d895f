#include "tool/explore_link.h"

#include "tool/speech.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SLOW_FLIGHT = 2, /* where nothing is pipelined: what is wanted now waits for no more */
    TAG_LIST = 1000, /* above all numbers of wishes */
    TAG_UIDL
};

struct pf_explore_link {
    struct pf_client *client;
    const struct pf_account *account;
    struct pf_explore_link_calls calls;
    void *self;
    struct pf_reach *reach;
    struct pf_call *call; /* while it may be spoken to */
    struct pf_client_secret secret;
    struct pf_timer *again, *alive;
    pf_time call_time, keep_alive;
    struct pf_explore_wish flight[PF_EXPLORE_FLIGHT],
        held; /* a ring; held: the engine had no room for it */
    unsigned first, count;
    bool holds, up, pumping;
    unsigned char *text;
    size_t len;
    char server[256], who[256];
};

static void say(struct pf_explore_link *l, bool by_us, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct pf_explore_link *l, bool by_us, const char *format, ...)
{
    char line[600];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    l->calls.said(l->self, by_us, line);
}

static void rest(struct pf_explore_link *l)
{
    pf_timer_set(l->alive,
                 l->keep_alive && l->up ? pf_loop_now(l->client->loop) + l->keep_alive : PF_NEVER);
}

/* Wishes */

static void tell_wish(struct pf_explore_link *l, const struct pf_explore_wish *wish)
{
    static const char *const words[] = {"TOP", "TOP", "RETR", "DELE", "QUIT", "NOOP"};

    if (wish->kind == PF_EXPLORE_WISH_HEAD || wish->kind == PF_EXPLORE_WISH_PREVIEW)
        say(l, true, "TOP %" PRIu64 " %d", wish->number,
            wish->kind == PF_EXPLORE_WISH_HEAD ? 0 : PF_EXPLORE_PREVIEW);
    else if (wish->number)
        say(l, true, "%s %" PRIu64, words[wish->kind], wish->number);
    else
        say(l, true, "%s", words[wish->kind]);
}

static enum pf_code say_wish(struct pf_explore_link *l, const struct pf_explore_wish *wish)
{
    static const enum pf_pop3_verb verbs[] = {PF_VERB_TOP,  PF_VERB_TOP,  PF_VERB_RETR,
                                              PF_VERB_DELE, PF_VERB_QUIT, PF_VERB_NOOP};
    unsigned slot = (l->first + l->count) % PF_EXPLORE_FLIGHT;
    struct pf_pop3_command command = {.verb = verbs[wish->kind],
                                      .tag = slot,
                                      .number = wish->number,
                                      .lines =
                                          wish->kind == PF_EXPLORE_WISH_PREVIEW ? PF_EXPLORE_PREVIEW : 0,
                                      .expect = wish->octets};
    enum pf_code code = pf_call_say(l->call, &command);

    if (code == PF_OK) {
        l->flight[slot] = *wish;
        l->count++;
        tell_wish(l, wish);
    }
    return code;
}

static unsigned flight_most(const struct pf_explore_link *l)
{
    return pf_call_offer(l->call)->can & PF_CAN_PIPELINING ? PF_EXPLORE_FLIGHT : SLOW_FLIGHT;
}

static void pump(struct pf_explore_link *l)
{
    if (l->pumping)
        return;
    l->pumping = true;
    while (l->up && l->call && l->count < flight_most(l)) {
        if (!l->holds && !l->calls.next(l->self, &l->held))
            break;
        l->holds = say_wish(l, &l->held) != PF_OK;
        if (l->holds)
            break;
    }
    l->pumping = false;
}

void pf_explore_link_poke(struct pf_explore_link *l)
{
    pump(l);
}

static void end_wish(struct pf_explore_link *l, const struct pf_heard *heard)
{
    struct pf_explore_wish wish = l->flight[l->first];

    l->first = (l->first + 1) % PF_EXPLORE_FLIGHT;
    l->count--;
    if (wish.kind == PF_EXPLORE_WISH_DELETE || wish.kind == PF_EXPLORE_WISH_QUIT ||
        heard->end != PF_END_WHOLE)
        say(l, false, "%s %.*s",
            heard->end == PF_END_WHOLE     ? "+OK"
            : heard->end == PF_END_REFUSED ? "-ERR"
                                           : "...",
            (int)heard->text.len, (const char *)heard->text.at);
    if (wish.kind != PF_EXPLORE_WISH_NOOP)
        l->calls.ended(l->self, &wish, heard, pf_bytes_from(l->text, l->len));
    l->len = 0;
}

static void take_piece(struct pf_explore_link *l, struct pf_bytes piece)
{
    const struct pf_explore_wish *wish = &l->flight[l->first];

    if (wish->kind == PF_EXPLORE_WISH_LETTER) {
        l->calls.piece(l->self, wish, piece);
        return;
    }
    piece = pf_bytes_head(piece, PF_EXPLORE_TOP_MAX - l->len);
    if (piece.len)
        memcpy(l->text + l->len, piece.at, piece.len);
    l->len += piece.len;
}

/* The list */

static void hang_up(struct pf_explore_link *l);

static void refused_list(struct pf_explore_link *l, const struct pf_heard *heard)
{
    struct pf_err err;

    pf_fail(&err, heard->code ? heard->code : PF_TEMP, 0, "explore", "the server refuses to list: %.*s",
            (int)heard->text.len, (const char *)heard->text.at);
    hang_up(l);
    l->calls.gone(l->self, &err);
}

static void hear_list(struct pf_explore_link *l, const struct pf_heard *heard)
{
    bool uidl = heard->tag == TAG_UIDL;

    if (heard->kind == PF_HEARD_ITEM && heard->parsed && uidl)
        l->calls.uid(l->self, heard->number, heard->uid);
    else if (heard->kind == PF_HEARD_ITEM && heard->parsed)
        l->calls.row(l->self, heard->number, heard->octets);
    if (heard->kind != PF_HEARD_END)
        return;
    say(l, false, "%s %.*s (%" PRIu64 ")", heard->end == PF_END_WHOLE ? "+OK" : "-ERR",
        (int)heard->text.len, (const char *)heard->text.at, heard->number);
    if (!uidl && heard->end == PF_END_REFUSED) {
        refused_list(l, heard);
        return;
    }
    if (uidl && (heard->end == PF_END_WHOLE || heard->end == PF_END_REFUSED)) {
        l->up = true;
        l->calls.listed(l->self);
    }
}

static void on_heard(void *self, struct pf_reach *reach, struct pf_call *call,
                     const struct pf_heard *heard)
{
    struct pf_explore_link *l = self;

    (void)call;
    if (heard->tag >= TAG_LIST)
        hear_list(l, heard);
    else if (heard->kind == PF_HEARD_PIECE && l->count)
        take_piece(l, heard->bytes);
    else if (heard->kind == PF_HEARD_END && l->count)
        end_wish(l, heard);
    if (l->reach != reach)
        return; /* the owner called anew */
    if (heard->kind == PF_HEARD_END) {
        rest(l);
        pump(l);
    }
}

static void on_ready(void *self, struct pf_reach *reach, struct pf_call *call)
{
    struct pf_explore_link *l = self;
    const struct pf_call_facts *facts = pf_reach_facts(reach);
    const struct pf_pop3_command list = {.verb = PF_VERB_LIST, .tag = TAG_LIST},
                                 uidl = {.verb = PF_VERB_UIDL, .tag = TAG_UIDL};

    l->call = call;
    snprintf(l->server, sizeof l->server, "%s:%u %s%s %s", facts->address, facts->port,
             facts->tls_version[0] ? facts->tls_version : pf_say("no TLS", "kein TLS"),
             strcmp(facts->checked, "unchecked") == 0
                 ? pf_say(" (the certificate was not checked)", " (das Zertifikat wurde nicht geprüft)")
                 : "",
             facts->mechanism);
    snprintf(l->who, sizeof l->who, "%s", pf_reach_who(reach));
    say(l, false, "%s", l->server);
    l->calls.ready(l->self);
    say(l, true, "LIST");
    say(l, true, "UIDL");
    pf_call_say(call, &list);
    pf_call_say(call, &uidl);
}

/* The line */

static void hang_up(struct pf_explore_link *l)
{
    pf_reach_free(l->reach);
    l->reach = NULL;
    l->call = NULL;
    l->first = l->count = 0;
    l->len = 0;
    l->holds = l->up = false;
    l->secret.give = NULL;
    rest(l);
}

static void on_gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    struct pf_explore_link *l = self;
    struct pf_err why = *err;

    (void)reach;
    hang_up(l);
    say(l, false, "%s", why.log);
    l->calls.gone(l->self, &why);
}

static void give_secret(void *self, struct pf_bytes secret, const struct pf_err *err)
{
    struct pf_explore_link *l = self;

    if (l->reach)
        pf_reach_secret(l->reach, secret, err);
}

static void on_secret(void *self, struct pf_reach *reach, const char *host)
{
    struct pf_explore_link *l = self;

    (void)reach;
    l->secret.give = give_secret;
    l->secret.self = l;
    pf_client_secret(&l->secret, l->client, l->account, host);
}

static void call(struct pf_explore_link *l)
{
    static const struct pf_reach_calls calls = {on_secret, on_ready, on_heard, on_gone};
    const struct pf_reach_settings settings = {
        .loop = l->client->loop,
        .pool = l->client->pool,
        .account = l->account,
        .pipelining = l->account->window == 1 ? PF_PIPELINE_NEVER : PF_PIPELINE_IF_OFFERED};
    struct pf_err err = {0};

    l->call_time = 0;
    l->reach = pf_reach_new(&settings, &calls, l, &err);
    if (!l->reach)
        l->calls.gone(l->self, &err);
}

static void again_fired(struct pf_timer *timer, void *self)
{
    struct pf_explore_link *l = self;

    (void)timer;
    /* A secret that was asked for by the line before may still be on its way into this memory. */
    if (l->secret.job.busy || l->secret.later.queued)
        pf_explore_link_call_in(l, 100);
    else
        call(l);
}

static void alive_fired(struct pf_timer *timer, void *self)
{
    struct pf_explore_link *l = self;
    const struct pf_explore_wish noop = {.kind = PF_EXPLORE_WISH_NOOP};

    (void)timer;
    if (l->up && l->call && l->count == 0)
        say_wish(l, &noop);
}

struct pf_explore_link *pf_explore_link_new(struct pf_client *client, const struct pf_account *account,
                                            pf_time keep_alive,
                                            const struct pf_explore_link_calls *calls, void *self)
{
    struct pf_explore_link *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->client = client;
    l->account = account;
    l->calls = *calls;
    l->self = self;
    l->keep_alive = keep_alive;
    l->text = malloc(PF_EXPLORE_TOP_MAX);
    l->again = pf_timer_new(client->loop, again_fired, l);
    l->alive = pf_timer_new(client->loop, alive_fired, l);
    if (l->text && l->again && l->alive)
        return l;
    pf_explore_link_free(l);
    return NULL;
}

void pf_explore_link_call_in(struct pf_explore_link *l, pf_time ms)
{
    hang_up(l);
    l->call_time = pf_loop_now(l->client->loop) + ms;
    pf_timer_set(l->again, l->call_time);
}

bool pf_explore_link_is_up(const struct pf_explore_link *l)
{
    return l->up;
}

bool pf_explore_link_is_calling(const struct pf_explore_link *l)
{
    return l->reach != NULL;
}

pf_time pf_explore_link_call_time(const struct pf_explore_link *l)
{
    return l->call_time;
}

const char *pf_explore_link_server(const struct pf_explore_link *l)
{
    return l->server;
}

const char *pf_explore_link_who(const struct pf_explore_link *l)
{
    return l->who;
}

void pf_explore_link_free(struct pf_explore_link *l)
{
    if (!l)
        return;
    l->secret.give = NULL;
    pf_reach_free(l->reach);
    while (l->secret.job.busy || l->secret.later.queued)
        pf_loop_turn(l->client->loop, true); /* a thread writes into it */
    pf_timer_free(l->again);
    pf_timer_free(l->alive);
    free(l->text);
    free(l);
}
