/* Aliases: addresses that stand for others, from a text file.
 *
 *     # a comment
 *     sales@example.org: anna@example.org, bob
 *     postmaster: anna
 *     @example.net: anna
 *
 * Left of the colon an address, a name without a domain (it holds in every
 * domain that is served), or @domain for whatever else comes to that domain.
 * Right of it users, or other aliases. A target that is the alias itself is the
 * user of that name, so that one can keep mail and hand on a copy. Mail is never
 * sent out by an alias: a target must lead to a user here.
 *
 * As with the password file one mistake makes the whole file bad, circles
 * among them. */
#ifndef POSTFACH_AUTH_LOOKUP_ALIASES_H
#define POSTFACH_AUTH_LOOKUP_ALIASES_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_ALIAS_LINE_MAX = 16384, /* a list of some hundred addresses; longer ones are lists of lists */
    PF_ALIAS_TARGETS_MAX = 100, /* what one alias may stand for, all in all */
    PF_ALIAS_DEPTH_MAX = 10     /* aliases of aliases */
};

struct pf_aliases;

struct pf_alias {
    struct pf_bytes name;
    const struct pf_bytes *targets; /* live as long as the aliases */
    size_t count;
};

/* `text` is from malloc, has room for one octet more, and is owned by the answer from now on (also when
 * that is NULL). `name` is the file's, for err. Names are kept in lower case: the domain always, what stands
 * before it when `fold`. */
struct pf_aliases *pf_aliases_parse(const char *name, char *text, size_t len, bool fold, struct pf_err *err);
void pf_aliases_free(struct pf_aliases *); /* NULL is allowed */
/* The alias of exactly this name, or NULL. */
const struct pf_alias *pf_aliases_find(const struct pf_aliases *, struct pf_bytes name);
/* Is the target at `index` the alias' own name? */
bool pf_aliases_is_itself(const struct pf_aliases *, const struct pf_alias *, size_t index);
/* Lower case where the rules above say so. */
void pf_aliases_fold(unsigned char *address, size_t len, bool fold);

#endif
