#include "store/conform.h"

#include "unit/cm.h"

enum {
    LONG_LINE = 100 * 1024,
    LARGE = 3 << 20
};

#define TEXT(literal) {(const unsigned char *)(literal), sizeof(literal) - 1}

static const struct pf_bytes small[] = {
    TEXT(""),
    TEXT("\n"),
    TEXT("\r\n"),
    TEXT("\r"),
    TEXT("."),
    TEXT(".\n"),
    TEXT("a"),
    TEXT("From: a\nTo: b\n\nline\n"),
    TEXT("From: a\r\nTo: b\r\n\r\nline\r\n"),
    TEXT("mixed\nline\r\nends\rhere\r\r\nand\n\rthere\r\n\n"),
    TEXT("no line end"),
    TEXT("no line end\r"),
    TEXT("CRLF but not at the end\r\nhere"),
    TEXT(".leading dot\n..two\n...\n.\n.\r\n.."),
    TEXT("\n.\n.\n"),
    TEXT("nul \0 here\n\0\n\0"),
    TEXT("\0"),
    TEXT("\xe4\xf6\xfc \xff\xfe \x80\n\xc3\xa4 \xe2\x82\xac\n"),
    TEXT("From \n>From \nFrom me Mon Jan  1 00:00:00 2001\n"),
    TEXT("X-UIDL: 1\nContent-Length: 4711\nStatus: RO\n\n\x1a\x04 ends\n"),
};

static unsigned char long_line[LONG_LINE], lines[LARGE], octets[LARGE];

/* Two large ones: lines of all lengths with all ends, and octets of every value in any order. */
static void fill(void)
{
    static const char *const ends[] = {"\n", "\r\n", "\n.", "\r\n.."};
    struct dice dice = {42};
    size_t at = 0;

    memset(long_line, 'x', sizeof long_line);
    long_line[LONG_LINE - 1] = '\n';
    while (at < LARGE) {
        const char *end = ends[roll(&dice, 4)];
        size_t len = roll(&dice, 200);

        for (; len > 0 && at < LARGE; len--)
            lines[at++] = (unsigned char)('a' + len % 26);
        for (; *end && at < LARGE; end++)
            lines[at++] = (unsigned char)*end;
    }
    for (at = 0; at < LARGE; at++)
        octets[at] = (unsigned char)roll(&dice, 256);
}

struct pf_bytes nasty(unsigned index)
{
    enum { SMALL = sizeof small / sizeof small[0] };
    static bool filled;

    _Static_assert(SMALL + 3 == NASTY_COUNT, "the count in conform.h");
    if (!filled)
        fill();
    filled = true;
    if (index < SMALL)
        return small[index];
    assert_true(index < NASTY_COUNT);
    if (index == SMALL)
        return pf_bytes_from(long_line, sizeof long_line);
    return index == SMALL + 1 ? pf_bytes_from(lines, sizeof lines) : pf_bytes_from(octets, sizeof octets);
}
