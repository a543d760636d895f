#include "unit/cm.h"

#include "base/crlf.h"

static uint64_t size_of(struct pf_bytes text)
{
    struct pf_crlf c = {0};

    pf_crlf_add(&c, text);
    return pf_crlf_total(&c);
}

static void line_ends_count_two(void **state)
{
    (void)state;
    assert_int_equal(size_of(PF_LIT("")), 0);
    assert_int_equal(size_of(PF_LIT("a\n")), 3);
    assert_int_equal(size_of(PF_LIT("a\r\n")), 3);
    assert_int_equal(size_of(PF_LIT("\n\n\r\n\n")), 8);
    assert_int_equal(size_of(PF_LIT("a\r\r\n")), 4);
}

static void lone_cr_and_nul_are_octets(void **state)
{
    (void)state;
    assert_int_equal(size_of(PF_LIT("a\rb\n")), 5);
    assert_int_equal(size_of(PF_LIT("\0\0\n")), 4);
}

static void an_unfinished_last_line_gets_its_end(void **state)
{
    (void)state;
    assert_int_equal(size_of(PF_LIT("a")), 3);
    assert_int_equal(size_of(PF_LIT("a\nb")), 6);
    assert_int_equal(size_of(PF_LIT("a\r")), 4);
}

/* A text in which all pairs of CR, LF and others occur, at all places of a block. */
static void make_text(unsigned char *text, size_t len)
{
    static const unsigned char alphabet[] = {'\r', '\n', 'x', 0};
    uint32_t dice = 88172645u;

    for (size_t i = 0; i < len; i++) {
        dice ^= dice << 13, dice ^= dice >> 17, dice ^= dice << 5;
        text[i] = alphabet[dice % sizeof alphabet];
    }
}

static void blocks_count_as_octets_do(void **state)
{
    static unsigned char text[20000];

    (void)state;
    make_text(text, sizeof text);
    for (size_t at = 0; at < 40; at++)
        for (size_t len = 0; len < 120; len++)
            assert_int_equal(pf_crlf_bare(text + at, len), pf_crlf_bare_scalar(text + at, len));
    assert_int_equal(pf_crlf_bare(text, sizeof text), pf_crlf_bare_scalar(text, sizeof text));
    memset(text, '\n', sizeof text);
    assert_int_equal(pf_crlf_bare(text, sizeof text), sizeof text - 1);
}

static void any_cut_counts_the_same(void **state)
{
    unsigned char text[150];
    uint64_t whole;

    (void)state;
    make_text(text, sizeof text);
    whole = size_of(pf_bytes_from(text, sizeof text));
    for (size_t a = 0; a <= sizeof text; a++)
        for (size_t b = a; b <= sizeof text; b++) {
            struct pf_crlf c = {0};

            pf_crlf_add(&c, pf_bytes_from(text, a));
            pf_crlf_add(&c, pf_bytes_from(text + a, b - a));
            pf_crlf_add(&c, pf_bytes_from(text + b, sizeof text - b));
            assert_int_equal(pf_crlf_total(&c), whole);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(line_ends_count_two), T(lone_cr_and_nul_are_octets),
        T(an_unfinished_last_line_gets_its_end), T(blocks_count_as_octets_do),
        T(any_cut_counts_the_same),
    };

    return RUN(tests);
}
