#include "conf/utf8.h"

static bool trail(struct pf_bytes b, size_t count)
{
    if (b.len <= count)
        return false;
    for (size_t i = 1; i <= count; i++)
        if ((b.at[i] & 0xc0) != 0x80)
            return false;
    return true;
}

size_t pf_conf_utf8(struct pf_bytes b)
{
    unsigned char lead, next;

    if (b.len == 0)
        return 0;
    lead = b.at[0];
    next = b.len > 1 ? b.at[1] : 0;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return trail(b, 1) ? 2 : 0;
    if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f) ||
        (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f))
        return 0;
    if (lead >= 0xe0 && lead <= 0xef)
        return trail(b, 2) ? 3 : 0;
    if (lead >= 0xf0 && lead <= 0xf4)
        return trail(b, 3) ? 4 : 0;
    return 0;
}

bool pf_conf_is_control(struct pf_bytes b)
{
    if (b.len == 0)
        return false;
    if (b.at[0] < 0x20 || b.at[0] == 0x7f)
        return true;
    return b.at[0] == 0xc2 && b.len > 1 && b.at[1] >= 0x80 && b.at[1] <= 0x9f;
}

void pf_conf_clean(char *out_text, size_t cap, struct pf_bytes b)
{
    static const char cut[] = "...";
    size_t used = 0, safe = 0; /* safe: where the cut mark still fits */

    while (b.len) {
        size_t len = pf_conf_utf8(b);
        bool bad = len == 0 || pf_conf_is_control(b);

        if (len == 0)
            len = 1;
        if (used + (bad ? 1 : len) >= cap) {
            memcpy(out_text + safe, cut, sizeof cut);
            return;
        }
        if (bad)
            out_text[used++] = b.at[0] == '\t' ? ' ' : '?';
        else
            memcpy(out_text + used, b.at, len), used += len;
        if (used + sizeof cut <= cap)
            safe = used;
        b = pf_bytes_skip(b, len);
    }
    out_text[used] = 0;
}
