/* Names: users who are not written in lower case.
 *
 * An address says nothing of case in its domain, and where the settings fold,
 * nowhere. A source is asked for exact names; of those that are files this list
 * knows how a folded name is written there. Users in lower case need no place
 * in it, so it is short. Logins do not use it: they stay exact. */
#ifndef POSTFACH_AUTH_LOOKUP_NAMES_H
#define POSTFACH_AUTH_LOOKUP_NAMES_H

#include "auth/auth_tables.h"

struct pf_lookup_names;

/* NULL without memory. It keeps nothing of the tables. */
struct pf_lookup_names *pf_lookup_names_new(const struct pf_auth_tables *, bool fold, struct pf_err *err);
void pf_lookup_names_free(struct pf_lookup_names *); /* NULL is allowed */
/* How many users have this name when both are folded, and how the first of them is written. */
size_t pf_lookup_names_find(const struct pf_lookup_names *, struct pf_bytes folded, const char **out_name);

#endif
