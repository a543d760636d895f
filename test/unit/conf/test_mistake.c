#include "unit/conf/told.h"

static char page[8192];

static void print(void *self, const struct pf_conf_mistake *m)
{
    pf_conf_print_mistake(self, m);
}

static const char *printed(const char *text)
{
    FILE *to = fmemopen(page, sizeof page, "w");

    assert_non_null(to);
    assert_null(pf_conf_parse("a.conf", pf_bytes_of(text), print, to));
    assert_int_equal(fclose(to), 0);
    return page;
}

static void a_mistake_shows_its_line_a_caret_and_a_hint(void **state)
{
    (void)state;
    assert_string_equal(printed("# one\nlog {\n\tto\t\"j\xc3\xbc\" ; dbug yes # x\n}\n"),
                        "a.conf:3:5: `to` cannot be `j\xc3\xbc`\n"
                        "     3 |  to \"j\xc3\xbc\" ; dbug yes # x\n"
                        "       |     ^\n"
                        "         it can be stderr, syslog or journald\n"
                        "a.conf:3:12: unknown setting `dbug` in `log`\n"
                        "     3 |  to \"j\xc3\xbc\" ; dbug yes # x\n"
                        "       |            ^\n"
                        "         did you mean `debug`?\n");
}

static void a_mistake_without_a_hint_ends_with_the_caret(void **state)
{
    (void)state;
    assert_string_equal(printed("log { debug maybe }\r\n"),
                        "a.conf:1:13: `maybe` is neither yes nor no\n"
                        "     1 | log { debug maybe }\n"
                        "       |             ^\n");
}

static void no_control_octet_reaches_the_terminal(void **state)
{
    (void)state;
    printed("log { debug \x1b[31m\xc2\x9b\xff }\nhost\x07name \"a\\x1b\\nb\"\n\x01");
    for (const char *c = page; *c; c++)
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
    assert_null(strstr(page, "\xc2\x9b"));
    assert_null(strchr(page, '\xff'));
}

static void a_long_line_is_cut_and_a_caret_beyond_it_left_out(void **state)
{
    char text[1000];

    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, "# long", 6);
    snprintf(text + 900, sizeof text - 900, "\x01");
    printed(text);
    assert_ptr_equal(strstr(page, "a.conf:1:901: a control character\n     1 | # long    "), page);
    assert_non_null(strstr(page, " ...\n         remove it"));
    assert_null(strchr(page, '^'));
}

static void a_long_word_is_cut_in_a_message(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    printed(text);
    assert_non_null(strstr(page, "xxx...`\n"));
    assert_in_range(strchr(page, '\n') - page, 60, 110);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_mistake_shows_its_line_a_caret_and_a_hint),
        T(a_mistake_without_a_hint_ends_with_the_caret),
        T(no_control_octet_reaches_the_terminal),
        T(a_long_line_is_cut_and_a_caret_beyond_it_left_out),
        T(a_long_word_is_cut_in_a_message),
    };

    return RUN(tests);
}
