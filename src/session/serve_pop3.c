#include "session/guest.h"

#include "base/text.h"
#include "session/proxied.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

struct pf_hall *pf_hall_new(const struct pf_hall_parts *parts, struct pf_err *err)
{
    struct pf_hall *hall = calloc(1, sizeof *hall);

    if (!hall) {
        pf_fail(err, PF_NO_MEMORY, 0, "hall", "no memory");
        return NULL;
    }
    hall->parts = *parts;
    return hall;
}

void pf_hall_free(struct pf_hall *hall)
{
    if (!hall)
        return;
    assert(hall->count == 0);
    pf_timer_free(hall->grace);
    pf_generation_free(hall->generation);
    pf_shelf_done(&hall->shelf);
    free(hall);
}

void pf_hall_take(struct pf_hall *hall, struct pf_generation *gen)
{
    pf_generation_follow(gen, hall->generation);
    pf_generation_free(hall->generation);
    hall->generation = gen;
}

enum pf_code pf_hall_settings(struct pf_hall *hall, struct pf_conf *conf, struct pf_tls *tls,
                              struct pf_err *err)
{
    struct pf_generation *gen = pf_generation_new(conf, tls, err);

    if (!gen)
        return PF_NO_MEMORY;
    pf_hall_take(hall, gen);
    return PF_OK;
}

void pf_hall_change(struct pf_hall *hall, struct pf_log *log, struct pf_store *store)
{
    hall->parts.log = log;
    hall->parts.store = store;
}

void pf_hall_gate(struct pf_hall *hall, uint32_t number)
{
    hall->gate = number;
}

void pf_hall_stats(struct pf_hall *hall, struct pf_stats *stats)
{
    hall->stats = stats;
}

void pf_hall_journal(struct pf_hall *hall, struct pf_journal_sink *sink)
{
    hall->journal = sink;
}

/* What a stranger can make us hold at most: itself, its buffers, and a line. */
static size_t stranger_cost(const struct pf_conf *conf)
{
    return sizeof(struct pf_guest_session) + 2 * (size_t)PF_SHELF_SMALL + conf->line_max +
           conf->sasl_line_max;
}

static const char *no_place(enum pf_guest why, struct pf_err *out_why)
{
    switch (why) {
    case PF_GUEST_OK:
        return NULL;
    case PF_GUEST_FULL:
        pf_fail(out_why, PF_BUSY, 0, "door", "connections");
        return "connections";
    case PF_GUEST_TOO_MANY_HERE:
        pf_fail(out_why, PF_BUSY, 0, "door", "connections-per-address");
        snprintf(out_why->say, sizeof out_why->say, "too many connections from your address, try again later");
        return "connections-per-address";
    }
    return "?";
}

/* Counted in all and at the listener; the address in all, too, unless the listener has a number of its own. */
static const char *enter(struct pf_guest_session *g, struct pf_err *out_why)
{
    const struct pf_generation *gen = g->generation;
    const char *address = g->nobody ? NULL : pf_conn_info(g->conn)->peer;
    enum pf_guest place;

    g->door = gen->profiles[g->listen].door;
    g->apart = gen->conf->listens[g->listen].connections_per_address != gen->conf->connections_per_address;
    place = pf_guests_enter(g->hall->parts.guests, g->apart ? NULL : address);
    if (place == PF_GUEST_OK) {
        place = pf_guests_enter(g->door->guests, address);
        if (place != PF_GUEST_OK)
            pf_guests_leave(g->hall->parts.guests, g->apart ? NULL : address);
    }
    if (place == PF_GUEST_OK)
        g->door->holds++;
    return no_place(place, out_why);
}

static void leave(struct pf_guest_session *g)
{
    const char *address = g->nobody ? NULL : pf_conn_info(g->conn)->peer;

    pf_guests_leave(g->hall->parts.guests, g->apart ? NULL : address);
    pf_guests_leave(g->door->guests, address);
    pf_door_free(g->door);
}

/* Who comes through a proxy is counted when it has said who that is. */
static const char *full(const struct pf_hall *hall, struct pf_guest_session *g, struct pf_err *out_why)
{
    const struct pf_conf *conf = hall->generation->conf;

    if (g->proxying && !pf_proxied_trusts(&conf->listens[g->listen], pf_conn_info(g->conn)))
        return "proxy";
    if ((hall->strangers + 1) > conf->memory_before_login / stranger_cost(conf)) {
        pf_fail(out_why, PF_BUSY, 0, "door", "memory-before-login");
        return "memory-before-login";
    }
    return g->proxying ? NULL : enter(g, out_why);
}

/* One line, if the client may expect plain text, and the door. */
static void turn_away(struct pf_hall *hall, struct pf_conn *conn, const struct pf_err *why, size_t listen)
{
    struct pf_generation *gen = hall->generation;
    struct pf_pop3_server *engine = NULL;
    unsigned char *buffer = pf_shelf_take(&hall->shelf, PF_SHELF_OF_SMALL);
    size_t sent;

    if (gen->conf->listens[listen].tls != PF_CONF_TLS_IMPLICIT)
        engine = pf_pop3_server_new(&gen->profiles[listen].engine, false, pf_loop_now(hall->parts.loop));
    if (engine && buffer) {
        pf_pop3_server_refuse(engine, why);
        pf_pop3_server_lend(engine, buffer, PF_SHELF_SMALL);
        pf_conn_write(conn, pf_pop3_server_out(engine), &sent, NULL);
    }
    pf_pop3_server_free(engine);
    pf_shelf_give(&hall->shelf, PF_SHELF_OF_SMALL, buffer);
}

static void list(struct pf_guest_session *g)
{
    struct pf_hall *hall = g->hall;

    g->next = hall->guests;
    if (g->next)
        g->next->prev = g;
    hall->guests = g;
    hall->count++;
    hall->strangers++;
    g->id = ++hall->served;
    g->stranger = true;
    g->counted = !g->proxying;
}

void pf_hall_unlist(struct pf_guest_session *g)
{
    struct pf_hall *hall = g->hall;

    if (g->prev)
        g->prev->next = g->next;
    else
        hall->guests = g->next;
    if (g->next)
        g->next->prev = g->prev;
    g->next = g->prev = NULL;
    if (g->stranger)
        hall->strangers--;
    g->stranger = false;
    if (g->counted)
        leave(g);
    g->counted = false;
}

static bool check_in(struct pf_guest_session *g)
{
    struct pf_hall *hall = g->hall;
    const char *address = pf_conn_info(g->conn)->peer;
    struct pf_err why = {0};
    const char *limit = full(hall, g, &why);
    struct pf_field fields[] = {PF_TEXT_FIELD("address", address), PF_TEXT_FIELD("why", limit)};

    if (!limit)
        return true;
    pf_stats_count(hall->stats, PF_STAT_refused_total, "pop3", NULL, 1);
    pf_log_event(hall->parts.log, PF_EVENT_refused, fields, 2);
    if (!g->proxying) /* nothing is sent before the header was read */
        turn_away(hall, g->conn, &why, g->listen);
    pf_conn_close(g->conn, false);
    return false;
}

static bool count_in(struct pf_guest_session *g, struct pf_err *out_why)
{
    const char *address = pf_conn_info(g->conn)->peer;
    const char *limit = enter(g, out_why);
    struct pf_field fields[] = {PF_TEXT_FIELD("address", address), PF_TEXT_FIELD("why", limit)};

    g->counted = !limit;
    if (g->counted)
        return true;
    pf_stats_count(g->hall->stats, PF_STAT_refused_total, "pop3", NULL, 1);
    pf_log_event(g->hall->parts.log, PF_EVENT_refused, fields, 2);
    return false;
}

void pf_hall_name(struct pf_guest_session *g, struct pf_err *out_why)
{
    leave(g);
    g->nobody = false;
    count_in(g, out_why);
}

bool pf_hall_enter(struct pf_guest_session *g)
{
    struct pf_err why = {0};

    if (count_in(g, &why))
        return true;
    turn_away(g->hall, g->conn, &why, g->listen);
    return false;
}

void pf_hall_guest(struct pf_hall *hall, int fd, size_t listen)
{
    struct pf_guest_session *g = calloc(1, sizeof *g);
    struct pf_err err;

    if (!g || hall->closing) {
        free(g);
        close(fd);
        return;
    }
    g->hall = hall;
    g->listen = listen;
    pf_guest_user_init(g);
    g->came = g->heard = pf_loop_now(hall->parts.loop);
    g->conn = pf_conn_new(hall->parts.loop, fd, pf_guest_wake, g, &err);
    g->proxying = hall->generation->conf->listens[listen].proxy;
    g->generation = hall->generation;
    if (g->conn)
        pf_guest_xclient_begin(g);
    if (!g->conn || !check_in(g)) {
        free(g);
        return;
    }
    g->generation->holds++;
    list(g);
    pf_guest_begin(g);
}

static void tell_emptied(struct pf_later *later)
{
    struct pf_hall *hall =
        (struct pf_hall *)(void *)((char *)later - offsetof(struct pf_hall, emptied_later));

    hall->emptied(hall->emptied_self);
}

static void see_if_empty(struct pf_hall *hall)
{
    if (!hall->closing || hall->count || !hall->emptied || hall->emptied_later.queued)
        return;
    hall->emptied_later.run = tell_emptied;
    pf_loop_later(hall->parts.loop, &hall->emptied_later);
}

static void bury(struct pf_later *later)
{
    struct pf_guest_session *g =
        (struct pf_guest_session *)(void *)((char *)later - offsetof(struct pf_guest_session, bury));
    struct pf_hall *hall = g->hall;

    pf_pop3_server_free(g->engine);
    pf_shelf_give(&hall->shelf, g->out_size, g->out);
    pf_shelf_give(&hall->shelf, PF_SHELF_OF_LARGE, g->body);
    pf_generation_free(g->generation);
    pf_guest_user_free(g);
    pf_wipe(g, sizeof *g);
    free(g);
    hall->count--;
    see_if_empty(hall);
}

void pf_hall_bury(struct pf_guest_session *g)
{
    g->bury.run = bury;
    if (!g->bury.queued)
        pf_loop_later(g->hall->parts.loop, &g->bury);
}

static void grace_over(struct pf_timer *timer, void *self)
{
    struct pf_hall *hall = self;

    (void)timer;
    while (hall->guests)
        pf_guest_depart(hall->guests, PF_CLOSE_SHUTDOWN, true);
}

void pf_hall_close(struct pf_hall *hall, pf_time grace, void (*emptied)(void *), void *self)
{
    hall->closing = true;
    hall->emptied = emptied;
    hall->emptied_self = self;
    for (struct pf_guest_session *g = hall->guests, *next; g; g = next) {
        next = g->next;
        if (g->stage == PF_STAGE_SERVE && grace > 0) {
            pf_pop3_server_shutdown(g->engine, pf_guest_now(g));
            pf_guest_turn(g);
        } else {
            pf_guest_depart(g, PF_CLOSE_SHUTDOWN, true);
        }
    }
    if (!hall->grace)
        hall->grace = pf_timer_new(hall->parts.loop, grace_over, hall);
    if (hall->grace && grace > 0)
        pf_timer_set(hall->grace, pf_loop_now(hall->parts.loop) + grace);
    else
        grace_over(NULL, hall);
    see_if_empty(hall);
}

bool pf_hall_full(const struct pf_hall *hall, size_t listen)
{
    return pf_guests_full(hall->parts.guests) || pf_guests_full(hall->generation->profiles[listen].door->guests);
}

unsigned pf_hall_count(const struct pf_hall *hall)
{
    return hall->count;
}

uint64_t pf_hall_served(const struct pf_hall *hall)
{
    return hall->served;
}
