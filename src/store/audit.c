#include "store/audit.h"

#include <stdlib.h>
#include <sys/random.h>

struct pf_audit {
    struct pf_listing listing;
    uint32_t next;    /* first row that was not looked at */
    uint64_t octets;  /* sum of the rows before it */
    uint64_t seed;
    uint64_t mask;    /* places in the table, less one */
    uint64_t table[]; /* upper half: of the hash; lower half: index + 1, 0 for a free place */
};

bool pf_uidl_legal(struct pf_bytes uidl)
{
    if (uidl.len < 1 || uidl.len > PF_UIDL_MAX)
        return false;
    for (size_t i = 0; i < uidl.len; i++)
        if (uidl.at[i] < 0x21 || uidl.at[i] > 0x7e)
            return false;
    return true;
}

/* Seeded, because names of files may come from strangers, who could choose them to collide. */
static uint64_t hash(const struct pf_audit *a, struct pf_bytes b)
{
    uint64_t h = a->seed ^ b.len;

    while (b.len > 0) {
        uint64_t word = 0;
        struct pf_bytes head = pf_bytes_head(b, sizeof word);

        memcpy(&word, head.at, head.len);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
        b = pf_bytes_skip(b, head.len);
    }
    h *= 0xbf58476d1ce4e5b9u;
    return h ^ h >> 32;
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
static bool enter(struct pf_audit *a, uint32_t index, uint32_t *out_earlier)
{
    struct pf_bytes uidl = pf_listing_uidl(&a->listing, index);
    uint64_t h = hash(a, uidl);
    uint64_t tag = h & ~(uint64_t)UINT32_MAX;
    uint64_t place = h & a->mask;

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

static enum pf_code look(struct pf_audit *a, uint32_t index, struct pf_err *err)
{
    const struct pf_row *row = &a->listing.rows[index];
    uint32_t earlier;

    if (!pf_uidl_legal(pf_listing_uidl(&a->listing, index)))
        return pf_fail(err, PF_PERM, 0, "audit", "message %u: UIDL of %u octets is not legal",
                       index + 1, (unsigned)row->uidl_len);
    if (!enter(a, index, &earlier))
        return pf_fail(err, PF_PERM, 0, "audit", "messages %u and %u have the same UIDL %.*s",
                       earlier + 1, index + 1, (int)row->uidl_len,
                       (const char *)pf_listing_uidl(&a->listing, index).at);
    if (row->flags & ~PF_ROW_SEEN)
        return pf_fail(err, PF_PERM, 0, "audit", "message %u: unknown flags %#x", index + 1,
                       (unsigned)row->flags);
    if (__builtin_add_overflow(a->octets, row->octets, &a->octets))
        return pf_fail(err, PF_PERM, 0, "audit", "the sum of sizes overflows at message %u",
                       index + 1);
    return PF_OK;
}

enum pf_code pf_audit_step(struct pf_audit *a, uint32_t rows, struct pf_err *err)
{
    if (a->listing.count > 0 && (!a->listing.rows || !a->listing.uidls))
        return pf_fail(err, PF_PERM, 0, "audit", "a listing of %u messages without rows",
                       a->listing.count);
    if (a->listing.count == UINT32_MAX) /* index + 1 is what POP3 calls the number */
        return pf_fail(err, PF_PERM, 0, "audit", "too many messages");
    for (; rows > 0 && a->next < a->listing.count; rows--, a->next++) {
        enum pf_code code = look(a, a->next, err);

        if (code != PF_OK)
            return code;
    }
    if (a->next < a->listing.count)
        return PF_AGAIN;
    if (a->octets != a->listing.octets)
        return pf_fail(err, PF_PERM, 0, "audit", "the sum of sizes is %llu, the listing says %llu",
                       (unsigned long long)a->octets, (unsigned long long)a->listing.octets);
    return PF_OK;
}
