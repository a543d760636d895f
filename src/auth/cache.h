/* The cache: logins that were good a while ago.
 *
 * A poller comes every minute with the same password; to hash it each time would be most of what a
 * poll costs. So a success is remembered as 128 bits of a keyed digest of the user's name, what is stored of
 * him and what was shown, under a key that dies with the process. Whatever of these changes, nothing is
 * found. The table never grows (recent.h), and is wiped when its settings change. */
#ifndef POSTFACH_AUTH_CACHE_H
#define POSTFACH_AUTH_CACHE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_cache;

struct pf_cache_key {
    uint64_t half[2];
};

/* Room for at least that many; NULL without memory. */
struct pf_cache *pf_cache_new(size_t entries);
void pf_cache_free(struct pf_cache *); /* NULL is allowed */

struct pf_cache_key pf_cache_key(const struct pf_cache *, struct pf_bytes user, struct pf_bytes stored,
                                 struct pf_bytes secret);
/* Remembered, not more than `ttl` ms ago. */
bool pf_cache_has(struct pf_cache *, struct pf_cache_key, pf_time ttl, pf_time now);
void pf_cache_put(struct pf_cache *, struct pf_cache_key, pf_time now);

#endif
