/* Views of a maildrop by recipient: what they show, and what they leave alone. */
#include "unit/cm.h"

#include "store/drive.h"
#include "store/faulty.h"
#include "store/memory.h"
#include "store/sifted.h"

#include <stdlib.h>

enum { MAIL = 6 };

static struct drive d;
static struct pf_store *memory, *faulty;

/* To anna, bert, nobody, anna, bert, anna. */
static const char *const texts[MAIL] = {
    "Delivered-To: anna@thor\n\n0\n",
    "Delivered-To: bert@thor\n\nmessage 1\n",
    "To: anna@thor\n\n2\n",
    "Return-Path: <>\r\nDelivered-To: Anna@thor.demon.example\r\n\r\n.message 3",
    "Delivered-To: bert@thor\nTo: anna@thor\n\n4\n",
    "Delivered-To: anna@thor\n\nmessage 5 is longer\n",
};

static int make(void **state)
{
    (void)state;
    d.loop = pf_loop_new(NULL);
    memory = d.loop ? pf_memory_new(d.loop) : NULL;
    faulty = memory ? pf_faulty_new(memory) : NULL;
    d.store = faulty ? pf_sifted_new(faulty) : NULL;
    for (int i = 0; d.store && i < MAIL; i++) {
        char uidl[] = {'u', (char)('0' + i), 0};

        if (pf_memory_add(memory, "/thor", pf_bytes_of(texts[i]), uidl, NULL) != PF_OK)
            return -1;
    }
    return d.store ? 0 : -1;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_loop_free(d.loop);
    return 0;
}

static enum pf_code open_as(const char *recipient, struct pf_box_open *o)
{
    struct pf_box_where where = drive_where("/thor");

    where.recipient = recipient;
    return drive_open_where(&d, &where, o);
}

/* The box shows the messages of these digits, by UIDLs, sizes, sum and octets. */
static void expect_all(struct pf_box_open *o, const char *digits, size_t piece)
{
    struct pf_listing whole = o->listing;
    uint64_t octets = 0;

    assert_int_equal(whole.count, strlen(digits));
    for (uint32_t i = 0; i < whole.count; i++) {
        struct pf_bytes uidl = pf_listing_uidl(&whole, i), text = pf_bytes_of(texts[digits[i] - '0']);
        struct drive_text got;

        assert_int_equal(uidl.len, 2);
        assert_int_equal(uidl.at[1], digits[i]);
        assert_int_equal(drive_fetch(&d, o->box, i, piece, &got), PF_OK);
        assert_int_equal(got.len, text.len);
        assert_memory_equal(got.at, text.at, text.len);
        free(got.at);
        octets += whole.rows[i].octets;
    }
    assert_int_equal(whole.octets, octets);
}

static void expect_view(const char *recipient, const char *digits)
{
    struct pf_box_open o;

    assert_int_equal(open_as(recipient, &o), PF_OK);
    expect_all(&o, digits, 7);
    drive_close(&d, o.box);
}

static void sd_002_a_view_shows_what_was_sent_there(void **state)
{
    (void)state;
    expect_view("anna@thor", "035");
    expect_view("bert@thor", "14");
    expect_view("anna@thor.demon.example", "3");
    expect_view("carl@thor", "");
    expect_view(NULL, "012345");
}

/* The referee's law: a store that does not know recipients must not show everybody's mail for one. */
static void sd_002_a_store_that_cannot_sift_refuses_a_recipient(void **state)
{
    struct drive plain = {d.loop, faulty};
    struct pf_box_where where = drive_where("/thor");
    struct pf_box_open o;

    (void)state;
    where.recipient = "anna@thor";
    assert_int_equal(drive_open_where(&plain, &where, &o), PF_TEMP);
    assert_null(o.box);
    assert_int_equal(o.listing.count, 0);
    expect_view("anna@thor", "035"); /* it was not locked either */
}

static void a_view_of_nothing_is_a_box(void **state)
{
    struct pf_box_where where = drive_where("/empty");
    struct pf_parcel *parcel;
    struct pf_parcel_seal seal;
    struct pf_box_open o;
    struct pf_box_expunge e;
    uint64_t word = 1;

    (void)state;
    where.recipient = "anna@thor"; /* means nothing to mail that comes in */
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("x\n")), PF_OK);
    assert_int_equal(drive_seal(&d, parcel, &seal), PF_OK);
    assert_int_equal(drive_open_where(&d, &where, &o), PF_OK);
    assert_int_equal(o.listing.count, 0);
    assert_int_equal(drive_expunge(&d, o.box, &(struct pf_marks){&word, 0}, &e), PF_OK);
    assert_int_equal(e.removed, 0);
    drive_close(&d, o.box);
    assert_int_equal(drive_count(&d, "/empty"), 1);
    where.path = "/nowhere";
    assert_int_equal(drive_open_where(&d, &where, &o), PF_NO_BOX);
    assert_null(o.box);
}

static void sd_002_removal_never_leaves_the_view(void **state)
{
    uint64_t words[2] = {5, 0}; /* of three: the first and the last */
    struct pf_marks marks = {words, 3};
    struct pf_box_open o;
    struct pf_box_expunge e;

    (void)state;
    assert_int_equal(open_as("anna@thor", &o), PF_OK);
    assert_int_equal(drive_expunge(&d, o.box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, 2);
    drive_close(&d, o.box);
    expect_view("anna@thor", "3");
    expect_view(NULL, "1234");
    assert_int_equal(open_as("bert@thor", &o), PF_OK);
    words[0] = ~(uint64_t)0; /* bits behind the last message mean nothing */
    marks.count = 2;
    assert_int_equal(drive_expunge(&d, o.box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, 2);
    drive_close(&d, o.box);
    expect_view(NULL, "23");
}

/* Marking as seen goes through the same map; and so do failures. */
static void marks_and_failures_are_mapped(void **state)
{
    const struct pf_fault half = {.at = PF_FAULT_EXPUNGE, .number = 1, .code = PF_PARTIAL};
    uint64_t seen = 2, all = 7;
    struct pf_marks seen_marks = {&seen, 3}, all_marks = {&all, 3};
    struct pf_box_open o;
    struct pf_box_expunge e = {.seen = &seen_marks};

    (void)state;
    assert_int_equal(open_as("anna@thor", &o), PF_OK);
    drive_ready(&e.op);
    pf_box_expunge(o.box, &e);
    assert_int_equal(drive_wait(&d, &e.op), PF_OK);
    drive_close(&d, o.box);
    assert_int_equal(open_as(NULL, &o), PF_OK);
    for (uint32_t i = 0; i < MAIL; i++)
        assert_int_equal(o.listing.rows[i].flags, i == 3 ? PF_ROW_SEEN : 0);
    drive_close(&d, o.box);
    pf_faulty_add(faulty, &half);
    assert_int_equal(open_as("anna@thor", &o), PF_OK);
    assert_int_equal(o.listing.rows[1].flags, PF_ROW_SEEN);
    assert_int_equal(drive_expunge(&d, o.box, &all_marks, &e), PF_PARTIAL);
    assert_int_equal(e.removed, 1);
    assert_int_equal(e.failed, 2);
    drive_close(&d, o.box);
    expect_view(NULL, "12345");
}

/* The lock is the maildrop's, and a box that was not opened leaves it free. */
static void the_lock_is_that_of_the_maildrop(void **state)
{
    struct pf_box_open anna, other;

    (void)state;
    assert_int_equal(open_as("anna@thor", &anna), PF_OK);
    assert_int_equal(open_as("bert@thor", &other), PF_IN_USE);
    assert_int_equal(open_as(NULL, &other), PF_IN_USE);
    drive_close(&d, anna.box);
    expect_view(NULL, "012345");
}

static void a_view_expires_nothing(void **state)
{
    struct pf_box_where where = drive_where("/thor");
    struct pf_box_open o;

    (void)state;
    where.expire_days = 1;
    where.now += (int64_t)1000 * 86400;
    where.recipient = "bert@thor";
    assert_int_equal(drive_open_where(&d, &where, &o), PF_OK);
    assert_int_equal(o.expired, 0);
    drive_close(&d, o.box);
    expect_view(NULL, "012345");
}

/* One message that nobody can read must lock nobody out; the whole maildrop still lists it. */
static void what_is_wrong_with_a_message_hides_it(void **state)
{
    static const enum pf_code codes[] = {PF_GONE, PF_CHANGED, PF_DAMAGED, PF_PERM};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 1, .index = 3, .code = codes[i]};

        pf_faulty_add(faulty, &fault);
        expect_view("anna@thor", "05");
        expect_view("anna@thor", "035");
        assert_int_equal(pf_faulty_fired(faulty), i + 1);
    }
}

/* A listing with holes would make clients forget what they have. */
static void trouble_that_passes_fails_the_login(void **state)
{
    static const enum pf_code codes[] = {PF_IO, PF_TEMP, PF_BUSY, PF_NO_MEMORY};
    struct pf_box_open o;

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 3, .index = -1, .code = codes[i]};

        pf_faulty_add(faulty, &fault);
        assert_int_equal(open_as("anna@thor", &o), codes[i]);
        assert_null(o.box);
        expect_view("anna@thor", "035"); /* and the lock is free */
    }
}

/* Between its head and the rest: as in every box. */
static void a_message_that_vanishes_after_the_sift_is_gone(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 1, .index = 5, .code = PF_GONE};
    struct drive_text got;
    struct pf_box_open o;

    (void)state;
    assert_int_equal(open_as("anna@thor", &o), PF_OK);
    pf_faulty_add(faulty, &fault);
    assert_int_equal(drive_fetch(&d, o.box, 2, 100, &got), PF_GONE);
    free(got.at);
    assert_int_equal(pf_faulty_fired(faulty), 1);
    drive_close(&d, o.box);
}

/* A field behind several pieces of head is found, one behind 64 KiB is not looked for. */
static void long_heads_are_read_in_pieces(void **state)
{
    static char text[100000];
    struct pf_box_open o;

    (void)state;
    for (size_t filler = 20000; filler <= 80000; filler += 60000) {
        memset(text, 'x', filler);
        memcpy(text, "X:", 2);
        snprintf(text + filler, sizeof text - filler, "\nDelivered-To: anna@thor\n\nbody\n");
        assert_int_equal(pf_memory_add(memory, "/long", pf_bytes_of(text), NULL, NULL), PF_OK);
    }
    assert_int_equal(drive_open_where(&d, &(struct pf_box_where){.user = "t", .path = "/long", .expire_days = -1,
                                                                .recipient = "anna@thor"}, &o), PF_OK);
    assert_int_equal(o.listing.count, 1);
    assert_true(o.listing.octets < 30000);
    drive_close(&d, o.box);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(sd_002_a_view_shows_what_was_sent_there), M(a_view_of_nothing_is_a_box),
        M(sd_002_a_store_that_cannot_sift_refuses_a_recipient),
        M(sd_002_removal_never_leaves_the_view),    M(marks_and_failures_are_mapped),
        M(the_lock_is_that_of_the_maildrop),        M(a_view_expires_nothing),
        M(what_is_wrong_with_a_message_hides_it),   M(trouble_that_passes_fails_the_login),
        M(a_message_that_vanishes_after_the_sift_is_gone), M(long_heads_are_read_in_pieces),
    };

    return RUN(tests);
}
