/* Caches of a Maildir: whatever was written there, what is accepted can be used. The first octet
 * says whether the sum is put right, for else nothing would ever be accepted. */
#include "store/maildir/cache.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

/* Every octet that a session would touch is touched here, under the address sanitizer. */
static void use(const struct pf_maildir_image *m)
{
    const struct pf_listing listing = {
        .rows = m->rows, .uidls = (const unsigned char *)m->blob, .count = m->count, .octets = m->octets};
    uint64_t octets = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        struct pf_bytes name = pf_maildir_image_name(m, i);
        struct pf_bytes base = pf_maildir_image_base(m, i);
        struct pf_bytes uidl = pf_listing_uidl(&listing, i);
        unsigned sum = pf_maildir_image_in_cur(m, i);

        must(base.len >= 1 && base.len <= name.len);
        must(uidl.len >= 1 && uidl.len <= PF_UIDL_MAX);
        must(strlen((const char *)name.at) <= name.len);
        for (size_t k = 0; k < uidl.len; k++)
            sum += uidl.at[k];
        must(sum != UINT32_MAX);
        octets += m->rows[i].octets;
    }
    must(octets == m->octets);
}

static void drop_half(struct pf_maildir_image *m)
{
    struct pf_marks gone = {calloc(pf_marks_words(m->count) + 1, sizeof(uint64_t)), m->count};
    uint32_t before = m->count;

    must(gone.words != NULL);
    for (uint32_t i = 0; i < m->count; i += 2)
        pf_marks_set(&gone, i, true);
    pf_maildir_image_drop(m, &gone);
    must(m->count == before / 2);
    use(m);
    free(gone.words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_maildir_image image;
    struct pf_maildir_state state;
    void *memory;

    if (size < 1)
        return 0;
    memory = malloc(size > 1 ? size - 1 : 1);
    must(memory != NULL);
    memcpy(memory, data + 1, size - 1);
    if (data[0] & 1)
        pf_maildir_cache_sum(memory, size - 1);
    if (pf_maildir_cache_parse(memory, size - 1, &image, &state)) {
        use(&image);
        drop_half(&image);
        pf_maildir_image_done(&image);
    } else {
        free(memory);
    }
    return 0;
}
