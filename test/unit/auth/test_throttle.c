#include "unit/cm.h"

#include "auth/throttle.h"

static const struct pf_throttle_delays delays = {2000, 30000};

enum { MINUTE = 60 * 1000, T0 = 1000 };

static pf_time failed(struct pf_throttle *t, const char *name, const char *peer, pf_time now)
{
    return pf_throttle_failed(t, pf_bytes_of(name), peer, &delays, now);
}

static void the_delay_doubles_up_to_its_limit(void **state)
{
    static const pf_time expected[] = {2000, 4000, 8000, 16000, 30000, 30000};
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    for (int i = 0; i < 6; i++)
        assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + i), expected[i]);
    for (int i = 0; i < 1000; i++)
        failed(t, "alice", "192.0.2.1", T0 + 6);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + 7), 30000);
    pf_throttle_free(t);
}

static void names_and_addresses_count_each_for_itself(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    for (int i = 0; i < 3; i++)
        failed(t, "alice", "192.0.2.1", T0);
    assert_int_equal(failed(t, "alice", "192.0.2.9", T0), 16000); /* the name, from elsewhere */
    assert_int_equal(failed(t, "bob", "192.0.2.1", T0), 16000);   /* the address, another name */
    assert_int_equal(failed(t, "carol", "192.0.2.7", T0), 2000);
    pf_throttle_free(t);
}

static void a_minute_forgives_one_failure(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    for (int i = 0; i < 4; i++)
        failed(t, "alice", "192.0.2.1", T0);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + 3 * MINUTE), 4000);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + 60 * MINUTE), 2000);
    for (int i = 0; i < 100; i++)
        failed(t, "mallory", "192.0.2.66", T0);
    assert_int_equal(failed(t, "mallory", "192.0.2.66", T0 + 29 * MINUTE),
                     4000); /* never counted above 30 */
    pf_throttle_free(t);
}

static void an_ipv6_network_is_one_address(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    failed(t, "a", "2001:db8:1:2::1", T0);
    assert_int_equal(failed(t, "b", "2001:db8:1:2:ffff::7", T0), 4000);
    assert_int_equal(failed(t, "c", "2001:db8:1:3::1", T0), 2000);
    assert_int_equal(failed(t, "d", "::ffff:192.0.2.1", T0), 2000);
    assert_int_equal(failed(t, "e", "192.0.2.1", T0), 4000);
    assert_int_equal(failed(t, "f", "fe80::1%eth0", T0), 2000);
    assert_int_equal(failed(t, "g", "fe80::2%eth1", T0), 4000);
    assert_int_equal(failed(t, "h", NULL, T0), 2000);
    assert_int_equal(failed(t, "i", "no address", T0), 4000);
    pf_throttle_free(t);
}

/* The phone with the old password at home does not slow down the desk at work, nor its neighbours. */
static void failures_from_a_known_place_delay_no_other(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    pf_throttle_succeeded(t, PF_LIT("alice"), "192.0.2.1", T0);
    for (int i = 0; i < 5; i++)
        failed(t, "alice", "192.0.2.1", T0);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0), 30000);
    assert_int_equal(failed(t, "alice", "192.0.2.9", T0), 2000);
    assert_int_equal(failed(t, "bob", "192.0.2.1", T0), 2000);
    pf_throttle_succeeded(t, PF_LIT("alice"), "192.0.2.1", T0);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0), 2000);
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + 25 * 60 * MINUTE),
                     2000); /* a day later it is a stranger */
    assert_int_equal(failed(t, "bob", "192.0.2.1", T0 + 25 * 60 * MINUTE), 4000);
    pf_throttle_free(t);
}

static void strangers_do_not_make_it_grow(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    char name[32];

    (void)state;
    for (int i = 0; i < 200000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        failed(t, name, "192.0.2.1", T0 + i);
    }
    assert_int_equal(failed(t, "last", "192.0.2.1", T0 + 200000), 30000);
    pf_throttle_free(t);
}

static void no_delay_is_none(void **state)
{
    static const struct pf_throttle_delays none = {0, 0}, odd = {5000, 100};
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(pf_throttle_failed(t, PF_LIT("a"), "192.0.2.1", &none, T0), 0);
    assert_int_equal(pf_throttle_failed(t, PF_LIT("b"), "192.0.2.2", &odd, T0), 100);
    pf_throttle_free(t);
    pf_throttle_free(NULL);
}

static bool blocked(struct pf_throttle *t, const char *name, const char *peer, pf_time now)
{
    return pf_throttle_blocked(t, pf_bytes_of(name), peer, 100, now);
}

static void guess(struct pf_throttle *t, const char *peer, int times, pf_time now)
{
    char name[32];

    for (int i = 0; i < times; i++) {
        snprintf(name, sizeof name, "guess%d", i);
        failed(t, name, peer, now);
    }
}

static void an_address_is_blocked_behind_its_limit(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    assert_false(blocked(t, "alice", "192.0.2.1", T0));
    guess(t, "192.0.2.1", 100, T0);
    assert_false(blocked(t, "alice", "192.0.2.1", T0));
    failed(t, "alice", "192.0.2.1", T0);
    assert_true(blocked(t, "alice", "192.0.2.1", T0));
    assert_true(blocked(t, "bob", "::ffff:192.0.2.1", T0));
    assert_false(blocked(t, "alice", "192.0.2.2", T0));
    assert_false(pf_throttle_blocked(t, PF_LIT("alice"), "192.0.2.1", 0, T0));
    assert_false(pf_throttle_blocked(t, PF_LIT("alice"), "192.0.2.1", 101, T0));
    assert_false(blocked(t, "alice", "192.0.2.1", T0 + MINUTE));
    guess(t, "2001:db8:1:2::1", 101, T0);
    assert_true(blocked(t, "alice", "2001:db8:1:2:ffff::9", T0));
    assert_false(blocked(t, "alice", "2001:db8:1:3::1", T0));
    pf_throttle_free(t);
}

static void what_is_no_address_is_not_blocked(void **state)
{
    struct pf_throttle *t = pf_throttle_new();

    (void)state;
    guess(t, "unix", 1000, T0);
    guess(t, NULL, 1000, T0);
    assert_false(blocked(t, "alice", "unix", T0));
    assert_false(blocked(t, "alice", NULL, T0));
    pf_throttle_free(t);
}

/* However long somebody guesses, an hour without him frees the address; and it stays blocked while he goes on. */
static void a_block_ends_within_an_hour(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    pf_time now = T0;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        now += 1000;
        assert_int_equal(blocked(t, "alice", "192.0.2.1", now), i > 101); /* one was forgiven after a minute */
        failed(t, "alice", "192.0.2.1", now);
    }
    assert_true(blocked(t, "bob", "192.0.2.1", now + 50 * MINUTE));
    assert_false(blocked(t, "bob", "192.0.2.1", now + 61 * MINUTE));
    pf_throttle_free(t);
}

/* Behind one address: neighbours who came in well, a phone with an old password, one who guesses. */
static void a_broken_phone_does_not_lock_out_its_neighbours(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    pf_time now = T0;

    (void)state;
    pf_throttle_succeeded(t, PF_LIT("desk"), "192.0.2.1", now);
    pf_throttle_succeeded(t, PF_LIT("phone"), "192.0.2.1", now); /* its password is changed now */
    for (int i = 0; i < 10000; i++)
        failed(t, "phone", "192.0.2.1", now += 1000);
    assert_false(blocked(t, "desk", "192.0.2.1", now));
    assert_false(blocked(t, "newcomer", "192.0.2.1", now)); /* its failures count for it alone */
    for (int i = 0; i < 1000; i++)
        failed(t, "broken", "192.0.2.1", now += 1000); /* this one never came in well */
    assert_false(blocked(t, "desk", "192.0.2.1", now));
    assert_int_equal(failed(t, "desk", "192.0.2.1", now), 2000);
    assert_true(blocked(t, "broken", "192.0.2.1", now));
    assert_true(blocked(t, "newcomer", "192.0.2.1", now));
    assert_false(blocked(t, "desk", "192.0.2.1", T0 + 24 * 60 * MINUTE - 1));
    guess(t, "192.0.2.1", 200, T0 + 24 * 60 * MINUTE);
    assert_true(blocked(t, "desk", "192.0.2.1", T0 + 24 * 60 * MINUTE)); /* a day later it is a stranger */
    pf_throttle_free(t);
}

/* A phone that fails each two minutes is forgiven faster than it is counted. */
static void who_fails_seldom_is_never_blocked(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    pf_time now = T0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        failed(t, "phone", "192.0.2.1", now += 2 * MINUTE);
        assert_false(blocked(t, "phone", "192.0.2.1", now));
    }
    for (int i = 0; i < 200; i++) {
        failed(t, "one", "192.0.2.2", now += MINUTE - 1); /* parts of minutes are forgiven, too */
        assert_false(blocked(t, "two", "192.0.2.2", now));
    }
    pf_throttle_free(t);
}

/* Very many addresses guess one name: it waits longer from new places, and nowhere does it have to stay out. */
static void a_name_is_never_locked(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    char peer[32];

    (void)state;
    pf_throttle_succeeded(t, PF_LIT("alice"), "192.0.2.1", T0);
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(peer, sizeof peer, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        failed(t, "alice", peer, T0 + i);
    }
    assert_false(blocked(t, "alice", "192.0.2.1", T0 + 50000));
    assert_int_equal(failed(t, "alice", "192.0.2.1", T0 + 50000), 2000);
    assert_false(blocked(t, "alice", "198.51.100.7", T0 + 50000));
    assert_int_equal(failed(t, "alice", "198.51.100.7", T0 + 50000), 30000);
    pf_throttle_free(t);
}

/* Nor does it push those out who are known that somebody makes up names and addresses without end. */
static void strangers_make_no_known_name_forgotten(void **state)
{
    struct pf_throttle *t = pf_throttle_new();
    char name[32], peer[32];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "user%u", i);
        pf_throttle_succeeded(t, pf_bytes_of(name), "192.0.2.1", T0);
    }
    for (unsigned i = 0; i < 200000; i++) {
        snprintf(name, sizeof name, "n%u", i);
        snprintf(peer, sizeof peer, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        failed(t, name, i % 2 ? peer : "192.0.2.1", T0 + i);
    }
    assert_true(blocked(t, "stranger", "192.0.2.1", T0 + 200000));
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "user%u", i);
        assert_false(blocked(t, name, "192.0.2.1", T0 + 200000));
    }
    pf_throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_delay_doubles_up_to_its_limit),
        T(names_and_addresses_count_each_for_itself),
        T(a_minute_forgives_one_failure),
        T(an_ipv6_network_is_one_address),
        T(failures_from_a_known_place_delay_no_other),
        T(strangers_do_not_make_it_grow),
        T(no_delay_is_none),
        T(an_address_is_blocked_behind_its_limit),
        T(what_is_no_address_is_not_blocked),
        T(a_block_ends_within_an_hour),
        T(a_broken_phone_does_not_lock_out_its_neighbours),
        T(who_fails_seldom_is_never_blocked),
        T(a_name_is_never_locked),
        T(strangers_make_no_known_name_forgotten),
    };

    return RUN(tests);
}
