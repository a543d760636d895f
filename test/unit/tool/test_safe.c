/* What of a stranger's text reaches a terminal. */
#include "tool/safe.h"

#include "unit/cm.h"

#include <stdlib.h>
#include <string.h>

static void shows(const char *text, bool lines, const char *wanted)
{
    char *shown = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&shown, &len);

    assert_non_null(to);
    pf_tool_print_safe(to, text, lines);
    fclose(to);
    assert_string_equal(shown, wanted);
    assert_int_equal(len, strlen(wanted));
    free(shown);
}

static void text_is_shown_as_it_is(void **state)
{
    (void)state;
    shows("", false, "");
    shows("Grüße, 日本, 😀 ~", false, "Grüße, 日本, 😀 ~");
}

static void control_characters_are_not_obeyed(void **state)
{
    (void)state;
    shows("a\33[31m\a\177\r\nb\t", false, "a?[31m????b?");
    shows("a\33\r\nb\tc", true, "a??\nb\tc");
    shows("\xc2\x9b"
          "31m",
          true, "?31m");
}

static void octets_that_are_no_utf8_are_none(void **state)
{
    (void)state;
    shows("\x9b"
          "31m \xe4\xf6 \x9d",
          true, "?31m ?? ?");
    shows("\xc2", false, "?"); /* cut */
    shows("\xe2\x80", false, "??");
    shows("\xe0\x82\x9b", false, "???"); /* overlong */
    shows("\xc2\xc2\x9b", false, "??");
}

static void nothing_turns_a_line_round(void **state)
{
    (void)state;
    shows("a\u202eb\u202ac", false, "a?b?c");
    shows("\u2066x\u2069", false, "?x?");
    shows("\u2029\u202f\u2065\u206a", false, "\u2029\u202f\u2065\u206a");
    shows("\u202eשלום", true, "\u202eשלום"); /* a text may mean it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_shown_as_it_is),
        cmocka_unit_test(control_characters_are_not_obeyed),
        cmocka_unit_test(octets_that_are_no_utf8_are_none),
        cmocka_unit_test(nothing_turns_a_line_round),
    };

    return RUN(tests);
}
