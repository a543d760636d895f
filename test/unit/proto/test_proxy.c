#include "unit/cm.h"

#include "proto/proxy.h"
#include "proto/proxy_address.h"

#include <stdlib.h>

/* Of a block without the signature; put() sets the length. */
struct block {
    unsigned char at[PF_PROXY_HEADER_MAX + 64];
    size_t len;
};

static void put(struct block *b, const void *at, size_t len)
{
    memcpy(b->at + b->len, at, len);
    b->len += len;
    b->at[14] = (unsigned char)((b->len - 16) >> 8);
    b->at[15] = (unsigned char)(b->len - 16);
}

static void begin(struct block *b, unsigned char command, unsigned char family)
{
    const unsigned char head[] = {0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a,
                                  command, family, 0, 0};

    b->len = 0;
    put(b, head, sizeof head);
}

static void field(struct block *b, unsigned char type, const void *value, size_t len)
{
    const unsigned char head[] = {type, (unsigned char)(len >> 8), (unsigned char)len};

    put(b, head, sizeof head);
    put(b, value, len);
}

/* 192.0.2.7 port 40001 came to 198.51.100.1 port 995. */
static void ends4(struct block *b)
{
    put(b, "\xc0\x00\x02\x07\xc6\x33\x64\x01\x9c\x41\x03\xe3", 12);
}

/* All that is shown, cut at each octet, with and without something behind it. The header and each beginning of it
 * lie in memory of just their size, so that a sanitizer sees a look behind them. */
static enum pf_proxy_state shown(const void *at, size_t len, struct pf_proxy *out)
{
    enum pf_proxy_state state = pf_proxy_read(pf_bytes_from(at, len), out);

    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *copy = malloc(cut ? cut : 1);
        struct pf_proxy early;
        enum pf_proxy_state so_far;

        assert_non_null(copy);
        memcpy(copy, at, cut);
        so_far = pf_proxy_read(pf_bytes_from(copy, cut), &early);
        if (state == PF_PROXY_DONE && cut >= out->len)
            assert_int_equal(so_far, PF_PROXY_DONE);
        else if (state == PF_PROXY_BAD)
            assert_int_not_equal(so_far, PF_PROXY_DONE);
        else
            assert_int_equal(so_far, PF_PROXY_MORE);
        free(copy);
    }
    return state;
}

static void is_ipv4(const struct pf_proxy_end *end, const char *octets, unsigned port)
{
    assert_memory_equal(end->address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    assert_memory_equal(end->address + 12, octets, 4);
    assert_int_equal(end->port, port);
}

static void good(const struct block *b, struct pf_proxy *out)
{
    assert_int_equal(shown(b->at, b->len, out), PF_PROXY_DONE);
    assert_int_equal(out->len, b->len);
}

static void bad(const struct block *b, const char *wrong)
{
    struct pf_proxy out;

    assert_int_equal(shown(b->at, b->len, &out), PF_PROXY_BAD);
    assert_string_equal(out.wrong, wrong);
    assert_false(out.told);
    assert_false(out.tls);
}

static void bad_line(const char *line, const char *wrong)
{
    struct pf_proxy out;

    assert_int_equal(shown(line, strlen(line), &out), PF_PROXY_BAD);
    assert_string_equal(out.wrong, wrong);
    assert_false(out.told);
}

static void px_005_a_line_tells_both_ends(void **state)
{
    static const char line[] = "PROXY TCP4 192.0.2.7 198.51.100.1 40001 995\r\nUSER anna\r\n";
    static const char six[] = "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.9 0 65535\r\n";
    static const unsigned char from[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    struct pf_proxy p;

    (void)state;
    assert_int_equal(shown(line, strlen(line), &p), PF_PROXY_DONE);
    assert_int_equal(p.len, strlen(line) - strlen("USER anna\r\n"));
    assert_true(p.told);
    is_ipv4(&p.from, "\xc0\x00\x02\x07", 40001);
    is_ipv4(&p.to, "\xc6\x33\x64\x01", 995);
    assert_false(p.tls);
    assert_int_equal(shown(six, strlen(six), &p), PF_PROXY_DONE);
    assert_memory_equal(p.from.address, from, 16);
    assert_int_equal(p.from.port, 0);
    is_ipv4(&p.to, "\xc0\x00\x02\x09", 65535);
}

static void px_006_unknown_tells_nothing(void **state)
{
    static const char *const lines[] = {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n",
                                        "PROXY UNKNOWN ffff::f ffff::f 65535 65535\r\n", "PROXY UNKNOWN \r \x01 x\r\n"};
    struct pf_proxy p;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(shown(lines[i], strlen(lines[i]), &p), PF_PROXY_DONE);
        assert_int_equal(p.len, strlen(lines[i]));
        assert_false(p.told);
    }
}

static void px_007_a_line_is_strict(void **state)
{
    static const char address[] = "the line has a wrong address", port[] = "the line has a wrong port";
    static const char family[] = "the line names no known family", end[] = "the line does not end in CRLF";

    (void)state;
    bad_line("PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n", address);
    bad_line("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", address);
    bad_line("PROXY TCP4\r\n", address);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 -2\r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n", port);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n", port);
    bad_line("PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n", family);
    bad_line("PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n", family);
    bad_line("PROXY \r\n", family);
    bad_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n", end);
    bad_line("PROXY UNKNOWN\nx\r\n", end);
    bad_line("PROXY \n", end);
}

static void px_008_anything_else_is_refused_at_once(void **state)
{
    char longest[PF_PROXY_LINE_MAX + 1];
    struct pf_proxy p;

    (void)state;
    bad_line("USER anna\r\n", "there is none");
    bad_line("\x16\x03\x01", "there is none");
    bad_line("PASS x", "it does not begin with PROXY");
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "PROXY UNKNOWN ", 14);
    memcpy(longest + PF_PROXY_LINE_MAX - 2, "\r\n", 2);
    assert_int_equal(shown(longest, PF_PROXY_LINE_MAX, &p), PF_PROXY_DONE);
    assert_int_equal(p.len, PF_PROXY_LINE_MAX);
    memcpy(longest + PF_PROXY_LINE_MAX - 2, "x\r\n", 3);
    assert_int_equal(shown(longest, PF_PROXY_LINE_MAX - 1, &p), PF_PROXY_MORE);
    assert_int_equal(shown(longest, PF_PROXY_LINE_MAX, &p), PF_PROXY_BAD);
    assert_int_equal(shown(longest, PF_PROXY_LINE_MAX + 1, &p), PF_PROXY_BAD);
    assert_string_equal(p.wrong, "the line is longer than 107 octets");
}

static void px_009_a_block_tells_both_ends(void **state)
{
    static const unsigned char six[36] = {0x20, 1, [15] = 7, [16] = 0x20, 2, [31] = 9, [32] = 0x9c, 0x41, 0, 110};
    struct block b;
    struct pf_proxy p;

    (void)state;
    for (unsigned char family = 0x11; family <= 0x12; family++) {
        begin(&b, 0x21, family);
        ends4(&b);
        good(&b, &p);
        assert_true(p.told);
        is_ipv4(&p.from, "\xc0\x00\x02\x07", 40001);
        is_ipv4(&p.to, "\xc6\x33\x64\x01", 995);
        begin(&b, 0x21, (unsigned char)(family + 0x10));
        put(&b, six, sizeof six);
        good(&b, &p);
        assert_true(p.told);
        assert_memory_equal(p.from.address, six, 16);
        assert_memory_equal(p.to.address, six + 16, 16);
        assert_int_equal(p.from.port, 40001);
        assert_int_equal(p.to.port, 110);
    }
    put(&b, "\0", 0);
    memcpy(b.at + b.len, "\x16\x03\x01", 3); /* TLS behind it is not the header's */
    assert_int_equal(shown(b.at, b.len + 3, &p), PF_PROXY_DONE);
    assert_int_equal(p.len, b.len);
}

static void px_009_the_signature_is_whole(void **state)
{
    struct block b;

    (void)state;
    for (size_t i = 1; i < 12; i++) {
        begin(&b, 0x21, 0x11);
        ends4(&b);
        b.at[i] ^= 1;
        bad(&b, "it has a wrong signature");
    }
}

static void px_010_local_keeps_the_ends_and_others_are_refused(void **state)
{
    struct block b;
    struct pf_proxy p;

    (void)state;
    begin(&b, 0x20, 0x00);
    good(&b, &p);
    assert_false(p.told);
    begin(&b, 0x20, 0x11);
    ends4(&b);
    put(&b, "\xff\xff", 2); /* whatever it is, it is skipped */
    good(&b, &p);
    assert_false(p.told);
    for (unsigned command = 0; command < 256; command++) {
        begin(&b, (unsigned char)command, 0x11);
        ends4(&b);
        if (command != 0x20 && command != 0x21)
            bad(&b, "it has an unknown version or command");
    }
}

static void px_011_families(void **state)
{
    unsigned char paths[216] = "/proxy";
    struct block b;
    struct pf_proxy p;

    (void)state;
    for (unsigned family = 0; family < 256; family++) {
        begin(&b, 0x21, (unsigned char)family);
        put(&b, paths, sizeof paths);
        if (family == 0 || family == 0x31 || family == 0x32) {
            good(&b, &p);
            assert_false(p.told);
        } else if ((family & 0xf0) != 0x10 && (family & 0xf0) != 0x20) {
            bad(&b, "it has an unknown family");
        } else if ((family & 0x0f) != 1 && (family & 0x0f) != 2) {
            bad(&b, "it has an unknown family");
        }
    }
}

static void px_012_a_block_is_as_long_as_its_family_needs(void **state)
{
    static const struct {
        unsigned char family;
        size_t needs;
    } rows[] = {{0x11, 12}, {0x12, 12}, {0x21, 36}, {0x22, 36}, {0x31, 216}, {0x32, 216}};
    unsigned char zeros[216] = {0};
    struct block b;
    struct pf_proxy p;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t len = 0; len < rows[i].needs; len++) {
            begin(&b, 0x21, rows[i].family);
            put(&b, zeros, len);
            bad(&b, "it is too short for its addresses");
        }
        begin(&b, 0x21, rows[i].family);
        put(&b, zeros, rows[i].needs);
        good(&b, &p);
    }
}

static void px_012_a_block_has_at_most_4096_octets(void **state)
{
    static const unsigned char zeros[PF_PROXY_HEADER_MAX];
    struct block b;
    struct pf_proxy p;

    (void)state;
    begin(&b, 0x21, 0x11);
    ends4(&b);
    field(&b, 0x04, zeros, PF_PROXY_HEADER_MAX - b.len - 3);
    assert_int_equal(b.len, PF_PROXY_HEADER_MAX);
    good(&b, &p);
    put(&b, "x", 1);
    bad(&b, "it is longer than 4096 octets");
    assert_int_equal(pf_proxy_read(pf_bytes_from(b.at, 16), &p), PF_PROXY_BAD); /* nobody waits for the rest */
}

static void px_015_a_checksum_is_verified(void **state)
{
    struct block b;
    struct pf_proxy p;
    size_t at;
    uint32_t crc = UINT32_MAX;

    (void)state;
    begin(&b, 0x21, 0x11);
    ends4(&b);
    at = b.len + 3;
    field(&b, 0x03, "\0\0\0\0", 4);
    field(&b, 0x04, "padding", 7);
    for (size_t i = 0; i < b.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            unsigned odd = (crc ^ (unsigned)(b.at[i] >> bit)) & 1;

            crc = crc >> 1 ^ (odd ? 0x82f63b78u : 0);
        }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        b.at[at + (size_t)i] = (unsigned char)(crc >> (24 - 8 * i));
    good(&b, &p);
    for (size_t i = 16; i < b.len - 7; i++) /* wherever it is changed */
        for (unsigned char bit = 1; bit; bit = (unsigned char)(bit << 1)) {
            enum pf_proxy_state state_then;

            if (i >= 28 && i < 31) /* what the field is */
                continue;
            b.at[i] ^= bit;
            state_then = pf_proxy_read(pf_bytes_from(b.at, b.len), &p);
            assert_int_equal(state_then, PF_PROXY_BAD);
            b.at[i] ^= bit;
        }
    begin(&b, 0x21, 0x11);
    ends4(&b);
    field(&b, 0x03, "\0\0\0", 3);
    bad(&b, "its checksum is wrong");
}

/* 127.0.0.1 to itself; the checksum was computed by another program. */
static void px_015_a_known_checksum(void **state)
{
    static const unsigned char known[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
                                          0x21, 0x11, 0x00, 0x13, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01,
                                          0x9c, 0x41, 0x03, 0xe3, 0x03, 0x00, 0x04, 0xe7, 0x67, 0x7d, 0xbd};
    struct pf_proxy p;

    (void)state;
    assert_int_equal(shown(known, sizeof known, &p), PF_PROXY_DONE);
    is_ipv4(&p.from, "\x7f\0\0\1", 40001);
}

static void px_013_fields_that_are_of_no_use_are_skipped(void **state)
{
    unsigned char id[129] = {1};
    struct block b;
    struct pf_proxy p;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        begin(&b, 0x21, 0x11);
        ends4(&b);
        field(&b, (unsigned char)type, "value", type == 0x03 || type == 0x20 ? 0 : 5);
        if (type != 0x03 && type != 0x20)
            good(&b, &p);
    }
    begin(&b, 0x21, 0x11);
    ends4(&b);
    field(&b, 0x05, id, 128);
    good(&b, &p);
    field(&b, 0x05, id, 129);
    bad(&b, "its unique id is longer than 128 octets");
}

static void px_016_a_field_past_the_end_is_refused(void **state)
{
    struct block b;

    (void)state;
    for (size_t len = 1; len < 8; len++) {
        begin(&b, 0x21, 0x11);
        ends4(&b);
        put(&b, "\x01\x00\x05pop3", len);
        bad(&b, "a field is longer than the header");
    }
}

static void px_014_what_the_proxy_knows_of_tls(void **state)
{
    static const char tls[] = "\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x04" "anna\x23\0\x05" "AES-x\x30\0\0";
    struct block b;
    struct pf_proxy p;

    (void)state;
    begin(&b, 0x21, 0x11);
    ends4(&b);
    field(&b, 0x01, "pop3", 4);
    field(&b, 0x20, tls, sizeof tls - 1);
    good(&b, &p);
    assert_true(p.told && p.tls);
    assert_true(pf_bytes_equal(p.tls_version, PF_LIT("TLSv1.3")));
    assert_true(pf_bytes_equal(p.tls_cipher, PF_LIT("AES-x")));
    assert_true(pf_bytes_equal(p.tls_name, PF_LIT("anna")));
    b.at[28 + 7 + 3 + 4] = 1; /* its certificate was not good: it has no name */
    good(&b, &p);
    assert_true(p.tls && p.tls_name.len == 0);
    b.at[28 + 7 + 3 + 4] = 0;
    b.at[28 + 7 + 3] = 1; /* there was none */
    good(&b, &p);
    assert_true(p.tls && p.tls_name.len == 0);
    b.at[28 + 7 + 3] = 0;
    good(&b, &p);
    assert_false(p.tls);
}

static void px_014_a_broken_field_on_tls_is_refused(void **state)
{
    struct block b;

    (void)state;
    for (size_t len = 0; len < 5; len++) {
        begin(&b, 0x21, 0x11);
        ends4(&b);
        field(&b, 0x20, "\x01\0\0\0\0", len);
        bad(&b, "its field on TLS is too short");
    }
    for (size_t len = 6; len < 15; len++) {
        begin(&b, 0x21, 0x11);
        ends4(&b);
        field(&b, 0x20, "\x01\0\0\0\0\x21\0\x07TLSv1.3", len);
        bad(&b, "a part of its field on TLS is longer than the field");
    }
}

static void addresses_have_one_reading(void **state)
{
    static const char *const good_ones[] = {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
                                            "::2:3:4:5:6:7:8",
                                            "FFFF::abcd", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1::6:1.2.3.4"};
    static const char *const bad_ones[] = {"", ":", ":::", "1:", ":1", "1", "1:2:3:4:5:6:7",
                                           "1:2:3:4:5:6:7:8:9", "1::2::3",
                                           "12345::", "g::", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3", "1.2.3.4",
                                           "::1%1", " ::1", "1:2:3:4::5:6:7:8", "::1:", "1:2:3:4:5:6:7:"};
    unsigned char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof good_ones / sizeof good_ones[0]; i++)
        assert_true(pf_proxy_ipv6(pf_bytes_of(good_ones[i]), out));
    for (size_t i = 0; i < sizeof bad_ones / sizeof bad_ones[0]; i++)
        assert_false(pf_proxy_ipv6(pf_bytes_of(bad_ones[i]), out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(px_005_a_line_tells_both_ends),
        T(px_006_unknown_tells_nothing),
        T(px_007_a_line_is_strict),
        T(px_008_anything_else_is_refused_at_once),
        T(px_009_a_block_tells_both_ends),
        T(px_009_the_signature_is_whole),
        T(px_010_local_keeps_the_ends_and_others_are_refused),
        T(px_011_families),
        T(px_012_a_block_is_as_long_as_its_family_needs),
        T(px_012_a_block_has_at_most_4096_octets),
        T(px_013_fields_that_are_of_no_use_are_skipped),
        T(px_014_what_the_proxy_knows_of_tls),
        T(px_014_a_broken_field_on_tls_is_refused),
        T(px_015_a_checksum_is_verified),
        T(px_015_a_known_checksum),
        T(px_016_a_field_past_the_end_is_refused),
        T(addresses_have_one_reading),
    };

    return RUN(tests);
}
