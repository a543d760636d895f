#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

static struct pf_parcel *begin(struct world *w, unsigned box)
{
    struct pf_box_where where = at_box(w, box);
    struct pf_parcel *parcel = NULL;

    assert_int_equal(drive_begin(&w->drive, &where, &parcel), PF_OK);
    return parcel;
}

static void expect_count(struct world *w, unsigned box, uint32_t count)
{
    struct pf_box_open o = enter(w, box);

    assert_int_equal(o.listing.count, count);
    leave(w, &o);
}

void drop_leaves_nothing(void **state)
{
    struct world *w = *state;

    put_many(w, 0, 1);
    drive_drop(&w->drive, begin(w, 0));
    for (unsigned i = 0; i < 3; i++) {
        struct pf_parcel *parcel = begin(w, 0);

        assert_int_equal(drive_write(&w->drive, parcel, nasty(NASTY_COUNT - 1 - i)), PF_OK);
        drive_drop(&w->drive, parcel);
        expect_count(w, 0, 1);
    }
    world_restart(w);
    expect_count(w, 0, 1);
}

void nothing_is_listed_before_the_seal(void **state)
{
    struct world *w = *state;
    struct pf_parcel *parcel;
    struct pf_parcel_seal s;
    struct pf_box_open o;

    put_many(w, 0, 1);
    parcel = begin(w, 0);
    expect_count(w, 0, 1);
    assert_int_equal(drive_write(&w->drive, parcel, PF_LIT("half ")), PF_OK);
    expect_count(w, 0, 1);
    assert_int_equal(drive_write(&w->drive, parcel, PF_LIT("and half\n")), PF_OK);
    expect_count(w, 0, 1);
    assert_int_equal(drive_seal(&w->drive, parcel, &s), PF_OK);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, 2);
    expect_text(w, &o, 1, PF_LIT("half and half\n"), 100);
    leave(w, &o);
}

/* Three for one maildrop and one for another, written in turns. */
void parcels_at_the_same_time_do_not_mix(void **state)
{
    enum { PARCELS = 4, ROUNDS = 50 };
    struct world *w = *state;
    struct pf_parcel *parcels[PARCELS];
    struct pf_parcel_write writes[PARCELS];
    struct pf_parcel_seal s;
    struct pf_box_open o;
    char texts[PARCELS][ROUNDS * 2 + 1];

    for (unsigned i = 0; i < PARCELS; i++)
        parcels[i] = begin(w, i == 3);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < PARCELS; i++) {
            texts[i][round * 2] = (char)('a' + i);
            texts[i][round * 2 + 1] = '\n';
            writes[i] = (struct pf_parcel_write){.bytes = pf_bytes_from(texts[i] + round * 2, 2)};
            drive_ready(&writes[i].op);
            pf_parcel_write(parcels[i], &writes[i]);
        }
        for (unsigned i = 0; i < PARCELS; i++)
            assert_int_equal(drive_wait(&w->drive, &writes[i].op), PF_OK);
    }
    for (unsigned i = 0; i < PARCELS; i++)
        assert_int_equal(drive_seal(&w->drive, parcels[i], &s), PF_OK);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct pf_box_read r = {.index = i, .at = (unsigned char *)texts[3], .cap = 1};
        struct pf_bytes text;

        assert_int_equal(drive_read(&w->drive, o.box, &r), PF_OK);
        assert_in_range(texts[3][0], 'a', 'c'); /* which of them came first is open */
        text = pf_bytes_from(texts[texts[3][0] - 'a'], ROUNDS * 2);
        expect_text(w, &o, i, text, 4096);
        texts[texts[3][0] - 'a'][0] = '?'; /* and none comes twice */
    }
    leave(w, &o);
    expect_count(w, 1, 1);
}

void an_empty_parcel_is_an_empty_message(void **state)
{
    struct world *w = *state;
    struct pf_parcel_seal s;
    struct pf_box_open o;
    struct pf_parcel *parcel = begin(w, 0);

    assert_int_equal(drive_write(&w->drive, parcel, PF_LIT("")), PF_OK);
    assert_int_equal(drive_seal(&w->drive, parcel, &s), PF_OK);
    assert_int_equal(s.octets, 0);
    assert_int_equal(drive_seal(&w->drive, begin(w, 0), &s), PF_OK);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, 2);
    assert_int_equal(o.listing.octets, 0);
    expect_text(w, &o, 0, PF_LIT(""), 1);
    expect_text(w, &o, 1, PF_LIT(""), 1);
    leave(w, &o);
}
