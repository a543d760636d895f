/* Recent: a table of a fixed size that remembers what happened lately.
 *
 * Failure counters and last logins are kept for names and addresses that
 * strangers choose. So the table never grows: a key has eight places where
 * it may stand, and when all are taken the one touched longest ago is
 * forgotten. Keys are hashes under a key of this process, so that nobody can
 * aim at a neighbour's places.
 *
 * It is used from its begin, and twice as much of it whenever somebody finds his places taken, up to its end:
 * strewn over all of it from the first, a few thousand logins would touch each of its pages. Nothing is asked for
 * then, and nothing forgotten. */
#ifndef POSTFACH_AUTH_RECENT_H
#define POSTFACH_AUTH_RECENT_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_recent;

struct pf_recent_row {
    uint64_t key;
    pf_time at; /* last touched; 0: never, the row is new */
    uint32_t value;
    uint32_t spare;
};

/* `rows` is a power of two, at least eight. NULL without memory. */
struct pf_recent *pf_recent_new(size_t rows);
void pf_recent_free(struct pf_recent *); /* NULL is allowed */

/* The key of up to two texts in a given sense ('n', 'a', …). */
uint64_t pf_recent_key(const struct pf_recent *, char sense, struct pf_bytes a, struct pf_bytes b);
/* The key's row, or NULL. */
struct pf_recent_row *pf_recent_find(struct pf_recent *, uint64_t key);
/* The key's row; a new one (at 0, value 0) when there is none. It and all others move at the next take. */
struct pf_recent_row *pf_recent_take(struct pf_recent *, uint64_t key);

#endif
