#include "proto/xclient.h"

#include "base/text.h"
#include "proto/proxy_address.h"

enum { VALUE_MAX = 255 }; /* of those that are wanted here */

struct value {
    unsigned char at[VALUE_MAX];
    size_t len;
};

bool pf_xclient_host(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || memchr("()<>@,;\\\"", name.at[i], 9))
            return false;
    return name.len > 0 && name.len <= PF_XCLIENT_HELO;
}

/* RFC 3461 section 4: capital letters only. */
static int hex(unsigned char c)
{
    if (pf_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool put(struct value *out, unsigned char c)
{
    if (out->len == sizeof out->at)
        return false;
    out->at[out->len++] = c;
    return true;
}

static bool decode(struct pf_bytes text, enum pf_xclient_form form, struct value *out)
{
    out->len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.at[i];

        if (c <= 0x20 || c >= 0x7f)
            return false;
        if (form == PF_XCLIENT_XTEXT && c == '=')
            return false;
        if (form == PF_XCLIENT_XTEXT && c == '+') {
            if (text.len - i < 3 || hex(text.at[i + 1]) < 0 || hex(text.at[i + 2]) < 0)
                return false;
            c = (unsigned char)(hex(text.at[i + 1]) << 4 | hex(text.at[i + 2]));
            i += 2;
        }
        if (!put(out, c))
            return false;
    }
    return true;
}

static bool address(struct pf_bytes text, struct pf_xclient_end *out)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v6 = pf_equal_nocase(pf_bytes_head(text, 5), PF_LIT("IPV6:"));

    if (v6)
        text = pf_bytes_skip(text, 5);
    memcpy(out->address, mapped, sizeof mapped);
    out->told = (!v6 && pf_proxy_ipv4(text, out->address + 12)) || pf_proxy_ipv6(text, out->address);
    return out->told;
}

static const char *addr(struct pf_xclient *x, struct pf_bytes value)
{
    return address(value, &x->from) ? NULL : "ADDR is no address";
}

static const char *destaddr(struct pf_xclient *x, struct pf_bytes value)
{
    return address(value, &x->to) ? NULL : "DESTADDR is no address";
}

static const char *port(struct pf_xclient *x, struct pf_bytes value)
{
    return pf_proxy_number(value, UINT16_MAX, &x->from.port) ? NULL : "PORT is no port";
}

static const char *destport(struct pf_xclient *x, struct pf_bytes value)
{
    return pf_proxy_number(value, UINT16_MAX, &x->to.port) ? NULL : "DESTPORT is no port";
}

/* Each proxy on the way takes one off. */
static const char *ttl(struct pf_xclient *x, struct pf_bytes value)
{
    unsigned left;

    (void)x;
    if (!pf_proxy_number(value, UINT16_MAX, &left))
        return "TTL is no number";
    return left ? NULL : "TTL is used up, proxies hand this on in a circle";
}

static const char *transport(struct pf_xclient *x, struct pf_bytes value)
{
    if (pf_equal_nocase(pf_bytes_head(value, 3), PF_LIT("TLS"))) /* a version may follow */
        x->transport = PF_XCLIENT_TLS;
    else if (pf_equal_nocase(value, PF_LIT("insecure")))
        x->transport = PF_XCLIENT_INSECURE;
    else
        return "CLIENT-TRANSPORT is TLS or insecure";
    return NULL;
}

static const char *session(struct pf_xclient *x, struct pf_bytes value)
{
    if (value.len == 0 || value.len > PF_XCLIENT_SESSION)
        return "SESSION has 1 to 64 octets";
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] <= 0x20 || value.at[i] >= 0x7f)
            return "SESSION is visible ASCII";
    memcpy(x->session, value.at, value.len);
    return NULL;
}

static const char *helo(struct pf_xclient *x, struct pf_bytes value)
{
    if (!pf_xclient_host(value))
        return "HELO is no name of a host";
    memcpy(x->helo, value.at, value.len);
    return NULL;
}

static const struct attribute {
    const char *name;
    const char *(*take)(struct pf_xclient *, struct pf_bytes value);
} attributes[] = {{"ADDR", addr},       {"PORT", port},       {"DESTADDR", destaddr},
                  {"DESTPORT", destport}, {"TTL", ttl},       {"CLIENT-TRANSPORT", transport},
                  {"SESSION", session}, {"HELO", helo}};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static bool is_name(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = pf_lower(name.at[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_')
            return false;
    }
    return name.len > 0;
}

static bool is_unknown(struct pf_bytes value)
{
    return pf_equal_nocase(value, PF_LIT("[UNAVAILABLE]")) || pf_equal_nocase(value, PF_LIT("[TEMPUNAVAIL]"));
}

static const char *take(struct pf_bytes word, enum pf_xclient_form form, struct pf_xclient *out, unsigned *seen)
{
    size_t equals = pf_find(word, '=');
    struct pf_bytes name = pf_bytes_head(word, equals);
    struct value value;

    if (equals == word.len || !is_name(name))
        return "not a NAME=VALUE";
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        if (!pf_equal_nocase(name, pf_bytes_of(attributes[i].name)))
            continue;
        if (*seen & 1u << i)
            return "an attribute is given twice";
        *seen |= 1u << i;
        if (!decode(pf_bytes_skip(word, equals + 1), form, &value))
            return "a value is not well written";
        if (is_unknown(pf_bytes_from(value.at, value.len)))
            return NULL;
        return attributes[i].take(out, pf_bytes_from(value.at, value.len));
    }
    return NULL;
}

const char *pf_xclient_read(struct pf_bytes arguments, enum pf_xclient_form form, struct pf_xclient *out)
{
    unsigned seen = 0, count = 0;

    *out = (struct pf_xclient){0};
    while (arguments.len) {
        size_t n = pf_find(arguments, ' ');
        const char *wrong = n ? take(pf_bytes_head(arguments, n), form, out, &seen) : NULL;

        if (wrong)
            return wrong;
        count += n > 0;
        arguments = pf_bytes_skip(arguments, n < arguments.len ? n + 1 : n);
    }
    return count ? NULL : "nothing is said";
}
