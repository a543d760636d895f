#include "unit/cm.h"

#include "conf/utf8.h"

#define LEN(literal) ((int)pf_conf_utf8(PF_LIT(literal)))

static void characters_are_as_rfc_3629_has_them(void **state)
{
    (void)state;
    assert_int_equal(LEN(""), 0);
    assert_int_equal(LEN("\0"), 1);
    assert_int_equal(LEN("a\xff"), 1);
    assert_int_equal(LEN("\xc2\x80"), 2);
    assert_int_equal(LEN("\xdf\xbf"), 2);
    assert_int_equal(LEN("\xe0\xa0\x80"), 3);
    assert_int_equal(LEN("\xed\x9f\xbf"), 3);
    assert_int_equal(LEN("\xee\x80\x80"), 3);
    assert_int_equal(LEN("\xf0\x90\x80\x80"), 4);
    assert_int_equal(LEN("\xf4\x8f\xbf\xbf"), 4);
}

static void what_is_no_character_is_refused(void **state)
{
    (void)state;
    assert_int_equal(LEN("\x80"), 0);
    assert_int_equal(LEN("\xc0\x80"), 0); /* overlong */
    assert_int_equal(LEN("\xc1\xbf"), 0);
    assert_int_equal(LEN("\xe0\x9f\xbf"), 0);
    assert_int_equal(LEN("\xf0\x8f\xbf\xbf"), 0);
    assert_int_equal(LEN("\xed\xa0\x80"), 0);     /* surrogate */
    assert_int_equal(LEN("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
    assert_int_equal(LEN("\xf5\x80\x80\x80"), 0);
    assert_int_equal(LEN("\xff"), 0);
    assert_int_equal(LEN("\xc2"), 0); /* cut */
    assert_int_equal(LEN("\xe2\x82"), 0);
    assert_int_equal(LEN("\xf0\x9f\x98"), 0);
    assert_int_equal(LEN("\xe2\x82\x41"), 0);
}

static void controls_are_known(void **state)
{
    (void)state;
    assert_true(pf_conf_is_control(PF_LIT("\0")));
    assert_true(pf_conf_is_control(PF_LIT("\x1f")));
    assert_true(pf_conf_is_control(PF_LIT("\x7f")));
    assert_true(pf_conf_is_control(PF_LIT("\xc2\x80")));
    assert_true(pf_conf_is_control(PF_LIT("\xc2\x9f")));
    assert_false(pf_conf_is_control(PF_LIT("\xc2\xa0")));
    assert_false(pf_conf_is_control(PF_LIT("\xc3\x80")));
    assert_false(pf_conf_is_control(PF_LIT("\xc2")));
    assert_false(pf_conf_is_control(PF_LIT(" ")));
    assert_false(pf_conf_is_control(PF_LIT("")));
}

static void clean_text_keeps_columns_and_is_cut_between_characters(void **state)
{
    char text[8];

    (void)state;
    pf_conf_clean(text, sizeof text, PF_LIT("a\tb\x01\xff\xc2\x80z"));
    assert_string_equal(text, "a b???z");
    pf_conf_clean(text, sizeof text, PF_LIT("1234567"));
    assert_string_equal(text, "1234567");
    pf_conf_clean(text, sizeof text, PF_LIT("12345678"));
    assert_string_equal(text, "1234...");
    pf_conf_clean(text, sizeof text, PF_LIT("123\xe2\x82\xac\xe2\x82\xac"));
    assert_string_equal(text, "123...");
    pf_conf_clean(text, 4, PF_LIT("12345"));
    assert_string_equal(text, "...");
    pf_conf_clean(text, sizeof text, (struct pf_bytes){0});
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(characters_are_as_rfc_3629_has_them),
        T(what_is_no_character_is_refused),
        T(controls_are_known),
        T(clean_text_keeps_columns_and_is_cut_between_characters),
    };

    return RUN(tests);
}
