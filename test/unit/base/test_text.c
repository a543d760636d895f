#include "unit/cm.h"

#include "base/text.h"

#include <stdlib.h>

static void numbers_are_plain_decimal_or_refused(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1a"};
    uint64_t n = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(pf_parse_u64(pf_bytes_of(bad[i]), &n));
    assert_int_equal(n, 77);
    assert_true(pf_parse_u64(PF_LIT("001"), &n));
    assert_int_equal(n, 1);
    assert_true(pf_parse_u64(PF_LIT("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
}

static void decimals_are_all_or_nothing(void **state)
{
    unsigned char room[4];
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    assert_true(pf_span_decimal(&s, 0));
    assert_true(pf_span_decimal(&s, 12));
    assert_false(pf_span_decimal(&s, 10));
    assert_int_equal(s.len, 3);
    assert_memory_equal(room, "012", 3);
    assert_false(pf_span_format(&s, "%s", "ab"));
    assert_true(pf_span_format(&s, "%s", "a"));
}

static void case_is_ascii_only(void **state)
{
    (void)state;
    assert_true(pf_equal_nocase(PF_LIT("QuIt"), PF_LIT("qUiT")));
    assert_false(pf_equal_nocase(PF_LIT("\xc4"), PF_LIT("\xe4")));
    assert_false(pf_equal_nocase(PF_LIT("a"), PF_LIT("ab")));
}

static void secrets_compare_whole(void **state)
{
    (void)state;
    assert_true(pf_equal_secret(PF_LIT("abc"), PF_LIT("abc")));
    assert_false(pf_equal_secret(PF_LIT("abc"), PF_LIT("abd")));
    assert_false(pf_equal_secret(PF_LIT("abc"), PF_LIT("ab")));
    assert_true(pf_equal_secret(PF_LIT(""), PF_LIT("")));
}

static void safe_text_hides_what_is_not_printable(void **state)
{
    char text[6];

    (void)state;
    pf_text_safe(text, sizeof text, PF_LIT("a\0\x1b\xff z"));
    assert_string_equal(text, "a??? ");
}

static void wipe_and_find(void **state)
{
    unsigned char secret[4] = {1, 2, 3, 4};

    (void)state;
    assert_int_equal(pf_find(PF_LIT("abc"), 'c'), 2);
    assert_int_equal(pf_find(PF_LIT("abc"), 'x'), 3);
    assert_int_equal(pf_find((struct pf_bytes){0}, 'x'), 0);
    pf_wipe(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0", 4);
}

static void a_copy_ends_where_its_view_does(void **state)
{
    char *copy = pf_text_copy(pf_bytes_head(PF_LIT("abcdef"), 3)), *none = pf_text_copy((struct pf_bytes){0});

    (void)state;
    assert_string_equal(copy, "abc");
    assert_string_equal(none, "");
    free(copy);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(numbers_are_plain_decimal_or_refused), T(decimals_are_all_or_nothing),
        T(case_is_ascii_only), T(secrets_compare_whole),
        T(safe_text_hides_what_is_not_printable), T(wipe_and_find), T(a_copy_ends_where_its_view_does),
    };

    return RUN(tests);
}
