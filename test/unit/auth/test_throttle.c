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
    };

    return RUN(tests);
}
