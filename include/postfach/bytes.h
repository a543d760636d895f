/* Bytes: a view of memory that somebody else owns, and a buffer with an end.
 *
 * Mail is octets, not C strings: a NUL may stand anywhere in it, and nothing
 * that comes from a stranger is ever NUL-terminated for our convenience. So
 * every function of Postfach that looks at input takes a `struct pf_bytes`,
 * and every function that writes takes a `struct pf_span` and stops at its
 * end. A view is two words and is passed by value; it never owns what it
 * shows, and says nothing about how long that lives: the function that hands
 * one out says so in its contract.
 *
 * A put into a span is all or nothing: it returns false, with the span
 * unchanged, when the room does not suffice. */
#ifndef POSTFACH_BYTES_H
#define POSTFACH_BYTES_H

#include <postfach/public.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

PF_PUBLIC_BEGIN

struct pf_bytes {
    const unsigned char *at; /* may be NULL only when len is 0 */
    size_t len;
};

struct pf_span {
    unsigned char *at;
    size_t len; /* octets written so far */
    size_t cap; /* octets there is room for; len <= cap */
};

/* A view of a string literal, without its NUL. */
#ifdef __cplusplus
#define PF_LIT(literal) pf_bytes_from("" literal "", sizeof(literal) - 1)
#else
#define PF_LIT(literal) \
    ((struct pf_bytes){(const unsigned char *)("" literal ""), sizeof(literal) - 1})
#endif

static inline struct pf_bytes pf_bytes_of(const char *string)
{
    struct pf_bytes b = {(const unsigned char *)string, strlen(string)};

    return b;
}

static inline struct pf_bytes pf_bytes_from(const void *at, size_t len)
{
    struct pf_bytes b = {(const unsigned char *)at, len};

    return b;
}

/* The view without its first n octets; n may exceed the length. */
static inline struct pf_bytes pf_bytes_skip(struct pf_bytes b, size_t n)
{
    if (n > b.len)
        n = b.len;
    if (n)
        b.at += n;
    b.len -= n;
    return b;
}

/* The first n octets of the view; n may exceed the length. */
static inline struct pf_bytes pf_bytes_head(struct pf_bytes b, size_t n)
{
    if (n < b.len)
        b.len = n;
    return b;
}

static inline bool pf_bytes_equal(struct pf_bytes a, struct pf_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline struct pf_bytes pf_span_bytes(const struct pf_span *s)
{
    return pf_bytes_from(s->at, s->len);
}

static inline size_t pf_span_room(const struct pf_span *s)
{
    return s->cap - s->len;
}

static inline bool pf_span_put(struct pf_span *s, struct pf_bytes b)
{
    if (b.len > s->cap - s->len)
        return false;
    if (b.len)
        memcpy(s->at + s->len, b.at, b.len);
    s->len += b.len;
    return true;
}

PF_PUBLIC_END

#endif
