#include "fetch/head.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/text.h"
#include "fetch/head_words.h"

enum {
    NAME = 16,     /* more than the longest name below and its colon */
    DECODED = 8192 /* octets of a line with encoded words; a longer one is compared as it stands */
};

struct pf_head {
    EVP_MD_CTX *digest;
    bool broken;   /* the digest could not be computed */
    bool complete; /* the empty line came */
    bool told;     /* `result` is there */
    bool cr;       /* held back: it may belong to a line's end */
    bool decided;  /* whether this line counts is known */
    bool ignored;
    bool named;   /* a line tells this message from all others */
    bool within;  /* something of the line came */
    bool unfolds; /* white space at a folded line's beginning is being skipped */
    bool cut;     /* no more is kept */
    unsigned char name[NAME];
    size_t name_len;
    unsigned char result[PF_LEDGER_HEAD];
    size_t kept, field; /* octets; where the last field begins */
    unsigned char keep[PF_HEAD_MAX];
};

/* Lines that servers make or change by themselves. */
static bool is_made(const unsigned char *name, size_t len)
{
    static const char *const made[] = {"status",     "x-status",       "x-uidl",
                                       "x-keywords", "content-length", "lines"};

    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (pf_equal_nocase(pf_bytes_from(name, len), pf_bytes_of(made[i])))
            return true;
    return false;
}

static bool is_name(const unsigned char *name, size_t len)
{
    return pf_equal_nocase(pf_bytes_from(name, len), PF_LIT("message-id")) ||
           pf_equal_nocase(pf_bytes_from(name, len), PF_LIT("received"));
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

struct pf_head *pf_head_new(void)
{
    struct pf_head *h = malloc(sizeof *h);

    if (!h)
        return NULL;
    h->digest = EVP_MD_CTX_new();
    if (!h->digest) {
        free(h);
        return NULL;
    }
    pf_head_begin(h);
    return h;
}

void pf_head_free(struct pf_head *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->digest);
    free(h);
}

void pf_head_begin(struct pf_head *h)
{
    h->broken = EVP_DigestInit_ex(h->digest, EVP_sha256(), NULL) != 1;
    h->complete = h->told = h->cr = h->decided = h->ignored = h->named = h->within = h->unfolds = h->cut = false;
    h->name_len = h->kept = h->field = 0;
}

static void count(struct pf_head *h, struct pf_bytes b)
{
    if (!h->ignored && b.len && EVP_DigestUpdate(h->digest, b.at, b.len) != 1)
        h->broken = true;
}

/* A field that does not fit is not kept at all: half a value may match where the whole does not. */
static void keep(struct pf_head *h, struct pf_bytes b)
{
    if (h->cut)
        return;
    if (b.len > PF_HEAD_MAX - h->kept) {
        h->cut = true;
        h->kept = h->field;
        return;
    }
    if (b.len)
        memcpy(h->keep + h->kept, b.at, b.len);
    h->kept += b.len;
}

static void decide(struct pf_head *h, bool has_colon)
{
    h->ignored = has_colon && is_made(h->name, h->name_len - 1);
    h->named |= has_colon && is_name(h->name, h->name_len - 1);
    h->decided = true;
    count(h, pf_bytes_from(h->name, h->name_len));
}

static void begin_line(struct pf_head *h, unsigned char first)
{
    h->within = true;
    if (is_blank(first) && h->kept > h->field && !h->cut) {
        h->kept--; /* the line end before it */
        while (h->kept > h->field && is_blank(h->keep[h->kept - 1]))
            h->kept--;
        keep(h, PF_LIT(" "));
        h->unfolds = true;
    } else if (!is_blank(first)) {
        h->field = h->kept;
    }
    if (is_blank(first)) {
        h->decided = true; /* as the line that it continues */
    } else {
        h->decided = h->ignored = false;
        h->name_len = 0;
    }
}

static void take_text(struct pf_head *h, struct pf_bytes b)
{
    struct pf_bytes unfolded = b;

    if (!b.len)
        return;
    if (!h->within)
        begin_line(h, b.at[0]);
    while (h->unfolds && unfolded.len && is_blank(unfolded.at[0]))
        unfolded = pf_bytes_skip(unfolded, 1);
    if (unfolded.len)
        h->unfolds = false;
    keep(h, unfolded);
    while (!h->decided && b.len) {
        h->name[h->name_len++] = b.at[0];
        if (b.at[0] == ':' || h->name_len == NAME)
            decide(h, b.at[0] == ':');
        b = pf_bytes_skip(b, 1);
    }
    count(h, b);
}

static void end_line(struct pf_head *h)
{
    h->cr = false;
    if (!h->within) {
        h->complete = true;
        return;
    }
    if (!h->decided)
        decide(h, false);
    count(h, PF_LIT("\n"));
    keep(h, PF_LIT("\n"));
    h->within = h->unfolds = false;
}

/* Part of a line, without its LF; a CR at its end is held back. */
static void take_part(struct pf_head *h, struct pf_bytes b)
{
    if (!b.len)
        return;
    if (h->cr)
        take_text(h, PF_LIT("\r"));
    h->cr = b.at[b.len - 1] == '\r';
    take_text(h, pf_bytes_head(b, b.len - h->cr));
}

bool pf_head_feed(struct pf_head *h, struct pf_bytes piece)
{
    while (piece.len && !h->complete && !h->told) {
        size_t end = pf_find(piece, '\n');

        take_part(h, pf_bytes_head(piece, end));
        if (end < piece.len)
            end_line(h);
        piece = pf_bytes_skip(piece, end + 1);
    }
    return !h->complete && !h->told;
}

static bool finish(struct pf_head *h)
{
    unsigned char whole[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (h->broken || EVP_DigestFinal_ex(h->digest, whole, &len) != 1 || len < PF_LEDGER_HEAD)
        return false;
    memcpy(h->result, whole, PF_LEDGER_HEAD);
    return true;
}

void pf_head_digest(struct pf_head *h, unsigned char out[PF_LEDGER_HEAD])
{
    static const unsigned char none[PF_LEDGER_HEAD];

    if (!h->told) {
        if (!h->complete && h->within)
            end_line(h);
        /* One that cannot be computed matches nothing: a message rather comes twice than never. */
        if (!finish(h) && getrandom(h->result, sizeof h->result, 0) != sizeof h->result)
            memset(h->result, 0, sizeof h->result);
        h->result[PF_LEDGER_HEAD - 1] = (unsigned char)((h->result[PF_LEDGER_HEAD - 1] & ~1) | h->named);
        if (memcmp(h->result, none, sizeof none) == 0)
            h->result[0] = 1;
        h->told = true;
    }
    memcpy(out, h->result, PF_LEDGER_HEAD);
}

bool pf_head_is_named(const unsigned char head[PF_LEDGER_HEAD])
{
    return head[PF_LEDGER_HEAD - 1] & 1;
}

bool pf_head_matches(struct pf_bytes value, const char *pattern)
{
    const char *star = NULL; /* behind the last one met: only that one can still grow */
    size_t at = 0, from = 0;

    while (at < value.len) {
        if (*pattern == '*') {
            star = ++pattern;
            from = at;
        } else if (*pattern == '?') {
            pattern++;
            at++;
            while (at < value.len && (value.at[at] & 0xC0) == 0x80) /* the rest of a letter in UTF-8 */
                at++;
        } else if (*pattern && pf_lower((unsigned char)*pattern) == pf_lower(value.at[at])) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && is_blank(b.at[0]))
        b = pf_bytes_skip(b, 1);
    while (b.len && is_blank(b.at[b.len - 1]))
        b.len--;
    return b;
}

static bool asks(const struct pf_account_filter *filter, struct pf_bytes line)
{
    size_t colon = pf_find(line, ':');
    unsigned char room[DECODED];
    struct pf_span text = {room, 0, sizeof room};
    struct pf_bytes value = trim(pf_bytes_skip(line, colon + 1));

    if (colon == line.len || !pf_equal_nocase(trim(pf_bytes_head(line, colon)), pf_bytes_of(filter->header)))
        return false;
    return pf_head_matches(value, filter->pattern) ||
           (pf_head_words(value, &text) && pf_head_matches(trim(pf_span_bytes(&text)), filter->pattern));
}

const struct pf_account_filter *pf_head_filter(const struct pf_head *h, const struct pf_account *account)
{
    for (size_t i = 0; i < account->filter_count; i++) {
        struct pf_bytes rest = pf_bytes_from(h->keep, h->kept);

        while (rest.len) {
            size_t end = pf_find(rest, '\n');

            if (asks(&account->filters[i], pf_bytes_head(rest, end)))
                return &account->filters[i];
            rest = pf_bytes_skip(rest, end + 1);
        }
    }
    return NULL;
}
