#include "fetch/plan_names.h"

#include <stdlib.h>

enum {
    FIRST_CAP = 64,
    BLOCK = 65536 /* a thousand UIDs */
};

struct pf_plan_block {
    struct pf_plan_block *older;
    size_t used, cap;
    unsigned char at[];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed by the address of the table, which differs from run to run and which no server sees. */
static uint64_t hash_of(const struct pf_plan_names *names, struct pf_bytes key)
{
    uint64_t seed = (uint64_t)(uintptr_t)names * 0x9E3779B97F4A7C15u ^ 0xD1B54A32D192ED03u;
    uint64_t hash = seed ^ key.len;

    while (key.len) {
        uint64_t word = 0;
        size_t n = key.len < sizeof word ? key.len : sizeof word;

        memcpy(&word, key.at, n);
        hash = mix(hash ^ word, seed | 1) + 0xA0761D6478BD642Fu;
        key = pf_bytes_skip(key, n);
    }
    return mix(hash, 0xE7037ED1A0B428DBu ^ seed);
}

static struct pf_plan_name *place_of(struct pf_plan_name *slots, size_t cap, uint64_t hash,
                                     struct pf_bytes key)
{
    size_t i = (size_t)hash & (cap - 1);

    while (slots[i].key.len && (slots[i].hash != hash || !pf_bytes_equal(slots[i].key, key)))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static bool grow(struct pf_plan_names *names)
{
    size_t cap = names->cap ? names->cap * 2 : FIRST_CAP;
    struct pf_plan_name *slots = calloc(cap, sizeof *slots);

    if (!slots)
        return false;
    for (size_t i = 0; i < names->cap; i++)
        if (names->slots[i].key.len)
            *place_of(slots, cap, names->slots[i].hash, names->slots[i].key) = names->slots[i];
    free(names->slots);
    names->slots = slots;
    names->cap = cap;
    return true;
}

uint64_t *pf_plan_names_put(struct pf_plan_names *names, struct pf_bytes key)
{
    uint64_t hash = hash_of(names, key);
    struct pf_plan_name *name;

    if (names->count >= names->cap / 2 && !grow(names))
        return NULL;
    name = place_of(names->slots, names->cap, hash, key);
    if (!name->key.len) {
        name->key = key;
        name->hash = hash;
        names->count++;
    }
    return &name->value;
}

bool pf_plan_names_has(const struct pf_plan_names *names, struct pf_bytes key)
{
    return names->cap && key.len &&
           place_of(names->slots, names->cap, hash_of(names, key), key)->key.len > 0;
}

void pf_plan_names_done(struct pf_plan_names *names)
{
    free(names->slots);
    *names = (struct pf_plan_names){0};
}

struct pf_bytes pf_plan_keep(struct pf_plan_text *text, struct pf_bytes bytes)
{
    struct pf_plan_block *block = text->newest;
    unsigned char *at;

    if (!block || block->cap - block->used < bytes.len) {
        size_t cap = bytes.len > BLOCK ? bytes.len : BLOCK;

        block = malloc(sizeof *block + cap);
        if (!block)
            return (struct pf_bytes){0};
        block->older = text->newest;
        block->used = 0;
        block->cap = cap;
        text->newest = block;
    }
    at = block->at + block->used;
    if (bytes.len)
        memcpy(at, bytes.at, bytes.len);
    block->used += bytes.len;
    return pf_bytes_from(at, bytes.len);
}

void pf_plan_text_done(struct pf_plan_text *text)
{
    while (text->newest) {
        struct pf_plan_block *older = text->newest->older;

        free(text->newest);
        text->newest = older;
    }
}
