#include "proto/pop_url.h"

#include "base/text.h"
#include "base/words.h"
#include "proto/proxy_address.h"

struct reader {
    struct pf_bytes text;
    struct pf_err *err;
};

static enum pf_code wrong(const struct reader *r, const unsigned char *at, const char *what)
{
    return pf_fail(r->err, PF_SYNTAX, 0, "url", "column %zu: %s", (size_t)(at - r->text.at) + 1, pf_words(what));
}

static bool is_letter(unsigned char c)
{
    return pf_lower(c) >= 'a' && pf_lower(c) <= 'z';
}

static int hex(unsigned char c)
{
    c = pf_lower(c);
    if (pf_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_label(struct pf_bytes label)
{
    if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_letter(label.at[i]) && !pf_is_digit(label.at[i]) && label.at[i] != '-' && label.at[i] != '_')
            return false;
    return true;
}

bool pf_pop_url_is_host(struct pf_bytes name)
{
    if (name.len > 253)
        return false;
    for (;;) {
        size_t dot = pf_find(name, '.');

        if (!is_label(pf_bytes_head(name, dot)))
            return false;
        if (dot == name.len)
            return true;
        name = pf_bytes_skip(name, dot + 1);
    }
}

bool pf_pop_url_is_six(struct pf_bytes text)
{
    unsigned char address[16];

    return pf_proxy_ipv6(text, address);
}

/* What stands for itself in a user's name: achar of RFC 2384 section 9. */
static bool is_plain(unsigned char c)
{
    return is_letter(c) || pf_is_digit(c) || (c && strchr("$-_.+!*'(),&=~", c));
}

static enum pf_code decode(const struct reader *r, struct pf_bytes raw, char *out_text, size_t cap)
{
    size_t used = 0;

    for (; raw.len; raw = pf_bytes_skip(raw, raw.at[0] == '%' ? 3 : 1)) {
        unsigned char c = raw.at[0];

        if (c == '%' && (raw.len < 3 || hex(raw.at[1]) < 0 || hex(raw.at[2]) < 0))
            return wrong(r, raw.at, "behind % two hexadecimal digits belong (% itself is %25)");
        if (c == ':')
            return wrong(r, raw.at, "a URL of a maildrop has no room for a password (: itself is %3A)");
        if (c == '@')
            return wrong(r, raw.at, "an @ in the user's name is written as %40");
        if (c != '%' && !is_plain(c))
            return wrong(r, raw.at, "this must be percent-encoded, as %XX");
        if (c == '%')
            c = (unsigned char)(hex(raw.at[1]) << 4 | hex(raw.at[2]));
        if (c < 0x20 || c == 0x7f)
            return wrong(r, raw.at, "a control character");
        if (used + 1 >= cap)
            return wrong(r, raw.at, "this is too long");
        out_text[used++] = (char)c;
    }
    out_text[used] = 0;
    return PF_OK;
}

static bool is_mechanism(struct pf_bytes name)
{
    size_t plus = name.len && name.at[0] == '+';

    if (pf_bytes_equal(name, PF_LIT("*")) || pf_equal_nocase(name, PF_LIT("+APOP")))
        return true;
    if (plus || name.len == 0 || name.len > 20)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_letter(name.at[i]) && !pf_is_digit(name.at[i]) && name.at[i] != '-' && name.at[i] != '_')
            return false;
    return true;
}

static enum pf_code read_auth(const struct reader *r, struct pf_bytes raw, struct pf_pop_url *out)
{
    struct pf_bytes word = PF_LIT(";AUTH=");
    enum pf_code code;

    if (!pf_equal_nocase(pf_bytes_head(raw, word.len), word))
        return wrong(r, raw.at, "behind ; only AUTH=MECHANISM is known");
    code = decode(r, pf_bytes_skip(raw, word.len), out->auth, sizeof out->auth);
    if (code)
        return code;
    if (!is_mechanism(pf_bytes_of(out->auth)))
        return wrong(r, raw.at + word.len, "a SASL mechanism, * or +APOP belongs here");
    for (char *c = out->auth; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - ('a' - 'A') : *c);
    return PF_OK;
}

static enum pf_code read_user(const struct reader *r, struct pf_bytes raw, struct pf_pop_url *out)
{
    size_t semicolon = pf_find(raw, ';');
    enum pf_code code;

    if (raw.len == 0)
        return wrong(r, raw.at, "there is no user in front of @");
    if (semicolon == 0)
        return wrong(r, raw.at, "there is no user in front of ;");
    code = decode(r, pf_bytes_head(raw, semicolon), out->user, sizeof out->user);
    if (code)
        return code;
    if (semicolon < raw.len)
        return read_auth(r, pf_bytes_skip(raw, semicolon), out);
    out->auth[0] = '*';
    return PF_OK;
}

static void keep_host(struct pf_bytes host, struct pf_pop_url *out)
{
    for (size_t i = 0; i < host.len; i++)
        out->host[i] = (char)pf_lower(host.at[i]);
    out->host[host.len] = 0;
}

static enum pf_code read_port(const struct reader *r, struct pf_bytes rest, struct pf_pop_url *out)
{
    struct pf_bytes digits = pf_bytes_skip(rest, 1);
    uint64_t port;

    if (rest.len == 0)
        return PF_OK;
    if (rest.at[0] == '/')
        return wrong(r, rest.at, "a URL of a maildrop ends with host and port");
    if (rest.at[0] != ':')
        return wrong(r, rest.at, "a : and a port, or the end, belongs here");
    if (pf_find(digits, '/') < digits.len)
        return wrong(r, digits.at + pf_find(digits, '/'), "a URL of a maildrop ends with host and port");
    if (!pf_parse_u64(digits, &port) || port == 0 || port > 65535)
        return wrong(r, digits.at, "a port is a number from 1 to 65535");
    out->port = (unsigned)port;
    return PF_OK;
}

static enum pf_code read_place(const struct reader *r, struct pf_bytes raw, struct pf_pop_url *out)
{
    bool brackets = raw.len && raw.at[0] == '[';
    size_t end = brackets ? pf_find(raw, ']') : 0;
    struct pf_bytes host = pf_bytes_head(raw, end);

    if (brackets && end == raw.len)
        return wrong(r, raw.at, "the bracket is not closed");
    if (brackets) {
        host = pf_bytes_skip(host, 1);
        if (!pf_pop_url_is_six(host))
            return wrong(r, host.at, "between brackets belongs an IPv6 address");
        keep_host(host, out);
        return read_port(r, pf_bytes_skip(raw, end + 1), out);
    }
    while (end < raw.len && raw.at[end] != ':' && raw.at[end] != '/')
        end++;
    host = pf_bytes_head(raw, end);
    if (pf_pop_url_is_six(raw))
        return wrong(r, raw.at, "an IPv6 address needs brackets, as [::1]");
    if (host.len == 0)
        return wrong(r, raw.at, "the host is missing");
    if (!pf_pop_url_is_host(host))
        return wrong(r, raw.at, "this is no host name (other letters: its xn-- form)");
    keep_host(host, out);
    return read_port(r, pf_bytes_skip(raw, end), out);
}

static size_t last_at(struct pf_bytes text)
{
    size_t i = text.len;

    while (i > 0 && text.at[i - 1] != '@')
        i--;
    return i;
}

static enum pf_code read_address(const struct reader *r, struct pf_pop_url *out)
{
    size_t domain = last_at(r->text);
    struct pf_bytes host = pf_bytes_skip(r->text, domain);

    if (domain == 0)
        return wrong(r, r->text.at, "neither a URL (pop://HOST, pops://HOST) nor USER@DOMAIN");
    if (domain == 1)
        return wrong(r, r->text.at, "there is no user in front of @");
    for (size_t i = 0; i + 1 < domain; i++)
        if (r->text.at[i] <= 0x20 || r->text.at[i] == 0x7f || strchr("@:/;,<>()[]\\\"", r->text.at[i]))
            return wrong(r, r->text.at + i, "this cannot stand in USER@DOMAIN");
    if (!pf_pop_url_is_host(host))
        return wrong(r, r->text.at + domain, "this is no domain (other letters: its xn-- form)");
    if (r->text.len >= sizeof out->user)
        return wrong(r, r->text.at + sizeof out->user - 1, "this is too long");
    keep_host(host, out);
    memcpy(out->user, r->text.at, r->text.len);
    memcpy(out->auth, "*", 2);
    return PF_OK;
}

static enum pf_code read_url(const struct reader *r, size_t scheme, struct pf_pop_url *out)
{
    struct pf_bytes rest = pf_bytes_skip(r->text, scheme + 3), name = pf_bytes_head(r->text, scheme);
    size_t place = last_at(rest);
    enum pf_code code = PF_OK;

    if (pf_equal_nocase(name, PF_LIT("pops")))
        out->kind = PF_POP_URL_POPS;
    else if (!pf_equal_nocase(name, PF_LIT("pop")))
        return wrong(r, r->text.at, "the URL of a maildrop begins with pop:// or pops://");
    if (place)
        code = read_user(r, pf_bytes_head(rest, place - 1), out);
    return code ? code : read_place(r, pf_bytes_skip(rest, place), out);
}

enum pf_code pf_pop_url_parse(struct pf_bytes text, struct pf_pop_url *out, struct pf_err *err)
{
    struct pf_pop_url url = {.kind = PF_POP_URL_POP};
    struct reader r = {text.at ? text : PF_LIT(""), err};
    size_t colon = pf_find(text, ':');
    enum pf_code code;

    if (text.len > PF_POP_URL_MAX)
        return wrong(&r, r.text.at + PF_POP_URL_MAX, "this is too long");
    if (text.len >= colon + 3 && pf_bytes_equal(pf_bytes_head(pf_bytes_skip(text, colon), 3), PF_LIT("://"))) {
        code = read_url(&r, colon, &url);
    } else {
        url.kind = PF_POP_URL_ADDRESS;
        code = read_address(&r, &url);
    }
    if (code == PF_OK)
        *out = url;
    return code;
}

static bool encode(struct pf_bytes text, struct pf_span *out)
{
    for (; text.len; text = pf_bytes_skip(text, 1))
        if (!(is_plain(text.at[0]) ? pf_span_put(out, pf_bytes_head(text, 1))
                                   : pf_span_format(out, "%%%02X", text.at[0])))
            return false;
    return true;
}

bool pf_pop_url_print(const struct pf_pop_url *url, struct pf_span *out)
{
    bool six = strchr(url->host, ':');

    if (url->kind == PF_POP_URL_ADDRESS)
        return pf_span_put(out, pf_bytes_of(url->user));
    if (!pf_span_put(out, url->kind == PF_POP_URL_POPS ? PF_LIT("pops://") : PF_LIT("pop://")))
        return false;
    if (url->user[0] && !encode(pf_bytes_of(url->user), out))
        return false;
    if (url->user[0] && strcmp(url->auth, "*") != 0 && !pf_span_format(out, ";AUTH=%s", url->auth))
        return false;
    return pf_span_format(out, "%s%s%s%s", url->user[0] ? "@" : "", six ? "[" : "", url->host, six ? "]" : "") &&
           (url->port == 0 || pf_span_format(out, ":%u", url->port));
}
