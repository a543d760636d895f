#include "session/ctl_hall.h"

#include "base/text.h"
#include "session/guest.h"
#include "session/proxied.h"

#include <stdio.h>

static enum pf_ctl_state state_of(const struct pf_guest_session *g)
{
    if (g->stage != PF_STAGE_SERVE)
        return g->stage == PF_STAGE_TLS ? PF_CTL_STATE_TLS : PF_CTL_STATE_EARLY;
    if (pf_pop3_server_in_transaction(g->engine))
        return g->body_open ? PF_CTL_STATE_SENDING : PF_CTL_STATE_TRANSACTION;
    return pf_pop3_server_stats(g->engine)->logged_in ? PF_CTL_STATE_UPDATE : PF_CTL_STATE_LOGIN;
}

static void put(char *room, size_t cap, const char *text)
{
    pf_text_safe(room, cap, pf_bytes_of(text && text[0] ? text : "-"));
}

static void describe(const struct pf_guest_session *g, struct pf_ctl_session *out)
{
    static const struct pf_pop3_server_stats none;
    const struct pf_pop3_server_stats *s = g->engine ? pf_pop3_server_stats(g->engine) : &none;
    const struct pf_conn_info *info = pf_conn_info(g->conn);
    pf_time now = pf_guest_now(g);

    *out = (struct pf_ctl_session){
        .number = g->id,
        .state = state_of(g),
        .age = (uint64_t)(now - g->came),
        .idle = (uint64_t)(now - g->heard),
        .messages = s->messages,
        .fetched = s->fetched,
        .octets = s->fetched_octets,
        .received = g->received,
        .sent = g->sent,
    };
    put(out->user, sizeof out->user, s->logged_in ? g->user->name : NULL);
    put(out->address, sizeof out->address, info->peer);
    put(out->tls, sizeof out->tls, info->tls ? info->tls_version : "none");
    put(out->command, sizeof out->command, s->command);
}

/* New guests stand at the head of the list. */
static void walk(void *self, uint64_t before, bool (*see)(void *to, const struct pf_ctl_session *), void *to)
{
    const struct pf_ctl_hall *all = self;
    struct pf_ctl_session one;

    for (const struct pf_guest_session *g = all->hall->guests; g; g = g->next) {
        if (g->id >= before)
            continue;
        describe(g, &one);
        if (!see(to, &one))
            return;
    }
}

static bool is_meant(const struct pf_guest_session *g, const struct pf_ctl_who *who)
{
    if (who->number)
        return g->id == who->number;
    return g->engine && pf_pop3_server_stats(g->engine)->logged_in && strcmp(g->user->name, who->name) == 0;
}

static uint32_t kick(void *self, const struct pf_ctl_who *who)
{
    const struct pf_ctl_hall *all = self;
    uint32_t count = 0;

    for (struct pf_guest_session *g = all->hall->guests, *next; g; g = next) {
        next = g->next;
        if (!is_meant(g, who))
            continue;
        pf_guest_kick(g);
        count++;
    }
    return count;
}

static void look(void *self, struct pf_stats *stats)
{
    const struct pf_ctl_hall *all = self;

    pf_stats_gauge(stats, PF_STAT_sessions, pf_hall_count(all->hall));
    pf_stats_gauge(stats, PF_STAT_sessions_before_login, all->hall->strangers);
    pf_stats_gauge(stats, PF_STAT_delivery_connections, all->dock ? pf_dock_count(all->dock) : 0);
}

const struct pf_ctl_people pf_ctl_hall_people = {walk, kick, look};
