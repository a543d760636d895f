/* The shelf: where the key set of the moment lies, and how it is renewed.
 *
 * Sets never change; a new one takes the place of the old, which goes when its last user has put it
 * down. A file is looked at once a second and read when it has changed; a URL is fetched by `refresh`,
 * and for an unknown key once a minute. One thread looks, the others use the old set meanwhile; only who
 * has met a key that the old one lacks waits for the look that is under way. A look that fails leaves
 * the old set where it is. */
#ifndef POSTFACH_AUTH_OAUTH_SHELF_H
#define POSTFACH_AUTH_OAUTH_SHELF_H

#include "auth/oauth_keys.h"
#include "conf/conf.h"

struct pf_oauth_shelf;

/* Views of conf must outlive it. A file that cannot be read, or has no key to use, fails; a URL does
 * not. */
struct pf_oauth_shelf *pf_oauth_shelf_new(const struct pf_conf_oauth *, struct pf_err *err);
void pf_oauth_shelf_free(struct pf_oauth_shelf *); /* NULL is allowed */

/* The set, to be put down with drop. NULL (PF_TEMP): there is none yet. `now`: seconds since 1970. */
const struct pf_oauth_keys *pf_oauth_shelf_hold(struct pf_oauth_shelf *, int64_t now,
                                                struct pf_err *err);
void pf_oauth_shelf_drop(struct pf_oauth_shelf *, const struct pf_oauth_keys *);

/* Set `number` does not know a key. PF_OK: there is another one now. PF_AUTH: there is none, err stays.
 * PF_TEMP: the last look failed, so nobody knows. */
enum pf_code pf_oauth_shelf_again(struct pf_oauth_shelf *, uint64_t number, int64_t now,
                                  struct pf_err *err);

#endif
