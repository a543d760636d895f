#include "unit/cm.h"

#include "base/number.h"

static void a_number_has_its_most_significant_octet_first(void **state)
{
    static const unsigned char expected[] = {0x01, 0x02, 0x03, 0x04, 0xff, 0x11, 0x22,
                                             0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    unsigned char at[sizeof expected];
    struct pf_span out = {at, 0, sizeof at};
    struct pf_bytes from;

    (void)state;
    assert_true(pf_number_put(&out, 0x01020304, 4));
    assert_true(pf_number_put(&out, 0xabcdff, 1)); /* what is above is not said */
    assert_true(pf_number_put(&out, 0, 0));
    assert_true(pf_number_put(&out, 0x1122334455667788, 8));
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(at, expected, sizeof expected);
    from = pf_span_bytes(&out);
    assert_int_equal(pf_number_take(&from, 4), 0x01020304);
    assert_int_equal(pf_number_take(&from, 1), 0xff);
    assert_int_equal(pf_number_take(&from, 0), 0);
    assert_true(pf_number_take(&from, 8) == 0x1122334455667788);
    assert_int_equal(from.len, 0);
}

static void a_number_is_put_whole_or_not_at_all(void **state)
{
    unsigned char at[4] = {9, 9, 9, 9};
    struct pf_span out = {at, 1, 4};

    (void)state;
    assert_false(pf_number_put(&out, 1, 4));
    assert_int_equal(out.len, 1);
    assert_int_equal(at[1], 9);
    assert_true(pf_number_put(&out, 1, 3));
    assert_int_equal(out.len, 4);
    assert_false(pf_number_put(&out, 1, 1));
    assert_true(pf_number_put(&out, 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_number_has_its_most_significant_octet_first),
        T(a_number_is_put_whole_or_not_at_all),
    };

    return RUN(tests);
}
