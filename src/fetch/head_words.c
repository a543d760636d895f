#include "fetch/head_words.h"

#include "base/text.h"
#include "proto/b64.h"

enum {
    LONGEST = 75 * 4, /* of a word; section 2 allows 75 octets, and some mail programs take more */
    CONTROLS = 0x80,  /* first of those that Windows-1252 has made letters of */
    LETTERS = 0xA0
};

enum charset { UTF_8, LATIN_1, LATIN_9, WINDOWS_1252, OTHER };

static const struct {
    const char *name;
    enum charset charset;
} charsets[] = {{"utf-8", UTF_8},        {"utf8", UTF_8},           {"us-ascii", UTF_8},
                {"iso-8859-1", LATIN_1}, {"iso-8859-15", LATIN_9}, {"windows-1252", WINDOWS_1252}};

/* 0: no letter. */
static const uint16_t windows[LETTERS - CONTROLS] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

struct word {
    enum charset charset;
    bool base64;
    struct pf_bytes text;
};

/* A language may follow the charset (RFC 2231 section 5). */
static enum charset charset_of(struct pf_bytes name)
{
    name = pf_bytes_head(name, pf_find(name, '*'));
    for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
        if (pf_equal_nocase(name, pf_bytes_of(charsets[i].name)))
            return charsets[i].charset;
    return OTHER;
}

/* The part up to '?', which is taken off with it. */
static bool part(struct pf_bytes *rest, struct pf_bytes *out)
{
    size_t end = pf_find(*rest, '?');

    *out = pf_bytes_head(*rest, end);
    if (end == rest->len)
        return false;
    *rest = pf_bytes_skip(*rest, end + 1);
    return true;
}

/* An encoded word at the beginning: how long it is; 0: there is none. */
static size_t read_word(struct pf_bytes in, struct word *out)
{
    struct pf_bytes rest = pf_bytes_head(pf_bytes_skip(in, 2), LONGEST), name, how;

    if (!pf_bytes_equal(pf_bytes_head(in, 2), PF_LIT("=?")) || !part(&rest, &name) || !part(&rest, &how) ||
        !part(&rest, &out->text) || !rest.len || rest.at[0] != '=' || how.len != 1)
        return 0;
    out->charset = charset_of(name);
    out->base64 = pf_lower(how.at[0]) == 'b';
    if (out->charset == OTHER || (!out->base64 && pf_lower(how.at[0]) != 'q'))
        return 0;
    return (size_t)(rest.at - in.at) + 1;
}

static int digit(unsigned char c)
{
    c = pf_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Section 4.2. */
static bool decode_q(struct pf_bytes in, struct pf_span *out)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.at[i];
        int high, low;

        if (c == '=') {
            if (in.len - i < 3 || (high = digit(in.at[i + 1])) < 0 || (low = digit(in.at[i + 2])) < 0)
                return false;
            c = (unsigned char)(high << 4 | low);
            i += 2;
        } else if (c == '_') {
            c = ' ';
        } else if (c <= ' ' || c >= 0x7f) {
            return false;
        }
        if (!pf_span_put(out, pf_bytes_from(&c, 1)))
            return false;
    }
    return true;
}

static unsigned letter_of(unsigned char c, enum charset charset)
{
    if (charset == WINDOWS_1252 && c >= CONTROLS && c < LETTERS)
        return windows[c - CONTROLS];
    return charset == LATIN_9 && c == 0xA4 ? 0x20AC : c;
}

static bool put_letter(unsigned letter, struct pf_span *out)
{
    unsigned char text[3] = {(unsigned char)letter};
    size_t len = 1;

    if (letter >= 0x800) {
        text[0] = (unsigned char)(0xE0 | letter >> 12);
        text[1] = (unsigned char)(0x80 | (letter >> 6 & 0x3F));
        text[2] = (unsigned char)(0x80 | (letter & 0x3F));
        len = 3;
    } else if (letter >= 0x80) {
        text[0] = (unsigned char)(0xC0 | letter >> 6);
        text[1] = (unsigned char)(0x80 | (letter & 0x3F));
        len = 2;
    }
    return pf_span_put(out, pf_bytes_from(text, len));
}

static bool decode(const struct word *word, struct pf_span *out)
{
    unsigned char room[LONGEST];
    struct pf_span octets = {room, 0, sizeof room};

    if (word->text.len > LONGEST ||
        !(word->base64 ? pf_b64_decode(word->text, &octets) : decode_q(word->text, &octets)))
        return false;
    if (word->charset == UTF_8)
        return pf_span_put(out, pf_span_bytes(&octets));
    for (size_t i = 0; i < octets.len; i++)
        if (!put_letter(letter_of(room[i], word->charset), out))
            return false;
    return true;
}

static size_t blanks(struct pf_bytes b)
{
    size_t n = 0;

    while (n < b.len && (b.at[n] == ' ' || b.at[n] == '\t'))
        n++;
    return n;
}

bool pf_head_words(struct pf_bytes line, struct pf_span *out)
{
    bool any = false, behind = false; /* behind: an encoded word */

    while (line.len) {
        size_t gap = behind ? blanks(line) : 0;
        struct word word;
        struct pf_bytes next = pf_bytes_skip(line, gap);
        size_t len = read_word(next, &word), before = out->len;

        behind = len && decode(&word, out);
        any |= behind;
        if (behind) {
            line = pf_bytes_skip(next, len);
            continue;
        }
        out->len = before;
        if (!pf_span_put(out, pf_bytes_head(line, gap + (next.len > 0))))
            return false;
        line = pf_bytes_skip(next, 1);
    }
    return any;
}
