/* Listings in shared memory: whatever was sent, what is accepted can be used from end to end. */
#include "base/listing_text.h"
#include "sys/slot_listing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1); /* begins where 8 divides, ends where size says */
    struct pf_slot_listing got;
    uint64_t sum = 0;

    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    if (pf_slot_listing_parse(pf_bytes_from(copy, size), &got)) {
        const struct pf_listing l = got.listing;

        must(!got.kept.list.len || (pf_listing_text_agrees(&l, false, got.kept.list) &&
                                    pf_listing_text_agrees(&l, true, got.kept.uidl)));
        for (uint32_t i = 0; i < l.count; i++) {
            struct pf_bytes uidl = pf_listing_uidl(&l, i);

            must(uidl.len >= 1 && uidl.len <= PF_UIDL_MAX && uidl.at + uidl.len <= copy + size);
            for (size_t k = 0; k < uidl.len; k++)
                must(uidl.at[k] >= 0x21 && uidl.at[k] <= 0x7E);
            sum += l.rows[i].octets;
        }
        must(sum == l.octets);
    }
    free(copy);
    return 0;
}
