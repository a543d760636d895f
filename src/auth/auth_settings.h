/* Auth settings: what of the settings the users' sources are opened with.
 *
 * The server, its check and the tools must see the same users, so all of them make what they open sources with
 * here. The texts belong to the settings. */
#ifndef POSTFACH_AUTH_AUTH_SETTINGS_H
#define POSTFACH_AUTH_AUTH_SETTINGS_H

#include "auth/auth.h"
#include "conf/conf.h"

/* For logins. */
void pf_auth_settings_of(struct pf_conf *, struct pf_auth_settings *out_settings);
/* Who is a recipient: users of all sources, but nothing that only logins need. */
void pf_lookup_settings_of(struct pf_conf *, struct pf_lookup_settings *out_settings);

#endif
