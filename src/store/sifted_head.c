#include "store/sifted_head.h"

#include "base/text.h"

enum { ADDRESS_MAX = 512 }; /* RFC 5321 section 4.5.3.1: 64 octets, an @, and 255 */

static size_t last_at(struct pf_bytes address)
{
    size_t at = address.len;

    while (at > 0 && address.at[at - 1] != '@')
        at--;
    return at ? at - 1 : address.len;
}

void pf_sifted_head_begin(struct pf_sifted_head *h, const char *recipient)
{
    struct pf_bytes whole = pf_bytes_of(recipient);
    size_t at = last_at(whole);

    h->local = pf_bytes_head(whole, at);
    h->host = pf_bytes_skip(whole, at + 1);
    h->seen = h->len = h->first_len = 0;
    h->at_start = h->first = true;
    h->cut = false;
}

static bool is_host(const struct pf_sifted_head *h, struct pf_bytes domain)
{
    size_t dot = pf_find(h->host, '.');

    if (domain.len && domain.at[domain.len - 1] == '.')
        domain.len--;
    if (dot == h->host.len)
        domain = pf_bytes_head(domain, pf_find(domain, '.'));
    return domain.len && pf_equal_nocase(domain, h->host);
}

static bool is_address(const struct pf_sifted_head *h, struct pf_bytes address)
{
    size_t at = last_at(address);

    return pf_equal_nocase(pf_bytes_head(address, at), h->local) && is_host(h, pf_bytes_skip(address, at + 1));
}

/* Takes what stands before the next comma, without quotes, brackets and blanks. False when it is too long, or a
 * quote has no end. */
static bool take_address(struct pf_bytes *rest, struct pf_span *out)
{
    bool quoted = false, fits = true;
    size_t i = 0;

    for (; i < rest->len && (quoted || rest->at[i] != ','); i++) {
        unsigned char c = rest->at[i];

        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && c == '\\' && i + 1 < rest->len)
            c = rest->at[++i];
        else if (!quoted && (c == '<' || c == '>' || c == ' ' || c == '\t'))
            continue;
        fits = pf_span_put(out, pf_bytes_from(&c, 1)) && fits;
    }
    *rest = pf_bytes_skip(*rest, i + 1);
    return fits && !quoted;
}

static bool names(const struct pf_sifted_head *h, struct pf_bytes value)
{
    unsigned char room[ADDRESS_MAX];

    while (value.len) {
        struct pf_span address = {room, 0, sizeof room};

        if (take_address(&value, &address) && is_address(h, pf_span_bytes(&address)))
            return true;
    }
    return false;
}

static bool wanted(struct pf_bytes name)
{
    return pf_equal_nocase(name, PF_LIT("Delivered-To")) || pf_equal_nocase(name, PF_LIT("X-Original-To")) ||
           pf_equal_nocase(name, PF_LIT("Envelope-To"));
}

/* 0 where the line is no field (RFC 5322 section 2.2; blanks before the colon by section 4.5). */
static size_t name_len(struct pf_bytes line)
{
    size_t len = 0, colon;

    while (len < line.len && line.at[len] > 0x20 && line.at[len] < 0x7f && line.at[len] != ':')
        len++;
    for (colon = len; colon < line.len && (line.at[colon] == ' ' || line.at[colon] == '\t');)
        colon++;
    return colon < line.len && line.at[colon] == ':' ? len : 0;
}

static bool is_from_line(struct pf_bytes line)
{
    return pf_bytes_equal(pf_bytes_head(line, 5), PF_LIT("From ")) ||
           pf_bytes_equal(pf_bytes_head(line, 6), PF_LIT(">From "));
}

/* The field in hand is whole; the line behind it begins. */
static enum pf_sifted judge(struct pf_sifted_head *h)
{
    struct pf_bytes line = {h->line, h->len};
    size_t len = name_len(pf_bytes_head(line, h->first_len ? h->first_len : h->len));
    bool cut = h->cut, first = h->first;

    if (!h->len)
        return PF_SIFTED_MORE;
    h->len = h->first_len = 0;
    h->first = h->cut = false;
    if (!len)
        return first && is_from_line(line) ? PF_SIFTED_MORE : PF_SIFTED_OTHER;
    if (!wanted(pf_bytes_head(line, len)))
        return PF_SIFTED_MORE;
    return !cut && names(h, pf_bytes_skip(line, pf_find(line, ':') + 1)) ? PF_SIFTED_MATCH : PF_SIFTED_OTHER;
}

static void drop_cr(struct pf_sifted_head *h)
{
    if (h->len && !h->cut && h->line[h->len - 1] == '\r')
        h->len--;
}

static enum pf_sifted end_line(struct pf_sifted_head *h)
{
    drop_cr(h);
    if (!h->first_len)
        h->first_len = h->len;
    h->at_start = true;
    return h->len ? PF_SIFTED_MORE : PF_SIFTED_OTHER; /* an empty line ends the head */
}

static enum pf_sifted take(struct pf_sifted_head *h, unsigned char c)
{
    enum pf_sifted found = PF_SIFTED_MORE;

    if (++h->seen > PF_SIFTED_HEAD_MAX)
        return PF_SIFTED_OTHER;
    if (h->at_start && c != ' ' && c != '\t')
        found = judge(h);
    h->at_start = false;
    if (found != PF_SIFTED_MORE)
        return found;
    if (c == '\n')
        return end_line(h);
    if (h->len < sizeof h->line)
        h->line[h->len++] = c;
    else
        h->cut = true;
    return PF_SIFTED_MORE;
}

enum pf_sifted pf_sifted_head_feed(struct pf_sifted_head *h, struct pf_bytes piece)
{
    enum pf_sifted found = PF_SIFTED_MORE;

    for (size_t i = 0; i < piece.len && found == PF_SIFTED_MORE; i++)
        found = take(h, piece.at[i]);
    return found;
}

enum pf_sifted pf_sifted_head_end(struct pf_sifted_head *h)
{
    enum pf_sifted found;

    if (!h->at_start)
        drop_cr(h);
    found = judge(h);
    return found == PF_SIFTED_MATCH ? found : PF_SIFTED_OTHER;
}
