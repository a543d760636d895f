#include "tool/explore_text.h"

#include "conf/utf8.h"

#include <langinfo.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

enum {
    TAB = 8,
    MARKS_MOST = 4, /* combining characters on one; a cell of curses has room for no more */
    SHOWN = 16      /* octets of "<U+10FFFF>" with room */
};

static bool is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The character of n octets, 1 to 4, that are valid UTF-8. */
static uint32_t decode(const unsigned char *at, size_t n)
{
    uint32_t c = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (at[i] & 0x3fu);
    return c;
}

/* Characters that change the order in which others are read: a name like "exe.gpj" is made with them. */
static bool turns(uint32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Its width, or -1: it may not be shown. */
static int width_of(uint32_t c, bool utf8)
{
    if (c < 0x80)
        return c >= ' ' && c < 0x7f ? 1 : -1;
    if (!utf8 || turns(c) || c == 0x2028 || c == 0x2029)
        return -1;
    return wcwidth((wchar_t)c);
}

struct cleaning {
    enum pf_explore_clean how;
    bool utf8;
    char *out;
    size_t len, cap, column;
    unsigned marks;
};

static bool put(struct cleaning *c, const void *at, size_t len, size_t columns)
{
    if (len > c->cap - c->len)
        return false;
    memcpy(c->out + c->len, at, len);
    c->len += len;
    c->column += columns;
    return true;
}

static bool put_blank(struct cleaning *c, unsigned char octet)
{
    static const char blanks[TAB + 1] = "        ";

    c->marks = 0;
    if (c->how == PF_EXPLORE_LINE)
        return c->len == 0 || c->out[c->len - 1] == ' ' || put(c, " ", 1, 1);
    if (octet == '\t')
        return put(c, blanks, TAB - c->column % TAB, TAB - c->column % TAB);
    c->column = 0;
    return put(c, "\n", 1, 0);
}

/* What may not be shown as it is: `at` is one character, or one octet that is none. */
static bool put_strange(struct cleaning *c, const unsigned char *at, size_t len)
{
    char shown[SHOWN];
    int n;

    c->marks = 0;
    if (c->how != PF_EXPLORE_RAW)
        return put(c, "?", 1, 1);
    if (len == 1 && (*at < ' ' || *at == 0x7f))
        n = snprintf(shown, sizeof shown, "^%c", *at ^ 0x40);
    else if (len == 1 || (len == 2 && *at == 0xc2))
        n = snprintf(shown, sizeof shown, "<%02x>", at[len - 1]);
    else
        n = snprintf(shown, sizeof shown, "<U+%04X>", (unsigned)decode(at, len));
    return put(c, shown, (size_t)n, (size_t)n);
}

static bool put_character(struct cleaning *c, const unsigned char *at, size_t len)
{
    int width = width_of(decode(at, len), c->utf8);

    if (width < 0)
        return put_strange(c, at, len);
    if (width > 0)
        c->marks = 0;
    else if (c->column == 0 || c->marks++ >= MARKS_MOST)
        return true; /* nothing to stand on, or a pile */
    return put(c, at, len, (size_t)width);
}

/* One step; the octets that it took, or 0: there is no more room. */
static size_t step(struct cleaning *c, struct pf_bytes in)
{
    size_t n = pf_conf_utf8(in);
    bool good;

    if (in.at[0] == '\r' && in.len > 1 && in.at[1] == '\n' && c->how != PF_EXPLORE_LINE)
        good = put_blank(c, '\n'), n = 2;
    else if (in.at[0] == '\n' || in.at[0] == '\t' || (in.at[0] == '\r' && c->how == PF_EXPLORE_LINE))
        good = put_blank(c, in.at[0]), n = 1;
    else if (n == 0)
        good = put_strange(c, in.at, n = 1);
    else
        good = put_character(c, in.at, n);
    return good ? n : 0;
}

char *pf_explore_clean(struct pf_bytes in, enum pf_explore_clean how, size_t cap)
{
    struct cleaning c = {.how = how, .utf8 = is_utf8()};
    size_t n, most;

    /* No octet becomes more than TAB of them, and no character of several more than SHOWN. */
    most = in.len < cap / TAB ? in.len * TAB : cap;
    c.out = malloc(most + 1);
    if (!c.out)
        return NULL;
    c.cap = most;
    while (in.len && (n = step(&c, in)) > 0)
        in = pf_bytes_skip(in, n);
    c.out[c.len] = 0;
    return c.out;
}

unsigned pf_explore_cell(const char *text, size_t *out_len)
{
    size_t n = pf_conf_utf8(pf_bytes_from(text, strnlen(text, 4)));
    int width = n ? width_of(decode((const unsigned char *)text, n), is_utf8()) : 1;

    *out_len = n ? n : 1;
    return width > 0 ? (unsigned)width : 0;
}

size_t pf_explore_width(const char *text)
{
    size_t columns = 0, len;

    for (; *text; text += len)
        columns += pf_explore_cell(text, &len);
    return columns;
}

size_t pf_explore_fit(char *out, size_t cap, const char *text, size_t columns, bool pad)
{
    size_t at = 0, column = 0, last = 0, last_column = 0, len;

    while (text[at]) {
        unsigned width = pf_explore_cell(text + at, &len);

        if (column + width > columns || at + len + columns + 1 > cap + column)
            break;
        if (column + width < columns) { /* room for the sign that more would come */
            last = at + len;
            last_column = column + width;
        }
        at += len;
        column += width;
    }
    if (text[at] && columns) {
        at = last;
        column = last_column;
    }
    memcpy(out, text, at);
    if (text[at] && columns && at + 1 < cap)
        out[at++] = '~', column++;
    for (; pad && column < columns && at + 1 < cap; column++)
        out[at++] = ' ';
    out[at] = 0;
    return at;
}

/* One character in its small form. */
static uint32_t folded(const char *text, size_t *out_len)
{
    size_t n = pf_conf_utf8(pf_bytes_from(text, strnlen(text, 4)));

    *out_len = n ? n : 1;
    return n ? (uint32_t)towlower((wint_t)decode((const unsigned char *)text, n)) : (unsigned char)*text;
}

static bool begins(const char *text, const char *needle)
{
    size_t a, b;

    for (; *needle; text += a, needle += b)
        if (!*text || folded(text, &a) != folded(needle, &b))
            return false;
    return true;
}

bool pf_explore_has(const char *text, const char *needle)
{
    size_t len;

    for (;; text += len) {
        if (begins(text, needle))
            return true;
        if (!*text)
            return false;
        folded(text, &len);
    }
}

int pf_explore_compare(const char *a, const char *b)
{
    while (*a && *b) {
        size_t n, m;
        uint32_t c = folded(a, &n), d = folded(b, &m);

        if (c != d)
            return c < d ? -1 : 1;
        a += n;
        b += m;
    }
    return (*a != 0) - (*b != 0);
}

void pf_explore_size(uint64_t octets, char out[8])
{
    static const char units[] = "kMGTPE";
    uint64_t tenths;
    unsigned unit = 0;

    if (octets < 10000) {
        snprintf(out, 8, "%u", (unsigned)octets);
        return;
    }
    while (octets >= 1024000 && units[unit + 1]) {
        octets /= 1024;
        unit++;
    }
    tenths = octets * 10 / 1024;
    if (tenths < 1000)
        snprintf(out, 8, "%u.%u%c", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
    else
        snprintf(out, 8, "%u%c", (unsigned)(tenths / 10 % 100000), units[unit]);
}

static bool add_line(struct pf_explore_lines *lines, size_t at, size_t len)
{
    if (lines->count == lines->room) {
        size_t room = lines->room ? lines->room * 2 : 256;
        struct pf_explore_piece *list = reallocarray(lines->list, room, sizeof *list);

        if (!list)
            return false;
        lines->list = list;
        lines->room = room;
    }
    lines->list[lines->count++] = (struct pf_explore_piece){(uint32_t)at, (uint32_t)len};
    return true;
}

/* Where the line that begins at `at` ends in `columns`; *out_next is where the next one begins. */
static size_t line_end(const char *text, size_t at, size_t columns, size_t *out_next)
{
    size_t i = at, column = 0, blank = 0, len = 0;

    for (; text[i] && text[i] != '\n'; i += len) {
        unsigned width = pf_explore_cell(text + i, &len);

        if (column + width > columns && i > at)
            break;
        if (text[i] == ' ' && i > at)
            blank = i;
        column += width;
    }
    *out_next = text[i] == '\n' ? i + 1 : i;
    if (!text[i] || text[i] == '\n')
        return i;
    if (text[i] == ' ')
        blank = i;
    if (!blank)
        return i;
    for (*out_next = blank; text[*out_next] == ' '; ++*out_next)
        continue;
    if (text[*out_next] == '\n')
        ++*out_next;
    return blank;
}

bool pf_explore_wrap(struct pf_explore_lines *lines, const char *text, size_t columns)
{
    size_t at = 0, next;

    lines->count = 0;
    if (strnlen(text, UINT32_MAX) == UINT32_MAX)
        return false;
    while (text[at]) {
        size_t end = line_end(text, at, columns ? columns : 1, &next);

        if (!add_line(lines, at, end - at))
            return false;
        at = next;
    }
    return true;
}

void pf_explore_lines_done(struct pf_explore_lines *lines)
{
    free(lines->list);
    *lines = (struct pf_explore_lines){0};
}
