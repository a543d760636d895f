/* Lookup, the blocking way: users and aliases in memory, and the hunt through them.
 *
 * `postfach deliver` uses it as it stands; lookup_door.c puts it behind the
 * door of auth.h, on a thread of its own. One thread at a time uses a
 * `struct pf_recipients`. */
#ifndef POSTFACH_AUTH_LOOKUP_H
#define POSTFACH_AUTH_LOOKUP_H

#include "auth/auth.h"

struct pf_recipients;

struct pf_found {
    struct pf_user *users; /* from malloc */
    size_t count;
};

struct pf_recipients *pf_recipients_open(const struct pf_lookup_settings *, struct pf_err *err);
void pf_recipients_free(struct pf_recipients *); /* NULL is allowed */

/* PF_OK, PF_NO_USER, PF_TEMP, PF_NO_MEMORY. The files are looked at first when that is a second ago, and
 * before anybody is refused. */
enum pf_code pf_recipients_find(struct pf_recipients *, struct pf_bytes address, struct pf_found *out_found,
                                struct pf_err *err);
/* True once for each time that a changed file could not be taken. */
bool pf_recipients_trouble(struct pf_recipients *, struct pf_err *out_err);

/* Behind the door: pf_lookup_reload in two steps, of which only the first can fail. Settings may be NULL here and
 * with pf_lookup_new, where nobody takes mail: then no user is in memory twice, and all answers are PF_TEMP. */
struct pf_lookup_generation;
struct pf_lookup_generation *pf_lookup_prepare(const struct pf_lookup_settings *, struct pf_err *err);
void pf_lookup_take(struct pf_lookup *, struct pf_lookup_generation *); /* owns it now */
void pf_lookup_forget(struct pf_lookup_generation *); /* instead of take; NULL is allowed */

#endif
