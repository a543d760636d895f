#include "store/maildir/lies.h"

#include "store/maildir/mix.h"

#include <stdatomic.h>

/* Never zero, which is a free place. */
static uint64_t print_of(uint64_t seed, const char *path, struct pf_bytes base)
{
    uint64_t print = (uint64_t)pf_maildir_hash(seed, pf_bytes_of(path)) << 32 | pf_maildir_hash(~seed, base);

    return print ? print : 1;
}

static _Atomic uint64_t *set_of(struct pf_maildir_lies *lies, uint64_t print)
{
    return lies->prints[print % PF_MAILDIR_LIES_SETS];
}

bool pf_maildir_lies_has(struct pf_maildir_lies *lies, uint64_t seed, const char *path, struct pf_bytes base)
{
    uint64_t print = print_of(seed, path, base);
    _Atomic uint64_t *set = set_of(lies, print);

    for (int i = 0; i < PF_MAILDIR_LIES_WAYS; i++)
        if (atomic_load_explicit(&set[i], memory_order_relaxed) == print)
            return true;
    return false;
}

/* The one that goes when a set is full is any. */
void pf_maildir_lies_add(struct pf_maildir_lies *lies, uint64_t seed, const char *path, struct pf_bytes base)
{
    uint64_t print = print_of(seed, path, base), empty;
    _Atomic uint64_t *set = set_of(lies, print);

    if (pf_maildir_lies_has(lies, seed, path, base))
        return;
    for (int i = 0; i < PF_MAILDIR_LIES_WAYS; i++) {
        empty = 0;
        if (atomic_compare_exchange_strong(&set[i], &empty, print))
            return;
    }
    atomic_store_explicit(&set[print / PF_MAILDIR_LIES_SETS % PF_MAILDIR_LIES_WAYS], print, memory_order_relaxed);
}
