/* The traced store: any store, with a line per call.
 *
 * Wraps another store and gives one line of text for each completed op
 * ("read index=2 offset=0 got=1204 last OK 113us") to a function, so that a
 * test can count, and an administrator can see, what a session costs. */
#ifndef POSTFACH_STORE_TRACED_H
#define POSTFACH_STORE_TRACED_H

#include "store/store.h"

/* Takes over `inner`; NULL, and inner is freed, without memory. `line` is NUL-terminated, printable
 * ASCII, without line end, and lives for the call. A line is
 *     call [name=value ...] [last] [clean] VERDICT microseconds"us"
 * with the calls open, read, expunge, close, begin, write, seal, drop. */
struct pf_store *pf_traced_new(struct pf_store *inner, void (*say)(void *self, const char *line),
                               void *self);

#endif
