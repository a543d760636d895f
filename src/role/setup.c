#include "role/setup.h"

#include "store/kinds.h"
#include "store/sifted.h"
#include "store/traced.h"
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

/* In front of all: what it asks of a maildrop is traced too. */
static struct pf_store *sift(const struct pf_conf *conf, struct pf_store *store, struct pf_err *err)
{
    struct pf_store *sifted = store && conf->sdps ? pf_sifted_new(store) : store;

    if (store && !sifted)
        pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
    return sifted;
}

static void trace(void *self, const char *line)
{
    struct pf_field field = PF_TEXT_FIELD("call", line);

    pf_log_event(self, PF_EVENT_store, &field, 1);
}

struct pf_store *pf_setup_store(const struct pf_conf *conf, struct pf_loop *loop,
                                struct pf_pool *pool, struct pf_log *log, struct pf_err *err)
{
    struct pf_kinds_settings settings;
    struct pf_twin *twin;
    struct pf_store *store;

    pf_kinds_settings(conf, &settings);
    twin = pf_kinds_new(&settings, err);
    store = twin ? pf_lift_new(loop, pool, twin, err) : NULL;
    if (store && conf->log_debug) {
        struct pf_store *traced = pf_traced_new(store, trace, log);

        if (!traced) {
            pf_store_free(store);
            pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
        }
        store = traced;
    }
    return sift(conf, store, err);
}

bool pf_setup_store_differs(const struct pf_conf *a, const struct pf_conf *b)
{
    return a->log_debug != b->log_debug || a->sdps != b->sdps || pf_kinds_differ(a, b);
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
