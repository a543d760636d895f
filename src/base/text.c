#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool pf_equal_nocase(struct pf_bytes a, struct pf_bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (pf_lower(a.at[i]) != pf_lower(b.at[i]))
            return false;
    return true;
}

bool pf_parse_u64(struct pf_bytes b, uint64_t *out_number)
{
    uint64_t number = 0;

    if (b.len == 0)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (!pf_is_digit(b.at[i]) || __builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(b.at[i] - '0'), &number))
            return false;
    }
    *out_number = number;
    return true;
}

bool pf_span_decimal(struct pf_span *s, uint64_t number)
{
    unsigned char digits[20]; /* 2^64 - 1 has twenty */
    size_t at = sizeof digits;

    do {
        digits[--at] = (unsigned char)('0' + number % 10);
        number /= 10;
    } while (number);
    return pf_span_put(s, pf_bytes_from(digits + at, sizeof digits - at));
}

bool pf_span_format(struct pf_span *s, const char *format, ...)
{
    char text[1024]; /* a reply line has at most 512 octets; log fields go another way */
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof text)
        return false;
    return pf_span_put(s, pf_bytes_from(text, (size_t)len));
}

char *pf_text_copy(struct pf_bytes b)
{
    char *copy = malloc(b.len + 1);

    if (!copy)
        return NULL;
    if (b.len)
        memcpy(copy, b.at, b.len);
    copy[b.len] = 0;
    return copy;
}

void pf_wipe(void *at, size_t len)
{
    if (len)
        explicit_bzero(at, len);
}

bool pf_equal_secret(struct pf_bytes a, struct pf_bytes b)
{
    unsigned char differs = a.len != b.len;

    for (size_t i = 0; i < a.len && i < b.len; i++)
        differs = (unsigned char)(differs | (a.at[i] ^ b.at[i]));
    return !differs;
}

void pf_text_safe(char *out_text, size_t cap, struct pf_bytes b)
{
    size_t len = b.len < cap - 1 ? b.len : cap - 1;

    for (size_t i = 0; i < len; i++)
        out_text[i] = b.at[i] >= 0x20 && b.at[i] < 0x7f ? (char)b.at[i] : '?';
    out_text[len] = 0;
}

size_t pf_find(struct pf_bytes b, unsigned char c)
{
    const unsigned char *hit = b.len ? memchr(b.at, c, b.len) : NULL;

    return hit ? (size_t)(hit - b.at) : b.len;
}
