/* Text of strangers: nothing in it moves a terminal, and widths are what a terminal makes of it. */
#include "unit/cm.h"

#include "tool/explore_text.h"

#include <locale.h>
#include <stdlib.h>

static void cleaned(const char *in, size_t len, enum pf_explore_clean how, const char *expected)
{
    char *out = pf_explore_clean(pf_bytes_from(in, len), how, 1000);

    assert_non_null(out);
    assert_string_equal(out, expected);
    free(out);
}

#define CLEAN(in, how, expected) cleaned(in, sizeof in - 1, how, expected)

static void nothing_moves_the_terminal(void **state)
{
    (void)state;
    CLEAN("\033]0;owned\007\033[2J", PF_EXPLORE_LINE, "?]0;owned??[2J");
    CLEAN("a\xc2\x9b"
          "31m",
          PF_EXPLORE_LINE, "a?31m"); /* CSI as C1, in UTF-8 */
    CLEAN("a\x9b"
          "31m",
          PF_EXPLORE_TEXT, "a?31m"); /* and bare */
    CLEAN("a\0b", PF_EXPLORE_LINE, "a?b");
    CLEAN("\x7f\xff\xfe", PF_EXPLORE_LINE, "???");
    CLEAN("photo\xe2\x80\xaegpj.exe", PF_EXPLORE_LINE, "photo?gpj.exe"); /* RIGHT-TO-LEFT OVERRIDE */
    CLEAN("\xe2\x81\xa6x\xe2\x81\xa9", PF_EXPLORE_TEXT, "?x?");
    CLEAN("a\rb", PF_EXPLORE_TEXT, "a?b");         /* would write over what stands there */
    CLEAN("\xed\xa0\x80", PF_EXPLORE_LINE, "???"); /* a surrogate */
    CLEAN("\xc0\xaf", PF_EXPLORE_LINE, "??");      /* overlong */
}

static void lines_and_tabs_are_kept_where_they_mean_something(void **state)
{
    (void)state;
    CLEAN("a\r\n\tb\n", PF_EXPLORE_LINE, "a b ");
    CLEAN("a\r\nb\n", PF_EXPLORE_TEXT, "a\nb\n");
    CLEAN("ab\tc\n\td", PF_EXPLORE_TEXT, "ab      c\n        d");
    CLEAN("\xc3\xa4\tb", PF_EXPLORE_TEXT, "\xc3\xa4       b");
}

static void a_source_shows_what_is_in_it(void **state)
{
    (void)state;
    CLEAN("\033[1m\001\x9b\xc2\x85\xe2\x80\xae\x7f\r\r\n.", PF_EXPLORE_RAW,
          "^[[1m^A<9b><85><U+202E>^?^M\n.");
}

static void piles_of_marks_are_cut(void **state)
{
    char in[4 + 2 * 40 + 1] = "a", *out;

    (void)state;
    for (int i = 0; i < 40; i++)
        memcpy(in + 1 + 2 * i, "\xcc\x81", 2);
    out = pf_explore_clean(pf_bytes_of(in), PF_EXPLORE_LINE, 1000);
    assert_int_equal(strlen(out), 1 + 2 * 4);
    assert_int_equal(pf_explore_width(out), 1);
    free(out);
    CLEAN("\xcc\x81"
          "a",
          PF_EXPLORE_LINE, "a"); /* nothing to stand on */
}

static void the_room_is_kept(void **state)
{
    static const char evil[] = "\033\t\xc3\xa4\xe4\xbd\xa0\xff\n\xe2\x80\xae";

    (void)state;
    for (size_t cap = 0; cap < 60; cap++)
        for (int how = PF_EXPLORE_LINE; how <= PF_EXPLORE_RAW; how++) {
            char *out =
                pf_explore_clean(pf_bytes_from(evil, sizeof evil - 1), (enum pf_explore_clean)how, cap);

            assert_non_null(out);
            assert_true(strlen(out) <= cap);
            free(out);
        }
}

static void widths_are_those_of_cells(void **state)
{
    char out[40];

    (void)state;
    assert_int_equal(pf_explore_width("a\xc3\xa4\xe4\xbd\xa0\xcc\x81"), 4); /* a, ä, 你, a mark */
    pf_explore_fit(out, sizeof out, "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0", 6, false);
    assert_string_equal(out, "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0");
    pf_explore_fit(out, sizeof out, "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0", 5, true);
    assert_string_equal(out, "\xe4\xbd\xa0\xe4\xbd\xa0~");
    pf_explore_fit(out, sizeof out, "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0", 4, true);
    assert_string_equal(out, "\xe4\xbd\xa0~ ");
    pf_explore_fit(out, sizeof out, "abc", 6, true);
    assert_string_equal(out, "abc   ");
    pf_explore_fit(out, sizeof out, "abcdef", 0, true);
    assert_string_equal(out, "");
    for (size_t cap = 1; cap < 20; cap++)
        for (size_t columns = 0; columns < 20; columns++) {
            size_t n =
                pf_explore_fit(out, cap, "a\xc3\xa4\xe4\xbd\xa0xyz\xcc\x81", columns, columns % 2);

            assert_true(n < cap && strlen(out) == n && pf_explore_width(out) <= columns);
        }
}

static void texts_are_found_whatever_the_case(void **state)
{
    (void)state;
    assert_true(pf_explore_has("Gr\xc3\x9c\xc3\x9f"
                               "e",
                               "gr\xc3\xbc"));
    assert_true(pf_explore_has("abc", ""));
    assert_true(pf_explore_has("abc", "C"));
    assert_false(pf_explore_has("abc", "abcd"));
    assert_false(pf_explore_has("", "a"));
    assert_true(pf_explore_compare("\xc3\x84"
                                   "b",
                                   "\xc3\xa4"
                                   "B") == 0);
    assert_true(pf_explore_compare("a", "b") < 0 && pf_explore_compare("ab", "a") > 0);
}

static void wraps(const char *text, size_t columns, const char *expected)
{
    struct pf_explore_lines lines = {0};
    char out[400] = "";
    size_t n = 0;

    assert_true(pf_explore_wrap(&lines, text, columns));
    for (size_t i = 0; i < lines.count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s|", (int)lines.list[i].len,
                              text + lines.list[i].at);
    assert_string_equal(out, expected);
    pf_explore_lines_done(&lines);
}

static void lines_are_broken_at_blanks(void **state)
{
    (void)state;
    wraps("one two three\nfour", 8, "one two|three|four|");
    wraps("one two", 7, "one two|");
    wraps("one two", 3, "one|two|");
    wraps("abcdefgh", 3, "abc|def|gh|");
    wraps("a\n\n\nb\n", 3, "a|||b|");
    wraps("one two \nthree", 7, "one two|three|");
    wraps("\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0", 4, "\xe4\xbd\xa0\xe4\xbd\xa0|\xe4\xbd\xa0|");
    wraps("\xe4\xbd\xa0", 1, "\xe4\xbd\xa0|"); /* wider than all: it must go on all the same */
    wraps("", 10, "");
    wraps("    indented text", 9, "   |indented|text|");
}

static void sizes_have_five_columns(void **state)
{
    static const struct {
        uint64_t octets;
        const char *text;
    } cases[] = {{0, "0"},          {9999, "9999"},       {10000, "9.7k"},
                 {102399, "99.9k"}, {102400, "100k"},     {1023999, "999k"},
                 {1024000, "0.9M"}, {30u << 20, "30.0M"}, {UINT64_MAX, "15.9E"}};
    char out[8];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pf_explore_size(cases[i].octets, out);
        assert_string_equal(out, cases[i].text);
    }
}

static void without_utf8_all_is_ascii(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C");
    CLEAN("Gr\xc3\xbc\xc3\x9f"
          "e",
          PF_EXPLORE_LINE, "Gr??e");
    setlocale(LC_CTYPE, "C.UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_moves_the_terminal),
        T(lines_and_tabs_are_kept_where_they_mean_something),
        T(a_source_shows_what_is_in_it),
        T(piles_of_marks_are_cut),
        T(the_room_is_kept),
        T(widths_are_those_of_cells),
        T(texts_are_found_whatever_the_case),
        T(lines_are_broken_at_blanks),
        T(sizes_have_five_columns),
        T(without_utf8_all_is_ascii),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return RUN(tests);
}
