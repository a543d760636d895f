/* Names: what somebody means who logs in as `anna+lists@example.org*postmaster`.
 *
 * A login name is, in this order: a user; a user and a folder of his Maildir (`anna+lists@example.org`,
 * dots between levels); with SDPS, one of the people at a host that is a user (`anna@host`, `anna+host`); a
 * user for whom somebody else acts (`anna*postmaster`: the password is the master's). The whole name is always
 * tried as a user first, so that a user whose name holds such an octet is found. A name without a domain is
 * also tried with the default one where the settings have it, and one with capitals in its domain without those.
 *
 * SDPS, Demon Internet's POP3 for hosts, has one maildrop for all who are at a host, and its user is the host:
 * `thor` logs in to all its mail, `anna@thor` and `anna+thor` (for clients that take an @ for their own use)
 * to what was sent to anna there, with the password of thor. The host is the name of a user as it is spelled,
 * `thor` or `thor.demon.example`, tried as every name is, with the default domain too. Clients were also given the
 * host's full name where the user had the short one: so of `anna@thor.demon.example` the first label, thor, is
 * tried last, unless there is a default domain and the rest is another one, where thor would be
 * somebody else's. Behind a plus the host may have its domain (`anna+thor@demon.example` for a user
 * thor@demon.example). Whose mail it is stands in `recipient`, as it was said; store/sifted.h compares. */
#ifndef POSTFACH_AUTH_NAMES_H
#define POSTFACH_AUTH_NAMES_H

#include "auth/auth.h"

/* One reading of a name. */
struct pf_names_reading {
    char user[PF_AUTH_NAME_MAX + 1];
    char folder[PF_AUTH_NAME_MAX + 1]; /* "": the inbox */
    char master[PF_AUTH_NAME_MAX + 1]; /* "": himself */
    char recipient[PF_AUTH_NAME_MAX + 1]; /* local@host: only mail that was sent there; "": all */
};

/* The most: `anna+thor.demon*boss` with a default domain is a user in 2 ways, without its master in 2 more, with a
 * folder in 2, and at a host, by its whole name and the first label, in 4; a domain with capitals adds 4. */
enum { PF_NAMES_READINGS = 14 };

/* All readings of a prepared name (behind SASLprep and pf_auth_name_ok), most literal first; at least one.
 * `conf` NULL: the name itself. A folder with an empty level, a '/' or a leading dot is no folder. */
size_t pf_names_read(const struct pf_conf *conf, struct pf_bytes name,
                     struct pf_names_reading out[PF_NAMES_READINGS]);

/* Whose password is tried with that name, as far as the name alone tells: the master's, or that of the user behind
 * all folders and recipients. Guesses under many names for one password are counted as guesses for that one, and
 * whether there is such a user plays no part. */
void pf_names_counted(const struct pf_conf *conf, struct pf_bytes name, char out[PF_AUTH_NAME_MAX + 1]);

#endif
