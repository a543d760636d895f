#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

#include <stdlib.h>

/* The numbers n of "message n" that the box holds now, as bits. */
static uint64_t held(struct world *w, struct pf_box_open *o)
{
    uint64_t mask = 0;

    for (uint32_t i = 0; i < o->listing.count; i++) {
        struct drive_text text;
        unsigned number = 0;

        assert_int_equal(drive_fetch(&w->drive, o->box, i, 4096, &text), PF_OK);
        assert_true(text.len > 9 && memcmp(text.at, "message ", 8) == 0);
        for (size_t at = 8; at + 1 < text.len; at++)
            number = number * 10 + (text.at[at] - '0');
        assert_false(mask >> number & 1);
        mask |= (uint64_t)1 << number;
        free(text.at);
    }
    return mask;
}

static void expect_held(struct world *w, unsigned box, uint64_t mask)
{
    struct pf_box_open o = enter(w, box);

    assert_int_equal(held(w, &o), mask);
    leave(w, &o);
}

void an_empty_maildrop_has_an_empty_listing(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    put_many(w, 0, 1);
    o = enter(w, 0);
    expunge_mask(w, &o, 1);
    leave(w, &o);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, 0);
    assert_int_equal(o.listing.octets, 0);
    expunge_mask(w, &o, 0);
    leave(w, &o);
}

void a_maildrop_that_is_not_there_is_no_box(void **state)
{
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_box_open o;

    if (w->rig->makes) {
        o = enter(w, 0);
        assert_int_equal(o.listing.count, 0);
        leave(w, &o);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(drive_open_where(&w->drive, &where, &o), PF_NO_BOX);
        assert_null(o.box);
        assert_string_not_equal(o.op.err.log, "");
        assert_null(strstr(pf_err_say(&o.op.err), where.path));
    }
}

void a_second_session_is_refused(void **state)
{
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_box_open first, second;

    put_many(w, 0, 2);
    first = enter(w, 0);
    assert_int_equal(drive_open_where(&w->drive, &where, &second), PF_IN_USE);
    assert_null(second.box);
    assert_int_equal(held(w, &first), 3);
    leave(w, &first);
    second = enter(w, 0);
    assert_int_equal(held(w, &second), 3);
    leave(w, &second);
}

void a_refused_session_does_not_free_the_lock(void **state)
{
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_box_open first, again;

    put_many(w, 0, 1);
    first = enter(w, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(drive_open_where(&w->drive, &where, &again), PF_IN_USE);
    leave(w, &first);
}

void mail_that_arrives_stays_unseen(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    put_many(w, 0, 3);
    o = enter(w, 0);
    put(w, 0, PF_LIT("message 3\n"));
    put(w, 0, PF_LIT("message 4\n"));
    assert_int_equal(o.listing.count, 3);
    assert_int_equal(held(w, &o), 7);
    expunge_mask(w, &o, 4);
    put(w, 0, PF_LIT("message 5\n"));
    leave(w, &o);
    expect_held(w, 0, 0x3b);
}

void expunge_removes_exactly_what_is_marked(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    put_many(w, 0, 20);
    o = enter(w, 0);
    expunge_mask(w, &o, 0x80a51);
    leave(w, &o);
    world_restart(w);
    expect_held(w, 0, 0xfffff & ~(uint64_t)0x80a51);
}

void expunge_of_all_and_of_none(void **state)
{
    struct world *w = *state;
    struct pf_box_expunge e;
    struct pf_box_open o;

    put_many(w, 0, 10);
    o = enter(w, 0);
    expunge_mask(w, &o, 0);
    assert_int_equal(drive_expunge(&w->drive, o.box, NULL, &e), PF_OK);
    assert_int_equal(e.removed, 0);
    leave(w, &o);
    expect_held(w, 0, 0x3ff);
    o = enter(w, 0);
    expunge_mask(w, &o, 0x3ff);
    leave(w, &o);
    expect_held(w, 0, 0);
}

void messages_after_an_expunge_are_what_they_were(void **state)
{
    struct world *w = *state;
    struct drive_text text;
    struct pf_box_open o;

    put_many(w, 0, 5);
    o = enter(w, 0);
    expunge_mask(w, &o, 0x9);
    expect_text(w, &o, 1, PF_LIT("message 1\n"), 4);
    expect_text(w, &o, 4, PF_LIT("message 4\n"), 4);
    assert_int_equal(drive_fetch(&w->drive, o.box, 3, 4, &text), PF_GONE);
    free(text.at);
    expunge_mask(w, &o, 0x9); /* what is gone already counts as removed */
    leave(w, &o);
    expect_held(w, 0, 0x16);
}

void closing_without_expunge_loses_nothing(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    put_many(w, 0, 8);
    for (unsigned session = 0; session < 4; session++) {
        o = enter(w, 0);
        if (session % 2)
            assert_int_equal(held(w, &o), 0xff);
        leave(w, &o);
        world_restart(w);
    }
    expect_held(w, 0, 0xff);
}

/* Whether they show afterwards is the store's choice; that nothing else changes is not. */
void seen_marks_do_no_harm(void **state)
{
    struct world *w = *state;
    uint64_t see = 0x16, remove = 0x3;
    struct pf_marks seen = {&see, 6}, removed = {&remove, 6};
    struct pf_box_expunge e = {.remove = &removed, .seen = &seen};
    struct pf_parcel_seal last;
    struct pf_box_open o;

    put_many(w, 0, 5);
    last = put(w, 0, PF_LIT("message 5\n"));
    o = enter(w, 0);
    drive_ready(&e.op);
    pf_box_expunge(o.box, &e);
    assert_int_equal(drive_wait(&w->drive, &e.op), PF_OK);
    assert_int_equal(e.removed, 2);
    leave(w, &o);
    world_restart(w);
    o = enter(w, 0);
    assert_int_equal(held(w, &o), 0x3c);
    expect_text(w, &o, 0, PF_LIT("message 2\n"), 100);
    expect_uidl(&o, 3, last.uidl);
    for (uint32_t i = 0; i < 4; i++) /* message 2 and 4 may be marked, others not */
        assert_true(!o.listing.rows[i].flags || i == 0 || i == 2);
    leave(w, &o);
}

static void put_aged(struct world *w, unsigned number, int64_t days)
{
    struct pf_box_where where = at_box(w, 0);
    struct pf_parcel_seal s;
    char text[40];

    where.now -= days * 86400;
    snprintf(text, sizeof text, "message %u\n", number);
    assert_int_equal(drive_deliver(&w->drive, &where, pf_bytes_of(text), 100, &s), PF_OK);
}

void expiry_removes_only_what_is_older(void **state)
{
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_box_open o;

    put_aged(w, 0, 100);
    put_aged(w, 1, 31);
    put_aged(w, 2, 29);
    put_aged(w, 3, 0);
    where.expire_days = 30;
    assert_int_equal(drive_open_where(&w->drive, &where, &o), PF_OK);
    assert_int_equal(o.expired, 2);
    assert_int_equal(held(w, &o), 0xc);
    leave(w, &o);
    world_restart(w);
    expect_held(w, 0, 0xc);
    assert_int_equal(drive_open_where(&w->drive, &where, &o), PF_OK);
    assert_int_equal(o.expired, 0);
    leave(w, &o);
}

void expiry_of_0_and_never_remove_nothing(void **state)
{
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_box_open o;

    put_aged(w, 0, 3000);
    put_aged(w, 1, 0);
    for (where.expire_days = -1; where.expire_days <= 0; where.expire_days++) {
        assert_int_equal(drive_open_where(&w->drive, &where, &o), PF_OK);
        assert_int_equal(o.expired, 0);
        assert_int_equal(held(w, &o), 3);
        leave(w, &o);
    }
}

/* Reads the same place of both boxes at once. */
static void read_both(struct world *w, struct pf_box_open o[2], struct pf_box_read r[2])
{
    for (unsigned i = 0; i < 2; i++) {
        drive_ready(&r[i].op);
        pf_box_read(o[i].box, &r[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(drive_wait(&w->drive, &r[i].op), PF_OK);
        assert_memory_equal(r[i].at, nasty(NASTY_COUNT - 1 - i).at + r[i].offset, r[i].got);
        r[i].offset += r[i].got;
    }
}

void boxes_of_two_users_work_at_the_same_time(void **state)
{
    static unsigned char pieces[2][30000];
    struct world *w = *state;
    struct pf_box_read r[2] = {{.at = pieces[0], .cap = 30000}, {.at = pieces[1], .cap = 29999}};
    struct pf_box_open o[2];
    uint64_t mask = 1;
    struct pf_marks marks = {&mask, 1};
    struct pf_box_expunge e[2] = {{.remove = &marks}, {.remove = NULL}};

    for (unsigned i = 0; i < 2; i++) {
        put(w, i, nasty(NASTY_COUNT - 1 - i));
        o[i] = (struct pf_box_open){.where = at_box(w, i)};
        drive_ready(&o[i].op);
    }
    for (unsigned i = 0; i < 2; i++)
        pf_box_open(w->drive.store, &o[i]);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(drive_wait(&w->drive, &o[i].op), PF_OK);
    while (!r[0].last && !r[1].last)
        read_both(w, o, r);
    for (unsigned i = 0; i < 2; i++) {
        drive_ready(&e[i].op);
        pf_box_expunge(o[i].box, &e[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(drive_wait(&w->drive, &e[i].op), PF_OK);
    leave(w, &o[1]);
    leave(w, &o[0]);
    assert_int_equal(drive_count(&w->drive, w->paths[0]), 0);
    assert_int_equal(drive_count(&w->drive, w->paths[1]), 1);
}

/* More than one word of marks, and more than any small table holds. */
void many_messages_in_one_box(void **state)
{
    enum { COUNT = 500 };
    struct world *w = *state;
    uint64_t words[(COUNT + 63) / 64];
    struct pf_marks marks = {words, COUNT};
    struct pf_box_expunge e;
    struct pf_box_open o;
    char text[40];

    put_many(w, 0, COUNT);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, COUNT);
    memset(words, 0xff, sizeof words); /* bits behind the last message mean nothing */
    for (uint32_t i = 0; i < COUNT; i += 3)
        pf_marks_set(&marks, i, false);
    assert_int_equal(drive_expunge(&w->drive, o.box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, COUNT - (COUNT + 2) / 3);
    leave(w, &o);
    world_restart(w);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, (COUNT + 2) / 3);
    for (uint32_t i = 0; i < o.listing.count; i++) {
        snprintf(text, sizeof text, "message %u\n", i * 3);
        expect_text(w, &o, i, pf_bytes_of(text), 100);
    }
    leave(w, &o);
}
