/* The counted store: any store, with a figure for each call.
 *
 * Stands in the process that has the mail, so that its times are those of the
 * disk, without the way to a gate and back. */
#ifndef POSTFACH_STORE_COUNTED_H
#define POSTFACH_STORE_COUNTED_H

#include "base/stats.h"
#include "store/store.h"

/* Takes over `inner`; NULL, and inner is freed, without memory. An inner NULL is given back. The stats outlive it. */
struct pf_store *pf_counted_new(struct pf_store *inner, struct pf_stats *, struct pf_err *err);

#endif
