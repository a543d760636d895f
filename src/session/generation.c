#include "session/guest.h"

#include <stdio.h>
#include <stdlib.h>

static void fill(struct pf_pop3_server_settings *s, const struct pf_generation *gen, size_t index)
{
    const struct pf_conf *conf = gen->conf;
    const struct pf_conf_listen *listen = &conf->listens[index];

    pf_pop3_server_settings_init(s);
    s->greeting = gen->profiles[index].greeting;
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
    s->bad_before_login = listen->bad_before_login;
    s->bad_after_login = listen->bad_after_login;
    s->login_tries = listen->login_tries;
    s->sasl_rounds = conf->sasl_rounds;
    s->first_command_time = listen->first_command_time;
    s->login_time = listen->login_time;
    s->idle_time = listen->idle_time;
    s->stall_time = conf->stall_time;
}

static uint64_t offered(const struct pf_generation *gen, const char *names)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < gen->mechanism_count; i++)
        if (!names || pf_conf_words_hold(names, pf_bytes_of(gen->mechanisms[i].name)))
            bits |= (uint64_t)1 << i;
    return bits;
}

static struct pf_door *door_new(const struct pf_conf_listen *listen)
{
    struct pf_door *door = calloc(1, sizeof *door);

    if (!door)
        return NULL;
    door->holds = 1;
    door->guests = pf_guests_new(listen->connections, listen->connections_per_address);
    if (door->guests)
        return door;
    free(door);
    return NULL;
}

void pf_door_free(struct pf_door *door)
{
    if (!door || --door->holds)
        return;
    pf_guests_free(door->guests);
    free(door);
}

static bool set_profile(struct pf_generation *gen, size_t index)
{
    const struct pf_conf_listen *listen = &gen->conf->listens[index];
    struct pf_profile *profile = &gen->profiles[index];

    snprintf(profile->greeting, sizeof profile->greeting, "%s ready", listen->hostname);
    profile->mechanisms = offered(gen, listen->mechanisms);
    profile->door = door_new(listen);
    fill(&profile->engine, gen, index);
    return profile->door;
}

struct pf_generation *pf_generation_new(struct pf_conf *conf, struct pf_tls *tls, struct pf_err *err)
{
    struct pf_generation *gen =
        calloc(1, sizeof *gen + conf->listen_count * sizeof gen->profiles[0]);
    bool good = true;

    if (!gen) {
        pf_fail(err, PF_NO_MEMORY, 0, "generation", "no memory for the settings");
        return NULL;
    }
    gen->holds = 1;
    gen->conf = pf_conf_hold(conf);
    gen->tls = tls ? pf_tls_hold(tls) : NULL;
    gen->mechanism_count = pf_auth_mechanisms(gen->mechanisms);
    for (size_t i = 0; i < conf->listen_count && good; i++)
        good = set_profile(gen, i);
    if (good)
        return gen;
    pf_generation_free(gen);
    pf_fail(err, PF_NO_MEMORY, 0, "generation", "no memory for the settings");
    return NULL;
}

static bool same_place(const struct pf_conf_listen *a, const struct pf_conf_listen *b)
{
    bool same = a->port == b->port && strcmp(a->address, b->address) == 0;

    /* Where each takes a free port, what is spoken tells them apart. */
    return same && (a->port || (a->tls == b->tls && a->protocol == b->protocol));
}

void pf_generation_follow(struct pf_generation *gen, const struct pf_generation *before)
{
    bool taken[PF_CONF_LISTENS_MOST] = {false};

    for (size_t i = 0; i < gen->conf->listen_count; i++)
        for (size_t k = 0; before && k < before->conf->listen_count; k++) {
            const struct pf_conf_listen *listen = &gen->conf->listens[i];

            if (taken[k] || !same_place(listen, &before->conf->listens[k]))
                continue;
            taken[k] = true;
            pf_door_free(gen->profiles[i].door);
            gen->profiles[i].door = before->profiles[k].door;
            gen->profiles[i].door->holds++;
            pf_guests_limits(gen->profiles[i].door->guests, listen->connections, listen->connections_per_address);
            break;
        }
}

void pf_generation_free(struct pf_generation *gen)
{
    if (!gen || --gen->holds)
        return;
    for (size_t i = 0; i < gen->conf->listen_count; i++)
        pf_door_free(gen->profiles[i].door);
    pf_conf_free(gen->conf);
    pf_tls_free(gen->tls);
    free(gen);
}
