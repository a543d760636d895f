#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

#include <stdlib.h>

enum {
    READS_MAX = 2000 /* a piece of one octet is not for large messages */
};

void messages_come_back_octet_by_octet(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    for (unsigned i = 0; i < NASTY_COUNT; i++)
        put(w, 0, nasty(i));
    o = enter(w, 0);
    assert_int_equal(o.listing.count, NASTY_COUNT);
    for (unsigned i = 0; i < NASTY_COUNT; i++)
        expect_text(w, &o, i, nasty(i), 65536);
    leave(w, &o);
}

/* RFC 1939 section 11: octets as they are sent, line ends counted as two. */
void wire_octets_are_exact(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;
    uint64_t sum = 0;

    for (unsigned i = 0; i < NASTY_COUNT; i++) {
        struct pf_parcel_seal s = put(w, 0, nasty(i));

        assert_int_equal(s.octets, wire_octets(nasty(i)));
        sum += s.octets;
    }
    for (unsigned session = 0; session < 2; session++) {
        o = enter(w, 0);
        assert_int_equal(o.listing.octets, sum);
        for (unsigned i = 0; i < NASTY_COUNT; i++)
            assert_int_equal(o.listing.rows[i].octets, wire_octets(nasty(i)));
        leave(w, &o);
        world_restart(w);
    }
}

void any_piece_size_reads_the_same(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 65536};
    struct world *w = *state;
    struct pf_box_open o;

    for (unsigned i = 0; i < NASTY_COUNT; i++)
        put(w, 0, nasty(i));
    o = enter(w, 0);
    for (unsigned i = 0; i < NASTY_COUNT; i++)
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++)
            if (nasty(i).len / pieces[p] <= READS_MAX)
                expect_text(w, &o, i, nasty(i), pieces[p]);
    leave(w, &o);
}

void any_piece_size_writes_the_same(void **state)
{
    static const size_t pieces[] = {1, 7, 1000, 65536, 4 << 20};
    struct world *w = *state;
    struct pf_box_where where = at_box(w, 0);
    struct pf_bytes text = nasty(NASTY_COUNT - 2);
    struct pf_parcel_seal s;
    struct pf_box_open o;

    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        struct pf_bytes part = pf_bytes_head(text, pieces[p] * 300);

        assert_int_equal(drive_deliver(&w->drive, &where, part, pieces[p], &s), PF_OK);
        assert_int_equal(s.octets, wire_octets(part));
    }
    o = enter(w, 0);
    for (uint32_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        assert_int_equal(o.listing.rows[p].octets, wire_octets(pf_bytes_head(text, pieces[p] * 300)));
        expect_text(w, &o, p, pf_bytes_head(text, pieces[p] * 300), 65536);
    }
    leave(w, &o);
}

/* TOP reads a beginning, RETR all; a client may ask for either again and for others in between. */
void a_message_can_be_read_anew_at_any_time(void **state)
{
    struct world *w = *state;
    struct pf_bytes text = nasty(NASTY_COUNT - 1);
    unsigned char *piece = malloc(5000);
    struct pf_box_open o;

    assert_non_null(piece);
    put(w, 0, text);
    put(w, 0, PF_LIT("second\n"));
    put(w, 0, nasty(NASTY_COUNT - 2));
    o = enter(w, 0);
    for (uint32_t round = 0; round < 6; round++) {
        struct pf_box_read r = {.index = round % 3 == 1 ? 2 : 0, .at = piece, .cap = 5000};
        struct pf_bytes whole = r.index == 2 ? nasty(NASTY_COUNT - 2) : text;

        for (uint32_t i = 0; i <= round; i++) {
            assert_int_equal(drive_read(&w->drive, o.box, &r), PF_OK);
            assert_memory_equal(piece, whole.at + r.offset, r.got);
            assert_false(r.last);
            r.offset += r.got;
        }
        if (round % 2)
            expect_text(w, &o, 1, PF_LIT("second\n"), 3);
    }
    expect_text(w, &o, 0, text, 4096);
    leave(w, &o);
    free(piece);
}

void order_is_that_of_arrival(void **state)
{
    enum { COUNT = 40 };
    struct world *w = *state;
    struct pf_box_open o;
    char text[40];

    put_many(w, 0, COUNT);
    for (unsigned session = 0; session < 2; session++) {
        o = enter(w, 0);
        assert_int_equal(o.listing.count, COUNT);
        for (unsigned i = 0; i < COUNT; i++) {
            snprintf(text, sizeof text, "message %u\n", i);
            expect_text(w, &o, i, pf_bytes_of(text), 4096);
        }
        leave(w, &o);
        world_restart(w);
    }
}
