#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

enum {
    COUNT = 30
};

/* The room checks what it hands out anyhow; here the test is the judge. */
void uidls_are_legal_and_unique(void **state)
{
    struct world *w = *state;
    struct pf_box_open o;

    put_many(w, 0, COUNT);
    o = enter(w, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct pf_bytes a = pf_listing_uidl(&o.listing, i);

        assert_in_range(a.len, 1, 70); /* RFC 1939 section 7 */
        for (size_t at = 0; at < a.len; at++)
            assert_in_range(a.at[at], 0x21, 0x7e);
        for (uint32_t j = 0; j < i; j++)
            assert_false(pf_bytes_equal(a, pf_listing_uidl(&o.listing, j)));
    }
    leave(w, &o);
}

void uidls_stay_over_sessions(void **state)
{
    struct world *w = *state;
    struct pf_parcel_seal s[COUNT];
    struct pf_box_open o;

    for (unsigned i = 0; i < COUNT; i++)
        s[i] = put(w, 0, PF_LIT("same text each time\n"));
    for (unsigned session = 0; session < 3; session++) {
        o = enter(w, 0);
        assert_int_equal(o.listing.count, COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
            expect_uidl(&o, i, s[i].uidl);
        leave(w, &o);
        world_restart(w);
    }
    /* Removal moves the numbers, not the names. */
    o = enter(w, 0);
    expunge_mask(w, &o, 0x5);
    leave(w, &o);
    o = enter(w, 0);
    assert_int_equal(o.listing.count, COUNT - 2);
    expect_uidl(&o, 0, s[1].uidl);
    for (uint32_t i = 1; i < COUNT - 2; i++)
        expect_uidl(&o, i, s[i + 2].uidl);
    leave(w, &o);
}

void uidls_of_the_gone_never_come_back(void **state)
{
    enum { ROUNDS = 12, EACH = 3 };
    struct world *w = *state;
    char used[ROUNDS * EACH][PF_UIDL_MAX + 1];
    unsigned count = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct pf_box_open o;

        for (unsigned i = 0; i < EACH; i++) {
            struct pf_parcel_seal s = put(w, 0, PF_LIT("the same again\n"));

            for (unsigned old = 0; old < count; old++)
                assert_string_not_equal(s.uidl, used[old]);
            memcpy(used[count++], s.uidl, sizeof used[0]);
        }
        o = enter(w, 0);
        assert_int_equal(o.listing.count, EACH);
        expunge_mask(w, &o, (1u << EACH) - 1);
        leave(w, &o);
        world_restart(w);
    }
}

void seal_says_what_the_listing_will_say(void **state)
{
    struct world *w = *state;
    struct pf_parcel_seal s[NASTY_COUNT];
    struct pf_box_open o;

    for (unsigned i = 0; i < NASTY_COUNT; i++)
        s[i] = put(w, 0, nasty(i));
    o = enter(w, 0);
    for (uint32_t i = 0; i < NASTY_COUNT; i++) {
        expect_uidl(&o, i, s[i].uidl);
        assert_int_equal(o.listing.rows[i].octets, s[i].octets);
    }
    leave(w, &o);
}
