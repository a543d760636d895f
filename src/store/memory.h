/* The memory store: maildrops that live in the process, for tests and for
 * developers who try mail software. Same laws, no disk: "durable" means "in
 * the process's memory". One drop per `where.path`; unknown paths are PF_NO_BOX
 * for open and made on the first parcel. */
#ifndef POSTFACH_STORE_MEMORY_H
#define POSTFACH_STORE_MEMORY_H

#include "store/store.h"

struct pf_store *pf_memory_new(struct pf_loop *);
/* Adds a message at once (not an op), for setting the scene. `uidl` NULL makes one. */
enum pf_code pf_memory_add(struct pf_store *, const char *path, struct pf_bytes message,
                           const char *uidl, struct pf_err *err);
/* How many messages the drop holds now (0 for an unknown one). */
uint32_t pf_memory_count(struct pf_store *, const char *path);

#endif
