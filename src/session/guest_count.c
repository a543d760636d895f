#include "session/guest.h"

static uint64_t since(const struct pf_guest_session *g, pf_time then)
{
    return (uint64_t)(pf_guest_now(g) - then);
}

void pf_guest_count_end(struct pf_guest_session *g, const char *end)
{
    static const struct pf_pop3_server_stats none;
    const struct pf_pop3_server_stats *s = g->engine ? pf_pop3_server_stats(g->engine) : &none;
    const struct pf_conn_info *info = pf_conn_info(g->conn);
    struct pf_stats *stats = g->hall->stats;

    pf_stats_count(stats, PF_STAT_sessions_total, end, NULL, 1);
    pf_stats_took(stats, PF_STAT_session_seconds, NULL, since(g, g->came));
    pf_stats_count(stats, PF_STAT_tls_sessions_total, info->tls ? info->tls_version : "none", NULL, 1);
    pf_stats_count(stats, PF_STAT_commands_total, NULL, NULL, s->commands);
    pf_stats_count(stats, PF_STAT_bad_commands_total, NULL, NULL, s->bad_commands);
    pf_stats_count(stats, PF_STAT_messages_retrieved_total, NULL, NULL, s->fetched);
    pf_stats_count(stats, PF_STAT_messages_deleted_total, NULL, NULL, g->removed);
    pf_stats_count(stats, PF_STAT_messages_expired_total, NULL, NULL, g->expired);
    pf_stats_count(stats, PF_STAT_sent_octets_total, NULL, NULL, s->fetched_octets);
}

void pf_guest_count_login(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_stats *stats = g->hall->stats;

    pf_stats_count(stats, PF_STAT_logins_total, g->mechanism, pf_verdict(err->code)->name, 1);
    pf_stats_took(stats, PF_STAT_login_seconds, NULL, since(g, g->login_began));
}

void pf_guest_count_op(struct pf_guest_session *g, const char *operation, const struct pf_err *err)
{
    struct pf_stats *stats = g->hall->stats;

    pf_stats_took(stats, PF_STAT_store_seconds, operation, since(g, g->op_began));
    if (err->code != PF_OK)
        pf_stats_count(stats, PF_STAT_store_failures_total, operation, pf_verdict(err->code)->name, 1);
}
