/* Every allocation of an open, of a session's end and of a delivery fails once. */
#include "unit/store/test_maildir_pack.h"

#include "store/maildir/parcel.h"

#include "unit/scarce.h"

#include <unistd.h>

static const char text[] = "Subject: a\n\nbody\n";

static void put_missing(struct rig *r, const char *name, int64_t when)
{
    if (rig_has(r, name))
        return;
    rig_put(r, name, text);
    rig_touch(r, name, when);
}

static void mail(struct rig *r)
{
    char name[64];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h:2,S", i);
        put_missing(r, name, i);
        snprintf(name, sizeof name, "new/msg.%d", i);
        put_missing(r, name, 1000 + i);
    }
}

/* A session with a removal; every result but success has to be shortage of memory. */
static enum pf_code session(struct rig *r, uint32_t *out_count)
{
    uint64_t words[1] = {0};
    struct pf_marks marks = {words, 20};
    struct pf_box_expunge op = {.remove = &marks};
    unsigned char room[64];
    struct pf_span out = {room, 0, sizeof room};
    struct session s;
    enum pf_code code = rig_try_open(r, &s);

    if (code)
        return code;
    *out_count = s.listing.count;
    code = rig_read(&s, 0, 64, &out);
    pf_marks_set(&marks, s.listing.count - 1, true); /* the last msg */
    if (!code)
        code = pf_maildir_box_expunge(s.box, &op, &s.err);
    pf_maildir_box_close(s.box);
    return code;
}

/* How the maildrop stands to its cache when the session comes. */
enum standing { NO_CACHE, CACHE_IS_CURRENT, FOLDER_CHANGED, STANDINGS };

static void set_scene(struct rig *r, enum standing standing)
{
    uint32_t count;

    mail(r);
    if (standing == NO_CACHE) {
        unlink(rig_at(r, "postfach-cache"));
        return;
    }
    assert_int_equal(session(r, &count), PF_OK);
    mail(r);
    if (standing == CACHE_IS_CURRENT) {
        struct session s;

        rig_open(r, &s);
        rig_close(&s);
    }
}

static void a_session_that_lacks_memory_loses_nothing(void **state)
{
    struct rig *r = rig_of(state);

    for (enum standing standing = NO_CACHE; standing < STANDINGS; standing++) {
        unsigned n = 0;

        do {
            uint32_t count = 0;
            enum pf_code code;

            set_scene(r, standing);
            failed = false;
            countdown = ++n;
            code = session(r, &count);
            countdown = 0;
            assert_true(code == PF_OK || code == PF_NO_MEMORY);
            assert_true(code == PF_OK || failed);
            assert_int_equal(session(r, &count), PF_OK); /* no lock is left behind */
            assert_in_range(count, 19, 20);
            assert_true(n < 500);
        } while (failed);
        assert_true(n > 5);
    }
}

static enum pf_code read_squeezed(struct rig *r)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};
    struct session s;
    enum pf_code code = rig_try_open(r, &s);

    if (code)
        return code;
    code = rig_read(&s, 0, 64, &out);
    if (!code)
        assert_int_equal(out.len, strlen(PACK_TEXT));
    pf_maildir_box_close(s.box);
    return code;
}

static void unpacking_that_lacks_memory_says_so(void **state)
{
    struct rig *r = rig_of(state);
    struct pack v;
    unsigned n = 0;

    pack_make(PACK_GZIP, PACK_TEXT, &v);
    pack_put(r, "cur/1.M1P1.h", v.at, v.len);
    do {
        enum pf_code code;

        unlink(rig_at(r, "postfach-cache"));
        failed = false;
        countdown = ++n;
        code = read_squeezed(r);
        countdown = 0;
        assert_true(code == PF_OK || code == PF_NO_MEMORY);
        assert_true(code == PF_OK || failed);
        assert_int_equal(read_squeezed(r), PF_OK);
        assert_true(n < 100);
    } while (failed);
    assert_true(n > 5);
}

static void a_delivery_that_lacks_memory_leaves_nothing(void **state)
{
    const struct pf_box_where where = {.user = "anna", .path = rig_of(state)->path, .now = 5};
    struct rig *r = rig_of(state);
    enum pf_code code = PF_NO_MEMORY;
    struct pf_twin_parcel *p;
    struct pf_parcel_seal op;

    for (unsigned n = 1; code; n++) {
        countdown = n;
        code = pf_maildir_parcel_begin(r->twin, &where, &p, NULL);
        countdown = 0;
        assert_true(code == PF_OK || code == PF_NO_MEMORY);
        assert_int_equal(rig_count(r, "tmp"), code ? 0 : 1);
        assert_true(n < 100);
    }
    assert_int_equal(pf_maildir_parcel_seal(p, &op, NULL), PF_OK);
}

static void a_store_that_lacks_memory_is_not_made(void **state)
{
    const struct pf_maildir_settings settings = {.host = "h"};
    struct pf_twin *twin = NULL;
    struct pf_err err;
    unsigned n = 0;

    (void)state;
    while (!twin) {
        countdown = ++n;
        twin = pf_maildir_new(&settings, &err);
        countdown = 0;
        assert_true(twin || err.code == PF_NO_MEMORY);
    }
    assert_true(n > 1);
    twin->kind->free(twin);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(a_session_that_lacks_memory_loses_nothing),
        R(unpacking_that_lacks_memory_says_so),
        R(a_delivery_that_lacks_memory_leaves_nothing),
        T(a_store_that_lacks_memory_is_not_made),
    };

    return RUN(tests);
}
