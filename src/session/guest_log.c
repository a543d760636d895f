#include "session/guest.h"
#include "session/proxied.h"

#include "sys/explain.h"

#include <stdio.h>

static const char *const ends[] = {
    [PF_CLOSE_QUIT] = "quit",
    [PF_CLOSE_EOF] = "eof",
    [PF_CLOSE_IDLE] = "idle",
    [PF_CLOSE_LOGIN_TIME] = "login-time",
    [PF_CLOSE_STALL] = "stall",
    [PF_CLOSE_BAD] = "bad-commands",
    [PF_CLOSE_TRIES] = "login-tries",
    [PF_CLOSE_BODY] = "body-failed",
    [PF_CLOSE_TLS] = "tls-failed",
    [PF_CLOSE_SMUGGLE] = "input-behind-stls",
    [PF_CLOSE_TLS_ON_PLAIN] = "tls-on-plain-port",
    [PF_CLOSE_SHUTDOWN] = "shutdown",
    [PF_CLOSE_REFUSED] = "refused",
    [PF_CLOSE_MEMORY] = "no-memory",
    [PF_CLOSE_YIELDED] = "yielded",
};

const char *pf_guest_end(const struct pf_guest_session *g)
{
    return g->kicked ? "kicked" : ends[g->close];
}

enum { ID = 32 /* two numbers and a dot */ };

/* As the administrator sees it (ctl_source.h). */
static const char *id_of(const struct pf_guest_session *g, char *room)
{
    if (g->hall->gate)
        snprintf(room, ID, "%u.%llu", g->hall->gate, (unsigned long long)g->id);
    else
        snprintf(room, ID, "%llu", (unsigned long long)g->id);
    return room;
}

void pf_guest_log_end(struct pf_guest_session *g)
{
    static const struct pf_pop3_server_stats none;
    const struct pf_pop3_server_stats *s = g->engine ? pf_pop3_server_stats(g->engine) : &none;
    const struct pf_conn_info *info = pf_conn_info(g->conn);
    pf_time ms = pf_guest_now(g) - g->came;
    struct pf_proxied_text told;
    char id[ID];
    const char *end = pf_guest_end(g);
    struct pf_field fields[] = {
        PF_TEXT_FIELD("user", s->logged_in ? g->user->name : NULL),
        PF_TEXT_FIELD("master", s->logged_in && g->user->master[0] ? g->user->master : NULL),
        PF_TEXT_FIELD("token", s->logged_in && g->user->token[0] ? g->user->token : NULL),
        PF_TEXT_FIELD("address", info->peer),
        PF_NUMBER_FIELD("port", info->local_port),
        PF_TEXT_FIELD("tls", pf_proxied_tls(info, &told)),
        PF_TEXT_FIELD("old_tls", pf_proxied_old(info) ? "yes" : NULL),
        PF_TEXT_FIELD("proxy_session", g->proxy_session[0] ? g->proxy_session : NULL),
        PF_TEXT_FIELD("cipher", pf_proxied_cipher(info)),
        PF_TEXT_FIELD("cn", info->told_name[0] ? info->told_name : NULL),
        PF_TEXT_FIELD("mech", s->logged_in ? g->mechanism : NULL),
        PF_NUMBER_FIELD("ms", (uint64_t)ms),
        PF_NUMBER_FIELD("messages", s->messages),
        PF_NUMBER_FIELD("octets", s->octets),
        PF_NUMBER_FIELD("fetched", s->fetched),
        PF_NUMBER_FIELD("topped", s->topped),
        PF_NUMBER_FIELD("sent", s->fetched_octets),
        PF_NUMBER_FIELD("deleted", g->removed),
        PF_NUMBER_FIELD("expired", g->expired),
        PF_NUMBER_FIELD("commands", s->commands),
        PF_NUMBER_FIELD("errors", s->bad_commands),
        PF_TEXT_FIELD("id", id_of(g, id)),
        PF_TEXT_FIELD("end", end),
    };

    pf_guest_count_end(g, end);
    pf_log_event(g->hall->parts.log, PF_EVENT_session, fields, sizeof fields / sizeof fields[0]);
}

void pf_guest_log_login_failed(struct pf_guest_session *g, const struct pf_err *err,
                               struct pf_bytes name)
{
    const struct pf_conn_info *info = pf_conn_info(g->conn);
    struct pf_proxied_text told;
    char text[PF_EXPLAIN_MAX];
    struct pf_field fields[] = {
        PF_BYTES_FIELD("user", name),
        PF_TEXT_FIELD("address", info->peer),
        PF_TEXT_FIELD("tls", pf_proxied_tls(info, &told)),
        PF_TEXT_FIELD("mech", g->mechanism),
        PF_TEXT_FIELD("code", pf_verdict(err->code)->name),
        PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text)),
    };

    pf_log_event(g->hall->parts.log, PF_EVENT_login_failed, fields, sizeof fields / sizeof fields[0]);
}

void pf_guest_log_trouble(struct pf_guest_session *g, const char *what, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_field fields[] = {
        PF_TEXT_FIELD("user", pf_guest_name(g)),
        PF_TEXT_FIELD("what", what),
        PF_TEXT_FIELD("code", pf_verdict(err->code)->name),
        PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text)),
    };

    pf_log_event(g->hall->parts.log, PF_EVENT_trouble, fields, sizeof fields / sizeof fields[0]);
}

void pf_guest_log_tls_failed(struct pf_guest_session *g, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_field fields[] = {
        PF_TEXT_FIELD("address", pf_conn_info(g->conn)->peer),
        PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text)),
    };

    pf_stats_count(g->hall->stats, PF_STAT_tls_failures_total, "pop3", NULL, 1);
    pf_log_event(g->hall->parts.log, PF_EVENT_tls_failed, fields, sizeof fields / sizeof fields[0]);
}
