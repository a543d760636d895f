#include "proto/drop.h"

#include <stdlib.h>

#include "base/text.h"

bool pf_drop_open(struct pf_drop *d, const struct pf_listing *listing)
{
    size_t words = pf_marks_words(listing->count);
    uint64_t *at = NULL;

    if (words && !(at = calloc(words * 3, sizeof *at)))
        return false;
    pf_drop_close(d);
    *d = (struct pf_drop){.listing = *listing,
                          .deleted = {at, listing->count},
                          .fetched = {at + words, listing->count},
                          .broken = {at + 2 * words, listing->count},
                          .words = at,
                          .octets = listing->octets,
                          .left = listing->count};
    return true;
}

void pf_drop_close(struct pf_drop *d)
{
    free(d->words);
    *d = (struct pf_drop){0};
}

enum pf_code pf_drop_number(const struct pf_drop *d, struct pf_bytes digits, uint32_t *out_index)
{
    uint64_t number;

    if (!pf_parse_u64(digits, &number))
        return PF_SYNTAX;
    if (number == 0 || number > d->listing.count || pf_marks_has(&d->deleted, (uint32_t)(number - 1)))
        return PF_NO_MESSAGE;
    *out_index = (uint32_t)(number - 1);
    return PF_OK;
}

static void touch(struct pf_drop *d, uint32_t index)
{
    if (index + 1 > d->last)
        d->last = index + 1;
}

void pf_drop_delete(struct pf_drop *d, uint32_t index)
{
    if (pf_marks_has(&d->deleted, index))
        return;
    pf_marks_set(&d->deleted, index, true);
    d->left--;
    d->octets -= d->listing.rows[index].octets;
    touch(d, index);
}

void pf_drop_fetched(struct pf_drop *d, uint32_t index)
{
    pf_marks_set(&d->fetched, index, true);
    touch(d, index);
}

void pf_drop_broke(struct pf_drop *d, uint32_t index, enum pf_code why)
{
    pf_marks_set(&d->broken, index, true);
    d->why_broken = why;
}

void pf_drop_reset(struct pf_drop *d)
{
    size_t words = pf_marks_words(d->deleted.count);

    if (words)
        memset(d->deleted.words, 0, words * sizeof *d->deleted.words);
    d->left = d->listing.count;
    d->octets = d->listing.octets;
    d->last = 0;
    d->was_reset = true;
}

uint32_t pf_drop_last(const struct pf_drop *d)
{
    uint32_t number = d->was_reset ? 0 : d->listing.count;

    while (number > d->last && !(d->listing.rows[number - 1].flags & PF_ROW_SEEN))
        number--;
    return number > d->last ? number : d->last;
}

void pf_drop_expire_fetched(struct pf_drop *d)
{
    for (uint32_t i = 0; i < d->listing.count; i++)
        if (pf_marks_has(&d->fetched, i) && !pf_marks_has(&d->broken, i))
            pf_drop_delete(d, i);
}

uint32_t pf_drop_next(const struct pf_drop *d, uint32_t index)
{
    while (index < d->listing.count) {
        uint64_t kept = ~d->deleted.words[index / 64] >> (index % 64);

        if (kept) {
            index += (uint32_t)__builtin_ctzll(kept);
            break;
        }
        index += 64 - index % 64;
    }
    return index < d->listing.count ? index : d->listing.count;
}
