#include "unit/cm.h"

#include "proto/parse.h"

static enum pf_code parse(const char *line, struct pf_command *c)
{
    return pf_parse_command(pf_bytes_of(line), c);
}

static bool argument(const struct pf_command *c, unsigned i, const char *text)
{
    return c->count > i && pf_bytes_equal(c->arguments[i], pf_bytes_of(text));
}

static void w_004_a_keyword_and_arguments_each_behind_one_space(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("TOP 1 20", &c), PF_OK);
    assert_int_equal(c.word->id, PF_WORD_TOP);
    assert_int_equal(c.count, 2);
    assert_true(argument(&c, 0, "1") && argument(&c, 1, "20"));
    assert_int_equal(parse("TOP  1 20", &c), PF_SYNTAX);
    assert_int_equal(parse("TOP 1  20", &c), PF_SYNTAX);
    assert_int_equal(parse(" TOP 1 20", &c), PF_SYNTAX);
    assert_null(c.word);
    assert_int_equal(parse("TOP:1 20", &c), PF_SYNTAX);
    assert_int_equal(parse("", &c), PF_SYNTAX);
    assert_int_equal(parse(" ", &c), PF_SYNTAX);
}

static void w_018_a_control_octet_makes_the_line_invalid(void **state)
{
    struct pf_command c;

    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        unsigned char line[] = "USER a?b", pass[] = "PASS a?b";
        bool control = octet < 0x20 || octet == 0x7f;

        if (octet == ' ')
            continue;
        line[6] = pass[6] = (unsigned char)octet;
        assert_int_equal(pf_parse_command(pf_bytes_from(line, 8), &c), control ? PF_SYNTAX : PF_OK);
        assert_int_equal(c.word->id, PF_WORD_USER);
        assert_int_equal(pf_parse_command(pf_bytes_from(pass, 8), &c), control ? PF_SYNTAX : PF_OK);
        assert_int_equal(c.word->id, PF_WORD_PASS);
    }
    assert_int_equal(pf_parse_command(pf_bytes_from("QUIT\0", 5), &c), PF_SYNTAX);
    assert_int_equal(parse("QUIT\r", &c), PF_SYNTAX);
    assert_int_equal(parse("QUIT \x01", &c), PF_SYNTAX);
}

static void w_021_too_many_arguments_are_an_error_but_for_quit(void **state)
{
    static const char *const many[] = {"STAT 1",   "NOOP x",   "RSET 1",     "CAPA 1",      "STLS now",
                                       "LIST 1 2", "UIDL 1 2", "RETR 1 2",   "DELE 1 2",    "TOP 1 2 3",
                                       "LAST 1",   "USER a b", "AUTH A B C", "AUTH A B C D E F"};
    static const char *const few[] = {"RETR", "DELE", "TOP", "TOP 1", "USER"};
    struct pf_command c;

    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
        assert_int_equal(parse(many[i], &c), PF_SYNTAX);
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++)
        assert_int_equal(parse(few[i], &c), PF_SYNTAX);
    assert_int_equal(parse("QUIT now", &c), PF_OK);
    assert_int_equal(parse("QUIT  and  be  done", &c), PF_OK);
}

static void w_022_white_space_at_the_end_is_ignored(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("AUTH ", &c), PF_OK);
    assert_int_equal(c.count, 0);
    assert_int_equal(parse("STAT \t ", &c), PF_OK);
    assert_int_equal(parse("RETR 1 ", &c), PF_OK);
    assert_true(argument(&c, 0, "1"));
    assert_int_equal(parse("USER alice  ", &c), PF_OK);
    assert_true(argument(&c, 0, "alice"));
    assert_int_equal(parse("USER ", &c), PF_SYNTAX);
}

static void w_024_spaces_before_the_name_of_user_are_ignored(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("USER    alice", &c), PF_OK);
    assert_int_equal(c.count, 1);
    assert_true(argument(&c, 0, "alice"));
    assert_int_equal(parse("RETR    1", &c), PF_SYNTAX);
}

static void p3_061_a_password_is_the_rest_of_the_line(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("PASS a b", &c), PF_OK);
    assert_true(argument(&c, 0, "a b"));
    assert_int_equal(parse("pass   a  b  ", &c), PF_OK);
    assert_true(argument(&c, 0, "  a  b  "));
    assert_int_equal(parse("PASS \xc3\xa4:\xff", &c), PF_OK);
    assert_true(argument(&c, 0, "\xc3\xa4:\xff"));
}

static void p3_062_a_password_that_is_not_there_is_an_empty_one(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("PASS", &c), PF_OK);
    assert_true(argument(&c, 0, ""));
    assert_int_equal(parse("PASS ", &c), PF_OK);
    assert_true(argument(&c, 0, ""));
    assert_int_equal(parse("PASS  ", &c), PF_OK);
    assert_true(argument(&c, 0, " "));
}

static void p3_064_a_name_may_hold_any_printable_octet(void **state)
{
    static const char *const names[] = {"user@domain", "user+host", "user*admin", "host:user", "a[b]<c>\\\"",
                                        "j\xc3\xb6rg"};
    struct pf_command c;
    char line[64];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(line, sizeof line, "USER %s", names[i]);
        assert_int_equal(parse(line, &c), PF_OK);
        assert_true(argument(&c, 0, names[i]));
    }
}

static void auth_031_auth_takes_a_mechanism_and_a_response(void **state)
{
    struct pf_command c;

    (void)state;
    assert_int_equal(parse("AUTH PLAIN dGVzdA==", &c), PF_OK);
    assert_true(argument(&c, 0, "PLAIN") && argument(&c, 1, "dGVzdA=="));
    assert_int_equal(parse("AUTH PLAIN =", &c), PF_OK);
    assert_true(argument(&c, 1, "="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_004_a_keyword_and_arguments_each_behind_one_space),
        T(w_018_a_control_octet_makes_the_line_invalid),
        T(w_021_too_many_arguments_are_an_error_but_for_quit),
        T(w_022_white_space_at_the_end_is_ignored),
        T(w_024_spaces_before_the_name_of_user_are_ignored),
        T(p3_061_a_password_is_the_rest_of_the_line),
        T(p3_062_a_password_that_is_not_there_is_an_empty_one),
        T(p3_064_a_name_may_hold_any_printable_octet),
        T(auth_031_auth_takes_a_mechanism_and_a_response),
    };

    return RUN(tests);
}
