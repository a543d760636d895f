#include "sys/slot_listing.h"

#include "base/listing_text.h"
#include "sys/slot_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct head {
    unsigned char mark[8];
    uint32_t count;
    uint32_t uidls; /* octets of all UIDLs */
    uint64_t octets;
    uint64_t list, uidl; /* octets of the texts; 0: there is none */
};

static const unsigned char mark[8] = {'P', 'F', 'L', 'I', 'S', 'T', 0, 2};

static_assert(sizeof(struct head) == 40 && sizeof(struct pf_row) == 16, "no octet of the form is padding");

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

/* The next `octets` of what is left of a whole. */
static bool take(struct pf_bytes *rest, uint64_t octets, struct pf_bytes *out)
{
    if (octets > rest->len)
        return false;
    *out = pf_bytes_head(*rest, (size_t)octets);
    *rest = pf_bytes_skip(*rest, (size_t)octets);
    return true;
}

static bool texts_hold(const struct pf_slot_listing *s)
{
    return (!s->kept.list.len && !s->kept.uidl.len) || (pf_listing_text_agrees(&s->listing, false, s->kept.list) &&
                                                        pf_listing_text_agrees(&s->listing, true, s->kept.uidl));
}

bool pf_slot_listing_parse(struct pf_bytes whole, struct pf_slot_listing *out)
{
    struct pf_bytes rest = whole, first, rows, uidls;
    struct pf_slot_listing got = {.kept = {.memory = -1}};
    struct head head;

    if (!take(&rest, sizeof head, &first))
        return false;
    memcpy(&head, first.at, sizeof head);
    if (memcmp(head.mark, mark, sizeof mark) != 0 ||
        !take(&rest, (uint64_t)head.count * sizeof(struct pf_row), &rows) ||
        !take(&rest, head.uidls, &uidls) || !take(&rest, head.list, &got.kept.list) ||
        !take(&rest, head.uidl, &got.kept.uidl) || rest.len)
        return false;
    got.listing = (struct pf_listing){.rows = (const void *)rows.at, .uidls = uidls.at, .count = head.count,
                                      .octets = head.octets};
    if (!rows_hold(&got.listing, head.uidls) || !texts_hold(&got))
        return false;
    *out = got;
    out->listing.kept = &out->kept;
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

static bool fill_text(int fd, const struct pf_listing *l, bool uidl, uint64_t octets)
{
    struct pf_span text = {malloc((size_t)octets), 0, (size_t)octets};
    bool good = text.at && pf_listing_text_put(l, uidl, &text) && write_all(fd, text.at, text.len);

    free(text.at);
    return good;
}

enum pf_code pf_slot_listing_make(const struct pf_listing *l, bool texts, int *out_fd, struct pf_err *err)
{
    struct head head = {.count = l->count, .uidls = uidls_end(l), .octets = l->octets};
    enum pf_code code;
    int fd;

    memcpy(head.mark, mark, sizeof mark);
    if (!rows_hold(l, head.uidls))
        return pf_fail(err, PF_PERM, 0, __func__, "a listing whose UIDLs or sum are wrong cannot be handed out");
    if (texts && l->count)
        pf_listing_text_octets(l, &head.list, &head.uidl);
    fd = pf_slot_memory_new("postfach-listing", err);
    if (fd < 0)
        return err ? err->code : PF_NO_MEMORY;
    code = fill(fd, l, &head) && (!head.list || fill_text(fd, l, false, head.list)) &&
                   (!head.uidl || fill_text(fd, l, true, head.uidl))
               ? pf_slot_memory_seal(fd, PF_LISTING_SEALS, err)
               : pf_slot_memory_failed("cannot write a listing", __func__, err);
    if (code == PF_OK)
        *out_fd = fd;
    else
        close(fd);
    return code;
}

enum pf_code pf_slot_listing_map(int fd, uint64_t limit, struct pf_slot_listing *out, struct pf_err *err)
{
    uint64_t octets;
    enum pf_code code = pf_slot_memory_look(fd, PF_LISTING_SEALS, &octets, err);
    void *at;

    if (code != PF_OK)
        return code;
    if (octets < sizeof(struct head) || octets > limit)
        return pf_fail(err, PF_PERM, 0, __func__, "a listing of %llu octets cannot be", (unsigned long long)octets);
    /* Private, for Linux before 6.7 refuses any shared mapping of what is sealed against writing. */
    at = mmap(NULL, (size_t)octets, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return pf_slot_memory_failed("cannot map a listing", __func__, err);
    if (!pf_slot_listing_parse(pf_bytes_from(at, (size_t)octets), out)) {
        munmap(at, (size_t)octets);
        return pf_fail(err, PF_PERM, 0, __func__, "a listing that was sent is malformed");
    }
    out->at = at;
    out->octets = (size_t)octets;
    return PF_OK;
}

void pf_slot_listing_done(struct pf_slot_listing *listing)
{
    if (listing->at)
        munmap(listing->at, listing->octets);
    *listing = (struct pf_slot_listing){0};
}
