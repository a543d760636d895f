/* Names: a set of octet strings with a number each. Keys are views: they live where the owner keeps them
 * (pf_plan_keep). Strangers choose them, so the hash has a key that they do not know, and n names cost n
 * steps. */
#ifndef POSTFACH_FETCH_PLAN_NAMES_H
#define POSTFACH_FETCH_PLAN_NAMES_H

#include <postfach/bytes.h>

struct pf_plan_name {
    struct pf_bytes key; /* empty: a free place */
    uint64_t hash, value;
};

struct pf_plan_names {
    struct pf_plan_name *slots;
    size_t count, cap; /* cap: a power of two, or 0 */
};

/* All zeros is an empty set. The number of that key, 0 where it is new; NULL: no memory. It lives until
 * the next put. An empty key cannot be. */
uint64_t *pf_plan_names_put(struct pf_plan_names *, struct pf_bytes key);
bool pf_plan_names_has(const struct pf_plan_names *, struct pf_bytes key);
void pf_plan_names_done(struct pf_plan_names *);

/* Copies of texts that stay where they are. All zeros is an empty one. */
struct pf_plan_text {
    struct pf_plan_block *newest;
};
/* .at NULL: no memory. */
struct pf_bytes pf_plan_keep(struct pf_plan_text *, struct pf_bytes);
void pf_plan_text_done(struct pf_plan_text *);

#endif
