/* The feeder: answers checks for which there was no memory.
 *
 * Without memory nothing can be queued for a check, and still it must be answered, once and on a
 * later turn. So the checks themselves are the list, linked by their private pointer. */
#ifndef POSTFACH_AUTH_AUTH_FEEDER_H
#define POSTFACH_AUTH_AUTH_FEEDER_H

#include "auth/auth.h"

struct pf_auth_feeder;

struct pf_auth_feeder *pf_auth_feeder_new(struct pf_loop *); /* NULL without memory */
/* It may live on for one turn by itself. NULL is allowed. */
void pf_auth_feeder_free(struct pf_auth_feeder *);
void pf_auth_feeder_add(struct pf_auth_feeder *, struct pf_auth_check *);
/* True when the check was waiting here; it is forgotten then. */
bool pf_auth_feeder_remove(struct pf_auth_feeder *, struct pf_auth_check *);

#endif
