/* A peer that vanishes, and one that only takes nothing. What the kernel does with the options is shown by
 * test/peer/locks.t in a network of its own. */
#include "sys/conn_private.h"
#include "unit/sys/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int option(const struct spot *spot, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(spot->conn->fd, IPPROTO_TCP, name, &value, &len), 0);
    return value;
}

static void a_dead_peer_is_looked_for_in_the_time_that_is_set(void **state)
{
    static const struct {
        pf_time dead;
        int idle, interval;
    } rows[] = {{4000, 2, 1}, {10000, 5, 1}, {60000, 30, 7}, {3600000, 1800, 450}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spot spot;

        spot_open(&spot);
        assert_int_equal(option(&spot, TCP_USER_TIMEOUT), 0);
        pf_conn_dead_after(spot.conn, rows[i].dead, 600000);
        assert_int_equal(option(&spot, TCP_USER_TIMEOUT), rows[i].dead);
        assert_int_equal(option(&spot, TCP_KEEPIDLE), rows[i].idle);
        assert_int_equal(option(&spot, TCP_KEEPINTVL), rows[i].interval);
        assert_int_equal(option(&spot, TCP_KEEPCNT), 4);
        spot_done(&spot);
    }
}

static void fill(struct spot *spot)
{
    static const unsigned char text[65536];
    size_t len;

    while (pf_conn_write(spot->conn, (struct pf_bytes){text, sizeof text}, &len, NULL) == PF_IO_DONE)
        ;
}

/* RFC 1122 section 4.2.2.17: a closed window is no sign of death. */
static void who_takes_nothing_has_the_time_of_a_stall(void **state)
{
    static unsigned char got[65536];
    struct spot spot;

    (void)state;
    spot_open(&spot);
    /* The peer's window is closed as soon as its kernel has told so: nothing is in flight any more. */
    pf_conn_dead_after(spot.conn, 400, 5000);
    fill(&spot);
    assert_true(pf_conn_untaken(spot.conn));
    while (option(&spot, TCP_USER_TIMEOUT) == 400)
        peer_turn(&spot);
    assert_int_equal(option(&spot, TCP_USER_TIMEOUT), 5000);
    while (pf_conn_untaken(spot.conn)) {
        if (read(spot.client, got, sizeof got) <= 0)
            peer_turn(&spot);
    }
    while (option(&spot, TCP_USER_TIMEOUT) != 400) /* once more mortal */
        peer_turn(&spot);
    assert_false(spot.conn->looking);
    spot_done(&spot);
}

static void a_stall_shorter_than_death_changes_nothing(void **state)
{
    struct spot spot;

    (void)state;
    spot_open(&spot);
    pf_conn_dead_after(spot.conn, 60000, 100);
    assert_int_equal(spot.conn->stall, 60000);
    spot_done(&spot);
}

static void nothing_is_done_to_unix_sockets(void **state)
{
    struct spot spot;
    int ends[2];
    size_t len;
    char got[8];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    spot_open_on(&spot, ends[0], ends[1]);
    pf_conn_dead_after(spot.conn, 4000, 8000);
    assert_null(spot.conn->look);
    assert_false(pf_conn_untaken(spot.conn));
    assert_int_equal(pf_conn_write(spot.conn, pf_bytes_of("hi"), &len, NULL), PF_IO_DONE);
    assert_true(pf_conn_untaken(spot.conn));
    assert_int_equal(read(spot.client, got, sizeof got), 2);
    assert_false(pf_conn_untaken(spot.conn));
    spot_done(&spot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dead_peer_is_looked_for_in_the_time_that_is_set), T(who_takes_nothing_has_the_time_of_a_stall),
        T(a_stall_shorter_than_death_changes_nothing), T(nothing_is_done_to_unix_sockets),
    };

    return RUN(tests);
}
