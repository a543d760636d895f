/* saslauthd: passwords that Cyrus SASL's daemon judges, through its socket (`mux`).
 *
 * One connection is one question: login, password, service and realm, each with its length in front (two octets, most
 * significant first), and one such text comes back: "OK", or "NO" with perhaps a reason behind it. It knows no
 * users: to `find` everybody is one, and only `verify` tells.
 *
 * Laws:
 *   - A name goes there whole. Only when its domain is the realm of the settings, that is left away: saslauthd puts
 *     both together again (sasldb, or its option -r). Never is a domain left away that the settings do not name: where
 *     the daemon does not look at realms, anna of one domain would be anna of every domain.
 *   - NO is a wrong password, unless its reason says that who was to judge could not.
 *   - A password with a NUL in it is refused here: the daemon would see what is before it. So is one that is
 *     too long for it. */
#ifndef POSTFACH_AUTH_AUTH_SASLAUTHD_H
#define POSTFACH_AUTH_AUTH_SASLAUTHD_H

#include "auth/auth_source.h"

extern const struct pf_auth_source pf_auth_saslauthd_source;

enum {
    PF_SASLAUTHD_TEXT_MAX = 256,                             /* that the daemon takes of each text */
    PF_SASLAUTHD_REQUEST_MAX = 4 * (2 + PF_SASLAUTHD_TEXT_MAX),
    PF_SASLAUTHD_ANSWER_MAX = 1024                           /* its own limit of an answer is that, too */
};

/* The octets of a question; false when a text is too long, or has a NUL. */
bool pf_saslauthd_request(const struct pf_conf_userdb *, struct pf_bytes name, struct pf_bytes secret,
                          struct pf_span *out_request);
/* What an answer (behind its length) says: PF_OK, PF_AUTH or PF_TEMP. */
enum pf_code pf_saslauthd_answer(struct pf_bytes answer, struct pf_err *err);

#endif
