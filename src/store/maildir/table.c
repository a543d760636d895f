#include "store/maildir/table.h"

#include <stdlib.h>

bool pf_maildir_table_init(struct pf_maildir_table *t, uint32_t count)
{
    uint64_t size = 16;

    while (size < (uint64_t)count * 2) /* at most half full: short chains */
        size *= 2;
    if (size > (uint64_t)1 << 31)
        return false;
    t->slots = calloc(size, sizeof *t->slots);
    t->mask = (uint32_t)(size - 1);
    return t->slots != NULL;
}

void pf_maildir_table_done(struct pf_maildir_table *t)
{
    free(t->slots);
    *t = (struct pf_maildir_table){0};
}

void pf_maildir_table_put(struct pf_maildir_table *t, uint32_t hash, uint32_t index)
{
    uint32_t at = hash & t->mask;

    while (t->slots[at])
        at = (at + 1) & t->mask;
    t->slots[at] = (uint64_t)hash << 32 | (index + 1);
}

uint32_t pf_maildir_table_next(const struct pf_maildir_table *t, uint32_t hash, uint32_t *cursor)
{
    if (!t->slots)
        return PF_MAILDIR_NONE;
    for (;;) {
        uint64_t slot = t->slots[(hash + *cursor) & t->mask];

        if (!slot)
            return PF_MAILDIR_NONE;
        ++*cursor;
        if (slot >> 32 == hash)
            return (uint32_t)slot - 1;
    }
}
