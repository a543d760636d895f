#include "fetch/place_private.h"

#include "base/words.h"

static const char where[] = "place_folder";

/* One UTF-8 character; 0: it is none (overlong, a surrogate, cut, beyond U+10FFFF). */
static size_t decode(struct pf_bytes in, uint32_t *out_char)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = in.at[0];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : (c & 0xf0) == 0xe0    ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    uint32_t value = len <= 1 ? c : c & (0x7fU >> len);

    if (!len || len > in.len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((in.at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (in.at[i] & 0x3fU);
    }
    if (len > 1 && (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)))
        return 0;
    *out_char = value;
    return len;
}

/* The run of base64 that is being written, of UTF-16. */
struct run {
    uint32_t bits;
    unsigned count;
    bool open;
};

static bool put_bits(struct run *r, struct pf_span *out, uint32_t bits, unsigned count)
{
    static const unsigned char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

    r->bits = r->bits << count | bits;
    r->count += count;
    while (r->count >= 6) {
        r->count -= 6;
        if (!pf_span_put(out, pf_bytes_from(&digits[r->bits >> r->count & 0x3f], 1)))
            return false;
    }
    r->bits &= 0x3f;
    return true;
}

static bool run_end(struct run *r, struct pf_span *out)
{
    bool fits =
        !r->open || ((!r->count || put_bits(r, out, 0, 6 - r->count)) && pf_span_put(out, PF_LIT("-")));

    *r = (struct run){0};
    return fits;
}

static bool put_wide(struct run *r, struct pf_span *out, uint32_t c)
{
    if (!r->open && !pf_span_put(out, PF_LIT("&")))
        return false;
    r->open = true;
    if (c < 0x10000)
        return put_bits(r, out, c, 16);
    c -= 0x10000;
    return put_bits(r, out, 0xd800 | c >> 10, 16) && put_bits(r, out, 0xdc00 | (c & 0x3ff), 16);
}

static bool put_char(struct run *r, struct pf_span *out, uint32_t c)
{
    unsigned char plain = c == '/' ? '.' : (unsigned char)c;

    if (c >= 0x80)
        return put_wide(r, out, c);
    return run_end(r, out) && pf_span_put(out, pf_bytes_from(&plain, 1)) &&
           (c != '&' || pf_span_put(out, PF_LIT("-")));
}

static const char *encode(struct pf_bytes in, struct pf_span *out)
{
    struct run run = {0};

    if (!pf_span_put(out, PF_LIT(".")))
        return PF_WORDS("is too long");
    while (in.len) {
        uint32_t c = 0;
        size_t len = decode(in, &c);

        if (!len || c < 0x20 || c == 0x7f)
            return PF_WORDS("is no text in UTF-8");
        if ((c == '.' || c == '/') && out->at[out->len - 1] == '.')
            return PF_WORDS("has a level without a name");
        if (!put_char(&run, out, c))
            return PF_WORDS("is too long");
        in = pf_bytes_skip(in, len);
    }
    if (!run_end(&run, out))
        return PF_WORDS("is too long");
    return out->at[out->len - 1] == '.' ? PF_WORDS("has a level without a name") : NULL;
}

enum pf_code pf_place_folder_name(const char *given, char room[PF_PLACE_FOLDER_MAX + 1],
                                  struct pf_err *err)
{
    struct pf_span out = {(unsigned char *)room, 0, PF_PLACE_FOLDER_MAX};
    const char *why;

    room[0] = 0;
    if (!given || strcmp(given, "INBOX") == 0)
        return PF_OK;
    why = encode(pf_bytes_of(given), &out);
    if (why)
        return pf_fail(err, PF_CONFIG, 0, where, "the folder \"%s\" %s: name it as Lists/Announce",
                       given, pf_words(why));
    room[out.len] = 0;
    return PF_OK;
}
