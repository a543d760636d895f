/* Auth in another process: what stands behind auth.h in a gate.
 *
 * The same doors (auth.h) as the real thing; a question becomes a frame (auth_wire.h) and its answer comes back
 * with a ticket, which goes into the purse. Nothing here knows a password file, a hash, a mechanism or a key.
 *
 * What must be answered at once (which mechanisms can be offered, APOP, channel binding, whether a login is due)
 * is kept here as auth last told it: auth sends a notice before the first answer and whenever it changes.
 *
 * When auth goes away, what is under way ends with PF_TEMP, steps of SASL exchanges as well; whoever comes
 * before another auth has joined is told PF_TEMP. Nobody waits for ever: also for an auth that lives and does
 * not answer (ANSWER_WITHIN), which is then dropped. */
#ifndef POSTFACH_AUTH_AUTH_REMOTE_H
#define POSTFACH_AUTH_AUTH_REMOTE_H

#include "auth/auth.h"
#include "base/purse.h"

struct pf_auth_remote;

/* purse and loop outlive it. */
struct pf_auth_remote *pf_auth_remote_new(struct pf_loop *, struct pf_purse *, struct pf_err *err);
/* The process that is asked from now on; fd (a pf_ipc_pair end) is taken over, also on failure. One that was there
 * before is left as if it had gone. */
enum pf_code pf_auth_remote_join(struct pf_auth_remote *, int fd, struct pf_err *err);
/* Whether an auth is there and has told what it offers. */
bool pf_auth_remote_ready(const struct pf_auth_remote *);
/* The doors; they live as long as it does, and pf_auth_free / pf_lookup_free of them are not to be called. */
struct pf_auth *pf_auth_remote_auth(struct pf_auth_remote *);
struct pf_lookup *pf_auth_remote_lookup(struct pf_auth_remote *);
/* Only when nothing is under way; NULL is allowed. */
void pf_auth_remote_free(struct pf_auth_remote *);

#endif
