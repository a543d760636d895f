#include "proto/b64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Its value, or 64 and more for an octet that is none. Table-free: what is decoded may be secret,
 * and a table's cache lines would tell of it. */
static unsigned value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : 64;
}

/* One group of four with `pads` '=' at its end; false when it is none. */
static bool group(const unsigned char *at, unsigned pads, struct pf_span *out)
{
    uint32_t bits = 0;
    unsigned char octets[3];

    for (unsigned i = 0; i < 4; i++) {
        unsigned v = i < 4 - pads ? value(at[i]) : 0;

        if (v > 63)
            return false;
        bits = bits << 6 | v;
    }
    if ((pads == 1 && bits & 0xff) || (pads == 2 && bits & 0xffff))
        return false;
    octets[0] = (unsigned char)(bits >> 16);
    octets[1] = (unsigned char)(bits >> 8);
    octets[2] = (unsigned char)bits;
    return pf_span_put(out, pf_bytes_from(octets, 3 - pads));
}

bool pf_b64_decode(struct pf_bytes in, struct pf_span *out)
{
    size_t old = out->len;

    if (in.len % 4)
        return false;
    for (size_t i = 0; i < in.len; i += 4) {
        unsigned pads = 0;

        if (i + 4 == in.len && in.at[i + 3] == '=')
            pads = in.at[i + 2] == '=' ? 2 : 1;
        if (!group(in.at + i, pads, out)) {
            out->len = old;
            return false;
        }
    }
    return true;
}

bool pf_b64_encode(struct pf_bytes in, struct pf_span *out)
{
    if ((in.len + 2) / 3 > pf_span_room(out) / 4)
        return false;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t bits = (uint32_t)in.at[i] << 16;
        unsigned char *to = out->at + out->len;

        if (left > 1)
            bits |= (uint32_t)in.at[i + 1] << 8;
        if (left > 2)
            bits |= in.at[i + 2];
        to[0] = (unsigned char)letters[bits >> 18];
        to[1] = (unsigned char)letters[bits >> 12 & 63];
        to[2] = left > 1 ? (unsigned char)letters[bits >> 6 & 63] : '=';
        to[3] = left > 2 ? (unsigned char)letters[bits & 63] : '=';
        out->len += 4;
    }
    return true;
}
