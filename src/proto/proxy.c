#include "proto/proxy.h"

#include "base/text.h"
#include "proto/proxy_address.h"

#include <string.h>

enum { PORT_MAX = 65535 };

/* Section 2.2. */
enum {
    PREFIX = 16,
    VERSION_2_LOCAL = 0x20,
    VERSION_2_PROXY = 0x21,
    UNSPEC = 0x00,
    OVER_TCP4 = 0x11,
    OVER_UDP4 = 0x12,
    OVER_TCP6 = 0x21,
    OVER_UDP6 = 0x22,
    OVER_UNIX_STREAM = 0x31,
    OVER_UNIX_DATAGRAM = 0x32,
    ENDS_IPV4 = 12,
    ENDS_IPV6 = 36,
    ENDS_UNIX = 216
};

/* Fields behind the addresses: type, length in two octets, value (sections 2.2.1 to 2.2.8). */
enum {
    FIELD_HEAD = 3,
    FIELD_CRC32C = 0x03,
    FIELD_UNIQUE_ID = 0x05,
    UNIQUE_ID_MAX = 128,
    FIELD_TLS = 0x20,
    TLS_HEAD = 5, /* what the client did in one octet, how its certificate was verified in four */
    TLS_CLIENT_TLS = 1,
    TLS_CERTIFICATE = 2 | 4, /* on this connection, or in the session that it resumed */
    FIELD_TLS_VERSION = 0x21,
    FIELD_TLS_NAME = 0x22,
    FIELD_TLS_CIPHER = 0x23
};

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static enum pf_proxy_state bad(struct pf_proxy *out, const char *wrong)
{
    *out = (struct pf_proxy){.wrong = wrong};
    return PF_PROXY_BAD;
}

static void map(const unsigned char ipv4[4], unsigned char out[16])
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2 */

    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, ipv4, 4);
}

/* Takes the word before the next blank, or all. */
static struct pf_bytes next_word(struct pf_bytes *line)
{
    size_t blank = pf_find(*line, ' ');
    struct pf_bytes word = pf_bytes_head(*line, blank);

    *line = pf_bytes_skip(*line, blank < line->len ? blank + 1 : blank);
    return word;
}

static bool read_address(struct pf_bytes word, bool six, unsigned char out[16])
{
    unsigned char ipv4[4];

    if (six)
        return pf_proxy_ipv6(word, out);
    if (!pf_proxy_ipv4(word, ipv4))
        return false;
    map(ipv4, out);
    return true;
}

/* Section 2.1: what stands between "PROXY " and CRLF. */
static enum pf_proxy_state read_words(struct pf_bytes line, struct pf_proxy *out)
{
    bool ends_in_blank = line.len && line.at[line.len - 1] == ' ';
    struct pf_bytes family = next_word(&line);
    bool six = pf_bytes_equal(family, PF_LIT("TCP6"));

    if (pf_bytes_equal(family, PF_LIT("UNKNOWN")))
        return PF_PROXY_DONE;
    if (!six && !pf_bytes_equal(family, PF_LIT("TCP4")))
        return bad(out, "the line names no known family");
    if (!read_address(next_word(&line), six, out->from.address) ||
        !read_address(next_word(&line), six, out->to.address))
        return bad(out, "the line has a wrong address");
    if (!pf_proxy_number(next_word(&line), PORT_MAX, &out->from.port) ||
        !pf_proxy_number(next_word(&line), PORT_MAX, &out->to.port) || line.len || ends_in_blank)
        return bad(out, "the line has a wrong port");
    out->told = true;
    return PF_PROXY_DONE;
}

static enum pf_proxy_state read_line(struct pf_bytes seen, struct pf_proxy *out)
{
    static const struct pf_bytes begin = {(const unsigned char *)"PROXY ", 6};
    size_t known = seen.len < begin.len ? seen.len : begin.len;
    size_t end = pf_find(pf_bytes_head(seen, PF_PROXY_LINE_MAX), '\n');

    if (!pf_bytes_equal(pf_bytes_head(seen, known), pf_bytes_head(begin, known)))
        return bad(out, "it does not begin with PROXY");
    if (end >= seen.len && seen.len < PF_PROXY_LINE_MAX)
        return PF_PROXY_MORE;
    if (end >= PF_PROXY_LINE_MAX)
        return bad(out, "the line is longer than 107 octets");
    if (end <= begin.len || seen.at[end - 1] != '\r')
        return bad(out, "the line does not end in CRLF");
    out->len = end + 1;
    return read_words(pf_bytes_skip(pf_bytes_head(seen, end - 1), begin.len), out);
}

/* Section 2.2.3: Castagnoli's polynomial (RFC 3720 appendix B.4), over the header with the field itself zero. */
static uint32_t crc32c(struct pf_bytes header, const unsigned char *field)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.len; i++) {
        bool zeroed = header.at + i >= field && header.at + i < field + 4;

        crc ^= zeroed ? 0u : header.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    }
    return ~crc;
}

static uint32_t big_endian(const unsigned char *at, size_t octets)
{
    uint32_t number = 0;

    for (size_t i = 0; i < octets; i++)
        number = number << 8 | at[i];
    return number;
}

/* Takes the next field; false when it runs past the end. */
static bool next_field(struct pf_bytes *fields, unsigned *out_type, struct pf_bytes *out_value)
{
    size_t len;

    if (fields->len < FIELD_HEAD)
        return false;
    *out_type = fields->at[0];
    len = big_endian(fields->at + 1, 2);
    if (fields->len - FIELD_HEAD < len)
        return false;
    *out_value = pf_bytes_head(pf_bytes_skip(*fields, FIELD_HEAD), len);
    *fields = pf_bytes_skip(*fields, FIELD_HEAD + len);
    return true;
}

static const char *read_tls(struct pf_bytes value, struct pf_proxy *out)
{
    struct pf_bytes fields, text;
    bool verified;
    unsigned type;

    if (value.len < TLS_HEAD)
        return "its field on TLS is too short";
    out->tls = value.at[0] & TLS_CLIENT_TLS;
    verified = (value.at[0] & TLS_CERTIFICATE) && big_endian(value.at + 1, 4) == 0;
    for (fields = pf_bytes_skip(value, TLS_HEAD); fields.len;) {
        if (!next_field(&fields, &type, &text))
            return "a part of its field on TLS is longer than the field";
        if (type == FIELD_TLS_VERSION)
            out->tls_version = text;
        else if (type == FIELD_TLS_CIPHER)
            out->tls_cipher = text;
        else if (type == FIELD_TLS_NAME && verified)
            out->tls_name = text;
    }
    return NULL;
}

static const char *read_field(struct pf_bytes header, unsigned type, struct pf_bytes value, struct pf_proxy *out)
{
    if (type == FIELD_CRC32C && (value.len != 4 || crc32c(header, value.at) != big_endian(value.at, 4)))
        return "its checksum is wrong";
    if (type == FIELD_UNIQUE_ID && value.len > UNIQUE_ID_MAX)
        return "its unique id is longer than 128 octets";
    return type == FIELD_TLS ? read_tls(value, out) : NULL;
}

static enum pf_proxy_state read_fields(struct pf_bytes header, struct pf_bytes fields, struct pf_proxy *out)
{
    const char *wrong = NULL;
    struct pf_bytes value;
    unsigned type;

    while (fields.len && !wrong)
        wrong = next_field(&fields, &type, &value) ? read_field(header, type, value, out)
                                                   : "a field is longer than the header";
    return wrong ? bad(out, wrong) : PF_PROXY_DONE;
}

static void read_ipv4(const unsigned char *at, struct pf_proxy *out)
{
    map(at, out->from.address);
    map(at + 4, out->to.address);
    out->from.port = big_endian(at + 8, 2);
    out->to.port = big_endian(at + 10, 2);
    out->told = true;
}

static void read_ipv6(const unsigned char *at, struct pf_proxy *out)
{
    memcpy(out->from.address, at, 16);
    memcpy(out->to.address, at + 16, 16);
    out->from.port = big_endian(at + 32, 2);
    out->to.port = big_endian(at + 34, 2);
    out->told = true;
}

/* How many octets the addresses of a family take; SIZE_MAX for an unknown one. */
static size_t ends_of(unsigned family)
{
    switch (family) {
    case OVER_TCP4:
    case OVER_UDP4:
        return ENDS_IPV4;
    case OVER_TCP6:
    case OVER_UDP6:
        return ENDS_IPV6;
    case OVER_UNIX_STREAM:
    case OVER_UNIX_DATAGRAM:
        return ENDS_UNIX; /* paths on the proxy's machine: of no use here */
    }
    return SIZE_MAX;
}

static enum pf_proxy_state read_block(struct pf_bytes header, struct pf_proxy *out)
{
    unsigned family = header.at[13];
    struct pf_bytes rest = pf_bytes_skip(header, PREFIX);
    size_t ends = ends_of(family);

    if (header.at[12] == VERSION_2_LOCAL || family == UNSPEC)
        return PF_PROXY_DONE;
    if (ends > rest.len)
        return bad(out, ends == SIZE_MAX ? "it has an unknown family" : "it is too short for its addresses");
    if (ends == ENDS_IPV4)
        read_ipv4(rest.at, out);
    else if (ends == ENDS_IPV6)
        read_ipv6(rest.at, out);
    return read_fields(header, pf_bytes_skip(rest, ends), out);
}

static enum pf_proxy_state read_version_2(struct pf_bytes seen, struct pf_proxy *out)
{
    size_t known = seen.len < sizeof signature ? seen.len : sizeof signature;

    if (memcmp(seen.at, signature, known) != 0)
        return bad(out, "it has a wrong signature");
    if (seen.len > 12 && seen.at[12] != VERSION_2_LOCAL && seen.at[12] != VERSION_2_PROXY)
        return bad(out, "it has an unknown version or command");
    if (seen.len < PREFIX)
        return PF_PROXY_MORE;
    out->len = PREFIX + big_endian(seen.at + 14, 2);
    if (out->len > PF_PROXY_HEADER_MAX)
        return bad(out, "it is longer than 4096 octets");
    if (seen.len < out->len)
        return PF_PROXY_MORE;
    return read_block(pf_bytes_head(seen, out->len), out);
}

enum pf_proxy_state pf_proxy_read(struct pf_bytes seen, struct pf_proxy *out)
{
    *out = (struct pf_proxy){0};
    if (seen.len == 0)
        return PF_PROXY_MORE;
    if (seen.at[0] == 'P')
        return read_line(seen, out);
    if (seen.at[0] == signature[0])
        return read_version_2(seen, out);
    return bad(out, "there is none");
}
