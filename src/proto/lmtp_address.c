#include "proto/lmtp_address.h"

#include "base/text.h"

struct reader {
    struct pf_bytes left;
    bool utf8;
    bool too_long;
};

static bool next_is(const struct reader *r, unsigned char c)
{
    return r->left.len && r->left.at[0] == c;
}

static bool take(struct reader *r, unsigned char c)
{
    if (!next_is(r, c))
        return false;
    r->left = pf_bytes_skip(r->left, 1);
    return true;
}

/* Octets of the character beyond ASCII at the start, 0 for none or one that is not UTF-8 (RFC 3629:
 * nothing overlong, no surrogates, nothing above U+10FFFF; and no C1 control either). */
static size_t wide(struct pf_bytes b)
{
    static const struct {
        unsigned char first, last, second_low, second_high;
        size_t len;
    } forms[] = {
        {0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (b.len < forms[i].len || b.at[0] < forms[i].first || b.at[0] > forms[i].last ||
            b.at[1] < forms[i].second_low || b.at[1] > forms[i].second_high)
            continue;
        for (size_t n = 2; n < forms[i].len; n++)
            if ((b.at[n] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

/* Puts n octets of the input; what does not fit below `end` is only remembered. */
static void keep(struct reader *r, struct pf_span *out, size_t n, size_t end)
{
    if (out->len + n > end)
        r->too_long = true;
    else
        pf_span_put(out, pf_bytes_head(r->left, n));
    r->left = pf_bytes_skip(r->left, n);
}

static bool keep_wide(struct reader *r, struct pf_span *out, size_t end)
{
    size_t n = wide(r->left);

    if (n == 0)
        return false;
    r->utf8 = true;
    keep(r, out, n, end);
    return true;
}

static bool is_alnum(unsigned char c)
{
    return pf_is_digit(c) || (pf_lower(c) >= 'a' && pf_lower(c) <= 'z');
}

static bool is_atext(unsigned char c)
{
    return is_alnum(c) || (c && memchr("!#$%&'*+-/=?^_`{|}~", c, 19));
}

/* atom *("." atom) */
static bool dot_string(struct reader *r, struct pf_span *out)
{
    do {
        size_t left = r->left.len;

        while (r->left.len) {
            if (is_atext(r->left.at[0]))
                keep(r, out, 1, PF_LMTP_LOCAL_MAX);
            else if (!keep_wide(r, out, PF_LMTP_LOCAL_MAX))
                break;
        }
        if (r->left.len == left)
            return false;
        if (!next_is(r, '.'))
            return true;
        keep(r, out, 1, PF_LMTP_LOCAL_MAX);
    } while (true);
}

/* The content of a quoted string, without its backslashes; the opening quote was taken. */
static bool quoted(struct reader *r, struct pf_span *out)
{
    while (!take(r, '"')) {
        if (take(r, '\\')) {
            if (!r->left.len || r->left.at[0] < 0x20 || r->left.at[0] >= 0x7f)
                return false;
            keep(r, out, 1, PF_LMTP_LOCAL_MAX);
        } else if (r->left.len && r->left.at[0] >= 0x20 && r->left.at[0] < 0x7f) {
            keep(r, out, 1, PF_LMTP_LOCAL_MAX);
        } else if (!keep_wide(r, out, PF_LMTP_LOCAL_MAX)) {
            return false;
        }
    }
    return true;
}

static bool needs_quotes(struct pf_bytes content)
{
    unsigned char room[PF_LMTP_LOCAL_MAX];
    struct pf_span out = {room, 0, sizeof room};
    struct reader r = {.left = content};

    return !dot_string(&r, &out) || r.left.len;
}

static bool quote(struct reader *r, struct pf_bytes content, struct pf_span *out)
{
    struct pf_span whole = {out->at, 0, PF_LMTP_LOCAL_MAX};
    bool fits = pf_span_put(&whole, PF_LIT("\""));

    for (size_t i = 0; i < content.len; i++) {
        if (content.at[i] == '"' || content.at[i] == '\\')
            fits = pf_span_put(&whole, PF_LIT("\\")) && fits;
        fits = pf_span_put(&whole, pf_bytes_from(content.at + i, 1)) && fits;
    }
    fits = pf_span_put(&whole, PF_LIT("\"")) && fits;
    out->len = whole.len;
    r->too_long = r->too_long || !fits;
    return true;
}

static bool local_part(struct reader *r, struct pf_span *out)
{
    unsigned char room[PF_LMTP_LOCAL_MAX];
    struct pf_span content = {room, 0, sizeof room};

    if (!take(r, '"'))
        return dot_string(r, out);
    if (!quoted(r, &content))
        return false;
    if (needs_quotes(pf_span_bytes(&content)))
        return quote(r, pf_span_bytes(&content), out);
    pf_span_put(out, pf_span_bytes(&content));
    return true;
}

/* Letters, digits and inner hyphens; underscores are no letters, but hosts have them. */
static bool label(struct reader *r, struct pf_span *out, size_t end)
{
    size_t left = r->left.len;
    unsigned char last = '-';

    if (next_is(r, '-'))
        return false;
    while (r->left.len) {
        unsigned char c = r->left.at[0];

        if (is_alnum(c) || c == '-' || c == '_')
            keep(r, out, 1, end);
        else if (!keep_wide(r, out, end))
            break;
        last = c;
    }
    return r->left.len < left && last != '-';
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": what stands inside is for the world to understand. */
static bool literal(struct reader *r, struct pf_span *out, size_t end)
{
    size_t left;

    keep(r, out, 1, end);
    left = r->left.len;
    while (r->left.len && (is_alnum(r->left.at[0]) || memchr(".:-", r->left.at[0], 3)))
        keep(r, out, 1, end);
    if (r->left.len == left || !next_is(r, ']'))
        return false;
    keep(r, out, 1, end);
    return true;
}

static bool domain(struct reader *r, struct pf_span *out)
{
    size_t end = out->len + PF_LMTP_DOMAIN_MAX;

    if (next_is(r, '['))
        return literal(r, out, end);
    while (label(r, out, end)) {
        if (!next_is(r, '.'))
            return true;
        keep(r, out, 1, end);
    }
    return false;
}

/* "@a,@b:" is read and forgotten. */
static bool route(struct reader *r)
{
    unsigned char room[PF_LMTP_DOMAIN_MAX];

    while (take(r, '@')) {
        struct pf_span out = {room, 0, sizeof room};

        if (!domain(r, &out))
            return false;
        if (take(r, ':'))
            return true;
        if (!take(r, ','))
            return false;
    }
    return false;
}

static bool mailbox(struct reader *r, struct pf_span *out)
{
    if (next_is(r, '@') && !route(r))
        return false;
    if (!local_part(r, out) || !next_is(r, '@'))
        return false;
    keep(r, out, 1, PF_LMTP_LOCAL_MAX + 1);
    return domain(r, out);
}

static bool postmaster(struct reader *r, struct pf_span *out)
{
    struct pf_bytes word = PF_LIT("postmaster");

    if (r->left.len <= word.len || r->left.at[word.len] != '>' ||
        !pf_equal_nocase(pf_bytes_head(r->left, word.len), word))
        return false;
    r->left = pf_bytes_skip(r->left, word.len);
    pf_span_put(out, word);
    return true;
}

enum pf_lmtp_path_fault pf_lmtp_path_read(struct pf_bytes in, enum pf_lmtp_path_kind kind,
                                          struct pf_lmtp_path *out_path)
{
    struct reader r = {.left = in};
    struct pf_span *out = &out_path->address;
    bool good;

    *out = (struct pf_span){out_path->room, 0, sizeof out_path->room};
    if (!take(&r, '<'))
        return PF_LMTP_PATH_SYNTAX;
    if (kind == PF_LMTP_REVERSE && next_is(&r, '>'))
        good = true;
    else
        good = (kind == PF_LMTP_FORWARD && postmaster(&r, out)) || mailbox(&r, out);
    if (!good || !take(&r, '>'))
        return PF_LMTP_PATH_SYNTAX;
    out_path->rest = r.left;
    out_path->utf8 = r.utf8;
    return r.too_long ? PF_LMTP_PATH_TOO_LONG : PF_LMTP_PATH_GOOD;
}
