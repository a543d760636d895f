#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

static const char ten[] = "0123456789";

static enum pf_code ask(struct world *w, unsigned box, const struct pf_box_where *quota, uint64_t size)
{
    struct pf_parcel_begin b = {.where = at_box(w, box), .ask = true, .size = size};

    b.where.quota_octets = quota->quota_octets;
    b.where.quota_messages = quota->quota_messages;
    drive_ready(&b.op);
    pf_parcel_begin(w->drive.store, &b);
    drive_wait(&w->drive, &b.op);
    assert_null(b.parcel);
    return b.op.err.code;
}

static enum pf_code deliver(struct world *w, unsigned box, const struct pf_box_where *quota, const char *text,
                            struct pf_parcel_seal *out_seal)
{
    struct pf_box_where where = at_box(w, box);

    where.quota_octets = quota->quota_octets;
    where.quota_messages = quota->quota_messages;
    return drive_deliver(&w->drive, &where, pf_bytes_of(text), 4, out_seal);
}

static void expect_count(struct world *w, unsigned box, uint32_t count)
{
    struct pf_box_open o = enter(w, box);

    assert_int_equal(o.listing.count, count);
    leave(w, &o);
}

void asking_makes_nothing(void **state)
{
    struct world *w = *state;
    const struct pf_box_where none = {0};
    struct pf_box_open o;
    struct pf_box_where where = at_box(w, 0);

    assert_int_equal(ask(w, 0, &none, 100), PF_OK);
    if (!w->rig->makes)
        assert_int_equal(drive_open_where(&w->drive, &where, &o), PF_NO_BOX);
    else
        expect_count(w, 0, 0);
    put_many(w, 0, 2);
    assert_int_equal(ask(w, 0, &none, 0), PF_OK);
    assert_int_equal(ask(w, 0, &none, UINT64_MAX), PF_OK);
    expect_count(w, 0, 2);
}

void what_is_over_the_quota_is_refused_when_asked(void **state)
{
    struct world *w = *state;
    const struct pf_box_where quota = {.quota_octets = 25};
    enum pf_code over = w->rig->quota ? PF_OVER_QUOTA : PF_OK;
    struct pf_parcel_seal s;

    assert_int_equal(ask(w, 0, &quota, 25), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 26), over);
    assert_int_equal(ask(w, 0, &quota, UINT64_MAX), over);
    assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 15), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 16), over);
    assert_int_equal(ask(w, 0, &quota, 0), PF_OK);
    assert_int_equal(ask(w, 1, &quota, 25), PF_OK);
}

void seal_judges_the_real_size_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    const struct pf_box_where quota = {.quota_octets = 19};
    struct pf_parcel_seal s;

    assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(deliver(w, 0, &quota, ten, &s), w->rig->quota ? PF_OVER_QUOTA : PF_OK);
    expect_count(w, 0, w->rig->quota ? 1 : 2);
    assert_int_equal(deliver(w, 0, &quota, "012345678", &s), PF_OK);
    expect_count(w, 0, w->rig->quota ? 2 : 3);
    assert_int_equal(ask(w, 0, &quota, 1), w->rig->quota ? PF_OVER_QUOTA : PF_OK);
}

void a_quota_of_messages_counts_messages(void **state)
{
    struct world *w = *state;
    const struct pf_box_where quota = {.quota_messages = 2};
    enum pf_code over = w->rig->quota ? PF_OVER_QUOTA : PF_OK;
    struct pf_parcel_seal s;

    assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(ask(w, 0, &quota, UINT64_MAX), PF_OK);
    assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 0), over);
    assert_int_equal(deliver(w, 0, &quota, ten, &s), over);
    expect_count(w, 0, w->rig->quota ? 2 : 3);
}

void seal_tells_what_is_used(void **state)
{
    struct world *w = *state;
    const struct pf_box_where quota = {.quota_octets = 1000}, none = {0};
    struct pf_parcel_seal s;

    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
        assert_int_equal(s.size, w->rig->quota ? 10 : 0);
        assert_int_equal(s.used_octets, w->rig->quota ? i * 10 : 0);
        assert_int_equal(s.used_messages, w->rig->quota ? i : 0);
    }
    assert_int_equal(deliver(w, 0, &none, ten, &s), PF_OK);
    assert_int_equal(s.size + s.used_octets + s.used_messages, 0);
}

void what_is_removed_makes_room(void **state)
{
    struct world *w = *state;
    const struct pf_box_where quota = {.quota_octets = 35, .quota_messages = 3};
    struct pf_parcel_seal s;
    struct pf_box_open o;

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 5), w->rig->quota ? PF_OVER_QUOTA : PF_OK);
    o = enter(w, 0);
    expunge_mask(w, &o, 1 << 1);
    leave(w, &o);
    assert_int_equal(ask(w, 0, &quota, 15), PF_OK);
    assert_int_equal(ask(w, 0, &quota, 16), w->rig->quota ? PF_OVER_QUOTA : PF_OK);
    assert_int_equal(deliver(w, 0, &quota, ten, &s), PF_OK);
    assert_int_equal(s.used_octets, w->rig->quota ? 30 : 0);
}
