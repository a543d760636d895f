#include "unit/cm.h"

#include "store/drive.h"
#include "store/memory.h"

#include <stdlib.h>

static struct drive d;

static int make(void **state)
{
    (void)state;
    d.loop = pf_loop_new(NULL);
    d.store = d.loop ? pf_memory_new(d.loop) : NULL;
    return d.store ? 0 : -1;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_loop_free(d.loop);
    return 0;
}

static void put(const char *text, const char *uidl)
{
    assert_int_equal(pf_memory_add(d.store, "/a", pf_bytes_of(text), uidl, NULL), PF_OK);
}

static void an_unknown_drop_is_no_box(void **state)
{
    struct pf_box_open o;

    (void)state;
    assert_int_equal(drive_open(&d, "/nowhere", &o), PF_NO_BOX);
    assert_null(o.box);
    assert_non_null(strstr(o.op.err.log, "/nowhere"));
    assert_null(strstr(pf_err_say(&o.op.err), "/nowhere"));
    assert_int_equal(pf_memory_count(d.store, "/nowhere"), 0);
}

static void the_scene_is_set_with_uidls_of_choice(void **state)
{
    struct pf_box_open o;
    struct drive_text text;

    (void)state;
    put("one\n", "uid-1");
    put("", NULL);
    assert_int_equal(pf_memory_count(d.store, "/a"), 2);
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(o.listing.count, 2);
    assert_int_equal(o.listing.octets, 5);
    assert_true(pf_bytes_equal(pf_listing_uidl(&o.listing, 0), PF_LIT("uid-1")));
    assert_int_equal(drive_fetch(&d, o.box, 0, 100, &text), PF_OK);
    assert_memory_equal(text.at, "one\n", 4);
    free(text.at);
    drive_close(&d, o.box);
}

static void a_uidl_that_is_not_legal_is_refused(void **state)
{
    struct pf_err err;
    char long_one[PF_UIDL_MAX + 2];

    (void)state;
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(pf_memory_add(d.store, "/a", PF_LIT("x"), "with space", &err), PF_PERM);
    assert_int_equal(pf_memory_add(d.store, "/a", PF_LIT("x"), "", &err), PF_PERM);
    assert_int_equal(pf_memory_add(d.store, "/a", PF_LIT("x"), long_one, &err), PF_PERM);
    assert_int_equal(pf_memory_count(d.store, "/a"), 0);
    long_one[PF_UIDL_MAX] = '\0';
    assert_int_equal(pf_memory_add(d.store, "/a", PF_LIT("x"), long_one, &err), PF_OK);
}

static void a_message_that_was_expunged_is_gone_at_once(void **state)
{
    struct pf_box_open o;
    struct pf_box_expunge e;
    struct drive_text text;
    uint64_t word = 1;
    struct pf_marks marks = {&word, 2};

    (void)state;
    put("one\n", NULL);
    put("two\n", NULL);
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(drive_expunge(&d, o.box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, 1);
    assert_int_equal(pf_memory_count(d.store, "/a"), 1);
    assert_int_equal(drive_fetch(&d, o.box, 0, 10, &text), PF_GONE);
    free(text.at);
    assert_int_equal(drive_fetch(&d, o.box, 1, 10, &text), PF_OK);
    free(text.at);
    drive_close(&d, o.box);
}

static void seen_marks_show_in_the_next_listing(void **state)
{
    struct pf_box_open o;
    uint64_t word = 2;
    struct pf_marks seen = {&word, 2};
    struct pf_box_expunge e = {.seen = &seen};

    (void)state;
    put("one\n", NULL);
    put("two\n", NULL);
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    drive_ready(&e.op);
    pf_box_expunge(o.box, &e);
    assert_int_equal(drive_wait(&d, &e.op), PF_OK);
    drive_close(&d, o.box);
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(o.listing.rows[0].flags, 0);
    assert_int_equal(o.listing.rows[1].flags, PF_ROW_SEEN);
    drive_close(&d, o.box);
}

static void a_parcel_that_is_too_large_is_no_space(void **state)
{
    static const unsigned char chunk[1];
    struct pf_box_where where = drive_where("/a");
    struct pf_parcel *parcel;

    (void)state;
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    /* The length is refused before a single octet is looked at. */
    assert_int_equal(drive_write(&d, parcel, pf_bytes_from(chunk, SIZE_MAX / 2)), PF_NO_SPACE);
    drive_drop(&d, parcel);
    assert_int_equal(pf_memory_count(d.store, "/a"), 0);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(an_unknown_drop_is_no_box),
        M(the_scene_is_set_with_uidls_of_choice),
        M(a_uidl_that_is_not_legal_is_refused),
        M(a_message_that_was_expunged_is_gone_at_once),
        M(seen_marks_show_in_the_next_listing),
        M(a_parcel_that_is_too_large_is_no_space),
    };

    return RUN(tests);
}
