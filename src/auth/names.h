/* Names: what somebody means who logs in as `anna+lists@example.org*postmaster`.
 *
 * A login name is, in this order: a user; a user and a folder of his Maildir (`anna+lists@example.org`,
 * dots between levels); a user for whom somebody else acts (`anna*postmaster`: the password is the
 * master's). The whole name is always tried as a user first, so that a user whose name holds such an octet is
 * found. A name without a domain is also tried with the default one where the settings have it. */
#ifndef POSTFACH_AUTH_NAMES_H
#define POSTFACH_AUTH_NAMES_H

#include "auth/auth.h"

/* One reading of a name. */
struct pf_names_reading {
    char user[PF_AUTH_NAME_MAX + 1];
    char folder[PF_AUTH_NAME_MAX + 1]; /* "": the inbox */
    char master[PF_AUTH_NAME_MAX + 1]; /* "": himself */
};

enum { PF_NAMES_READINGS = 8 };

/* All readings of a prepared name (behind SASLprep and pf_auth_name_ok), most literal first; at least one.
 * `conf` NULL: the name itself. A folder with an empty level, a '/' or a leading dot is no folder. */
size_t pf_names_read(const struct pf_conf *conf, struct pf_bytes name,
                     struct pf_names_reading out[PF_NAMES_READINGS]);

#endif
