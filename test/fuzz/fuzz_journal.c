/* Records of the journal. Whatever is read has exactly one form, the one that the writer gives it; and whatever
 * stands in a text, it makes one line with the same text in it and nothing else. */
#include "base/journal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static void same(const struct pf_journal_record *a, const struct pf_journal_record *b)
{
    must(a->event == b->event && a->at == b->at && memcmp(a->number, b->number, sizeof a->number) == 0);
    for (size_t i = 0; i < PF_JOURNAL_TEXTS; i++)
        must(pf_bytes_equal(a->text[i], b->text[i]));
}

/* As a line that somebody else wrote. */
static void as_line(struct pf_bytes b)
{
    static unsigned char room_at[1 << 16], again_at[PF_JOURNAL_LINE_MAX];
    struct pf_span room = {room_at, 0, b.len < sizeof room_at ? b.len : sizeof room_at};
    struct pf_span again = {again_at, 0, sizeof again_at};
    struct pf_journal_record r;

    if (pf_journal_read(b, &room, &r) != PF_JOURNAL_GOOD)
        return;
    must(pf_journal_write(&again, &r));
    must(again.len == b.len + 1 && memcmp(again.at, b.at, b.len) == 0);
}

/* The data choose numbers and cut themselves into texts. */
static struct pf_journal_record made_of(struct pf_bytes b)
{
    struct pf_journal_record r = {.event = (enum pf_journal_event)(b.len % PF_JOURNAL_EVENTS)};

    for (size_t i = 0; i < PF_JOURNAL_TEXTS && b.len; i++) {
        size_t len = b.at[0] % 64u;

        b = pf_bytes_skip(b, 1);
        r.text[i] = pf_bytes_head(b, i == PF_JOURNAL_MESSAGE_ID ? len * 16 : len);
        if (i < PF_JOURNAL_NUMBERS)
            r.number[i] = len * 0x0123456789abcdu;
        r.at += (int64_t)len;
        b = pf_bytes_skip(b, r.text[i].len);
    }
    r.text[PF_JOURNAL_END] = pf_bytes_head(r.text[PF_JOURNAL_END], 32);
    r.text[PF_JOURNAL_CODE] = pf_bytes_head(r.text[PF_JOURNAL_CODE], 32);
    r.text[PF_JOURNAL_MECHANISM] = pf_bytes_head(r.text[PF_JOURNAL_MECHANISM], 32);
    r.text[PF_JOURNAL_TLS] = pf_bytes_head(r.text[PF_JOURNAL_TLS], 32);
    r.text[PF_JOURNAL_VIA] = pf_bytes_head(r.text[PF_JOURNAL_VIA], 32);
    r.text[PF_JOURNAL_MESSAGE_ID] = pf_bytes_head(r.text[PF_JOURNAL_MESSAGE_ID], 998);
    return r;
}

static void as_texts(struct pf_bytes b)
{
    static unsigned char line_at[PF_JOURNAL_LINE_MAX], room_at[PF_JOURNAL_LINE_MAX];
    struct pf_span line = {line_at, 0, sizeof line_at}, room = {room_at, 0, sizeof room_at};
    struct pf_journal_record r = made_of(b), back;

    must(pf_journal_write(&line, &r));
    must(memchr(line.at, '\n', line.len) == line.at + line.len - 1);
    for (size_t i = 0; i + 1 < line.len; i++)
        must(line.at[i] >= 0x20 && line.at[i] < 0x7f);
    must(pf_journal_read(pf_bytes_from(line.at, line.len - 1), &room, &back) == PF_JOURNAL_GOOD);
    same(&r, &back);
    if (b.len) { /* and a line with one octet changed is none */
        line.at[b.at[0] % (line.len - 1)] ^= 1;
        must(pf_journal_read(pf_bytes_from(line.at, line.len - 1), &room, &back) != PF_JOURNAL_GOOD);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_line(pf_bytes_from(data, size));
    as_texts(pf_bytes_from(data, size));
    return 0;
}
