#include "fetch/ledger_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <zlib.h>

#include "base/text.h"

enum { SUM = 10 /* " *1a2b3c4d" */ };

static const char *const states[] = {[PF_LEDGER_GONE] = "gone",
                                     [PF_LEDGER_WILL] = "will",
                                     [PF_LEDGER_DONE] = "done",
                                     [PF_LEDGER_SKIPPED] = "skipped",
                                     [PF_LEDGER_REFUSED] = "refused"};
enum { STATES = sizeof states / sizeof *states };

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static int digit(unsigned char c, const char *digits)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static uint32_t sum_of(struct pf_bytes b)
{
    return (uint32_t)crc32_z(0, b.at, b.len);
}

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '%';
}

static bool put_word(struct pf_span *out, struct pf_bytes b)
{
    if (!b.len)
        return pf_span_put(out, PF_LIT("-"));
    if (pf_bytes_equal(b, PF_LIT("-")))
        return pf_span_put(out, PF_LIT("%2D"));
    for (size_t i = 0; i < b.len; i++) {
        char code[] = {'%', upper[b.at[i] >> 4], upper[b.at[i] & 15]};
        bool plain = is_plain(b.at[i]);

        if (!pf_span_put(out, plain ? pf_bytes_from(b.at + i, 1) : pf_bytes_from(code, sizeof code)))
            return false;
    }
    return true;
}

static bool put_head(struct pf_span *out, const unsigned char head[PF_LEDGER_HEAD])
{
    static const unsigned char none[PF_LEDGER_HEAD];
    char text[2 * PF_LEDGER_HEAD];

    if (memcmp(head, none, sizeof none) == 0)
        return pf_span_put(out, PF_LIT("-"));
    for (size_t i = 0; i < PF_LEDGER_HEAD; i++) {
        text[2 * i] = lower[head[i] >> 4];
        text[2 * i + 1] = lower[head[i] & 15];
    }
    return pf_span_put(out, pf_bytes_from(text, sizeof text));
}

/* The sum of what stands in `out` from `from` on, and the newline; else it is as before. */
static bool end_line(struct pf_span *out, size_t from, bool ok)
{
    if (ok)
        ok = pf_span_format(out, " *%08" PRIx32 "\n",
                            sum_of(pf_bytes_from(out->at + from, out->len - from)));
    if (!ok)
        out->len = from;
    return ok;
}

bool pf_ledger_line(const struct pf_ledger_note *n, struct pf_span *out)
{
    size_t from = out->len;
    bool ok = (unsigned)n->state < STATES && n->uid.len && n->uid.len <= PF_LEDGER_UID_MAX &&
              n->name.len <= PF_LEDGER_NAME_MAX &&
              pf_span_format(out, "%s %" PRId64 " ", states[n->state], n->when) &&
              (n->octets == PF_OCTETS_UNKNOWN ? pf_span_put(out, PF_LIT("-"))
                                              : pf_span_decimal(out, n->octets)) &&
              pf_span_put(out, PF_LIT(" ")) && put_head(out, n->head) && pf_span_put(out, PF_LIT(" ")) &&
              put_word(out, n->name) && pf_span_put(out, PF_LIT(" ")) && put_word(out, n->uid);

    return end_line(out, from, ok);
}

bool pf_ledger_who_line(struct pf_bytes who, struct pf_span *out)
{
    size_t from = out->len;

    return end_line(out, from,
                    who.len && who.len <= PF_LEDGER_WHO_MAX && pf_span_put(out, PF_LIT("who ")) &&
                        put_word(out, who));
}

bool pf_ledger_settled_line(struct pf_span *out)
{
    size_t from = out->len;

    return end_line(out, from, pf_span_put(out, PF_LIT("settled")));
}

bool pf_ledger_fetched_line(uint64_t number, int64_t last, struct pf_span *out)
{
    size_t from = out->len;

    return end_line(out, from, pf_span_format(out, "fetched %" PRIu64 " %" PRId64, number, last));
}

/* The word before the next space, which is taken off; the last one has none. */
static struct pf_bytes next(struct pf_bytes *rest)
{
    size_t end = pf_find(*rest, ' ');
    struct pf_bytes word = pf_bytes_head(*rest, end);

    *rest = pf_bytes_skip(*rest, end + 1);
    return word;
}

/* Only what put_word would have put. False: it is none, or longer than `most`. */
static bool get_word(struct pf_bytes word, unsigned char *room, size_t most, struct pf_bytes *out)
{
    size_t len = 0;
    bool nothing = pf_bytes_equal(word, PF_LIT("-"));

    for (size_t i = 0; i < word.len && !nothing; i++) {
        unsigned char c = word.at[i];

        if (c == '%') {
            int high = i + 2 < word.len ? digit(word.at[i + 1], upper) : -1;
            int low = i + 2 < word.len ? digit(word.at[i + 2], upper) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (unsigned char)(high << 4 | low);
            if (is_plain(c) && !(c == '-' && word.len == 3))
                return false;
            i += 2;
        } else if (!is_plain(c)) {
            return false;
        }
        if (len == most)
            return false;
        room[len++] = c;
    }
    *out = pf_bytes_from(room, len);
    return word.len > 0;
}

static bool get_number(struct pf_bytes word, uint64_t *out)
{
    return pf_parse_u64(word, out) && (word.at[0] != '0' || word.len == 1);
}

static bool get_when(struct pf_bytes word, int64_t *out)
{
    bool minus = word.len && word.at[0] == '-';
    uint64_t number;

    if (!get_number(pf_bytes_skip(word, minus), &number) || (minus && number == 0) ||
        number > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static bool get_octets(struct pf_bytes word, uint64_t *out)
{
    *out = PF_OCTETS_UNKNOWN;
    return pf_bytes_equal(word, PF_LIT("-")) || (get_number(word, out) && *out != PF_OCTETS_UNKNOWN);
}

static bool get_head(struct pf_bytes word, unsigned char out[PF_LEDGER_HEAD])
{
    unsigned any = 0;

    memset(out, 0, PF_LEDGER_HEAD);
    if (pf_bytes_equal(word, PF_LIT("-")))
        return true;
    if (word.len != 2 * PF_LEDGER_HEAD)
        return false;
    for (size_t i = 0; i < PF_LEDGER_HEAD; i++) {
        int high = digit(word.at[2 * i], lower), low = digit(word.at[2 * i + 1], lower);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
        any |= out[i];
    }
    return any != 0;
}

static bool get_state(struct pf_bytes word, enum pf_ledger_state *out)
{
    for (unsigned i = 0; i < STATES; i++) {
        if (pf_bytes_equal(word, pf_bytes_of(states[i]))) {
            *out = (enum pf_ledger_state)i;
            return true;
        }
    }
    return false;
}

/* The line without its sum; false: it has none, or it is wrong. */
static bool take_sum(struct pf_bytes *line)
{
    uint32_t sum = 0;
    size_t len;

    if (line->len < SUM)
        return false;
    len = line->len - SUM;
    if (line->at[len] != ' ' || line->at[len + 1] != '*')
        return false;
    for (size_t i = len + 2; i < line->len; i++) {
        int d = digit(line->at[i], lower);
        if (d < 0)
            return false;
        sum = sum << 4 | (uint32_t)d;
    }
    line->len = len;
    return sum == sum_of(*line);
}

static bool get_record(struct pf_bytes line, unsigned char *room, struct pf_ledger_note *out)
{
    struct pf_ledger_note n = {0};
    size_t spaces = 0;

    for (size_t i = 0; i < line.len; i++)
        spaces += line.at[i] == ' ';
    if (spaces != 5 || !get_state(next(&line), &n.state) || !get_when(next(&line), &n.when) ||
        !get_octets(next(&line), &n.octets) || !get_head(next(&line), n.head) ||
        !get_word(next(&line), room, PF_LEDGER_NAME_MAX, &n.name) ||
        !get_word(next(&line), room + PF_LEDGER_NAME_MAX, PF_LEDGER_UID_MAX, &n.uid) || !n.uid.len)
        return false;
    *out = n;
    return true;
}

enum pf_code pf_ledger_parse(struct pf_bytes line,
                             unsigned char room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX],
                             struct pf_ledger_note *out)
{
    return take_sum(&line) && get_record(line, room, out) ? PF_OK : PF_SYNTAX;
}

_Static_assert(PF_LEDGER_WHO_MAX >= PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX, "one room for either");

enum pf_ledger_word pf_ledger_read_line(struct pf_bytes line, unsigned char room[PF_LEDGER_WHO_MAX],
                                        struct pf_ledger_note *out_note, struct pf_bytes *out_who)
{
    struct pf_bytes rest;

    if (!take_sum(&line))
        return PF_LEDGER_NONE;
    if (get_record(line, room, out_note))
        return PF_LEDGER_RECORD;
    if (pf_bytes_equal(line, PF_LIT("settled")))
        return PF_LEDGER_SETTLED;
    rest = line;
    if (pf_bytes_equal(next(&rest), PF_LIT("fetched")))
        return get_number(next(&rest), &out_note->octets) && get_when(rest, &out_note->when) ? PF_LEDGER_FETCHED
                                                                                            : PF_LEDGER_NONE;
    rest = line;
    if (!pf_bytes_equal(next(&rest), PF_LIT("who")) || pf_find(rest, ' ') < rest.len ||
        !get_word(rest, room, PF_LEDGER_WHO_MAX, out_who) || !out_who->len)
        return PF_LEDGER_NONE;
    return PF_LEDGER_WHO;
}

bool pf_ledger_doubted(struct pf_ledger_note *will)
{
    const struct pf_bytes word = PF_LIT(PF_LEDGER_DOUBT);
    bool doubted = pf_bytes_equal(pf_bytes_head(will->name, word.len), word);

    if (doubted)
        will->name = pf_bytes_skip(will->name, word.len);
    return doubted;
}
