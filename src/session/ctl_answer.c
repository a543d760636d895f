#include "session/ctl_answer.h"

#include "base/text.h"
#include "session/guest.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE = 1200 /* a user name, an address and numbers; a mistake in the settings with its file */ };

static void put(struct pf_ctl_answer *a, struct pf_bytes b)
{
    size_t room = a->room ? a->room : 4096;
    char *at;

    while (room - a->len < b.len && room < PF_CTL_ANSWER_MAX)
        room *= 2;
    if (a->failed || room - a->len < b.len) {
        a->failed = true;
        return;
    }
    at = room == a->room ? a->at : realloc(a->at, room);
    if (!at) {
        a->failed = true;
        return;
    }
    a->at = at;
    a->room = room;
    memcpy(a->at + a->len, b.at, b.len);
    a->len += b.len;
}

void pf_ctl_put(void *answer, const char *line)
{
    put(answer, pf_bytes_of(line));
    put(answer, PF_LIT("\n"));
}

void pf_ctl_answer_done(struct pf_ctl_answer *a)
{
    free(a->at);
    *a = (struct pf_ctl_answer){0};
}

static const char *state_of(const struct pf_guest_session *g)
{
    if (g->stage != PF_STAGE_SERVE)
        return g->stage == PF_STAGE_TLS ? "tls" : "early";
    if (pf_pop3_server_in_transaction(g->engine))
        return g->body_open ? "sending" : "transaction";
    return pf_pop3_server_stats(g->engine)->logged_in ? "update" : "login";
}

/* id user address tls state age idle messages octets, with tabs between them; "-" for nobody yet. */
static void put_session(struct pf_ctl_answer *a, const struct pf_guest_session *g)
{
    static const struct pf_pop3_server_stats none;
    const struct pf_pop3_server_stats *s = g->engine ? pf_pop3_server_stats(g->engine) : &none;
    const struct pf_conn_info *info = pf_conn_info(g->conn);
    pf_time now = pf_guest_now(g);
    char line[LINE], user[PF_AUTH_NAME_MAX + 1];

    pf_text_safe(user, sizeof user, s->logged_in ? pf_bytes_of(g->user.name) : PF_LIT("-"));
    snprintf(line, sizeof line, "%llu\t%s\t%s\t%s\t%s\t%lld\t%lld\t%u\t%llu", (unsigned long long)g->id, user,
             info->peer, info->tls ? info->tls_version : "none", state_of(g), (long long)(now - g->came) / 1000,
             (long long)(now - g->heard) / 1000, s->messages, (unsigned long long)s->fetched_octets);
    pf_ctl_put(a, line);
}

static void answer_sessions(struct pf_ctl *ctl, struct pf_ctl_answer *a)
{
    pf_ctl_put(a, "+sessions");
    for (const struct pf_guest_session *g = ctl->parts.hall->guests; g; g = g->next)
        put_session(a, g);
}

static bool is_meant(const struct pf_guest_session *g, const struct pf_ctl_request *r)
{
    if (r->word == PF_CTL_KICK_ID)
        return g->id == r->id;
    return g->engine && pf_pop3_server_stats(g->engine)->logged_in &&
           pf_bytes_equal(pf_bytes_of(g->user.name), r->name);
}

static void answer_kick(struct pf_ctl *ctl, const struct pf_ctl_request *r, struct pf_ctl_answer *a)
{
    unsigned count = 0;
    char line[LINE];

    for (struct pf_guest_session *g = ctl->parts.hall->guests, *next; g; g = next) {
        next = g->next;
        if (!is_meant(g, r))
            continue;
        pf_guest_kick(g);
        count++;
    }
    snprintf(line, sizeof line, count ? "+kicked %u" : "-no such session", count);
    pf_ctl_put(a, line);
}

/* What was told comes behind the line that says how it went. */
static void answer_reload(struct pf_ctl *ctl, struct pf_ctl_answer *a)
{
    struct pf_ctl_answer told = {0};
    bool good = ctl->parts.reload(ctl->parts.self, pf_ctl_put, &told);

    pf_ctl_put(a, good ? "+reloaded" : "-the settings were not taken on, the old ones stay in force");
    if (told.len)
        put(a, pf_bytes_from(told.at, told.len));
    pf_ctl_answer_done(&told);
}

/* Figures that nobody counts up are looked at now. */
static void look(struct pf_ctl *ctl)
{
    const struct pf_ctl_parts *p = &ctl->parts;

    pf_stats_gauge(p->stats, PF_STAT_sessions, pf_hall_count(p->hall));
    pf_stats_gauge(p->stats, PF_STAT_sessions_before_login, p->hall->strangers);
    pf_stats_gauge(p->stats, PF_STAT_delivery_connections, pf_dock_count(p->dock));
    pf_stats_gauge(p->stats, PF_STAT_disk_queue, p->disk ? pf_pool_waiting(p->disk) : 0);
}

static void choose(struct pf_ctl *ctl, const struct pf_ctl_request *r, struct pf_ctl_answer *a)
{
    switch (r->word) {
    case PF_CTL_BAD:
        pf_ctl_put(a, "-not understood");
        break;
    case PF_CTL_SESSIONS:
        answer_sessions(ctl, a);
        break;
    case PF_CTL_KICK_ID:
    case PF_CTL_KICK_USER:
        answer_kick(ctl, r, a);
        break;
    case PF_CTL_RELOAD:
        answer_reload(ctl, a);
        break;
    case PF_CTL_STATS:
        look(ctl);
        pf_ctl_put(a, "+stats");
        pf_stats_tell(ctl->parts.stats, pf_ctl_put, a);
        break;
    case PF_CTL_METRICS:
        look(ctl);
        pf_ctl_put(a, "+metrics");
        pf_stats_write(ctl->parts.stats, pf_ctl_put, a);
        break;
    }
}

void pf_ctl_answer(struct pf_ctl *ctl, struct pf_bytes line, struct pf_ctl_answer *a)
{
    const struct pf_ctl_request request = pf_ctl_request_of(line);

    choose(ctl, &request, a);
    pf_ctl_put(a, ".");
}

void pf_ctl_answer_http(struct pf_ctl *ctl, enum pf_ctl_status status, struct pf_ctl_answer *a)
{
    struct pf_ctl_answer text = {0};
    char head[LINE];

    if (status == PF_CTL_HTTP_OK) {
        look(ctl);
        pf_stats_write(ctl->parts.stats, pf_ctl_put, &text);
    } else {
        pf_ctl_put(&text, pf_ctl_http_text(status));
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\n%sConnection: close\r\n\r\n",
             pf_ctl_http_text(status), text.len, status == PF_CTL_HTTP_METHOD ? "Allow: GET\r\n" : "");
    put(a, pf_bytes_of(head));
    put(a, pf_bytes_from(text.at, text.len));
    a->failed = a->failed || text.failed;
    pf_ctl_answer_done(&text);
}
