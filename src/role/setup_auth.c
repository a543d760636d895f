#include "role/setup.h"

#include "auth/auth_settings.h"

const struct pf_lookup_settings *pf_setup_lookup(struct pf_conf *conf, struct pf_lookup_settings *room)
{
    for (size_t i = 0; i < conf->listen_count; i++)
        if (conf->listens[i].protocol == PF_CONF_LMTP || conf->listens[i].protocol == PF_CONF_SMTP) {
            pf_lookup_settings_of(conf, room);
            return room;
        }
    return NULL;
}
