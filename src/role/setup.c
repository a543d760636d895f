#include "role/setup.h"

#include "sys/log_sink.h"

#include <stdlib.h>

enum pf_code pf_setup_tls(const struct pf_conf *conf, struct pf_tls_tickets *tickets,
                          struct pf_tls **out_tls, struct pf_err *err)
{
    struct pf_tls_pair *pairs;
    struct pf_tls_settings settings = {
        .pair_count = conf->pair_count,
        .minimum = conf->tls_1_3_only ? PF_TLS_1_3 : PF_TLS_1_2,
        .ciphers = conf->tls_ciphers,
        .ktls = conf->ktls,
        .client_ca = conf->client_ca,
        .client_common_name = conf->client_name == PF_CONF_CLIENT_COMMON_NAME,
    };
    struct pf_tls *tls;

    if (conf->pair_count == 0) {
        *out_tls = NULL;
        return PF_OK;
    }
    pairs = calloc(conf->pair_count, sizeof *pairs);
    if (!pairs)
        return pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
    for (size_t i = 0; i < conf->pair_count; i++)
        pairs[i] = (struct pf_tls_pair){conf->pairs[i].certificate, conf->pairs[i].key};
    settings.pairs = pairs;
    tls = pf_tls_new(&settings, tickets, err);
    free(pairs);
    if (!tls)
        return PF_CONFIG;
    *out_tls = tls;
    return PF_OK;
}

struct pf_log *pf_setup_log(const struct pf_conf *conf, struct pf_err *err)
{
    enum pf_level from = conf->log_debug ? PF_LOG_DEBUG : PF_LOG_INFO;
    struct pf_log *log = NULL;

    switch (conf->log_to) {
    case PF_CONF_LOG_STDERR:
        log = pf_log_stderr(from);
        if (!log)
            pf_fail(err, PF_NO_MEMORY, 0, "log", "no memory");
        break;
    case PF_CONF_LOG_SYSLOG:
        log = pf_log_syslog(from, conf->log_facility, err);
        break;
    case PF_CONF_LOG_JOURNALD:
        log = pf_log_journald(from, err);
        break;
    }
    return log;
}

bool pf_setup_log_differs(const struct pf_conf *a, const struct pf_conf *b)
{
    return a->log_to != b->log_to || a->log_debug != b->log_debug || strcmp(a->log_facility, b->log_facility) != 0;
}
