#include "role/setup.h"

#include <stdlib.h>
#include <string.h>

static enum pf_tls_min minimum_of(enum pf_conf_tls_minimum minimum)
{
    static const enum pf_tls_min minimums[] = {[PF_CONF_TLS_1_0] = PF_TLS_1_0, [PF_CONF_TLS_1_1] = PF_TLS_1_1,
                                               [PF_CONF_TLS_1_2] = PF_TLS_1_2, [PF_CONF_TLS_1_3] = PF_TLS_1_3};

    return minimums[minimum];
}

/* What all are served with, or what is served at one listener. */
static struct pf_tls *tls_new(const struct pf_conf *conf, const struct pf_conf_listen *listen,
                              struct pf_tls_tickets *tickets, struct pf_err *err)
{
    struct pf_tls_settings settings = {
        .minimum = minimum_of(listen ? listen->tls_minimum : conf->tls_minimum),
        .ciphers = listen ? listen->tls_ciphers : conf->tls_ciphers,
        .ktls = conf->ktls,
        .client_ca = conf->client_ca,
        .client_common_name = conf->client_name == PF_CONF_CLIENT_COMMON_NAME,
    };
    struct pf_tls_pair *pairs = calloc(conf->pair_count + 1, sizeof *pairs);
    struct pf_tls *tls;

    if (!pairs) {
        pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
        return NULL;
    }
    if (listen && listen->certificate)
        pairs[settings.pair_count++] = (struct pf_tls_pair){listen->certificate, listen->key};
    for (size_t i = 0; i < conf->pair_count; i++)
        pairs[settings.pair_count++] = (struct pf_tls_pair){conf->pairs[i].certificate, conf->pairs[i].key};
    settings.pairs = pairs;
    tls = pf_tls_new(&settings, tickets, err);
    free(pairs);
    return tls;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_profile(const struct pf_conf *conf, const struct pf_conf_listen *listen)
{
    bool speaks = listen->tls != PF_CONF_TLS_NONE || listen->tls_on_plain == PF_CONF_AUTO_SERVE;

    return speaks && (listen->certificate || listen->tls_minimum != conf->tls_minimum ||
                      !same(listen->tls_ciphers, conf->tls_ciphers));
}

/* Without a certificate for all, the first that is made stands for all: those who speak TLS have their own. */
static bool add_profile(const struct pf_conf *conf, size_t listen, struct pf_tls_tickets *tickets, struct pf_tls **tls,
                        struct pf_err *err)
{
    struct pf_tls *other = tls_new(conf, &conf->listens[listen], tickets, err);

    if (!other)
        return false;
    if (!*tls) {
        *tls = other;
        return true;
    }
    if (pf_tls_attach(*tls, listen, other))
        return true;
    pf_tls_free(other);
    pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
    return false;
}

enum pf_code pf_setup_tls(const struct pf_conf *conf, struct pf_tls_tickets *tickets, struct pf_tls **out_tls,
                          struct pf_err *err)
{
    struct pf_tls *tls = NULL;
    bool good = conf->pair_count == 0 || (tls = tls_new(conf, NULL, tickets, err));

    for (size_t i = 0; i < conf->listen_count && good; i++)
        if (has_profile(conf, &conf->listens[i]))
            good = add_profile(conf, i, tickets, &tls, err);
    if (!good) {
        pf_tls_free(tls);
        return PF_CONFIG;
    }
    *out_tls = tls;
    return PF_OK;
}
