#include "proto/proxy_address.h"

#include "base/text.h"

#include <string.h>

bool pf_proxy_number(struct pf_bytes text, unsigned max, unsigned *out)
{
    uint64_t number;

    if (text.len == 0 || (text.len > 1 && text.at[0] == '0') || !pf_parse_u64(text, &number) || number > max)
        return false;
    *out = (unsigned)number;
    return true;
}

bool pf_proxy_ipv4(struct pf_bytes text, unsigned char out[4])
{
    unsigned char octets[4];

    for (size_t i = 0; i < 4; i++) {
        size_t dot = i < 3 ? pf_find(text, '.') : text.len;
        unsigned octet;

        if ((i < 3 && dot == text.len) || !pf_proxy_number(pf_bytes_head(text, dot), 255, &octet))
            return false;
        octets[i] = (unsigned char)octet;
        text = pf_bytes_skip(text, i < 3 ? dot + 1 : dot);
    }
    memcpy(out, octets, 4);
    return true;
}

static int hex_digit(unsigned char c)
{
    if (pf_is_digit(c))
        return c - '0';
    c = pf_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four digits. */
static bool group(struct pf_bytes text, unsigned char out[2])
{
    unsigned value = 0;

    if (text.len == 0 || text.len > 4)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (hex_digit(text.at[i]) < 0)
            return false;
        value = value << 4 | (unsigned)hex_digit(text.at[i]);
    }
    out[0] = (unsigned char)(value >> 8);
    out[1] = (unsigned char)value;
    return true;
}

/* Groups with colons between them, up to 16 octets; the last 32 bits may be an IPv4 address. */
static bool groups(struct pf_bytes text, bool ends, unsigned char out[16], size_t *out_len)
{
    size_t len = 0;

    while (text.len) {
        size_t colon = pf_find(text, ':');
        bool last = colon == text.len;

        if (last && ends && len <= 12 && pf_proxy_ipv4(text, out + len)) {
            *out_len = len + 4;
            return true;
        }
        if (len == 16 || !group(pf_bytes_head(text, colon), out + len))
            return false;
        len += 2;
        text = pf_bytes_skip(text, last ? colon : colon + 1);
        if (!last && text.len == 0) /* a colon and nothing behind it */
            return false;
    }
    *out_len = len;
    return true;
}

/* Where "::" stands, or the text's length. */
static size_t find_gap(struct pf_bytes text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.at[i] == ':' && text.at[i + 1] == ':')
            return i;
    return text.len;
}

bool pf_proxy_ipv6(struct pf_bytes text, unsigned char out[16])
{
    size_t gap = find_gap(text), head_len, tail_len = 0;
    bool has_gap = gap < text.len;
    unsigned char head[16], tail[16];

    if (!groups(pf_bytes_head(text, gap), !has_gap, head, &head_len))
        return false;
    if (has_gap && !groups(pf_bytes_skip(text, gap + 2), true, tail, &tail_len))
        return false;
    if (has_gap ? head_len + tail_len > 14 : head_len != 16) /* "::" stands for one group at least */
        return false;
    memset(out, 0, 16);
    memcpy(out, head, head_len);
    memcpy(out + 16 - tail_len, tail, tail_len);
    return true;
}
