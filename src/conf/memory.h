/* Memory of a reading: taken in small pieces, given back at once.
 *
 * A generation of settings is some dozen strings that live and die together, and so are the texts
 * that a reading needs on its way. Both are lists of chunks; nothing is given back alone. */
#ifndef POSTFACH_CONF_MEMORY_H
#define POSTFACH_CONF_MEMORY_H

#include <postfach/bytes.h>

struct pf_conf_memory;

/* Room for `size` octets, aligned for anything, zeroed; NULL when there is none. *memory is NULL
 * before the first call. */
void *pf_conf_memory_take(struct pf_conf_memory **memory, size_t size);
/* The bytes as a C string; they hold no NUL. */
char *pf_conf_memory_text(struct pf_conf_memory **memory, struct pf_bytes text);
/* What was written there is wiped, since some of it may be secret. */
void pf_conf_memory_free(struct pf_conf_memory *);
void pf_conf_memory_wipe(struct pf_conf_memory *);
/* One list of both; either may be NULL. */
struct pf_conf_memory *pf_conf_memory_join(struct pf_conf_memory *, struct pf_conf_memory *);

#endif
