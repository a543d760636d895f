#include "auth/auth_sql_url.h"

#include "base/text.h"

static enum pf_code wrong(struct pf_err *err, const char *what)
{
    return pf_fail(err, PF_CONFIG, 0, "auth_sql",
                   "connect: %s; write it as mariadb://user@host:3306/name or mariadb://user@/name?socket=/path", what);
}

static int digit_of(unsigned char c)
{
    c = pf_lower(c);
    if (pf_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX undone; false for what is no such thing, a NUL, or too much. */
static bool decode(struct pf_bytes text, char out[PF_SQL_URL_PART])
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low, c = text.at[i];

        if (c == '%') {
            high = i + 2 < text.len ? digit_of(text.at[i + 1]) : -1;
            low = i + 2 < text.len ? digit_of(text.at[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (c == 0 || len == PF_SQL_URL_PART - 1)
            return false;
        out[len++] = (char)c;
    }
    out[len] = 0;
    return true;
}

/* What stands before the octet, which is taken off, too; all of it when there is none. */
static struct pf_bytes cut(struct pf_bytes *text, unsigned char at)
{
    struct pf_bytes head = pf_bytes_head(*text, pf_find(*text, at));

    *text = pf_bytes_skip(*text, head.len + 1);
    return head;
}

static bool read_port(struct pf_bytes text, unsigned *out)
{
    uint64_t port;

    if (!pf_parse_u64(text, &port) || port == 0 || port > 65535)
        return false;
    *out = (unsigned)port;
    return true;
}

/* host, host:port or [address]:port */
static bool read_host(struct pf_bytes text, struct pf_sql_url *url)
{
    struct pf_bytes host;

    if (text.len && text.at[0] == '[') {
        size_t end = pf_find(text, ']');

        if (end == text.len)
            return false;
        host = pf_bytes_from(text.at + 1, end - 1);
        text = pf_bytes_skip(text, end + 1);
        if (text.len && text.at[0] != ':')
            return false;
        text = pf_bytes_skip(text, 1);
    } else {
        host = cut(&text, ':');
    }
    return decode(host, url->host) && (text.len == 0 || read_port(text, &url->port));
}

static bool read_option(struct pf_bytes text, struct pf_sql_url *url)
{
    struct pf_bytes name = cut(&text, '=');

    if (pf_bytes_equal(name, PF_LIT("socket")))
        return decode(text, url->socket) && url->socket[0] == '/';
    url->tls = pf_bytes_equal(text, PF_LIT("yes"));
    return pf_bytes_equal(name, PF_LIT("tls")) && (url->tls || pf_bytes_equal(text, PF_LIT("no")));
}

static bool is_here(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

enum pf_code pf_sql_url_parse(struct pf_bytes text, struct pf_sql_url *out_url, struct pf_err *err)
{
    struct pf_bytes scheme = cut(&text, ':'), options, place, user;
    struct pf_sql_url url = {0};

    if ((!pf_bytes_equal(scheme, PF_LIT("mariadb")) && !pf_bytes_equal(scheme, PF_LIT("mysql"))) || text.len < 2 ||
        text.at[0] != '/' || text.at[1] != '/')
        return wrong(err, "it is no URL of MariaDB");
    options = pf_bytes_skip(text, 2);
    text = cut(&options, '?');
    place = cut(&text, '/');
    user = pf_bytes_head(place, pf_find(place, '@'));
    if (user.len == 0 || user.len == place.len || !decode(user, url.user))
        return wrong(err, "it names no user");
    if (pf_find(user, ':') < user.len)
        return wrong(err, "a password does not belong there, but into the secret-file");
    if (!read_host(pf_bytes_skip(place, user.len + 1), &url))
        return wrong(err, "its host or port cannot be understood");
    if (text.len == 0 || pf_find(text, '/') < text.len || !decode(text, url.database))
        return wrong(err, "it names no database");
    url.tls = url.host[0] && !is_here(url.host);
    while (options.len)
        if (!read_option(cut(&options, '&'), &url))
            return wrong(err, "it has an option other than socket=/path, tls=yes and tls=no");
    if (url.socket[0] ? url.host[0] != 0 : url.host[0] == 0)
        return wrong(err, "it must have either a host or a socket");
    *out_url = url;
    return PF_OK;
}
