#include "auth/cache.h"

#include "auth/recent.h"
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>

enum { ROWS_MIN = 64 };

struct pf_cache {
    struct pf_recent *rows; /* under the first half; the second stands in value and spare */
    unsigned char secret[crypto_generichash_KEYBYTES];
};

struct pf_cache *pf_cache_new(size_t entries)
{
    struct pf_cache *cache = calloc(1, sizeof *cache);
    size_t rows = ROWS_MIN;

    while (rows < entries && rows <= SIZE_MAX / 4)
        rows *= 2;
    if (cache)
        cache->rows = pf_recent_new(rows); /* this starts the library, too */
    if (cache && cache->rows) {
        crypto_generichash_keygen(cache->secret);
        return cache;
    }
    pf_cache_free(cache);
    return NULL;
}

void pf_cache_free(struct pf_cache *cache)
{
    if (!cache)
        return;
    pf_recent_free(cache->rows);
    pf_wipe(cache->secret, sizeof cache->secret);
    free(cache);
}

/* Each part with its length before it: no two ways to cut lead to one text. */
static void add(crypto_generichash_state *state, struct pf_bytes part)
{
    uint64_t len = part.len;

    crypto_generichash_update(state, (const unsigned char *)&len, sizeof len);
    crypto_generichash_update(state, part.at, part.len);
}

struct pf_cache_key pf_cache_key(const struct pf_cache *cache, struct pf_bytes user, struct pf_bytes stored,
                                 struct pf_bytes secret)
{
    crypto_generichash_state state;
    struct pf_cache_key key;

    crypto_generichash_init(&state, cache->secret, sizeof cache->secret, sizeof key);
    add(&state, user);
    add(&state, stored);
    add(&state, secret);
    crypto_generichash_final(&state, (unsigned char *)key.half, sizeof key);
    pf_wipe(&state, sizeof state);
    return key;
}

bool pf_cache_has(struct pf_cache *cache, struct pf_cache_key key, pf_time ttl, pf_time now)
{
    const struct pf_recent_row *row = pf_recent_find(cache->rows, key.half[0]);

    return row && row->value == (uint32_t)key.half[1] && row->spare == (uint32_t)(key.half[1] >> 32) &&
           now - row->at < ttl;
}

void pf_cache_put(struct pf_cache *cache, struct pf_cache_key key, pf_time now)
{
    struct pf_recent_row *row = pf_recent_take(cache->rows, key.half[0]);

    row->value = (uint32_t)key.half[1];
    row->spare = (uint32_t)(key.half[1] >> 32);
    row->at = now;
}
