#include "unit/cm.h"

#include "sys/listen.h"

#include <stdlib.h>

enum { MANY = 20000 };

static void both_limits_hold_and_leaving_makes_room(void **state)
{
    struct pf_guests *guests = pf_guests_new(3, 2);

    (void)state;
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_TOO_MANY_HERE);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.2"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.3"), PF_GUEST_FULL);
    assert_int_equal(pf_guests_count(guests), 3);
    pf_guests_leave(guests, "192.0.2.1");
    assert_int_equal(pf_guests_enter(guests, "192.0.2.3"), PF_GUEST_OK);
    pf_guests_leave(guests, "192.0.2.2");
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_count(guests), 3);
    pf_guests_free(guests);
    pf_guests_free(NULL);
}

static void an_ipv6_network_counts_as_one(void **state)
{
    struct pf_guests *guests = pf_guests_new(100, 2);

    (void)state;
    assert_int_equal(pf_guests_enter(guests, "2001:db8:1:2::1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "2001:db8:1:2:ffff::9"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "2001:db8:1:2::77"), PF_GUEST_TOO_MANY_HERE);
    assert_int_equal(pf_guests_enter(guests, "2001:db8:1:3::1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "fe80::1%eth0"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "fe80::1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "fe80::2%eth1"), PF_GUEST_TOO_MANY_HERE);
    pf_guests_leave(guests, "2001:db8:1:2::5"); /* any address of the network */
    assert_int_equal(pf_guests_enter(guests, "2001:db8:1:2::77"), PF_GUEST_OK);
    pf_guests_free(guests);
}

static void nobodys_address_counts_in_all_only(void **state)
{
    struct pf_guests *guests = pf_guests_new(4, 1);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pf_guests_enter(guests, NULL), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "unix"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, NULL), PF_GUEST_FULL);
    pf_guests_leave(guests, NULL);
    assert_int_equal(pf_guests_enter(guests, "unix"), PF_GUEST_TOO_MANY_HERE);
    pf_guests_leave(guests, NULL);
    pf_guests_leave(guests, NULL);
    pf_guests_leave(guests, "unix");
    assert_int_equal(pf_guests_count(guests), 0);
    pf_guests_free(guests);
}

static void a_mapped_address_is_its_ipv4_address(void **state)
{
    struct pf_guests *guests = pf_guests_new(100, 1);

    (void)state;
    assert_int_equal(pf_guests_enter(guests, "::ffff:192.0.2.1"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_TOO_MANY_HERE);
    assert_int_equal(pf_guests_enter(guests, "::1"), PF_GUEST_OK); /* net 0 of IPv6 */
    assert_int_equal(pf_guests_enter(guests, "0.0.0.0"), PF_GUEST_OK); /* net 0 of IPv4 */
    assert_int_equal(pf_guests_enter(guests, "unix"), PF_GUEST_OK);
    assert_int_equal(pf_guests_enter(guests, "unix"), PF_GUEST_TOO_MANY_HERE);
    assert_int_equal(pf_guests_count(guests), 4);
    pf_guests_free(guests);
}

static void new_limits_bind_at_once_and_send_nobody_away(void **state)
{
    struct pf_guests *guests = pf_guests_new(10, 10);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_OK);
    pf_guests_limits(guests, 10, 2);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.1"), PF_GUEST_TOO_MANY_HERE);
    pf_guests_limits(guests, 2, 10);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.2"), PF_GUEST_FULL);
    assert_int_equal(pf_guests_count(guests), 5);
    for (int i = 0; i < 5; i++)
        pf_guests_leave(guests, "192.0.2.1");
    assert_int_equal(pf_guests_count(guests), 0);
    assert_int_equal(pf_guests_enter(guests, "192.0.2.2"), PF_GUEST_OK);
    pf_guests_free(guests);
}

static const char *address(unsigned number)
{
    static char text[32];

    snprintf(text, sizeof text, "10.%u.%u.%u", number >> 16 & 255, number >> 8 & 255, number & 255);
    return text;
}

/* Against a plain array: every address must be found again whatever left before. */
static void many_come_and_go_in_any_order(void **state)
{
    struct pf_guests *guests = pf_guests_new(MANY, 3);
    unsigned char *here = calloc(MANY / 4, 1);
    unsigned seed = 4711, count = 0;

    (void)state;
    for (int i = 0; i < 10 * MANY; i++) {
        unsigned who;

        seed = seed * 1103515245u + 12345u;
        who = (seed >> 8) % (MANY / 4);
        if (seed >> 30 && here[who] < 4) {
            enum pf_guest answer = pf_guests_enter(guests, address(who));

            assert_int_equal(answer, here[who] < 3 ? PF_GUEST_OK : PF_GUEST_TOO_MANY_HERE);
            if (answer == PF_GUEST_OK) {
                here[who]++;
                count++;
            }
        } else if (here[who]) {
            pf_guests_leave(guests, address(who));
            here[who]--;
            count--;
        }
        assert_int_equal(pf_guests_count(guests), count);
    }
    for (unsigned who = 0; who < MANY / 4; who++)
        for (; here[who]; here[who]--)
            pf_guests_leave(guests, address(who));
    assert_int_equal(pf_guests_count(guests), 0);
    pf_guests_free(guests);
    free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_limits_hold_and_leaving_makes_room),
        T(an_ipv6_network_counts_as_one),
        T(a_mapped_address_is_its_ipv4_address),
        T(nobodys_address_counts_in_all_only),
        T(new_limits_bind_at_once_and_send_nobody_away),
        T(many_come_and_go_in_any_order),
    };

    return RUN(tests);
}
