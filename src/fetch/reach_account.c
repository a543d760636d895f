#include "fetch/reach_private.h"

#include <arpa/inet.h>

/* A server that is only guessed may be a machine that drops what comes; there are eight guesses. */
enum {
    GUESS_MS = 10000,
    AHEAD = 512,        /* commands: 300 DELE are one round trip */
    WINDOW = 6 * 1024,  /* octets: they fit into what systems take for a connection nobody reads from (8 KiB) */
    QUIT_LEAST = 60000 /* ms */
};

static bool is_numeric(const char *host)
{
    unsigned char room[16];

    return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

bool pf_reach_wants_dane(const struct pf_reach *r, const struct pf_reach_server *s)
{
    const struct pf_account *a = r->set.account;

    return a->dane && a->verify && !a->pins && !r->place.path && s->tls != PF_CALL_PLAIN && s->sure &&
           !is_numeric(s->host);
}

/* A maildrop may be long to rewrite, so QUIT has ten times as long as others, and a minute at least; who
 * is patient with all is as patient with it. */
static pf_time quit_time(pf_time answer_time, pf_time most)
{
    pf_time time = 10 * answer_time > QUIT_LEAST ? 10 * answer_time : QUIT_LEAST;

    time = time < most ? time : most;
    return time > answer_time ? time : answer_time;
}

static void fill_engine(const struct pf_reach *r, const struct pf_reach_server *s,
                        struct pf_pop3_client_settings *e)
{
    const struct pf_account *a = r->set.account;

    pf_pop3_client_settings_init(e);
    e->pipelining = r->careful || a->window == 1 ? PF_PIPELINE_NEVER : r->set.pipelining;
    if (r->set.eager) {
        e->queue = AHEAD;
        e->window = WINDOW;
    }
    if (a->window > 1)
        e->queue = a->window;
    e->lf = !r->set.keep_crlf;
    e->plain_login = s->tls == PF_CALL_PLAIN ? PF_PLAIN_ANY : PF_PLAIN_NEVER;
    if (a->answer_time > 0) {
        e->greeting_time = e->answer_time = e->stall_time = a->answer_time;
        e->quit_time = quit_time(a->answer_time, e->quit_time);
    }
}

void pf_reach_account(struct pf_reach *r, const struct pf_reach_server *s)
{
    const struct pf_account *a = r->set.account;
    bool dane = r->dane && r->dane->tlsa.vouched;
    pf_time time = r->list.guessed && a->connect_time > GUESS_MS ? GUESS_MS : a->connect_time;

    r->account = (struct pf_call_account){.host = r->place.path ? r->place.path : s->host,
                                          .port = s->port,
                                          .tls = s->tls,
                                          .server_name = a->server_name,
                                          .ca = a->ca,
                                          .pins = a->pins,
                                          .unchecked = !a->verify,
                                          .tlsa = dane ? r->dane->tlsa.at : NULL,
                                          .tlsa_count = dane ? r->dane->tlsa.count : 0,
                                          .certificate = a->certificate,
                                          .key = a->key,
                                          .user = r->set.anonymous ? NULL : r->place.user,
                                          .acts_for = a->acts_for,
                                          .mechanisms = r->place.mechanisms,
                                          .token = a->token_command || a->token_url,
                                          .connect_time = time,
                                          .tls_time = a->connect_time,
                                          .no_capa = r->careful,
                                          .octets_max = r->set.octets_max,
                                          .eager = r->set.eager};
    if (dane && !a->server_name)
        r->account.server_name = r->dane->tlsa.base;
    fill_engine(r, s, &r->account.engine);
}
