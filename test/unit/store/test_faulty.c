#include "unit/cm.h"

#include "store/drive.h"
#include "store/faulty.h"
#include "store/memory.h"

#include <stdlib.h>

static struct drive d;
static struct pf_store *memory;

static int make(void **state)
{
    (void)state;
    d.loop = pf_loop_new(NULL);
    memory = d.loop ? pf_memory_new(d.loop) : NULL;
    d.store = memory ? pf_faulty_new(memory) : NULL;
    for (int i = 0; d.store && i < 4; i++)
        if (pf_memory_add(memory, "/a", PF_LIT("0123456789\n"), NULL, NULL) != PF_OK)
            return -1;
    return d.store ? 0 : -1;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_loop_free(d.loop);
    return 0;
}

static void add(struct pf_fault fault)
{
    pf_faulty_add(d.store, &fault);
}

static struct pf_box *open_it(void)
{
    struct pf_box_open o;

    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(o.listing.count, 4);
    return o.box;
}

/* What a whole read of the message gives, in pieces of 4 octets. */
static void expect_fetch(struct pf_box *box, uint32_t index, enum pf_code code, size_t len)
{
    struct drive_text text;

    assert_int_equal(drive_fetch(&d, box, index, 4, &text), code);
    assert_int_equal(text.len, len);
    assert_memory_equal(text.at, "0123456789\n", len);
    free(text.at);
}

static void the_nth_open_fails_once(void **state)
{
    struct pf_box_open o;

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_OPEN, .number = 2, .code = PF_TEMP});
    drive_close(&d, open_it());
    assert_int_equal(drive_open(&d, "/a", &o), PF_TEMP);
    assert_null(o.box);
    drive_close(&d, open_it());
    assert_int_equal(pf_faulty_fired(d.store), 1);
}

static void number_0_fails_every_time_until_cleared(void **state)
{
    struct pf_box_open o;

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_OPEN, .code = PF_IO});
    for (int i = 0; i < 3; i++)
        assert_int_equal(drive_open(&d, "/a", &o), PF_IO);
    pf_faulty_clear(d.store);
    drive_close(&d, open_it());
    assert_int_equal(pf_faulty_fired(d.store), 3);
}

static void reads_fail_by_number_and_message(void **state)
{
    struct pf_box *box = open_it();

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_READ, .number = 2, .index = 1, .code = PF_DAMAGED});
    expect_fetch(box, 0, PF_OK, 11);
    expect_fetch(box, 1, PF_DAMAGED, 4); /* the second piece */
    expect_fetch(box, 1, PF_OK, 11);
    add((struct pf_fault){.at = PF_FAULT_READ, .number = 1, .index = -1, .code = PF_GONE});
    expect_fetch(box, 3, PF_GONE, 0);
    drive_close(&d, box);
}

static void reads_fail_at_an_octet(void **state)
{
    struct pf_box *box = open_it();

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_READ, .number = 1, .index = 2, .after = 6, .code = PF_IO});
    expect_fetch(box, 1, PF_OK, 11);
    expect_fetch(box, 2, PF_IO, 6); /* 4, 2, then the failure */
    expect_fetch(box, 2, PF_OK, 11);
    add((struct pf_fault){.at = PF_FAULT_READ, .number = 1, .index = 2, .after = 11, .code = PF_IO});
    expect_fetch(box, 2, PF_OK, 11); /* no read passes its end */
    assert_int_equal(pf_faulty_fired(d.store), 1);
    drive_close(&d, box);
}

static void the_lying_disk_ends_a_message_early(void **state)
{
    struct pf_box *box = open_it();

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_READ, .number = 1, .index = 0, .after = 5, .silent = true});
    expect_fetch(box, 0, PF_OK, 5);
    expect_fetch(box, 0, PF_OK, 11);
    drive_close(&d, box);
}

static void expunge_fails_whole_or_half(void **state)
{
    struct pf_box *box = open_it();
    struct pf_box_expunge e;
    uint64_t word = 0xe; /* messages 2, 3, 4 */
    struct pf_marks marks = {&word, 4};

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_EXPUNGE, .number = 1, .code = PF_IO});
    add((struct pf_fault){.at = PF_FAULT_EXPUNGE, .number = 2, .code = PF_PARTIAL, .silent = true});
    add((struct pf_fault){.at = PF_FAULT_EXPUNGE, .number = 3, .code = PF_PARTIAL});
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_IO);
    assert_true(e.removed == 0 && e.failed == 3 && pf_memory_count(memory, "/a") == 4);
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_PARTIAL);
    assert_true(e.removed == 0 && e.failed == 3 && pf_memory_count(memory, "/a") == 4);
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_PARTIAL);
    assert_true(e.removed == 1 && e.failed == 2 && pf_memory_count(memory, "/a") == 3);
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_OK);
    assert_true(e.failed == 0 && pf_memory_count(memory, "/a") == 1);
    drive_close(&d, box);
}

static void parcels_fail_and_leave_nothing(void **state)
{
    struct pf_box_where where = drive_where("/a");
    struct pf_parcel_seal s;

    (void)state;
    add((struct pf_fault){.at = PF_FAULT_BEGIN, .number = 1, .code = PF_OVER_QUOTA});
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("abc"), 1, &s), PF_OVER_QUOTA);
    add((struct pf_fault){.at = PF_FAULT_WRITE, .number = 3, .code = PF_NO_SPACE});
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("abc"), 1, &s), PF_NO_SPACE);
    add((struct pf_fault){.at = PF_FAULT_SEAL, .number = 1, .code = PF_IO});
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("abc"), 1, &s), PF_IO);
    assert_int_equal(pf_memory_count(memory, "/a"), 4);
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("abc"), 1, &s), PF_OK);
    assert_int_equal(pf_memory_count(memory, "/a"), 5);
}

static void sixteen_at_once_and_places_are_used_again(void **state)
{
    struct pf_box_open o;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned n = 1; n <= 16; n++)
            add((struct pf_fault){.at = PF_FAULT_OPEN, .number = n, .code = PF_TEMP});
        for (unsigned n = 1; n <= 16; n++)
            assert_int_equal(drive_open(&d, "/a", &o), PF_TEMP);
    }
    drive_close(&d, open_it());
    assert_int_equal(pf_faulty_fired(d.store), 48);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(the_nth_open_fails_once),           M(number_0_fails_every_time_until_cleared),
        M(reads_fail_by_number_and_message),  M(reads_fail_at_an_octet),
        M(the_lying_disk_ends_a_message_early), M(expunge_fails_whole_or_half),
        M(parcels_fail_and_leave_nothing),    M(sixteen_at_once_and_places_are_used_again),
    };

    return RUN(tests);
}
