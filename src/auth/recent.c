#include "auth/recent.h"

#include <sodium.h>
#include <stdlib.h>

enum { WAYS = 8 };

struct pf_recent {
    unsigned char secret[crypto_shorthash_KEYBYTES];
    size_t sets; /* a power of two */
    struct pf_recent_row rows[];
};

struct pf_recent *pf_recent_new(size_t rows)
{
    struct pf_recent *recent;

    if (sodium_init() < 0)
        return NULL;
    recent = calloc(1, sizeof *recent + rows * sizeof recent->rows[0]);
    if (!recent)
        return NULL;
    recent->sets = rows / WAYS;
    crypto_shorthash_keygen(recent->secret);
    return recent;
}

void pf_recent_free(struct pf_recent *recent)
{
    free(recent);
}

uint64_t pf_recent_key(const struct pf_recent *recent, char sense, struct pf_bytes a, struct pf_bytes b)
{
    uint64_t parts[3] = {(unsigned char)sense}, key;

    crypto_shorthash((unsigned char *)&parts[1], a.at, a.len, recent->secret);
    crypto_shorthash((unsigned char *)&parts[2], b.at, b.len, recent->secret);
    crypto_shorthash((unsigned char *)&key, (unsigned char *)parts, sizeof parts, recent->secret);
    return key;
}

static struct pf_recent_row *set_of(struct pf_recent *recent, uint64_t key)
{
    return &recent->rows[(key & (recent->sets - 1)) * WAYS];
}

struct pf_recent_row *pf_recent_find(struct pf_recent *recent, uint64_t key)
{
    struct pf_recent_row *row = set_of(recent, key);

    for (int i = 0; i < WAYS; i++)
        if (row[i].key == key && row[i].at)
            return &row[i];
    return NULL;
}

struct pf_recent_row *pf_recent_take(struct pf_recent *recent, uint64_t key)
{
    struct pf_recent_row *row = pf_recent_find(recent, key), *set = set_of(recent, key);

    if (row)
        return row;
    row = set;
    for (int i = 1; i < WAYS; i++)
        if (set[i].at < row->at)
            row = &set[i];
    *row = (struct pf_recent_row){.key = key};
    return row;
}
