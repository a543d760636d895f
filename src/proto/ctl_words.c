#include "proto/ctl_words.h"

#include "base/text.h"

static bool begins(struct pf_bytes b, struct pf_bytes with)
{
    return pf_bytes_equal(pf_bytes_head(b, with.len), with);
}

static bool is_name(struct pf_bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i] <= ' ' || b.at[i] == 0x7f)
            return false;
    return b.len > 0;
}

/* number, or gate.number */
static struct pf_ctl_request kick_id(struct pf_bytes text)
{
    struct pf_ctl_request r = {.word = PF_CTL_KICK_ID};
    size_t dot = pf_find(text, '.');
    uint64_t gate = 0;

    if (dot < text.len && (!pf_parse_u64(pf_bytes_head(text, dot), &gate) || gate == 0 || gate > UINT32_MAX))
        return (struct pf_ctl_request){0};
    if (!pf_parse_u64(dot < text.len ? pf_bytes_skip(text, dot + 1) : text, &r.id))
        return (struct pf_ctl_request){0};
    r.gate = (uint32_t)gate;
    return r;
}

static struct pf_ctl_request kick(struct pf_bytes rest)
{
    struct pf_ctl_request r = {0};

    if (begins(rest, PF_LIT("ID ")))
        r = kick_id(pf_bytes_skip(rest, 3));
    else if (begins(rest, PF_LIT("USER ")) && is_name(pf_bytes_skip(rest, 5)))
        r = (struct pf_ctl_request){.word = PF_CTL_KICK_USER, .name = pf_bytes_skip(rest, 5)};
    return r;
}

struct pf_ctl_request pf_ctl_request_of(struct pf_bytes line)
{
    static const struct {
        const char *word;
        enum pf_ctl_word means;
    } words[] = {{"SESSIONS", PF_CTL_SESSIONS},
                 {"SESSIONS ALL", PF_CTL_SESSIONS_ALL},
                 {"RELOAD", PF_CTL_RELOAD},
                 {"STATS", PF_CTL_STATS},
                 {"METRICS", PF_CTL_METRICS}};

    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (pf_bytes_equal(line, pf_bytes_of(words[i].word)))
            return (struct pf_ctl_request){.word = words[i].means};
    if (begins(line, PF_LIT("KICK ")))
        return kick(pf_bytes_skip(line, 5));
    return (struct pf_ctl_request){0};
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct pf_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = pf_lower(b.at[i]);

        if (!(c >= 'a' && c <= 'z') && !pf_is_digit(c) && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return b.len > 0;
}

/* The next line without its CRLF; false when there is none. */
static bool next_line(struct pf_bytes *rest, struct pf_bytes *out_line)
{
    size_t len = pf_find(*rest, '\n');

    if (len == rest->len)
        return false;
    *out_line = pf_bytes_head(*rest, len);
    *rest = pf_bytes_skip(*rest, len + 1);
    return true;
}

static bool take_cr(struct pf_bytes *line)
{
    if (line->len == 0 || line->at[line->len - 1] != '\r')
        return false;
    line->len--;
    for (size_t i = 0; i < line->len; i++)
        if ((line->at[i] < ' ' && line->at[i] != '\t') || line->at[i] == 0x7f)
            return false;
    return true;
}

/* A request line is three words with one space between them (RFC 9112 section 3). */
static enum pf_ctl_status request_line(struct pf_bytes line, bool *out_host)
{
    struct pf_bytes method = pf_bytes_head(line, pf_find(line, ' '));
    struct pf_bytes rest = pf_bytes_skip(line, method.len + 1);
    struct pf_bytes target = pf_bytes_head(rest, pf_find(rest, ' '));
    struct pf_bytes version = pf_bytes_skip(rest, target.len + 1);

    if (!is_token(method) || !is_name(target) || !begins(version, PF_LIT("HTTP/")) || version.len != 8)
        return PF_CTL_HTTP_BAD;
    *out_host = version.at[7] == '1';
    if (!pf_bytes_equal(version, PF_LIT("HTTP/1.1")) && !pf_bytes_equal(version, PF_LIT("HTTP/1.0")))
        return PF_CTL_HTTP_VERSION;
    if (!pf_bytes_equal(method, PF_LIT("GET")))
        return PF_CTL_HTTP_METHOD;
    return pf_bytes_equal(target, PF_LIT("/metrics")) ? PF_CTL_HTTP_OK : PF_CTL_HTTP_NOT_FOUND;
}

/* A field; a request with a body is not for here. */
static bool field(struct pf_bytes line, unsigned *hosts)
{
    struct pf_bytes name = pf_bytes_head(line, pf_find(line, ':'));

    if (name.len == line.len || !is_token(name) || pf_equal_nocase(name, PF_LIT("Content-Length")) ||
        pf_equal_nocase(name, PF_LIT("Transfer-Encoding")))
        return false;
    *hosts += pf_equal_nocase(name, PF_LIT("Host"));
    return true;
}

/* RFC 9112 section 3.2: with HTTP/1.1 exactly one Host. */
static bool fields(struct pf_bytes rest, bool wants_host)
{
    unsigned hosts = 0;
    struct pf_bytes line;

    for (unsigned count = 0; next_line(&rest, &line); count++) {
        if (count > PF_CTL_FIELDS_MAX || !take_cr(&line))
            return false;
        if (line.len == 0)
            return hosts <= 1 && (hosts == 1 || !wants_host);
        if (!field(line, &hosts))
            return false;
    }
    return false;
}

/* The head ends in an empty line; one with a bare LF is refused at once, since nothing better can follow. */
static bool is_whole(struct pf_bytes head)
{
    struct pf_bytes line;

    while (next_line(&head, &line))
        if (line.len == 0 || (line.len == 1 && line.at[0] == '\r'))
            return true;
    return false;
}

enum pf_ctl_status pf_ctl_http(struct pf_bytes head)
{
    struct pf_bytes line;
    enum pf_ctl_status status;
    bool wants_host = false;

    if (!is_whole(head))
        return head.len >= PF_CTL_HEAD_MAX ? PF_CTL_HTTP_LARGE : PF_CTL_HTTP_MORE;
    if (!next_line(&head, &line) || !take_cr(&line))
        return PF_CTL_HTTP_BAD;
    status = request_line(line, &wants_host);
    if (status != PF_CTL_HTTP_BAD && status != PF_CTL_HTTP_VERSION && !fields(head, wants_host))
        return PF_CTL_HTTP_BAD;
    return status;
}

const char *pf_ctl_http_text(enum pf_ctl_status status)
{
    switch (status) {
    case PF_CTL_HTTP_OK:
        return "200 OK";
    case PF_CTL_HTTP_NOT_FOUND:
        return "404 Not Found";
    case PF_CTL_HTTP_METHOD:
        return "405 Method Not Allowed";
    case PF_CTL_HTTP_LARGE:
        return "431 Request Header Fields Too Large";
    case PF_CTL_HTTP_VERSION:
        return "505 HTTP Version Not Supported";
    case PF_CTL_HTTP_BAD:
    case PF_CTL_HTTP_MORE:
        break;
    }
    return "400 Bad Request";
}
