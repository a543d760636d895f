#include "unit/store/test_maildir_rig.h"

#include <sys/stat.h>

static const char text[] = "Subject: a\n\nbody\n"; /* 17 octets, 20 on the wire */

static enum pf_code read_code(struct session *s, uint32_t index)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};

    return rig_read(s, index, 5, &out);
}

static struct rig *without_cache(void **state)
{
    const struct pf_maildir_settings settings = {.cache = false, .host = "test.example"};

    rig_store(rig_of(state), &settings, 10);
    return rig_of(state);
}

static void md_021_a_wrong_w_fails_once_also_without_a_cache(void **state)
{
    struct rig *r = without_cache(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17,W=19", text);
    rig_put(r, "cur/2.M1P1.h,S=17,W=20", text);
    rig_open(r, &s);
    assert_int_equal(s.listing.rows[0].octets, 19);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    for (int i = 0; i < 3; i++) {
        rig_open(r, &s);
        assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h,S=17,W=19");
        assert_int_equal(s.listing.rows[0].octets, 20);
        assert_int_equal(s.listing.octets, 40);
        assert_int_equal(s.box->counts.opens, 1); /* the honest one is believed as before */
        rig_reads_as(&s, 0, text);
        rig_reads_as(&s, 1, text);
        rig_close(&s);
    }
    assert_false(rig_has(r, "postfach-cache"));
}

static void md_021_a_wrong_s_fails_once_also_without_a_cache(void **state)
{
    struct rig *r = without_cache(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=10,W=12", text);
    rig_open(r, &s);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h,S=10,W=12");
    rig_reads_as(&s, 0, text);
    rig_close(&s);
}

/* A renamed message (flags) is the same one. */
static void a_lie_stays_with_the_base_name(void **state)
{
    struct rig *r = without_cache(state);
    struct session s;

    rig_put(r, "new/1.M1P1.h,S=17,W=19", text);
    rig_open(r, &s);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    rig_move(r, "new/1.M1P1.h,S=17,W=19", "cur/1.M1P1.h,S=17,W=19:2,S");
    rig_open(r, &s);
    rig_reads_as(&s, 0, text);
    rig_close(&s);
}

/* The cache of an earlier session knows the message by its wrong name, and a full disk keeps it so. */
static void a_cache_that_cannot_be_written_is_none(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "cur/1.M1P1.h,S=17,W=19", text);
    rig_put(r, "cur/2.M1P1.h,S=17,W=20", text);
    rig_open(r, &s);
    rig_close(&s);
    assert_true(rig_has(r, "postfach-cache"));
    assert_int_equal(mkdir(rig_at(r, "postfach-cache.tmp"), 0700), 0);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 1);
    assert_int_equal(read_code(&s, 0), PF_CHANGED);
    rig_close(&s);
    for (int i = 0; i < 2; i++) {
        rig_open(r, &s);
        assert_int_equal(s.listing.octets, 40);
        rig_reads_as(&s, 0, text);
        rig_reads_as(&s, 1, text);
        rig_close(&s);
    }
}

static void a_maildrop_full_of_lies_is_right_the_next_time(void **state)
{
    struct rig *r = without_cache(state);
    struct session s;
    char name[64];

    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h,S=17,W=18", 1000 + i);
        rig_put(r, name, text);
    }
    rig_open(r, &s);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(read_code(&s, i), PF_CHANGED);
    rig_close(&s);
    rig_open(r, &s);
    for (uint32_t i = 0; i < 300; i++)
        rig_reads_as(&s, i, text);
    rig_close(&s);
}

/* More than there is room for: the latest is in, and most of those that fit. */
static void the_table_forgets_and_stays_small(void **state)
{
    static struct pf_maildir_lies lies;
    unsigned kept = 0;
    char name[32];

    (void)state;
    assert_true(sizeof lies <= 32768);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "%u.M1P1.h", i);
        assert_false(pf_maildir_lies_has(&lies, 7, "/mail/a", pf_bytes_of(name)));
        pf_maildir_lies_add(&lies, 7, "/mail/a", pf_bytes_of(name));
        assert_true(pf_maildir_lies_has(&lies, 7, "/mail/a", pf_bytes_of(name)));
        assert_false(pf_maildir_lies_has(&lies, 7, "/mail/b", pf_bytes_of(name)));
    }
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "%u.M1P1.h", i);
        kept += pf_maildir_lies_has(&lies, 7, "/mail/a", pf_bytes_of(name));
    }
    assert_int_equal(kept, PF_MAILDIR_LIES_SETS * PF_MAILDIR_LIES_WAYS);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(md_021_a_wrong_w_fails_once_also_without_a_cache),
        R(md_021_a_wrong_s_fails_once_also_without_a_cache),
        R(a_lie_stays_with_the_base_name),
        R(a_cache_that_cannot_be_written_is_none),
        R(a_maildrop_full_of_lies_is_right_the_next_time),
        T(the_table_forgets_and_stays_small),
    };

    return RUN(tests);
}
