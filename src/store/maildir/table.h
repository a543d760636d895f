/* A table: from a hash to the indexes that were put under it. It holds no
 * names; who looks something up compares the candidates himself, and several
 * entries may stand under one name. */
#ifndef POSTFACH_STORE_MAILDIR_TABLE_H
#define POSTFACH_STORE_MAILDIR_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PF_MAILDIR_NONE UINT32_MAX

struct pf_maildir_table {
    uint64_t *slots; /* hash in the upper half, index + 1 in the lower; 0 is empty */
    uint32_t mask;
};

/* Room for `count` entries. False when memory lacks. */
bool pf_maildir_table_init(struct pf_maildir_table *, uint32_t count);
void pf_maildir_table_done(struct pf_maildir_table *);

/* No more entries than there is room for; index < PF_MAILDIR_NONE. */
void pf_maildir_table_put(struct pf_maildir_table *, uint32_t hash, uint32_t index);

/* The next candidate, in the order they were put, or PF_MAILDIR_NONE. *cursor begins at 0. A table
 * that was zeroed and never made is empty. */
uint32_t pf_maildir_table_next(const struct pf_maildir_table *, uint32_t hash, uint32_t *cursor);

#endif
