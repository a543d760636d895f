/* The list of `postfach ls`, and what a head says. */
#include "unit/cm.h"

#include "tool/look_parts.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <unistd.h>

static void rows_are_in_order(void **state)
{
    struct pf_look *l = calloc(1, sizeof *l);

    (void)state;
    for (uint64_t n = 1000; n > 0; n--)
        assert_true(pf_look_row_add(l, n, n * 10));
    assert_true(pf_look_row_add(l, 7, 1));
    pf_look_rows_sort(l);
    assert_int_equal(l->count, 1000);
    assert_int_equal(l->rows[0].number, 1);
    assert_int_equal(pf_look_row_find(l, 1000)->octets, 10000);
    assert_null(pf_look_row_find(l, 1001));
    assert_null(pf_look_row_find(l, 0));
    pf_look_rows_free(l);
    assert_null(pf_look_row_find(l, 1));
    free(l);
}

/* How many rows these words choose; -1: they are refused. */
static int choose(const char *first, const char *second)
{
    static const struct pf_look_verb verb = {.word = "t"};
    const char *const words[] = {first, second};
    struct pf_look *l = calloc(1, sizeof *l);
    int count = 0;

    l->verb = &verb;
    l->wanted = words;
    l->wanted_count = second ? 2 : 1;
    for (uint64_t n = 1; n <= 4; n++)
        pf_look_row_add(l, n, 1);
    l->rows[0].uid = strdup("a");
    l->rows[1].uid = strdup("1");
    l->rows[2].uid = strdup("twice");
    l->rows[3].uid = strdup("twice");
    pf_look_rows_sort(l);
    if (pf_look_choose(l) != 0)
        count = -1;
    for (size_t i = 0; count >= 0 && i < 4; i++)
        count = count * 2 + l->rows[i].chosen;
    pf_look_rows_free(l);
    free(l);
    return count;
}

static void messages_are_chosen_by_number_or_uid(void **state)
{
    int err = dup(STDERR_FILENO);

    (void)state;
    assert_non_null(freopen("/dev/null", "w", stderr)); /* what is refused is told there */
    assert_int_equal(choose("1", NULL), 8);
    assert_int_equal(choose("uid:1", NULL), 4);
    assert_int_equal(choose("a", "4"), 9);
    assert_int_equal(choose("3", "4"), 3);
    assert_int_equal(choose("a", "1"), 8);
    assert_int_equal(choose("twice", NULL), -1);
    assert_int_equal(choose("a", "5"), -1);
    assert_int_equal(choose("uid:", NULL), -1);
    assert_int_equal(choose("uid:4", NULL), -1);
    assert_int_equal(choose("18446744073709551616", NULL), -1);
    dup2(err, STDERR_FILENO);
    close(err);
}

static void is_head(const char *head, const char *from, const char *subject, int64_t date)
{
    struct pf_look_row row = {0};

    pf_look_head(pf_bytes_of(head), &row);
    assert_string_equal(row.from ? row.from : "(none)", from);
    assert_string_equal(row.subject ? row.subject : "(none)", subject);
    assert_int_equal(row.date, date);
    pf_look_head_free(&row);
}

static void heads_are_decoded(void **state)
{
    (void)state;
    g_mime_init();
    is_head("From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.org>\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n"
            "Date: Tue, 03 Nov 2026 17:42:11 +0100\n\nSubject: not this\n",
            "J\xc3\xbcrgen <j@example.org>",
            "Gr\xc3\xbc\xc3\x9f"
            "e",
            1793724131);
    is_head("subject:\r\n folded\r\n\tand more\r\nFROM: a@b\r\n\r\n", "a@b", "folded\tand more", 0);
    is_head("Subject: first\nSubject: second\n", "(none)", "first", 0);
    is_head("Subjectx: no\nSubject\n: x\nSubject", "(none)", "(none)", 0);
    is_head("Date: nonsense\nFrom:\nSubject:\n", "", "", 0);
    is_head("", "(none)", "(none)", 0);
    is_head("\nSubject: body\n", "(none)", "(none)", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(rows_are_in_order), T(messages_are_chosen_by_number_or_uid),
                                       T(heads_are_decoded)};

    return RUN(tests);
}
