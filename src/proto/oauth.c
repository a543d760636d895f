#include "proto/oauth.h"

#include "base/text.h"

enum { END = 1, USER_MAX = 255 };

static bool is_letter(unsigned char c)
{
    return pf_lower(c) >= 'a' && pf_lower(c) <= 'z';
}

/* RFC 7628 section 3.1 allows VCHAR, blanks and line ends in values; names may be UTF-8 as well. */
static bool is_value(struct pf_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = value.at[i];

        if (c == 0x7f || (c < 0x20 && c != '\t' && c != '\r' && c != '\n'))
            return false;
    }
    return true;
}

static bool is_user(struct pf_bytes user)
{
    for (size_t i = 0; i < user.len; i++)
        if (user.at[i] < 0x20 || user.at[i] == 0x7f)
            return false;
    return user.len && user.len <= USER_MAX;
}

/* RFC 6750 section 2.1 has fewer octets, some issuers have more; a blank would be a second token. */
static bool is_token(struct pf_bytes token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.at[i] <= 0x20 || token.at[i] >= 0x7f)
            return false;
    return token.len;
}

static bool is_port(struct pf_bytes port)
{
    for (size_t i = 0; i < port.len; i++)
        if (!pf_is_digit(port.at[i]))
            return false;
    return port.len && port.len <= 5;
}

/* "=2C" and "=3D" are decoded; no other "=" stands in a name (RFC 5801 section 4). */
static bool decode_user(struct pf_bytes in, struct pf_oauth_message *out)
{
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.at[i];

        if (len == USER_MAX)
            return false;
        if (c == '=') {
            if (i + 2 >= in.len ||
                (memcmp(in.at + i, "=2C", 3) != 0 && memcmp(in.at + i, "=3D", 3) != 0))
                return false;
            c = in.at[i + 1] == '2' ? ',' : '=';
            i += 2;
        }
        out->room[len++] = (char)c;
    }
    out->user = pf_bytes_from(out->room, len);
    return is_user(out->user);
}

static bool literal(struct pf_bytes *rest, struct pf_bytes word)
{
    bool is = rest->len >= word.len && pf_bytes_equal(pf_bytes_head(*rest, word.len), word);

    if (is)
        *rest = pf_bytes_skip(*rest, word.len);
    return is;
}

/* gs2-header: "n,," or "y,a=user,"; channel binding is not for tokens (RFC 7628 section 3.1). NULL, or
 * what is wrong. */
static const char *read_header(struct pf_bytes *rest, struct pf_oauth_message *out)
{
    struct pf_bytes name;

    if (!literal(rest, PF_LIT("n,")) && !literal(rest, PF_LIT("y,")))
        return "the header is neither n nor y";
    if (literal(rest, PF_LIT("a="))) {
        name = pf_bytes_head(*rest, pf_find(*rest, ','));
        *rest = pf_bytes_skip(*rest, name.len);
        if (!decode_user(name, out))
            return "the user's name in the header";
    }
    return literal(rest, PF_LIT(",\1")) ? NULL : "the header does not end";
}

static const char *once(struct pf_bytes *field, struct pf_bytes value)
{
    if (field->at)
        return "a key stands there twice";
    *field = value;
    return NULL;
}

static const char *read_auth(struct pf_bytes value, struct pf_oauth_message *out)
{
    size_t blank = pf_find(value, ' ');

    if (!pf_equal_nocase(pf_bytes_head(value, blank), PF_LIT("Bearer")))
        return "the scheme is not Bearer";
    value = pf_bytes_skip(value, blank);
    while (value.len && value.at[0] == ' ')
        value = pf_bytes_skip(value, 1);
    if (!is_token(value))
        return "not exactly one token";
    return once(&out->token, value);
}

/* Keys that nobody knows are read over (RFC 7628 section 3.1). */
static const char *read_pair(enum pf_oauth_dialect dialect, struct pf_bytes key, struct pf_bytes value,
                             struct pf_oauth_message *out)
{
    if (pf_bytes_equal(key, PF_LIT("auth")))
        return read_auth(value, out);
    if (dialect == PF_XOAUTH2 && pf_bytes_equal(key, PF_LIT("user")))
        return is_user(value) ? once(&out->user, value) : "the user's name";
    if (dialect == PF_OAUTHBEARER && pf_bytes_equal(key, PF_LIT("host")))
        return value.len ? once(&out->host, value) : "an empty host";
    if (dialect == PF_OAUTHBEARER && pf_bytes_equal(key, PF_LIT("port")))
        return is_port(value) ? once(&out->port, value) : "the port";
    return NULL;
}

/* *(1*ALPHA "=" value ^A) ^A */
static const char *read_pairs(enum pf_oauth_dialect dialect, struct pf_bytes rest,
                              struct pf_oauth_message *out)
{
    while (rest.len && rest.at[0] != END) {
        struct pf_bytes pair = pf_bytes_head(rest, pf_find(rest, END));
        struct pf_bytes key = pf_bytes_head(pair, pf_find(pair, '=')), value;
        const char *wrong;

        if (pair.len == rest.len || key.len == pair.len || key.len == 0)
            return "a pair that is none";
        for (size_t i = 0; i < key.len; i++)
            if (!is_letter(key.at[i]))
                return "a key that is none";
        value = pf_bytes_skip(pair, key.len + 1);
        if (!is_value(value))
            return "a value that is none";
        wrong = read_pair(dialect, key, value, out);
        if (wrong)
            return wrong;
        rest = pf_bytes_skip(rest, pair.len + 1);
    }
    return rest.len == 1 ? NULL : "no end, or something behind it";
}

enum pf_code pf_oauth_read(enum pf_oauth_dialect dialect, struct pf_bytes message,
                           struct pf_oauth_message *out, struct pf_err *err)
{
    const char *wrong = NULL;

    *out = (struct pf_oauth_message){0};
    if (dialect == PF_OAUTHBEARER)
        wrong = read_header(&message, out);
    if (!wrong)
        wrong = read_pairs(dialect, message, out);
    if (!wrong && !out->token.len)
        wrong = "no token";
    if (!wrong && dialect == PF_XOAUTH2 && !out->user.len)
        wrong = "no user";
    return wrong ? pf_fail(err, PF_SYNTAX, 0, "oauth", "the message of the client: %s", wrong) : PF_OK;
}

static bool put_user(struct pf_bytes user, struct pf_span *out)
{
    for (size_t i = 0; i < user.len; i++) {
        struct pf_bytes c = user.at[i] == ','   ? PF_LIT("=2C")
                            : user.at[i] == '=' ? PF_LIT("=3D")
                                                : pf_bytes_from(user.at + i, 1);

        if (!pf_span_put(out, c))
            return false;
    }
    return true;
}

static bool put_pair(const char *key, struct pf_bytes value, struct pf_span *out)
{
    return value.len == 0 || (pf_span_put(out, pf_bytes_of(key)) && pf_span_put(out, value) &&
                              pf_span_put(out, PF_LIT("\1")));
}

static bool write_bearer(const struct pf_oauth_message *message, struct pf_span *out)
{
    return pf_span_put(out, message->user.len ? PF_LIT("n,a=") : PF_LIT("n,")) &&
           put_user(message->user, out) && pf_span_put(out, PF_LIT(",\1")) &&
           put_pair("host=", message->host, out) && put_pair("port=", message->port, out);
}

static bool can_be_said(enum pf_oauth_dialect dialect, const struct pf_oauth_message *message)
{
    if (!is_token(message->token) || (message->user.len && !is_user(message->user)))
        return false;
    if (dialect == PF_XOAUTH2)
        return message->user.len;
    return is_value(message->host) && (message->port.len == 0 || is_port(message->port));
}

bool pf_oauth_write(enum pf_oauth_dialect dialect, const struct pf_oauth_message *message,
                    struct pf_span *out)
{
    size_t len = out->len;
    bool put = can_be_said(dialect, message);

    put = put && (dialect == PF_OAUTHBEARER ? write_bearer(message, out)
                                            : put_pair("user=", message->user, out));
    put = put && put_pair("auth=Bearer ", message->token, out) && pf_span_put(out, PF_LIT("\1"));
    if (!put)
        out->len = len;
    return put;
}

static bool put_json(const char *key, const char *text, struct pf_span *out)
{
    if (!text)
        return true;
    if (!pf_span_format(out, "%s\"%s\":\"", out->at[out->len - 1] == '{' ? "" : ",", key))
        return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool put = c < 0x20 ? pf_span_format(out, "\\u%04x", c)
                            : (c != '"' && c != '\\' ? true : pf_span_put(out, PF_LIT("\\"))) &&
                                  pf_span_put(out, pf_bytes_from(text, 1));

        if (!put)
            return false;
    }
    return pf_span_put(out, PF_LIT("\""));
}

/* What clients of the two look for: RFC 7628 names the error, XOAUTH2 the status of HTTP. */
bool pf_oauth_refusal(enum pf_oauth_dialect dialect, const char *scope, const char *configuration,
                      struct pf_span *out)
{
    size_t len = out->len;
    bool standard = dialect == PF_OAUTHBEARER;
    bool put = pf_span_put(out, PF_LIT("{")) &&
               put_json("status", standard ? "invalid_token" : "401", out) &&
               put_json("schemes", standard ? NULL : "bearer", out) && put_json("scope", scope, out) &&
               put_json("openid-configuration", standard ? configuration : NULL, out) &&
               pf_span_put(out, PF_LIT("}"));

    if (!put)
        out->len = len;
    return put;
}
