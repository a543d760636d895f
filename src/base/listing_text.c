#include "base/listing_text.h"

#include "base/text.h"

enum { LINE_MAX_OCTETS = 20 + 1 + PF_UIDL_MAX + 2 /* of both kinds */ };

static unsigned digits(uint64_t number)
{
    unsigned n = 1;

    while (number >= 10) {
        number /= 10;
        n++;
    }
    return n;
}

void pf_listing_text_octets(const struct pf_listing *l, uint64_t *out_list, uint64_t *out_uidl)
{
    uint64_t list = 0, uidl = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        unsigned rest = digits((uint64_t)i + 1) + 3; /* the blank and CRLF */

        list += rest + digits(l->rows[i].octets);
        uidl += rest + l->rows[i].uidl_len;
    }
    *out_list = list;
    *out_uidl = uidl;
}

static bool put_line(const struct pf_listing *l, uint32_t i, bool uidl, struct pf_span *out)
{
    return pf_span_decimal(out, (uint64_t)i + 1) && pf_span_put(out, PF_LIT(" ")) &&
           (uidl ? pf_span_put(out, pf_listing_uidl(l, i)) : pf_span_decimal(out, l->rows[i].octets)) &&
           pf_span_put(out, PF_LIT("\r\n"));
}

bool pf_listing_text_put(const struct pf_listing *l, bool uidl, struct pf_span *out)
{
    size_t before = out->len;

    for (uint32_t i = 0; i < l->count; i++)
        if (!put_line(l, i, uidl, out)) {
            out->len = before;
            return false;
        }
    return true;
}

bool pf_listing_text_agrees(const struct pf_listing *l, bool uidl, struct pf_bytes text)
{
    unsigned char room[LINE_MAX_OCTETS];

    for (uint32_t i = 0; i < l->count; i++) {
        struct pf_span line = {room, 0, sizeof room};

        if (!put_line(l, i, uidl, &line) || text.len < line.len || memcmp(text.at, room, line.len) != 0)
            return false;
        text = pf_bytes_skip(text, line.len);
    }
    return text.len == 0;
}
