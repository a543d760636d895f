#include "base/journal.h"

#include "base/text.h"

/* As PF_LIT, where an initializer must be constant. */
#define WORD(literal) {(const unsigned char *)(literal), sizeof(literal) - 1}

static const struct pf_bytes events[PF_JOURNAL_EVENTS] = {
#define PF_JOURNAL_EVENT(name) WORD(#name),
#include "base/journal.def"
};

static const struct pf_bytes numbers[PF_JOURNAL_NUMBERS] = {
#define PF_JOURNAL_NUMBER(id, name) WORD(name),
#include "base/journal.def"
};

static const struct {
    struct pf_bytes name;
    size_t most;
} texts[PF_JOURNAL_TEXTS] = {
#define PF_JOURNAL_TEXT(id, name, most) {WORD(name), most},
#include "base/journal.def"
};

static const char hex[] = "0123456789ABCDEF";
static const struct pf_bytes mark = WORD("J1 ");

enum { SUM_DIGITS = 8 };
#define LAST_MOMENT 253402300799999 /* of the year 9999: a date still has its usual form then */

const char *pf_journal_event_name(enum pf_journal_event event)
{
    return (const char *)events[event].at;
}

const char *pf_journal_number_name(enum pf_journal_number number)
{
    return (const char *)numbers[number].at;
}

const char *pf_journal_text_name(enum pf_journal_text text)
{
    return (const char *)texts[text].name.at;
}

/* FNV-1a, folded: what a crash leaves behind is seen, and one octet costs one multiplication. */
static uint32_t sum_of(struct pf_bytes b)
{
    uint64_t sum = 0xcbf29ce484222325u;

    for (size_t i = 0; i < b.len; i++)
        sum = (sum ^ b.at[i]) * 0x100000001b3u;
    return (uint32_t)(sum ^ sum >> 32);
}

static void put_sum(unsigned char *at, uint32_t sum)
{
    for (int i = SUM_DIGITS - 1; i >= 0; i--, sum >>= 4)
        at[i] = (unsigned char)hex[sum & 15];
}

static bool stands_as_it_is(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '%';
}

bool pf_journal_escape(struct pf_span *out, struct pf_bytes text)
{
    struct pf_span span = *out;

    while (text.len) {
        size_t plain = 0;
        unsigned char room[3] = {'%'};

        while (plain < text.len && stands_as_it_is(text.at[plain]))
            plain++;
        if (!pf_span_put(&span, pf_bytes_head(text, plain)))
            return false;
        text = pf_bytes_skip(text, plain);
        if (text.len == 0)
            break;
        room[1] = (unsigned char)hex[text.at[0] >> 4];
        room[2] = (unsigned char)hex[text.at[0] & 15];
        if (!pf_span_put(&span, pf_bytes_from(room, sizeof room)))
            return false;
        text = pf_bytes_skip(text, 1);
    }
    *out = span;
    return true;
}

static bool put_name(struct pf_span *out, struct pf_bytes name)
{
    return pf_span_put(out, PF_LIT(" ")) && pf_span_put(out, name) && pf_span_put(out, PF_LIT("="));
}

static bool put_fields(struct pf_span *out, const struct pf_journal_record *r)
{
    for (size_t i = 0; i < PF_JOURNAL_NUMBERS; i++)
        if (r->number[i] && !(put_name(out, numbers[i]) && pf_span_decimal(out, r->number[i])))
            return false;
    for (size_t i = 0; i < PF_JOURNAL_TEXTS; i++)
        if (r->text[i].len && !(put_name(out, texts[i].name) &&
                                pf_journal_escape(out, pf_bytes_head(r->text[i], texts[i].most))))
            return false;
    return true;
}

bool pf_journal_write(struct pf_span *out, const struct pf_journal_record *r)
{
    struct pf_span span = *out;
    size_t sum = span.len + mark.len, body = sum + SUM_DIGITS + 1;

    if (r->at < 0 || r->at > LAST_MOMENT)
        return false;
    if (!pf_span_put(&span, mark) || !pf_span_put(&span, PF_LIT("........ ")) ||
        !pf_span_decimal(&span, (uint64_t)r->at) || !pf_span_put(&span, PF_LIT(" ")) ||
        !pf_span_put(&span, events[r->event]) || !put_fields(&span, r) || !pf_span_put(&span, PF_LIT("\n")))
        return false;
    put_sum(span.at + sum, sum_of(pf_bytes_from(span.at + body, span.len - 1 - body)));
    *out = span;
    return true;
}

static int digit_of(unsigned char c)
{
    const char *at = c ? strchr(hex, c) : NULL;

    return at ? (int)(at - hex) : -1;
}

/* A number as the writer puts it: no zero in front. */
static bool read_number(struct pf_bytes word, uint64_t *out)
{
    return word.len && (word.at[0] != '0' || word.len == 1) && pf_parse_u64(word, out);
}

/* What stands before the next blank, which goes with it. */
static struct pf_bytes next_word(struct pf_bytes *rest)
{
    struct pf_bytes word = pf_bytes_head(*rest, pf_find(*rest, ' '));

    *rest = pf_bytes_skip(*rest, word.len + 1);
    return word;
}

static bool undo_escapes(struct pf_bytes word, struct pf_span *room, struct pf_bytes *out)
{
    size_t from = room->len;

    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = word.at[i];

        if (c == '%') {
            int high = i + 2 < word.len ? digit_of(word.at[i + 1]) : -1, low = high < 0 ? -1 : digit_of(word.at[i + 2]);

            if (low < 0 || stands_as_it_is((unsigned char)(high << 4 | low)))
                return false;
            c = (unsigned char)(high << 4 | low);
            i += 2;
        } else if (!stands_as_it_is(c)) {
            return false;
        }
        if (!pf_span_put(room, pf_bytes_from(&c, 1)))
            return false;
    }
    *out = pf_bytes_from(room->at + from, room->len - from);
    return true;
}

static bool read_text(struct pf_bytes word, struct pf_span *room, size_t most, struct pf_bytes *out)
{
    return word.len && undo_escapes(word, room, out) && out->len <= most;
}

/* The value of the next field, when that has this name. */
static bool is_named(struct pf_bytes rest, struct pf_bytes name)
{
    return rest.len > name.len && rest.at[name.len] == '=' && memcmp(rest.at, name.at, name.len) == 0;
}

static bool read_fields(struct pf_bytes rest, struct pf_span *room, struct pf_journal_record *r)
{
    for (size_t i = 0; i < PF_JOURNAL_NUMBERS && rest.len; i++)
        if (is_named(rest, numbers[i]) &&
            !(read_number(pf_bytes_skip(next_word(&rest), numbers[i].len + 1), &r->number[i]) && r->number[i]))
            return false;
    for (size_t i = 0; i < PF_JOURNAL_TEXTS && rest.len; i++)
        if (is_named(rest, texts[i].name) &&
            !read_text(pf_bytes_skip(next_word(&rest), texts[i].name.len + 1), room, texts[i].most, &r->text[i]))
            return false;
    return rest.len == 0;
}

static bool read_head(struct pf_bytes *rest, struct pf_journal_record *r)
{
    uint64_t at;
    struct pf_bytes event;

    if (!read_number(next_word(rest), &at) || at > LAST_MOMENT)
        return false;
    event = next_word(rest);
    while (r->event < PF_JOURNAL_EVENTS && !pf_bytes_equal(event, events[r->event]))
        r->event++;
    r->at = (int64_t)at;
    return r->event < PF_JOURNAL_EVENTS;
}

enum pf_journal_fault pf_journal_read(struct pf_bytes line, struct pf_span *room, struct pf_journal_record *out)
{
    struct pf_journal_record r = {0};
    struct pf_bytes rest = pf_bytes_skip(line, mark.len + SUM_DIGITS + 1);
    unsigned char sum[SUM_DIGITS];

    if (line.len < mark.len || memcmp(line.at, mark.at, mark.len) != 0)
        return PF_JOURNAL_OTHER;
    put_sum(sum, sum_of(rest));
    if (rest.len == 0 || line.at[mark.len + SUM_DIGITS] != ' ' || memcmp(line.at + mark.len, sum, SUM_DIGITS) != 0)
        return PF_JOURNAL_TORN;
    room->len = 0;
    if (line.len >= PF_JOURNAL_LINE_MAX || rest.at[rest.len - 1] == ' ' || !read_head(&rest, &r) ||
        !read_fields(rest, room, &r))
        return PF_JOURNAL_MALFORMED;
    *out = r;
    return PF_JOURNAL_GOOD;
}

void pf_journal_put(struct pf_journal_sink *sink, struct pf_journal_record *record)
{
    unsigned char room[PF_JOURNAL_LINE_MAX];
    struct pf_span span = {room, 0, sizeof room};

    if (!sink)
        return;
    record->number[PF_JOURNAL_PROCESS] = sink->process;
    if (pf_journal_write(&span, record))
        sink->put(sink, pf_span_bytes(&span));
}
