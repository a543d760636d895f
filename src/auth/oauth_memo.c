#include "auth/oauth_memo.h"

#include "auth/oauth_lock.h"
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    GROUPS = 256, /* a kilo of tokens a minute; some 300 KiB */
    PLACES = 4,
    DIGEST = 32
};

struct row {
    unsigned char digest[DIGEST];
    int64_t from, until; /* 0, 0: empty */
    struct pf_oauth_grant grant;
};

struct pf_oauth_memo {
    unsigned char key[crypto_generichash_KEYBYTES];
    atomic_flag lock; /* for the rows */
    struct row rows[GROUPS][PLACES];
};

struct pf_oauth_memo *pf_oauth_memo_new(void)
{
    struct pf_oauth_memo *memo = sodium_init() < 0 ? NULL : calloc(1, sizeof *memo);

    if (!memo)
        return NULL;
    atomic_flag_clear(&memo->lock);
    randombytes_buf(memo->key, sizeof memo->key);
    return memo;
}

void pf_oauth_memo_free(struct pf_oauth_memo *memo)
{
    if (memo)
        pf_wipe(memo, sizeof *memo);
    free(memo);
}

static struct row *group_of(struct pf_oauth_memo *memo, struct pf_bytes token,
                            unsigned char out_digest[DIGEST])
{
    crypto_generichash(out_digest, DIGEST, token.at, token.len, memo->key, sizeof memo->key);
    return memo->rows[out_digest[0]];
}

bool pf_oauth_memo_find(struct pf_oauth_memo *memo, struct pf_bytes token, int64_t now,
                        struct pf_oauth_grant *out)
{
    unsigned char digest[DIGEST];
    struct row *group = group_of(memo, token, digest);
    bool found = false;

    pf_oauth_lock(&memo->lock);
    for (size_t i = 0; i < PLACES && !found; i++) {
        found = group[i].from <= now && now < group[i].until &&
                sodium_memcmp(group[i].digest, digest, DIGEST) == 0;
        if (found)
            *out = group[i].grant;
    }
    pf_oauth_unlock(&memo->lock);
    return found;
}

void pf_oauth_memo_keep(struct pf_oauth_memo *memo, struct pf_bytes token, int64_t now,
                        const struct pf_oauth_grant *grant)
{
    struct row row = {.from = now, .until = now + PF_OAUTH_MEMO_TIME, .grant = *grant};
    struct row *group = group_of(memo, token, row.digest), *place = group;

    if (grant->expires && grant->expires < row.until)
        row.until = grant->expires;
    pf_oauth_lock(&memo->lock);
    for (size_t i = 0; i < PLACES; i++) {
        if (memcmp(group[i].digest, row.digest, DIGEST) == 0) {
            place = &group[i];
            break;
        }
        if (group[i].until < place->until)
            place = &group[i];
    }
    *place = row;
    pf_oauth_unlock(&memo->lock);
}
