#include "unit/cm.h"

#include <stdlib.h>

#include "proto/drop.h"

static struct pf_row rows[200];

static struct pf_listing listing(uint32_t count, uint64_t each)
{
    struct pf_listing l = {.rows = rows, .uidls = (const unsigned char *)"u", .count = count, .octets = 0};

    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct pf_row){.octets = each + i, .uidl_len = 1};
        l.octets += rows[i].octets;
    }
    return l;
}

static void open(struct pf_drop *d, uint32_t count)
{
    struct pf_listing l = listing(count, 10);

    *d = (struct pf_drop){0};
    assert_true(pf_drop_open(d, &l));
}

static void w_023_numbers_are_decimal_or_refused(void **state)
{
    static const char *const syntax[] = {"", "-1", "+1", "0x1", "1.", "18446744073709551616", "one", "1 "};
    static const char *const none[] = {"0", "000", "4", "4294967297", "4294967296", "18446744073709551615"};
    struct pf_drop d;
    uint32_t index = 77;

    (void)state;
    open(&d, 3);
    for (size_t i = 0; i < sizeof syntax / sizeof syntax[0]; i++)
        assert_int_equal(pf_drop_number(&d, pf_bytes_of(syntax[i]), &index), PF_SYNTAX);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(pf_drop_number(&d, pf_bytes_of(none[i]), &index), PF_NO_MESSAGE);
    assert_int_equal(index, 77);
    assert_int_equal(pf_drop_number(&d, PF_LIT("003"), &index), PF_OK);
    assert_int_equal(index, 2);
    pf_drop_close(&d);
}

static void p3_014_numbers_stay_when_others_are_deleted(void **state)
{
    struct pf_drop d;
    uint32_t index;

    (void)state;
    open(&d, 130);
    for (uint32_t i = 0; i < 129; i++)
        pf_drop_delete(&d, i);
    assert_int_equal(d.left, 1);
    assert_int_equal(d.octets, 139);
    assert_int_equal(pf_drop_next(&d, 0), 129);
    assert_int_equal(pf_drop_number(&d, PF_LIT("130"), &index), PF_OK);
    assert_int_equal(index, 129);
    assert_int_equal(pf_drop_number(&d, PF_LIT("129"), &index), PF_NO_MESSAGE);
    pf_drop_delete(&d, 129);
    assert_int_equal(pf_drop_next(&d, 0), 130);
    assert_int_equal(d.octets, 0);
    pf_drop_reset(&d);
    assert_int_equal(d.left, 130);
    assert_int_equal(d.octets, d.listing.octets);
    assert_int_equal(pf_drop_next(&d, 64), 64);
    pf_drop_close(&d);
}

static void next_skips_exactly_the_deleted(void **state)
{
    struct pf_drop d;
    uint32_t seen = 0;

    (void)state;
    open(&d, 200);
    for (uint32_t i = 0; i < 200; i++)
        if (i % 3 == 0 || (i > 60 && i < 140))
            pf_drop_delete(&d, i);
    for (uint32_t i = pf_drop_next(&d, 0); i < 200; i = pf_drop_next(&d, i + 1)) {
        assert_false(i % 3 == 0 || (i > 60 && i < 140));
        seen++;
    }
    assert_int_equal(seen, d.left);
    pf_drop_close(&d);
}

static void p3_017_sums_have_64_bits(void **state)
{
    struct pf_listing l = listing(3, 5000000000u);
    struct pf_drop d = {0};

    (void)state;
    assert_true(pf_drop_open(&d, &l));
    pf_drop_delete(&d, 0);
    assert_true(d.octets == 10000000003u);
    pf_drop_close(&d);
}

static void old_003_old_004_last_is_the_highest_touched(void **state)
{
    struct pf_drop d;

    (void)state;
    open(&d, 5);
    assert_int_equal(pf_drop_last(&d), 0);
    pf_drop_fetched(&d, 2);
    assert_int_equal(pf_drop_last(&d), 3);
    pf_drop_delete(&d, 1);
    assert_int_equal(pf_drop_last(&d), 3);
    pf_drop_delete(&d, 3);
    assert_int_equal(pf_drop_last(&d), 4);
    pf_drop_close(&d);
}

static void old_005_old_006_last_knows_earlier_sessions_until_rset(void **state)
{
    struct pf_drop d;

    (void)state;
    open(&d, 5);
    rows[3].flags = PF_ROW_SEEN;
    assert_int_equal(pf_drop_last(&d), 4);
    pf_drop_fetched(&d, 0);
    assert_int_equal(pf_drop_last(&d), 4);
    pf_drop_reset(&d);
    assert_int_equal(pf_drop_last(&d), 0);
    pf_drop_fetched(&d, 1);
    assert_int_equal(pf_drop_last(&d), 2);
    pf_drop_close(&d);
}

static void cap_032_what_was_fetched_whole_expires_and_nothing_else(void **state)
{
    struct pf_drop d;

    (void)state;
    open(&d, 5);
    pf_drop_fetched(&d, 0);
    pf_drop_fetched(&d, 3);
    pf_drop_broke(&d, 3, PF_IO);
    pf_drop_broke(&d, 4, PF_IO);
    pf_drop_delete(&d, 1);
    pf_drop_expire_fetched(&d);
    assert_true(pf_marks_has(&d.deleted, 0) && pf_marks_has(&d.deleted, 1));
    assert_false(pf_marks_has(&d.deleted, 2));
    assert_false(pf_marks_has(&d.deleted, 3));
    assert_false(pf_marks_has(&d.deleted, 4));
    assert_int_equal(d.left, 3);
    pf_drop_close(&d);
}

static void an_empty_maildrop_is_one_too(void **state)
{
    struct pf_drop d;
    uint32_t index;

    (void)state;
    open(&d, 0);
    assert_int_equal(pf_drop_number(&d, PF_LIT("1"), &index), PF_NO_MESSAGE);
    assert_int_equal(pf_drop_next(&d, 0), 0);
    assert_int_equal(pf_drop_last(&d), 0);
    pf_drop_reset(&d);
    pf_drop_expire_fetched(&d);
    pf_drop_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_023_numbers_are_decimal_or_refused), T(p3_014_numbers_stay_when_others_are_deleted),
        T(next_skips_exactly_the_deleted), T(p3_017_sums_have_64_bits),
        T(old_003_old_004_last_is_the_highest_touched),
        T(old_005_old_006_last_knows_earlier_sessions_until_rset),
        T(cap_032_what_was_fetched_whole_expires_and_nothing_else), T(an_empty_maildrop_is_one_too),
    };

    return RUN(tests);
}
