#include "auth/auth_settings.h"

void pf_auth_settings_of(struct pf_conf *conf, struct pf_auth_settings *out_settings)
{
    *out_settings = (struct pf_auth_settings){
        .password_file = conf->password_file,
        .hashes_at_once = conf->hashes_at_once,
        .failure_delay = conf->failure_delay,
        .failure_delay_max = conf->failure_delay_max,
        .allow_weak_schemes = conf->weak_schemes,
        .conf = conf,
    };
}

void pf_lookup_settings_of(struct pf_conf *conf, struct pf_lookup_settings *out_settings)
{
    *out_settings = (struct pf_lookup_settings){
        .aliases = conf->aliases, .domains = conf->domains, .fold = conf->ignore_case};
    pf_auth_settings_of(conf, &out_settings->users);
    out_settings->users.only_users = true;
}
