/* A short listing in a frame: a row for each message {size, flags, length of the UIDL}, then all UIDLs. */
#include "store/store_wire.h"

#include "base/number.h"

#include <assert.h>
#include <stdlib.h>

enum { ROW = 10 };

size_t pf_store_wire_list_octets(const struct pf_listing *l)
{
    size_t octets = 0;

    for (uint32_t i = 0; i < l->count && octets <= PF_STORE_LISTING_INLINE; i++)
        octets += ROW + l->rows[i].uidl_len;
    return octets <= PF_STORE_LISTING_INLINE ? octets : PF_STORE_LISTING_INLINE + 1;
}

void pf_store_wire_list(struct pf_span *span, const struct pf_listing *l)
{
    bool fits = true;

    for (uint32_t i = 0; i < l->count; i++) {
        const struct pf_row *row = &l->rows[i];

        fits = fits && pf_number_put(span, row->octets, 8) && pf_number_put(span, row->flags, 1) &&
               pf_number_put(span, row->uidl_len, 1);
    }
    for (uint32_t i = 0; i < l->count; i++)
        fits = fits && pf_span_put(span, pf_listing_uidl(l, i));
    assert(fits);
}

static struct pf_row take_row(struct pf_bytes *rows, uint32_t uidl_at)
{
    struct pf_row row = {.octets = pf_number_take(rows, 8), .uidl_at = uidl_at};

    row.flags = (uint8_t)pf_number_take(rows, 1);
    row.uidl_len = (uint8_t)pf_number_take(rows, 1);
    return row;
}

enum pf_code pf_store_wire_listed(const struct pf_store_say_open *open, struct pf_listing *out, void **out_block)
{
    struct pf_listing l = {.count = open->count};
    struct pf_bytes form = open->listing;
    size_t rows = (size_t)open->count * ROW, uidls;
    struct pf_row *block = NULL;
    uint32_t at = 0;

    if (rows > open->listing.len)
        return PF_PERM;
    uidls = open->listing.len - rows;
    if (open->count) {
        block = malloc(open->count * sizeof *block + uidls);
        if (!block)
            return PF_NO_MEMORY;
        l.rows = block;
        l.uidls = (unsigned char *)(block + open->count);
        memcpy(block + open->count, open->listing.at + rows, uidls);
    }
    for (uint32_t i = 0; i < open->count; i++) {
        block[i] = take_row(&form, at);
        at += block[i].uidl_len;
        if (at > uidls || __builtin_add_overflow(l.octets, block[i].octets, &l.octets)) {
            free(block);
            return PF_PERM;
        }
    }
    if (at != uidls) {
        free(block);
        return PF_PERM;
    }
    *out = l;
    *out_block = block;
    return PF_OK;
}
