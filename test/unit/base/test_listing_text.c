#include "unit/cm.h"

#include "base/listing_text.h"

static const unsigned char uidls[] = "abcDEFG~";
static const struct pf_row rows[10] = {
    {5, 0, 3, 0, 0},  {UINT64_MAX, 3, 4, 0, 0}, {0, 7, 1, 0, 0}, {9, 0, 1, 0, 0}, {10, 1, 1, 0, 0},
    {99, 2, 1, 0, 0}, {100, 3, 1, 0, 0},        {1, 4, 1, 0, 0}, {2, 5, 1, 0, 0}, {3, 6, 1, 0, 0}};
static const struct pf_listing listing = {.rows = rows, .uidls = uidls, .count = 10};

#define LIST                                                                                            \
    "1 5\r\n2 18446744073709551615\r\n3 0\r\n4 9\r\n5 10\r\n6 99\r\n7 100\r\n8 1\r\n9 2\r\n10 3\r\n"
#define UIDL "1 abc\r\n2 DEFG\r\n3 ~\r\n4 a\r\n5 b\r\n6 c\r\n7 D\r\n8 E\r\n9 F\r\n10 G\r\n"

static void lines_are_those_of_list_and_uidl(void **state)
{
    unsigned char room[256];
    struct pf_span out = {room, 0, sizeof room};
    uint64_t list, uidl;

    (void)state;
    pf_listing_text_octets(&listing, &list, &uidl);
    assert_int_equal(list, sizeof LIST - 1);
    assert_int_equal(uidl, sizeof UIDL - 1);
    assert_true(pf_listing_text_put(&listing, false, &out));
    assert_true(pf_listing_text_put(&listing, true, &out));
    assert_int_equal(out.len, sizeof LIST UIDL - 1);
    assert_memory_equal(room, LIST UIDL, out.len);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
    unsigned char room[256];

    (void)state;
    for (size_t cap = 0; cap < sizeof LIST - 1; cap++) {
        struct pf_span out = {room, 0, cap};

        assert_false(pf_listing_text_put(&listing, false, &out));
        assert_int_equal(out.len, 0);
    }
}

static void a_text_agrees_to_the_octet(void **state)
{
    unsigned char text[] = LIST;
    size_t len = sizeof text - 1;

    (void)state;
    assert_true(pf_listing_text_agrees(&listing, false, pf_bytes_from(text, len)));
    assert_true(pf_listing_text_agrees(&listing, true, PF_LIT(UIDL)));
    assert_false(pf_listing_text_agrees(&listing, true, pf_bytes_from(text, len)));
    assert_false(pf_listing_text_agrees(&listing, false, pf_bytes_from(text, len + 1)));
    for (size_t n = 0; n < len; n++)
        assert_false(pf_listing_text_agrees(&listing, false, pf_bytes_from(text, n)));
    for (size_t bit = 0; bit < len * 8; bit++) {
        text[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(pf_listing_text_agrees(&listing, false, pf_bytes_from(text, len)));
        text[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(pf_listing_text_agrees(&(struct pf_listing){0}, false, (struct pf_bytes){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines_are_those_of_list_and_uidl),
        T(what_does_not_fit_leaves_nothing),
        T(a_text_agrees_to_the_octet),
    };

    return RUN(tests);
}
