#include "unit/cm.h"

#include <stdlib.h>

#include "fetch/head.h"

static const char sample[] = "Return-Path: <joe@example.org>\r\n"
                             "Status: RO\r\n"
                             "Received: from a\r\n\tby b;\r\n  Mon\r\n"
                             "X-Keywords: a,\r\n b\r\n"
                             "LINES: 7\r\n"
                             "List-Id: The \r\n\t announce list <announce.example.org>  \r\n"
                             "Lines-Of: x\r\n"
                             "Subject: =?x?=\r\n"
                             "no field\r\n"
                             "\r\n"
                             "Subject: body\r\n";

static void feed_cut(struct pf_head *h, const char *text, size_t len, size_t a, size_t b)
{
    pf_head_begin(h);
    pf_head_feed(h, pf_bytes_from(text, a));
    pf_head_feed(h, pf_bytes_from(text + a, b - a));
    pf_head_feed(h, pf_bytes_from(text + b, len - b));
}

static void digest_of(const char *text, unsigned char out[PF_LEDGER_HEAD])
{
    struct pf_head *h = pf_head_new();

    pf_head_feed(h, pf_bytes_of(text));
    pf_head_digest(h, out);
    pf_head_free(h);
}

static bool same(const char *a, const char *b)
{
    unsigned char one[PF_LEDGER_HEAD], two[PF_LEDGER_HEAD];

    digest_of(a, one);
    digest_of(b, two);
    return memcmp(one, two, sizeof one) == 0;
}

static void every_cutting_gives_one_digest_and_one_answer(void **state)
{
    struct pf_head *h = pf_head_new();
    struct pf_account_filter filter = {
        .header = "list-id", .pattern = "The announce list <*>", .action = PF_ACCOUNT_SKIP};
    struct pf_account account = {.filters = &filter, .filter_count = 1};
    unsigned char whole[PF_LEDGER_HEAD], cut[PF_LEDGER_HEAD];
    size_t len = sizeof sample - 1;

    (void)state;
    digest_of(sample, whole);
    for (size_t a = 0; a <= len; a++) {
        for (size_t b = a; b <= len; b += a % 7 ? 11 : 1) {
            feed_cut(h, sample, len, a, b);
            assert_ptr_equal(pf_head_filter(h, &account), &filter);
            pf_head_digest(h, cut);
            assert_memory_equal(cut, whole, sizeof cut);
        }
    }
    pf_head_begin(h);
    for (size_t a = 0; a < len; a++)
        pf_head_feed(h, pf_bytes_from(sample + a, 1));
    pf_head_digest(h, cut);
    assert_memory_equal(cut, whole, sizeof cut);
    pf_head_free(h);
}

static void line_ends_and_lines_of_servers_do_not_count(void **state)
{
    (void)state;
    assert_true(same("A: b\r\n c\r\n\r\nbody", "A: b\n c\n\nother"));
    assert_true(same("A: b\r\n\r\n", "A: b\r\n"));
    assert_true(same("A: b\n\n", "A: b"));
    assert_true(same("Status: R\nA: b\n\n", "A: b\n\n"));
    assert_true(same("A: b\nX-UIDL: 7\n 8\nC: d\n\n", "A: b\nC: d\n\n"));
    assert_true(same("x-status: \ncontent-length: 7\nlines:\nX-Keywords:\nA: b\n\n", "A: b\n\n"));
    assert_true(same("\r\nbody", "\n"));
}

static void what_differs_differs(void **state)
{
    (void)state;
    assert_false(same("A: b\n\n", "A: c\n\n"));
    assert_false(same("A: b\n c\n\n", "A: b c\n\n"));
    assert_false(same("Statusx: R\nA: b\n\n", "A: b\n\n"));
    assert_false(same("Status\nA: b\n\n", "A: b\n\n"));
    assert_false(same("A: b\r\r\n\r\n", "A: b\r\n\r\n"));
    assert_false(same("A: b\rc\n\n", "A: bc\n\n"));
    assert_false(same("A: b\n \n\n", "A: b\n\n"));
    assert_false(same("Content-Length-And-More: b\n\n", "\n"));
    assert_false(same("A: b\nStatus: c\nD: e\n\n", "A: b\nD: f\n\n"));
}

static void the_digest_takes_all_of_a_long_head(void **state)
{
    struct pf_head *h = pf_head_new();
    unsigned char one[PF_LEDGER_HEAD], two[PF_LEDGER_HEAD];
    static char field[70000];

    (void)state;
    memset(field, 'x', sizeof field);
    memcpy(field, "Long: ", 6);
    for (int turn = 0; turn < 2; turn++) {
        pf_head_begin(h);
        assert_true(pf_head_feed(h, pf_bytes_from(field, sizeof field)));
        pf_head_feed(h, turn ? PF_LIT("y\n\n") : PF_LIT("z\n\n"));
        pf_head_digest(h, turn ? one : two);
    }
    assert_memory_not_equal(one, two, sizeof one);
    pf_head_free(h);
}

static void it_tells_when_no_more_is_needed(void **state)
{
    struct pf_head *h = pf_head_new();
    unsigned char one[PF_LEDGER_HEAD], two[PF_LEDGER_HEAD];
    static const unsigned char none[PF_LEDGER_HEAD];

    (void)state;
    assert_true(pf_head_feed(h, PF_LIT("A: b\r\n")));
    assert_true(pf_head_feed(h, PF_LIT("\r")));
    assert_false(pf_head_feed(h, PF_LIT("\n")));
    assert_false(pf_head_feed(h, PF_LIT("body")));
    pf_head_digest(h, one);
    pf_head_digest(h, two);
    assert_memory_equal(one, two, sizeof one);
    assert_memory_not_equal(one, none, sizeof one);
    pf_head_begin(h);
    assert_true(pf_head_feed(h, PF_LIT("A: b\r\n")));
    pf_head_digest(h, two);
    assert_memory_equal(one, two, sizeof one);
    pf_head_free(h);
    pf_head_free(NULL);
}

static const char *chosen(const char *text, const struct pf_account_filter *filters, size_t n)
{
    struct pf_account account = {.filters = filters, .filter_count = n};
    struct pf_head *h = pf_head_new();
    const struct pf_account_filter *hit;

    pf_head_feed(h, pf_bytes_of(text));
    hit = pf_head_filter(h, &account);
    pf_head_free(h);
    return hit ? hit->folder : "none";
}

static void the_first_filter_that_matches_decides(void **state)
{
    static const struct pf_account_filter filters[] = {
        {"X-Spam", "yes*", PF_ACCOUNT_FOLDER, "spam"},
        {"subject", "*[shop]*", PF_ACCOUNT_FOLDER, "shop"},
        {"Received", "*by relay?;*", PF_ACCOUNT_FOLDER, "relay"},
        {"Empty", "", PF_ACCOUNT_FOLDER, "empty"},
    };

    (void)state;
    assert_string_equal(chosen("Subject: a [SHOP] b\nX-SPAM:Yes, 7\n\n", filters, 4), "spam");
    assert_string_equal(chosen("Subject: a [SHOP] b\nX-SPAM: no\n\n", filters, 4), "shop");
    assert_string_equal(chosen("Subject : x\nSubject: [shop]\n\n", filters, 4), "shop");
    assert_string_equal(chosen("Received: from a\nReceived: from b\r\n\tby relay7; x\n\n", filters, 4),
                        "relay");
    assert_string_equal(chosen("Received: from b\r\n\tby\r\n\trelay7; x", filters, 4), "relay");
    assert_string_equal(chosen("Received: from b\n\nSubject: [shop]\n", filters, 4), "none");
    assert_string_equal(chosen("Empty:  \r\n", filters, 4), "empty");
    assert_string_equal(chosen(" Subject: [shop]\n\n", filters, 4), "shop");
    assert_string_equal(chosen("Subjects: [shop]\nX-Subject: [shop]\n\n", filters, 4), "none");
    assert_string_equal(chosen("", filters, 4), "none");
}

static void fields_behind_the_limit_are_not_asked(void **state)
{
    static const struct pf_account_filter filter = {"Long", "*end", PF_ACCOUNT_FOLDER, "found"},
                                          any = {"Long", "x*", PF_ACCOUNT_FOLDER, "found"};
    static char text[PF_HEAD_MAX + 100];
    size_t fits = PF_HEAD_MAX - 1;

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "Long: ", 6);
    memcpy(text + fits - 3, "end\n", 5);
    assert_string_equal(chosen(text, &filter, 1), "found");
    memcpy(text + fits - 3, "xend\n", 6);
    assert_string_equal(chosen(text, &any, 1), "none");
    memset(text, 'x', sizeof text);
    memcpy(text, "Long: y\n A: ", 12);
    text[sizeof text - 1] = 0;
    assert_string_equal(chosen(text, &any, 1), "none");
}

static void patterns_are_a_shells(void **state)
{
    static const struct {
        const char *value, *pattern;
        bool matches;
    } rows[] = {
        {"", "", true},           {"", "*", true},
        {"", "?", false},         {"a", "", false},
        {"abc", "abc", true},     {"ABC", "abC", true},
        {"abc", "ab", false},     {"ab", "abc", false},
        {"abc", "a?c", true},     {"abc", "a*c", true},
        {"ac", "a*c", true},      {"acb", "a*c", false},
        {"aXbXc", "a*x*c", true}, {"mississippi", "*iss*ip*", true},
        {"abab", "*ab", true},    {"aba", "*ab", false},
        {"a*b", "a*b", true},     {"abc", "***", true},
        {"abc", "?*?*?", true},   {"ab", "?*?*?", false},
        {"[x]", "[x]", true},     {"x", "[x]", false},
        {"\xc3\xa4", "?", true},  {"\xc3\xa4", "??", false},
        {"\xc3\xa4x", "?x", true}, {"x", "x*", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (pf_head_matches(pf_bytes_of(rows[i].value), rows[i].pattern) != rows[i].matches)
            fail_msg("%s against %s", rows[i].value, rows[i].pattern);
    assert_true(pf_head_matches(pf_bytes_from("a\0b", 3), "a?b"));
}

/* Who tries each star at each place never ends here. */
static void many_stars_cost_little(void **state)
{
    static unsigned char value[PF_HEAD_MAX];
    static char pattern[512];

    (void)state;
    memset(value, 'a', sizeof value);
    for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
        memcpy(pattern + i, "*a", 3);
    assert_true(pf_head_matches(pf_bytes_from(value, sizeof value), pattern));
    pattern[strlen(pattern) - 1] = 'b';
    assert_false(pf_head_matches(pf_bytes_from(value, sizeof value), pattern));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_cutting_gives_one_digest_and_one_answer),
        T(line_ends_and_lines_of_servers_do_not_count),
        T(what_differs_differs),
        T(the_digest_takes_all_of_a_long_head),
        T(it_tells_when_no_more_is_needed),
        T(the_first_filter_that_matches_decides),
        T(fields_behind_the_limit_are_not_asked),
        T(patterns_are_a_shells),
        T(many_stars_cost_little),
    };
    return RUN(tests);
}
