#include "store/audit.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
    BATCH = 32 /* rows whose places in the table are fetched from memory at the same time */
};

#define EACH 0x0101010101010101u /* one octet in each place of a word */

struct pf_audit {
    struct pf_listing listing;
    uint32_t next;    /* first row that was not looked at */
    uint64_t octets;  /* sum of the rows before it */
    uint64_t seed;
    uint64_t mask;    /* places in the table, less one */
    uint64_t table[]; /* upper half: of the hash; lower half: index + 1, 0 for a free place */
};

/* Whether all eight octets are 0x21..0x7E. No sum here carries into the next octet: the first test
 * has excluded all above 0x7F. */
static bool printable(uint64_t word)
{
    uint64_t top = EACH * 0x80;

    return !(word & top) && !((word + EACH) & top) && ((word + EACH * (0x80 - 0x21)) & top) == top;
}

static uint64_t fold(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Looks at each octet once, for both: whether it is legal, and what it hashes to. The seed is there
 * because names of files may come from strangers, who could choose them to collide. */
static bool look_at_uidl(struct pf_bytes uidl, uint64_t seed, uint64_t *out_hash)
{
    uint64_t hash = seed ^ uidl.len;
    uint64_t word = EACH * 'x';
    size_t at = 0;

    if (uidl.len < 1 || uidl.len > PF_UIDL_MAX)
        return false;
    for (; at + sizeof word <= uidl.len; at += sizeof word) {
        memcpy(&word, uidl.at + at, sizeof word);
        if (!printable(word))
            return false;
        hash = fold(hash, word);
    }
    if (uidl.len >= sizeof word)
        memcpy(&word, uidl.at + uidl.len - sizeof word, sizeof word); /* some of it for the second time */
    else
        memcpy(&word, uidl.at, uidl.len);
    hash = fold(hash, word) * 0xbf58476d1ce4e5b9u;
    *out_hash = hash ^ hash >> 32;
    return printable(word);
}

bool pf_uidl_legal(struct pf_bytes uidl)
{
    uint64_t hash;

    return look_at_uidl(uidl, 0, &hash);
}

struct pf_audit *pf_audit_new(const struct pf_listing *listing)
{
    uint64_t places = 2;
    struct pf_audit *a;

    while (places < (uint64_t)listing->count * 2)
        places *= 2;
    a = calloc(1, sizeof *a + places * sizeof a->table[0]);
    if (!a)
        return NULL;
    a->listing = *listing;
    a->mask = places - 1;
    if (getrandom(&a->seed, sizeof a->seed, GRND_NONBLOCK) != sizeof a->seed)
        a->seed = (uintptr_t)a;
    return a;
}

void pf_audit_free(struct pf_audit *a)
{
    free(a);
}

/* Enters the UIDL of row `index`; false, and the earlier row, when the same stands there. */
static bool enter(struct pf_audit *a, uint32_t index, uint64_t hash, uint32_t *out_earlier)
{
    struct pf_bytes uidl = pf_listing_uidl(&a->listing, index);
    uint64_t tag = hash & ~(uint64_t)UINT32_MAX;
    uint64_t place = hash & a->mask;

    for (; a->table[place]; place = (place + 1) & a->mask) {
        uint32_t earlier = (uint32_t)a->table[place] - 1;

        if ((a->table[place] ^ tag) <= UINT32_MAX
            && pf_bytes_equal(uidl, pf_listing_uidl(&a->listing, earlier))) {
            *out_earlier = earlier;
            return false;
        }
    }
    a->table[place] = tag | (index + 1u);
    return true;
}

/* Everything about a row but whether its UIDL stands elsewhere. */
static enum pf_code look(struct pf_audit *a, uint32_t index, uint64_t *out_hash, struct pf_err *err)
{
    const struct pf_row *row = &a->listing.rows[index];

    if (!look_at_uidl(pf_listing_uidl(&a->listing, index), a->seed, out_hash))
        return pf_fail(err, PF_PERM, 0, "audit", "message %u: UIDL of %u octets is not legal",
                       index + 1, (unsigned)row->uidl_len);
    if (row->flags & ~PF_ROW_SEEN)
        return pf_fail(err, PF_PERM, 0, "audit", "message %u: unknown flags %#x", index + 1,
                       (unsigned)row->flags);
    if (__builtin_add_overflow(a->octets, row->octets, &a->octets))
        return pf_fail(err, PF_PERM, 0, "audit", "the sum of sizes overflows at message %u",
                       index + 1);
    return PF_OK;
}

/* A long listing's table is larger than the processor's caches: waiting for one place after the
 * other would be most of the work. */
static enum pf_code look_at_batch(struct pf_audit *a, uint32_t rows, struct pf_err *err)
{
    uint64_t hashes[BATCH];
    uint32_t earlier;

    for (uint32_t i = 0; i < rows; i++) {
        enum pf_code code = look(a, a->next + i, &hashes[i], err);

        if (code != PF_OK)
            return code;
        __builtin_prefetch(&a->table[hashes[i] & a->mask], 1);
    }
    for (uint32_t i = 0; i < rows; i++, a->next++)
        if (!enter(a, a->next, hashes[i], &earlier))
            return pf_fail(err, PF_PERM, 0, "audit", "messages %u and %u have the same UIDL %.*s",
                           earlier + 1, a->next + 1, (int)a->listing.rows[a->next].uidl_len,
                           (const char *)pf_listing_uidl(&a->listing, a->next).at);
    return PF_OK;
}

enum pf_code pf_audit_step(struct pf_audit *a, uint32_t rows, struct pf_err *err)
{
    if (a->listing.count > 0 && (!a->listing.rows || !a->listing.uidls))
        return pf_fail(err, PF_PERM, 0, "audit", "a listing of %u messages without rows",
                       a->listing.count);
    if (a->listing.count == UINT32_MAX) /* index + 1 is what POP3 calls the number */
        return pf_fail(err, PF_PERM, 0, "audit", "too many messages");
    while (rows > 0 && a->next < a->listing.count) {
        uint32_t left = a->listing.count - a->next;
        uint32_t batch = left < rows ? left : rows;
        enum pf_code code;

        batch = batch < BATCH ? batch : BATCH;
        code = look_at_batch(a, batch, err);
        if (code != PF_OK)
            return code;
        rows -= batch;
    }
    if (a->next < a->listing.count)
        return PF_AGAIN;
    if (a->octets != a->listing.octets)
        return pf_fail(err, PF_PERM, 0, "audit", "the sum of sizes is %llu, the listing says %llu",
                       (unsigned long long)a->octets, (unsigned long long)a->listing.octets);
    return PF_OK;
}
