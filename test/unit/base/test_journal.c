/* Records of the journal: one form, whatever stands in them; and the tray that they wait in. */
#include "unit/cm.h"

#include "base/journal.h"

#include <stdlib.h>

static unsigned char line_room[PF_JOURNAL_LINE_MAX], text_room[PF_JOURNAL_LINE_MAX];

static struct pf_bytes written(const struct pf_journal_record *r)
{
    struct pf_span span = {line_room, 0, sizeof line_room};

    assert_true(pf_journal_write(&span, r));
    return pf_span_bytes(&span);
}

static enum pf_journal_fault read_line(struct pf_bytes line, struct pf_journal_record *out)
{
    struct pf_span room = {text_room, 0, line.len < sizeof text_room ? line.len : sizeof text_room};

    return pf_journal_read(line, &room, out);
}

static struct pf_bytes without_end(struct pf_bytes line)
{
    assert_true(line.len > 0 && line.at[line.len - 1] == '\n');
    return pf_bytes_head(line, line.len - 1);
}

static void assert_same(const struct pf_journal_record *a, const struct pf_journal_record *b)
{
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->at, b->at);
    assert_memory_equal(a->number, b->number, sizeof a->number);
    for (size_t i = 0; i < PF_JOURNAL_TEXTS; i++) {
        assert_int_equal(a->text[i].len, b->text[i].len);
        assert_true(pf_bytes_equal(a->text[i], b->text[i]));
    }
}

static void round_trip(const struct pf_journal_record *r)
{
    struct pf_bytes line = written(r);
    struct pf_journal_record back;

    for (size_t i = 0; i + 1 < line.len; i++)
        assert_true(line.at[i] >= 0x20 && line.at[i] < 0x7f);
    assert_int_equal(read_line(without_end(line), &back), PF_JOURNAL_GOOD);
    assert_same(r, &back);
}

static struct pf_journal_record fetched(void)
{
    struct pf_journal_record r = {.event = PF_JOURNAL_fetched, .at = 1763814182123};

    r.number[PF_JOURNAL_PROCESS] = 1191;
    r.number[PF_JOURNAL_OCTETS] = 4711;
    r.text[PF_JOURNAL_MAILDROP] = PF_LIT("/var/mail/anna");
    r.text[PF_JOURNAL_UIDL] = PF_LIT("x=1");
    return r;
}

static void a_record_is_one_line_as_the_page_shows_it(void **state)
{
    struct pf_journal_record r = fetched();
    struct pf_bytes line = written(&r);
    static const char tail[] =
        " 1763814182123 fetched process=1191 octets=4711 maildrop=/var/mail/anna uidl=x=1\n";

    (void)state;
    assert_memory_equal(line.at, "J1 ", 3);
    assert_int_equal(line.len, 3 + 8 + sizeof tail - 1);
    assert_memory_equal(line.at + 11, tail, sizeof tail - 1);
    round_trip(&r);
}

static void every_event_and_field_makes_the_round_trip(void **state)
{
    (void)state;
    for (unsigned e = 0; e < PF_JOURNAL_EVENTS; e++) {
        struct pf_journal_record r = {.event = (enum pf_journal_event)e, .at = e};

        for (size_t i = 0; i < PF_JOURNAL_NUMBERS; i++)
            r.number[i] = UINT64_MAX - i;
        for (size_t i = 0; i < PF_JOURNAL_TEXTS; i++)
            r.text[i] = i % 2 ? PF_LIT("a b\0c%41\xff\x7f\r\n=\x1b[2J") : PF_LIT("plain");
        round_trip(&r);
    }
}

static void a_stranger_forges_no_field_and_no_line(void **state)
{
    struct pf_journal_record r = fetched(), back;
    struct pf_bytes line;

    (void)state;
    r.text[PF_JOURNAL_USER] = PF_LIT("anna\nJ1 00000000 1 deleted uidl=x user=anna");
    line = written(&r);
    assert_ptr_equal(memchr(line.at, '\n', line.len), line.at + line.len - 1);
    assert_int_equal(read_line(without_end(line), &back), PF_JOURNAL_GOOD);
    assert_int_equal(back.event, PF_JOURNAL_fetched);
    assert_true(pf_bytes_equal(back.text[PF_JOURNAL_UIDL], PF_LIT("x=1")));
}

static void the_longest_record_fits_and_longer_texts_are_cut(void **state)
{
    static unsigned char ugly[4096];
    struct pf_journal_record r = {.event = PF_JOURNAL_delivered, .at = 253402300799999}, back;
    struct pf_bytes line;

    (void)state;
    memset(ugly, 0x80, sizeof ugly);
    for (size_t i = 0; i < PF_JOURNAL_NUMBERS; i++)
        r.number[i] = UINT64_MAX;
    for (size_t i = 0; i < PF_JOURNAL_TEXTS; i++)
        r.text[i] = pf_bytes_from(ugly, sizeof ugly);
    line = written(&r);
    assert_int_equal(read_line(without_end(line), &back), PF_JOURNAL_GOOD);
    assert_int_equal(back.text[PF_JOURNAL_MESSAGE_ID].len, 998);
    assert_int_equal(back.text[PF_JOURNAL_UIDL].len, 70);
}

static void what_does_not_fit_is_not_put_at_all(void **state)
{
    struct pf_journal_record r = fetched();
    size_t len = written(&r).len;

    (void)state;
    for (size_t cap = 0; cap < len; cap++) {
        struct pf_span span = {line_room, 0, cap};

        assert_false(pf_journal_write(&span, &r));
        assert_int_equal(span.len, 0);
    }
    r.at = -1;
    assert_false(pf_journal_write(&(struct pf_span){line_room, 0, sizeof line_room}, &r));
}

static void a_line_cut_or_changed_anywhere_is_no_record(void **state)
{
    struct pf_journal_record r = fetched(), back;
    struct pf_bytes line = without_end(written(&r));
    unsigned char *at = line_room;

    (void)state;
    for (size_t n = 0; n < line.len; n++)
        assert_int_not_equal(read_line(pf_bytes_head(line, n), &back), PF_JOURNAL_GOOD);
    for (size_t i = 0; i < line.len; i++) {
        at[i] ^= 1;
        assert_int_not_equal(read_line(line, &back), PF_JOURNAL_GOOD);
        at[i] ^= 1;
    }
    assert_int_equal(read_line(line, &back), PF_JOURNAL_GOOD);
    assert_int_equal(read_line(PF_LIT("J2 00000000 1 fetched"), &back), PF_JOURNAL_OTHER);
    assert_int_equal(read_line(PF_LIT("J1 00000000 1 fetched"), &back), PF_JOURNAL_TORN);
}

/* The same sum as the writer's, so that only the form is judged. */
static enum pf_journal_fault judge(const char *body)
{
    unsigned char room[512];
    struct pf_span span = {room, 0, sizeof room};
    uint64_t sum = 0xcbf29ce484222325u;
    char head[16];
    struct pf_journal_record back;

    for (const char *c = body; *c; c++)
        sum = (sum ^ (unsigned char)*c) * 0x100000001b3u;
    snprintf(head, sizeof head, "J1 %08X ", (unsigned)(uint32_t)(sum ^ sum >> 32));
    assert_true(pf_span_put(&span, pf_bytes_of(head)) && pf_span_put(&span, pf_bytes_of(body)));
    return read_line(pf_span_bytes(&span), &back);
}

static void only_the_writers_own_form_is_read(void **state)
{
    static const char *const bad[] = {
        "01 fetched", "1 fetched ", "1  fetched", "1 fetcher", "1", "x fetched", "253402300800000 fetched",
        "1 fetched octets=0", "1 fetched octets=07", "1 fetched octets=", "1 fetched octets=18446744073709551616",
        "1 fetched uidl=", "1 fetched uidl=%41", "1 fetched uidl=%4", "1 fetched uidl=%0a", "1 fetched uidl=%",
        "1 fetched uidl=a  user=b", "1 fetched user=b uidl=a", "1 fetched uidl=a uidl=a", "1 fetched colour=red",
        "1 fetched uidl=a octets=1", "1 fetched uidl=\x7f", "1 fetched uidl=\xc3\xa4", "-1 fetched", "1 fetched u",
        "1 fetched uidl=12345678901234567890123456789012345678901234567890123456789012345678901",
    };

    (void)state;
    assert_int_equal(judge("0 fetched"), PF_JOURNAL_GOOD);
    assert_int_equal(judge("1 fetched octets=1 uidl=%0A%25 user=b"), PF_JOURNAL_GOOD);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (judge(bad[i]) != PF_JOURNAL_MALFORMED)
            fail_msg("%s was read", bad[i]);
}

struct kept {
    struct pf_journal_sink sink;
    struct pf_journal_tray tray;
};

static void keep(struct pf_journal_sink *sink, struct pf_bytes line)
{
    pf_journal_tray_put(&((struct kept *)sink)->tray, line);
}

static void a_record_goes_into_the_sink_with_its_process(void **state)
{
    struct kept kept = {{keep, 42}, {.most = 1000}};
    struct pf_journal_record r = fetched(), back;

    (void)state;
    pf_journal_put(NULL, &r);
    pf_journal_put(&kept.sink, &r);
    assert_int_equal(read_line(without_end(pf_bytes_from(kept.tray.at, kept.tray.len)), &back), PF_JOURNAL_GOOD);
    assert_int_equal(back.number[PF_JOURNAL_PROCESS], 42);
    pf_journal_tray_done(&kept.tray);
}

static void a_full_tray_loses_its_oldest_lines_and_counts_them(void **state)
{
    struct pf_journal_tray t = {.most = 100};
    char line[16];
    unsigned first, lines = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %04u\n", i);
        pf_journal_tray_put(&t, pf_bytes_of(line));
        assert_true(t.len <= 100 && t.cap <= 100);
    }
    for (size_t at = 0; at < t.len; at += 10, lines++)
        assert_memory_equal(t.at + at, "line ", 5);
    assert_memory_equal(t.at + t.len - 10, "line 0999\n", 10);
    first = (unsigned)strtoul((const char *)t.at + 5, NULL, 10);
    assert_int_equal(first, t.lost);
    assert_int_equal(t.lost + lines, 1000);
    pf_journal_tray_took(&t, 10);
    assert_int_equal(strtoul((const char *)t.at + 5, NULL, 10), first + 1);
    pf_journal_tray_put(&t, pf_bytes_from(line_room, 101)); /* never fits */
    assert_int_equal(t.lost, first + lines);
    pf_journal_tray_done(&t);
}

static void a_large_tray_is_given_back_when_it_is_empty(void **state)
{
    struct pf_journal_tray t = {.most = 8 << 20};

    (void)state;
    while (t.len < 3 << 20)
        pf_journal_tray_put(&t, PF_LIT("0123456789abcde\n"));
    pf_journal_tray_took(&t, t.len / 2);
    assert_true(t.cap >= 3 << 20);
    pf_journal_tray_took(&t, t.len);
    assert_int_equal(t.cap, 0);
    pf_journal_tray_put(&t, PF_LIT("0123456789abcde\n"));
    assert_int_equal(t.len, 16);
    assert_int_equal(t.lost, 0);
    pf_journal_tray_done(&t);
}

static void a_tray_may_become_smaller(void **state)
{
    struct pf_journal_tray t = {.most = 1000};

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        pf_journal_tray_put(&t, PF_LIT("0123456789abcde\n"));
    t.most = 64;
    pf_journal_tray_put(&t, PF_LIT("0123456789abcde\n"));
    assert_true(t.len <= 64 && t.len % 16 == 0 && t.len > 0);
    pf_journal_tray_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_record_is_one_line_as_the_page_shows_it), T(every_event_and_field_makes_the_round_trip),
        T(a_stranger_forges_no_field_and_no_line), T(the_longest_record_fits_and_longer_texts_are_cut),
        T(what_does_not_fit_is_not_put_at_all), T(a_line_cut_or_changed_anywhere_is_no_record),
        T(only_the_writers_own_form_is_read), T(a_record_goes_into_the_sink_with_its_process),
        T(a_full_tray_loses_its_oldest_lines_and_counts_them), T(a_tray_may_become_smaller),
        T(a_large_tray_is_given_back_when_it_is_empty),
    };

    return RUN(tests);
}
