#include "session/guest.h"

#include <stdio.h>
#include <stdlib.h>

static void fill(struct pf_pop3_server_settings *s, const struct pf_generation *gen,
                 const struct pf_conf_listen *listen)
{
    const struct pf_conf *conf = gen->conf;

    pf_pop3_server_settings_init(s);
    s->greeting = gen->greeting;
    s->implementation = conf->implementation ? "Postfach" : NULL;
    s->mechanisms = gen->mechanisms;
    s->mechanism_count = gen->mechanism_count;
    s->stls = gen->tls && listen->tls == PF_CONF_TLS_STARTTLS;
    s->plaintext_login = listen->plaintext_login;
    s->last = conf->last;
    /* Before login the strictest value any user may have is announced (RFC 2449 section 6). */
    s->expire_differs = conf->expire_min >= 0 && conf->expire_min != conf->expire_days;
    s->expire_days = s->expire_differs ? conf->expire_min : conf->expire_days;
    s->login_delay_differs = conf->login_delay_max > conf->login_delay;
    s->login_delay = s->login_delay_differs ? conf->login_delay_max : conf->login_delay;
    s->line_max = conf->line_max;
    s->sasl_line_max = conf->sasl_line_max;
    s->bad_before_login = conf->bad_before_login;
    s->bad_after_login = conf->bad_after_login;
    s->login_tries = conf->login_tries;
    s->sasl_rounds = conf->sasl_rounds;
    s->first_command_time = conf->first_command_time;
    s->login_time = conf->login_time;
    s->idle_time = conf->idle_time;
    s->stall_time = conf->stall_time;
}

struct pf_generation *pf_generation_new(struct pf_conf *conf, struct pf_tls *tls, struct pf_err *err)
{
    struct pf_generation *gen =
        calloc(1, sizeof *gen + conf->listen_count * sizeof gen->engines[0]);

    if (!gen) {
        pf_fail(err, PF_NO_MEMORY, 0, "generation", "no memory for the settings");
        return NULL;
    }
    gen->holds = 1;
    gen->conf = pf_conf_hold(conf);
    gen->tls = tls ? pf_tls_hold(tls) : NULL;
    snprintf(gen->greeting, sizeof gen->greeting, "%s ready", conf->hostname);
    gen->mechanism_count = pf_auth_mechanisms(gen->mechanisms);
    for (size_t i = 0; i < conf->listen_count; i++)
        fill(&gen->engines[i], gen, &conf->listens[i]);
    return gen;
}

void pf_generation_free(struct pf_generation *gen)
{
    if (!gen || --gen->holds)
        return;
    pf_conf_free(gen->conf);
    pf_tls_free(gen->tls);
    free(gen);
}
