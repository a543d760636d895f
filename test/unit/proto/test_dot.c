#include "unit/cm.h"

#include <stdlib.h>
#include <time.h>

#include <postfach/dot.h>

enum { TEXT_MAX = 700, WIRE_MAX = 2 * TEXT_MAX + 2, GUARD = 64 };

static uint64_t dice;

/* PF_SEED repeats a run that failed. */
static void seed(void)
{
    const char *given = getenv("PF_SEED");
    uint64_t from = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    print_message("# PF_SEED=%llu\n", (unsigned long long)from);
    dice = from * 2 + 1;
}

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (uint32_t)(dice >> 33) % sides;
}

typedef size_t encoder(struct pf_dot *, struct pf_bytes, struct pf_span *);

/* Whole input, enough output, finished. */
static struct pf_dot encode_all(encoder *encode, struct pf_bytes in, struct pf_span *out)
{
    struct pf_dot d;

    pf_dot_init(&d);
    assert_int_equal(encode(&d, in, out), in.len);
    assert_true(pf_dot_finish(&d, out));
    return d;
}

static void check(struct pf_bytes text, struct pf_bytes wire, uint64_t octets)
{
    encoder *const both[] = {pf_dot_encode, pf_dot_encode_scalar};

    for (int i = 0; i < 2; i++) {
        unsigned char room[WIRE_MAX];
        struct pf_span out = {room, 0, sizeof room};
        struct pf_dot d = encode_all(both[i], text, &out);

        assert_int_equal(out.len, wire.len);
        assert_memory_equal(room, wire.at, wire.len);
        assert_int_equal(d.octets, octets);
    }
}

#define CHECK(text, wire, octets) check(PF_LIT(text), PF_LIT(wire), octets)

/* RFC 1939 section 3, and the first line too. */
static void w_026_each_line_that_begins_with_a_dot_gets_one_more(void **state)
{
    (void)state;
    CHECK(".\r\n", "..\r\n", 3);
    CHECK(".", "..\r\n", 3);
    CHECK("..\n.a\na.\n", "...\r\n..a\r\na.\r\n", 4 + 4 + 4);
    CHECK("a\r\n.b\r\n", "a\r\n..b\r\n", 7);
    CHECK("a.b\n", "a.b\r\n", 5);
}

static void w_029_a_missing_line_end_is_added_and_counted(void **state)
{
    (void)state;
    CHECK("abc", "abc\r\n", 5);
    CHECK("abc\n", "abc\r\n", 5);
    CHECK("abc\r\n", "abc\r\n", 5);
    CHECK("abc\r", "abc\r\r\n", 6);
    CHECK("", "", 0);
}

static void w_030_lf_becomes_crlf_and_all_else_stays(void **state)
{
    (void)state;
    CHECK("\n", "\r\n", 2);
    CHECK("\r\n", "\r\n", 2);
    CHECK("\r\r\n", "\r\r\n", 3);
    CHECK("\r\n\n", "\r\n\r\n", 4);
    CHECK("a\rb\n", "a\rb\r\n", 5);
    CHECK("a\r.b\n", "a\r.b\r\n", 6); /* a lone CR ends no line */
}

static void w_031_nul_passes(void **state)
{
    (void)state;
    CHECK("\0a\n\0.\n\0", "\0a\r\n\0.\r\n\0\r\n", 11);
}

/* RFC 1939 section 11: without stuffed dots, line ends count two. */
static void p3_018_size_is_without_stuffed_dots(void **state)
{
    (void)state;
    CHECK(".\n.\n.\n", "..\r\n..\r\n..\r\n", 9);
}

static void finish_is_all_or_nothing(void **state)
{
    unsigned char room[4];
    struct pf_span out = {room, 0, 3};
    struct pf_dot d;

    (void)state;
    pf_dot_init(&d);
    assert_int_equal(pf_dot_encode(&d, PF_LIT("ab"), &out), 2);
    assert_false(pf_dot_finish(&d, &out));
    assert_int_equal(out.len, 2);
    assert_int_equal(d.octets, 2);
    out.cap = 4;
    assert_true(pf_dot_finish(&d, &out));
    assert_true(pf_dot_finish(&d, &out));
    assert_int_equal(out.len, 4);
    assert_int_equal(d.octets, 4);
}

static void an_octet_that_does_not_fit_whole_is_not_taken(void **state)
{
    unsigned char room[300];

    (void)state;
    for (size_t before = 0; before < 200; before++)
        for (int dot = 0; dot < 2; dot++) {
            struct pf_span out = {room, 0, before + 1 + (before && dot)};
            unsigned char text[202];
            struct pf_dot d;

            memset(text, 'x', sizeof text);
            if (before && dot)
                text[before - 1] = '\n';
            text[before] = dot ? '.' : '\n';
            pf_dot_init(&d);
            assert_int_equal(pf_dot_encode(&d, pf_bytes_from(text, before + 1), &out), before);
            assert_int_equal(out.cap - out.len, 1);
        }
}

/* A text of 0 to TEXT_MAX octets: lines of some length over an alphabet in
 * which special octets are more or less rich. */
static size_t random_text(unsigned char *text)
{
    static const unsigned char rich[] = {'\r', '\n', '.', 0, 'a', '\n', '\r', '.'};
    static const uint32_t rareness[] = {1, 2, 5, 20, 70, 400};
    uint32_t rare = rareness[roll(6)], sides = roll(8) + 1;
    size_t len = roll(4) ? roll(TEXT_MAX + 1) : roll(8);

    for (size_t i = 0; i < len; i++)
        text[i] = roll(rare) ? (unsigned char)('a' + roll(26)) : rich[roll(sides)];
    return len;
}

/* Encodes in pieces; each piece of output is followed by a guard. */
static struct pf_dot encode_cut(encoder *encode, struct pf_bytes in, struct pf_span *whole, uint32_t cut)
{
    struct pf_dot d;

    pf_dot_init(&d);
    while (in.len) {
        unsigned char room[WIRE_MAX + GUARD];
        size_t used = roll(3), cap = used + 2 + roll(roll(2) ? 20 : cut);
        struct pf_span out = {room, used, cap < WIRE_MAX ? cap : WIRE_MAX};
        size_t some = 1 + roll(cut);

        memset(room, 0xee, sizeof room);
        in = pf_bytes_skip(in, encode(&d, pf_bytes_head(in, some), &out));
        for (size_t i = 0; i < used; i++)
            assert_int_equal(room[i], 0xee);
        for (size_t i = 0; i < GUARD; i++)
            assert_int_equal(room[out.cap + i], 0xee);
        assert_in_range(out.len, used, out.cap);
        assert_true(pf_span_put(whole, pf_bytes_from(room + used, out.len - used)));
    }
    assert_true(pf_dot_finish(&d, whole));
    return d;
}

static void check_measure(struct pf_bytes text, uint64_t octets)
{
    struct pf_dot d;

    pf_dot_init(&d);
    while (text.len) {
        size_t some = 1 + roll((uint32_t)text.len);

        pf_dot_measure(&d, pf_bytes_head(text, some));
        text = pf_bytes_skip(text, some);
    }
    pf_dot_measure_end(&d);
    assert_int_equal(d.octets, octets);
}

static void encoder_equals_its_twin_at_every_cut(void **state)
{
    (void)state;
    seed();
    for (int turn = 0; turn < 6000; turn++) {
        unsigned char stored[TEXT_MAX], wire[WIRE_MAX], twin[WIRE_MAX];
        struct pf_bytes text = {stored, random_text(stored)};
        struct pf_span a = {wire, 0, sizeof wire}, b = {twin, 0, sizeof twin};
        struct pf_dot of_twin = encode_all(pf_dot_encode_scalar, text, &b);
        struct pf_dot d = turn % 2 ? encode_all(pf_dot_encode, text, &a)
                                   : encode_cut(pf_dot_encode, text, &a, 1 + roll(300));

        assert_int_equal(a.len, b.len);
        assert_memory_equal(wire, twin, a.len);
        assert_int_equal(d.octets, of_twin.octets);
        check_measure(text, d.octets);
    }
}

/* Every cut of input and output of one text, state by state. */
static void encoder_and_twin_agree_in_state_and_octets_taken(void **state)
{
    unsigned char text[200];

    (void)state;
    dice = 88172645463325252u;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = roll(4) ? 'a' : (unsigned char)"\r\n.\n"[roll(4)];
    for (size_t len = 0; len <= sizeof text; len++)
        for (size_t cap = 0; cap < 2 * len + 3; cap += 1 + cap % 3) {
            unsigned char wire[403], twin[403];
            struct pf_span a = {wire, 0, cap}, b = {twin, 0, cap};
            struct pf_dot d = {0}, e = {0};
            size_t taken = pf_dot_encode(&d, pf_bytes_from(text, len), &a);

            assert_int_equal(taken, pf_dot_encode_scalar(&e, pf_bytes_from(text, len), &b));
            assert_int_equal(a.len, b.len);
            assert_memory_equal(wire, twin, a.len);
            assert_int_equal(d.octets, e.octets);
            assert_int_equal(d.mid_line, e.mid_line);
            assert_int_equal(d.after_cr, e.after_cr);
        }
}

/* A tally of octet lanes overflows when it is not emptied in time. */
static void measure_counts_long_runs(void **state)
{
    enum { LONG = 300000 };
    unsigned char *text = malloc(LONG);
    struct pf_dot d;

    (void)state;
    assert_non_null(text);
    memset(text, '\n', LONG);
    pf_dot_init(&d);
    pf_dot_measure(&d, pf_bytes_from(text, LONG));
    assert_int_equal(d.octets, 2 * LONG);
    memset(text, '\r', LONG);
    pf_dot_init(&d);
    pf_dot_measure(&d, pf_bytes_from(text, LONG));
    assert_int_equal(d.octets, LONG);
    pf_dot_measure_end(&d);
    assert_int_equal(d.octets, LONG + 2);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_026_each_line_that_begins_with_a_dot_gets_one_more),
        T(w_029_a_missing_line_end_is_added_and_counted),
        T(w_030_lf_becomes_crlf_and_all_else_stays),
        T(w_031_nul_passes),
        T(p3_018_size_is_without_stuffed_dots),
        T(finish_is_all_or_nothing),
        T(an_octet_that_does_not_fit_whole_is_not_taken),
        T(encoder_equals_its_twin_at_every_cut),
        T(encoder_and_twin_agree_in_state_and_octets_taken),
        T(measure_counts_long_runs),
    };
    return RUN(tests);
}
