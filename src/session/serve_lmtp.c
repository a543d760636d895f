#include "session/serve_lmtp_carrier.h"

#include "session/proxied.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

static void fill(struct pf_lmtp_server_settings *s, const struct pf_dock_generation *gen,
                 const struct pf_conf_listen *listen)
{
    const struct pf_conf *conf = gen->conf;

    pf_lmtp_server_settings_init(s);
    s->hostname = listen->hostname;
    s->smtp = listen->protocol == PF_CONF_SMTP;
    s->starttls = gen->tls && listen->tls == PF_CONF_TLS_STARTTLS;
    s->bare_ends = conf->bare_line_ends && listen->address[0] == '/';
    s->size_max = conf->message_size;
    s->recipients_max = conf->recipients;
    s->bad_max = conf->bad_after_login;
    s->idle_time = conf->delivery_idle_time;
    s->stall_time = conf->stall_time;
}

static struct pf_dock_generation *generation_new(struct pf_conf *conf, struct pf_tls *tls)
{
    struct pf_dock_generation *gen = calloc(1, sizeof *gen + conf->listen_count * sizeof gen->engines[0]);

    if (!gen)
        return NULL;
    gen->holds = 1;
    gen->conf = pf_conf_hold(conf);
    gen->tls = tls ? pf_tls_hold(tls) : NULL;
    for (size_t i = 0; i < conf->listen_count; i++)
        fill(&gen->engines[i], gen, &conf->listens[i]);
    return gen;
}

void pf_dock_generation_free(struct pf_dock_generation *gen)
{
    if (!gen || --gen->holds)
        return;
    pf_conf_free(gen->conf);
    pf_tls_free(gen->tls);
    free(gen);
}

struct pf_dock *pf_dock_new(const struct pf_dock_parts *parts, struct pf_err *err)
{
    struct pf_dock *dock = calloc(1, sizeof *dock);

    if (dock)
        dock->parts = *parts;
    else
        pf_fail(err, PF_NO_MEMORY, 0, "dock", "no memory");
    return dock;
}

void pf_dock_free(struct pf_dock *dock)
{
    if (!dock)
        return;
    assert(dock->count == 0);
    pf_timer_free(dock->grace);
    pf_dock_generation_free(dock->generation);
    pf_shelf_done(&dock->shelf);
    free(dock);
}

enum pf_code pf_dock_settings(struct pf_dock *dock, struct pf_conf *conf, struct pf_tls *tls, struct pf_err *err)
{
    struct pf_dock_generation *gen = generation_new(conf, tls);

    if (!gen)
        return pf_fail(err, PF_NO_MEMORY, 0, "dock", "no memory for the settings");
    pf_dock_generation_free(dock->generation);
    dock->generation = gen;
    return PF_OK;
}

void pf_dock_change(struct pf_dock *dock, struct pf_log *log, struct pf_store *store)
{
    dock->parts.log = log;
    dock->parts.store = store;
}

void pf_dock_stats(struct pf_dock *dock, struct pf_stats *stats)
{
    dock->stats = stats;
}

void pf_dock_journal(struct pf_dock *dock, struct pf_journal_sink *sink)
{
    dock->journal = sink;
}

static void list(struct pf_carrier *c)
{
    struct pf_dock *dock = c->dock;

    c->next = dock->carriers;
    if (c->next)
        c->next->prev = c;
    dock->carriers = c;
    dock->count++;
}

void pf_dock_unlist(struct pf_carrier *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->dock->carriers = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = c->prev = NULL;
}

static void tell_emptied(struct pf_later *later)
{
    struct pf_dock *dock = (struct pf_dock *)(void *)((char *)later - offsetof(struct pf_dock, emptied_later));

    dock->emptied(dock->emptied_self);
}

static void see_if_empty(struct pf_dock *dock)
{
    if (!dock->closing || dock->count || !dock->emptied || dock->emptied_later.queued)
        return;
    dock->emptied_later.run = tell_emptied;
    pf_loop_later(dock->parts.loop, &dock->emptied_later);
}

void pf_dock_bury(struct pf_carrier *c)
{
    struct pf_dock *dock = c->dock;

    pf_lmtp_server_free(c->engine);
    pf_shelf_give(&dock->shelf, PF_SHELF_OF_SMALL, c->out);
    pf_dock_generation_free(c->generation);
    free(c);
    dock->count--;
    see_if_empty(dock);
}

static void turn_away(struct pf_carrier *c)
{
    static const char line[] = "421 4.3.2 too many connections, try again later\r\n";
    struct pf_field fields[] = {PF_TEXT_FIELD("address", pf_conn_info(c->conn)->peer),
                                PF_TEXT_FIELD("why", "delivery connections")};
    size_t sent;

    pf_stats_count(c->dock->stats, PF_STAT_refused_total, "delivery", NULL, 1);
    pf_log_event(c->dock->parts.log, PF_EVENT_refused, fields, 2);
    if (c->dock->generation->conf->listens[c->listen].tls != PF_CONF_TLS_IMPLICIT)
        pf_conn_write(c->conn, pf_bytes_of(line), &sent, NULL);
    pf_conn_close(c->conn, false);
    free(c);
}

/* Not a proxy that may tell the addresses of others (session/proxied.h). */
static void refuse(struct pf_carrier *c)
{
    struct pf_field fields[] = {PF_TEXT_FIELD("address", pf_conn_info(c->conn)->peer), PF_TEXT_FIELD("why", "proxy")};

    pf_log_event(c->dock->parts.log, PF_EVENT_refused, fields, 2);
    pf_conn_close(c->conn, false);
    free(c);
}

void pf_dock_carrier(struct pf_dock *dock, int fd, size_t listen)
{
    struct pf_carrier *c = calloc(1, sizeof *c);
    struct pf_err err;

    if (!c || dock->closing) {
        free(c);
        close(fd);
        return;
    }
    c->dock = dock;
    c->listen = listen;
    c->store = dock->parts.store;
    c->came = pf_loop_now(dock->parts.loop);
    c->conn = pf_conn_new(dock->parts.loop, fd, pf_carrier_wake, c, &err);
    if (!c->conn) {
        free(c);
        return;
    }
    c->proxying = dock->generation->conf->listens[listen].proxy;
    if (c->proxying && !pf_proxied_trusts(&dock->generation->conf->listens[listen], pf_conn_info(c->conn))) {
        refuse(c);
        return;
    }
    if (pf_dock_full(dock)) {
        turn_away(c);
        return;
    }
    c->generation = dock->generation;
    c->generation->holds++;
    pf_conn_dead_after(c->conn, c->generation->conf->dead_peer_time, c->generation->conf->stall_time);
    list(c);
    pf_carrier_begin(c);
}

static void grace_over(struct pf_timer *timer, void *self)
{
    struct pf_dock *dock = self;

    (void)timer;
    while (dock->carriers)
        pf_carrier_depart(dock->carriers, "shutdown", true);
}

void pf_dock_close(struct pf_dock *dock, pf_time grace, void (*emptied)(void *), void *self)
{
    dock->closing = true;
    dock->emptied = emptied;
    dock->emptied_self = self;
    for (struct pf_carrier *c = dock->carriers, *next; c; c = next) {
        next = c->next;
        if (c->engine && grace > 0) {
            pf_lmtp_server_shutdown(c->engine, pf_loop_now(dock->parts.loop));
            pf_carrier_turn(c);
        } else {
            pf_carrier_depart(c, "shutdown", true);
        }
    }
    if (!dock->grace)
        dock->grace = pf_timer_new(dock->parts.loop, grace_over, dock);
    if (dock->grace && grace > 0)
        pf_timer_set(dock->grace, pf_loop_now(dock->parts.loop) + grace);
    else
        grace_over(NULL, dock);
    see_if_empty(dock);
}

bool pf_dock_full(const struct pf_dock *dock)
{
    return dock->count >= dock->generation->conf->delivery_connections;
}

unsigned pf_dock_count(const struct pf_dock *dock)
{
    return dock->count;
}
