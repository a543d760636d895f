#include "sys/slot_listing.h"

#include "sys/slot_memory.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct head {
    unsigned char mark[8];
    uint32_t count;
    uint32_t uidls; /* octets of all UIDLs */
    uint64_t octets;
};

static const unsigned char mark[8] = {'P', 'F', 'L', 'I', 'S', 'T', 0, 1};

static_assert(sizeof(struct head) == 24 && sizeof(struct pf_row) == 16, "no octet of the form is padding");

static bool legal_uidl(const unsigned char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] < 0x21 || at[i] > 0x7E)
            return false;
    return len >= 1 && len <= PF_UIDL_MAX;
}

/* What a row says lies within the UIDLs, and is what RFC 1939 section 7 allows. */
static bool row_holds(const struct pf_row *row, const unsigned char *uidls, uint32_t length)
{
    return row->uidl_at <= length && row->uidl_len <= length - row->uidl_at && !row->spare &&
           !(row->flags & ~PF_ROW_SEEN) && legal_uidl(uidls + row->uidl_at, row->uidl_len);
}

static bool rows_hold(const struct pf_listing *l, uint32_t uidls)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < l->count; i++)
        if (!row_holds(&l->rows[i], l->uidls, uidls) || __builtin_add_overflow(sum, l->rows[i].octets, &sum))
            return false;
    return sum == l->octets;
}

bool pf_slot_listing_parse(struct pf_bytes whole, struct pf_listing *out)
{
    struct head head;
    struct pf_listing l;
    size_t rows;

    if (whole.len < sizeof head)
        return false;
    memcpy(&head, whole.at, sizeof head);
    if (memcmp(head.mark, mark, sizeof mark) != 0)
        return false;
    rows = (size_t)head.count * sizeof(struct pf_row);
    if (rows > whole.len - sizeof head || head.uidls != whole.len - sizeof head - rows)
        return false;
    l = (struct pf_listing){.rows = (const void *)(whole.at + sizeof head), .uidls = whole.at + sizeof head + rows,
                            .count = head.count, .octets = head.octets};
    if (!rows_hold(&l, head.uidls))
        return false;
    *out = l;
    return true;
}

static bool write_all(int fd, const void *from, size_t len)
{
    const unsigned char *at = from;

    while (len) {
        ssize_t wrote = write(fd, at, len);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

/* How far the UIDLs go. */
static uint32_t uidls_end(const struct pf_listing *l)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < l->count; i++)
        if ((uint64_t)l->rows[i].uidl_at + l->rows[i].uidl_len > end)
            end = (uint64_t)l->rows[i].uidl_at + l->rows[i].uidl_len;
    return end <= UINT32_MAX ? (uint32_t)end : UINT32_MAX;
}

static bool fill(int fd, const struct pf_listing *l, const struct head *head)
{
    return write_all(fd, head, sizeof *head) && write_all(fd, l->rows, (size_t)l->count * sizeof *l->rows) &&
           write_all(fd, l->uidls, head->uidls);
}

enum pf_code pf_slot_listing_make(const struct pf_listing *l, int *out_fd, struct pf_err *err)
{
    struct head head = {.count = l->count, .uidls = uidls_end(l), .octets = l->octets};
    enum pf_code code;
    int fd;

    memcpy(head.mark, mark, sizeof mark);
    if (!rows_hold(l, head.uidls))
        return pf_fail(err, PF_PERM, 0, __func__, "a listing whose UIDLs or sum are wrong cannot be handed out");
    fd = pf_slot_memory_new("postfach-listing", err);
    if (fd < 0)
        return err ? err->code : PF_NO_MEMORY;
    code = fill(fd, l, &head) ? pf_slot_memory_seal(fd, PF_LISTING_SEALS, err)
                              : pf_slot_memory_failed("cannot write a listing", __func__, err);
    if (code == PF_OK)
        *out_fd = fd;
    else
        close(fd);
    return code;
}

enum pf_code pf_slot_listing_map(int fd, uint64_t limit, struct pf_slot_listing *out, struct pf_err *err)
{
    struct pf_slot_listing got = {0};
    uint64_t octets;
    enum pf_code code = pf_slot_memory_look(fd, PF_LISTING_SEALS, &octets, err);

    if (code != PF_OK)
        return code;
    if (octets < sizeof(struct head) || octets > limit)
        return pf_fail(err, PF_PERM, 0, __func__, "a listing of %llu octets cannot be", (unsigned long long)octets);
    got.octets = (size_t)octets;
    /* Private, for Linux before 6.7 refuses any shared mapping of what is sealed against writing. */
    got.at = mmap(NULL, got.octets, PROT_READ, MAP_PRIVATE, fd, 0);
    if (got.at == MAP_FAILED)
        return pf_slot_memory_failed("cannot map a listing", __func__, err);
    if (!pf_slot_listing_parse(pf_bytes_from(got.at, got.octets), &got.listing)) {
        munmap(got.at, got.octets);
        return pf_fail(err, PF_PERM, 0, __func__, "a listing that was sent is malformed");
    }
    *out = got;
    return PF_OK;
}

void pf_slot_listing_done(struct pf_slot_listing *listing)
{
    if (listing->at)
        munmap(listing->at, listing->octets);
    *listing = (struct pf_slot_listing){0};
}
