#include "unit/cm.h"

#include "fetch/head.h"
#include "fetch/head_words.h"

#include <stdlib.h>

static const char *words(const char *line)
{
    static char room[256];
    struct pf_span out = {(unsigned char *)room, 0, sizeof room - 1};

    if (!pf_head_words(pf_bytes_of(line), &out))
        return NULL;
    room[out.len] = 0;
    return room;
}

static void is(const char *line, const char *text)
{
    const char *got = words(line);

    assert_non_null(got);
    assert_string_equal(got, text);
}

static void words_are_decoded(void **state)
{
    (void)state;
    is("=?utf-8?q?Gr=C3=BC=C3=9Fe_an_alle?=", "Grüße an alle");
    is("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße");
    is("=?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße");
    is("=?ISO-8859-15?q?=A4?= =?iso-8859-1?q?=A4?=", "€¤");
    is("=?windows-1252?q?=80_=93x=94?=", "€ “x”");
    is("=?utf-8*de?q?x?=", "x");
    is("Re: =?utf-8?q?a?= b", "Re: a b");
}

/* RFC 2047 section 6.2 and section 8. */
static void blanks_between_words_go_and_others_stay(void **state)
{
    (void)state;
    is("=?utf-8?q?a?= =?utf-8?q?b?=", "ab");
    is("=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab");
    is("=?utf-8?q?a_?= =?utf-8?q?b?=", "a b");
    is("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c");
    is("(=?utf-8?q?a?=)", "(a)");
    is("=?utf-8?q?a?= =?koi8-r?q?=C1?=", "a =?koi8-r?q?=C1?=");
}

static void what_is_no_word_stays(void **state)
{
    static const char *const none[] = {"", "=", "=?", "plain", "=?utf-8?q?x", "=?utf-8?x?y?=", "=?utf-8?q?=4?=",
                                       "=?utf-8?q?=GG?=", "=?utf-8?b?@@@?=", "=?koi8-r?q?a?=", "=?utf-8?q?a b?=",
                                       "=?utf-8?qq?a?=", "=?utf-8?q?a?b"};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (words(none[i]))
            fail_msg("%s", none[i]);
    is("=?utf-8?q?=4?= =?utf-8?q?a?=", "=?utf-8?q?=4?= a");
}

static void what_does_not_fit_is_no_text(void **state)
{
    unsigned char room[3];
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    assert_false(pf_head_words(PF_LIT("=?utf-8?q?abcd?="), &out) && out.len == 4);
    assert_true(out.len <= sizeof room);
}

/* Every cut of a line: nothing behind its end is read. */
static void every_cut_is_harmless(void **state)
{
    static const char line[] = "Re: =?utf-8?q?Gr=C3=BC?= =?windows-1252?B?gA==?= x";

    (void)state;
    for (size_t n = 0; n < sizeof line; n++) {
        unsigned char *copy = malloc(n + 1), room[256];
        struct pf_span out = {room, 0, sizeof room};

        assert_non_null(copy);
        memcpy(copy, line, n);
        pf_head_words(pf_bytes_from(copy, n), &out);
        assert_true(out.len <= n + 3);
        free(copy);
    }
}

static void filters_see_both(void **state)
{
    const struct pf_account_filter filter = {.header = "Subject", .pattern = "Gr?\?e*", .action = PF_ACCOUNT_SKIP};
    const struct pf_account account = {.filters = &filter, .filter_count = 1};
    static const struct {
        const char *line;
        bool wanted;
    } rows[] = {{"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n", true},
                {"Subject: =?iso-8859-1?q?Gr=FC=DFe_an?=\r\n =?utf-8?q?_alle?=\r\n\r\n", true},
                {"Subject: Grüße\r\n\r\n", true},
                {"Subject: =?utf-8?q?Gruss?=\r\n\r\n", false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pf_head *h = pf_head_new();

        assert_non_null(h);
        pf_head_feed(h, pf_bytes_of(rows[i].line));
        if ((pf_head_filter(h, &account) != NULL) != rows[i].wanted)
            fail_msg("%s", rows[i].line);
        pf_head_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(words_are_decoded),         T(blanks_between_words_go_and_others_stay), T(what_is_no_word_stays),
        T(what_does_not_fit_is_no_text), T(every_cut_is_harmless),                T(filters_see_both),
    };
    return RUN(tests);
}
