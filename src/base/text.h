/* Text: small words on octets. ASCII only; no locale has a say in a protocol. */
#ifndef POSTFACH_BASE_TEXT_H
#define POSTFACH_BASE_TEXT_H

#include <postfach/bytes.h>

static inline unsigned char pf_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static inline bool pf_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Equal without regard to ASCII case. */
bool pf_equal_nocase(struct pf_bytes a, struct pf_bytes b);

/* A plain decimal number: digits only, at least one, leading zeros allowed, no sign; false when it
 * is anything else or does not fit. */
bool pf_parse_u64(struct pf_bytes b, uint64_t *out_number);

/* Puts a decimal number; all or nothing. */
bool pf_span_decimal(struct pf_span *, uint64_t number);

/* Puts formatted text; all or nothing. */
bool pf_span_format(struct pf_span *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A copy as a C string, from malloc; NULL without memory. Not strndup(3), which looks for a NUL that views lack. */
char *pf_text_copy(struct pf_bytes b);

/* Overwrites memory in a way that the compiler cannot leave out. */
void pf_wipe(void *at, size_t len);

/* Equal, in a time that depends on the lengths only. */
bool pf_equal_secret(struct pf_bytes a, struct pf_bytes b);

/* Copies into a C string of `cap` octets, replacing what is not printable ASCII (and NUL) by '?';
 * cuts when it does not fit. For logs and messages, never for decisions. */
void pf_text_safe(char *out_text, size_t cap, struct pf_bytes b);

/* The first octet c in b, or b.len. */
size_t pf_find(struct pf_bytes b, unsigned char c);

#endif
