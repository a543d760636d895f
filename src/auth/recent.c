#include "auth/recent.h"

#include "sys/tls.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

enum {
    WAYS = 8,
    SETS_FIRST = 64, /* 12 KiB */
    SECRET = 16 /* octets, as SipHash wants them */
};

struct pf_recent {
    unsigned char secret[SECRET];
    EVP_MAC_CTX *hash; /* SipHash; only a cursor, so that who only looks may use it */
    size_t sets, most; /* powers of two: what is used of the table, and all of it */
    struct pf_recent_row rows[];
};

static EVP_MAC_CTX *hash_new(void)
{
    size_t size = sizeof(uint64_t);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *hash = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (hash && EVP_MAC_CTX_set_params(hash, params))
        return hash;
    EVP_MAC_CTX_free(hash);
    return NULL;
}

struct pf_recent *pf_recent_new(size_t rows)
{
    struct pf_recent *recent = calloc(1, sizeof *recent + rows * sizeof recent->rows[0]);

    if (!recent)
        return NULL;
    recent->most = rows / WAYS;
    recent->sets = recent->most < SETS_FIRST ? recent->most : SETS_FIRST;
    recent->hash = hash_new();
    if (recent->hash && pf_random(recent->secret, sizeof recent->secret, NULL) == PF_OK)
        return recent;
    pf_recent_free(recent);
    return NULL;
}

void pf_recent_free(struct pf_recent *recent)
{
    if (recent)
        EVP_MAC_CTX_free(recent->hash);
    free(recent);
}

/* Nothing here asks for memory, so nothing can fail. */
static uint64_t hash_of(const struct pf_recent *recent, const void *at, size_t len)
{
    uint64_t out = 0;
    size_t got = 0;
    bool done = EVP_MAC_init(recent->hash, recent->secret, sizeof recent->secret, NULL) &&
                EVP_MAC_update(recent->hash, at, len) &&
                EVP_MAC_final(recent->hash, (unsigned char *)&out, &got, sizeof out);

    assert(done && got == sizeof out);
    return out;
}

uint64_t pf_recent_key(const struct pf_recent *recent, char sense, struct pf_bytes a, struct pf_bytes b)
{
    const uint64_t parts[3] = {(unsigned char)sense, hash_of(recent, a.at, a.len), hash_of(recent, b.at, b.len)};

    return hash_of(recent, parts, sizeof parts);
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

static bool is_full(const struct pf_recent_row *set)
{
    for (int i = 0; i < WAYS; i++)
        if (!set[i].at)
            return false;
    return true;
}

/* Uses twice as many sets: of each, the rows whose keys say so move into the one that was opened for them. */
static void widen(struct pf_recent *recent)
{
    for (size_t set = 0; set < recent->sets; set++)
        for (int i = 0; i < WAYS; i++) {
            struct pf_recent_row *row = &recent->rows[set * WAYS + (size_t)i];

            if (row->at && row->key & recent->sets) {
                recent->rows[(recent->sets + set) * WAYS + (size_t)i] = *row;
                *row = (struct pf_recent_row){0};
            }
        }
    recent->sets *= 2;
}

struct pf_recent_row *pf_recent_take(struct pf_recent *recent, uint64_t key)
{
    struct pf_recent_row *row = pf_recent_find(recent, key), *set;

    if (row)
        return row;
    while (recent->sets < recent->most && is_full(set_of(recent, key)))
        widen(recent);
    row = set = set_of(recent, key);
    for (int i = 1; i < WAYS; i++)
        if (set[i].at < row->at)
            row = &set[i];
    *row = (struct pf_recent_row){.key = key};
    return row;
}
