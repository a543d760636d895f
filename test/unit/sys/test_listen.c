#include "unit/cm.h"

#include "sys/conn.h"
#include "sys/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 40 };

struct door {
    struct pf_loop *loop;
    struct pf_listen *listener;
    int fds[CROWD];
    int count;
    bool free_inside, pause_inside, keep_full;
};

static void accepted(void *self, int fd)
{
    struct door *door = self;

    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(door->count < CROWD);
    door->fds[door->count++] = fd;
    if (door->pause_inside)
        pf_listen_pause(door->listener, true);
    if (door->free_inside) {
        pf_listen_free(door->listener);
        door->listener = NULL;
    }
}

static void not_woken(void *self, unsigned what)
{
    (void)self;
    (void)what;
}

static void open_door(struct door *door, const char *address)
{
    struct pf_err err;

    *door = (struct door){.loop = pf_loop_new(NULL)};
    door->listener =
        pf_listen_open(door->loop, &(struct pf_listen_place){address, 0, CROWD, 0, NULL}, accepted, door, &err);
    assert_non_null(door->listener);
    assert_in_range(pf_listen_port(door->listener), 1, 65535);
}

static void close_door(struct door *door)
{
    for (int i = 0; i < door->count; i++)
        close(door->fds[i]);
    pf_listen_free(door->listener);
    pf_loop_free(door->loop);
}

static int call(unsigned port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void strangers_are_accepted_in_small_batches(void **state)
{
    struct door door;
    int fds[CROWD];

    (void)state;
    open_door(&door, "127.0.0.1");
    for (int i = 0; i < CROWD; i++)
        fds[i] = call(pf_listen_port(door.listener));
    pf_loop_turn(door.loop, true);
    assert_int_equal(door.count, 16); /* the others wait for the next turn */
    while (door.count < CROWD)
        pf_loop_turn(door.loop, true);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    close_door(&door);
}

static void a_paused_door_accepts_nobody_until_it_opens(void **state)
{
    struct door door;
    int one, two;

    (void)state;
    open_door(&door, "127.0.0.1");
    door.pause_inside = true;
    one = call(pf_listen_port(door.listener));
    two = call(pf_listen_port(door.listener));
    while (door.count == 0)
        pf_loop_turn(door.loop, true);
    for (int i = 0; i < 5; i++)
        pf_loop_turn(door.loop, false);
    assert_int_equal(door.count, 1);
    pf_listen_pause(door.listener, false);
    while (door.count == 1)
        pf_loop_turn(door.loop, true);
    close(one);
    close(two);
    close_door(&door);
}

static void a_listener_may_be_freed_in_accept(void **state)
{
    struct door door;
    int one, two;

    (void)state;
    open_door(&door, "127.0.0.1");
    door.free_inside = true;
    one = call(pf_listen_port(door.listener));
    two = call(pf_listen_port(door.listener));
    pf_loop_run(door.loop);
    assert_int_equal(door.count, 1);
    close(one);
    close(two);
    close_door(&door);
}

static void a_socket_that_listens_is_adopted_and_shared(void **state)
{
    struct door door, second = {0};
    struct pf_err err;
    int fd, caller;

    (void)state;
    open_door(&door, "127.0.0.1");
    fd = fcntl(pf_listen_fd(door.listener), F_DUPFD_CLOEXEC, 0);
    second.loop = pf_loop_new(NULL);
    second.listener = pf_listen_adopt(second.loop, fd, accepted, &second, &err);
    assert_non_null(second.listener);
    assert_int_equal(pf_listen_port(second.listener), pf_listen_port(door.listener));
    caller = call(pf_listen_port(door.listener));
    while (second.count == 0)
        pf_loop_turn(second.loop, true);
    close(caller);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_null(pf_listen_adopt(second.loop, fd, accepted, &second, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    pf_listen_pause(door.listener, true);
    pf_listen_free(second.listener); /* the first goes on */
    second.listener = NULL;
    pf_listen_pause(door.listener, false);
    caller = call(pf_listen_port(door.listener));
    while (door.count == 0)
        pf_loop_turn(door.loop, true);
    close(caller);
    close_door(&second);
    close_door(&door);
}

static void both_families_can_have_the_same_port(void **state)
{
    struct door door;
    struct pf_listen *six;
    struct pf_err err = {.code = PF_OK};

    (void)state;
    open_door(&door, "0.0.0.0");
    six = pf_listen_open(door.loop, &(struct pf_listen_place){"::", pf_listen_port(door.listener), 4, 0, NULL},
                         accepted, &door, &err);
    if (six)
        assert_int_equal(pf_listen_port(six), pf_listen_port(door.listener));
    else
        assert_true(err.sys == EAFNOSUPPORT || err.sys == EADDRNOTAVAIL); /* a machine without IPv6 */
    pf_listen_free(six);
    close_door(&door);
}

static int call_six(unsigned port)
{
    struct sockaddr_in6 name = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Who comes by IPv4 is known by that address, not by one of IPv6. */
static void one_door_can_be_for_both_families(void **state)
{
    struct door door;
    struct pf_conn *conn;
    int four, six;

    (void)state;
    open_door(&door, PF_LISTEN_BOTH);
    four = call(pf_listen_port(door.listener));
    six = call_six(pf_listen_port(door.listener));
    while (door.count < 1 + (six >= 0))
        pf_loop_turn(door.loop, true);
    conn = pf_conn_new(door.loop, door.fds[0], not_woken, NULL, NULL);
    assert_non_null(conn);
    assert_string_equal(pf_conn_info(conn)->peer, "127.0.0.1");
    assert_string_equal(pf_conn_info(conn)->local, "127.0.0.1");
    pf_conn_close(conn, true);
    door.fds[0] = four;
    if (six >= 0)
        close(six);
    close_door(&door);
}

static void bad_addresses_and_taken_ports_are_told(void **state)
{
    struct door door;
    struct pf_err err = {.code = PF_OK};
    char port[16];

    (void)state;
    open_door(&door, "127.0.0.1");
    assert_null(pf_listen_open(door.loop,
                               &(struct pf_listen_place){"127.0.0.1", pf_listen_port(door.listener), 4, 0, NULL},
                               accepted, &door, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_int_equal(err.sys, EADDRINUSE);
    snprintf(port, sizeof port, "%u", pf_listen_port(door.listener));
    assert_non_null(strstr(err.log, port));
    assert_non_null(strstr(err.log, "127.0.0.1"));
    assert_null(
        pf_listen_open(door.loop, &(struct pf_listen_place){"localhost", 0, 4, 0, NULL}, accepted, &door, &err));
    assert_non_null(strstr(err.log, "numeric"));
    assert_null(
        pf_listen_open(door.loop, &(struct pf_listen_place){"127.0.0.1", 65536, 4, 0, NULL}, accepted, &door, &err));
    assert_null(
        pf_listen_open(door.loop, &(struct pf_listen_place){"192.0.2.1", 0, 4, 0, NULL}, accepted, &door, &err));
    assert_int_equal(err.sys, EADDRNOTAVAIL);
    close_door(&door);
}

/* Fills the descriptor table up to the limit; returns how many were taken. */
static int fill_descriptors(int *fds, int cap)
{
    int count = 0;

    while (count < cap && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    assert_int_equal(errno, EMFILE);
    return count;
}

static void without_descriptors_strangers_are_hung_up_on(void **state)
{
    struct rlimit before, low;
    struct door door;
    int filler[256], clients[3], taken;
    char octet;

    (void)state;
    open_door(&door, "127.0.0.1");
    for (int i = 0; i < 3; i++)
        clients[i] = call(pf_listen_port(door.listener));
    getrlimit(RLIMIT_NOFILE, &before);
    low = (struct rlimit){64, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    taken = fill_descriptors(filler, 256);
    for (int i = 0; i < 20; i++) /* each call gives up within the turn: nobody is left over to spin on */
        pf_loop_turn(door.loop, false);
    assert_int_equal(door.count, 0);
    for (int i = 0; i < 3; i++) {
        ssize_t n = recv(clients[i], &octet, 1, 0);

        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
        close(clients[i]);
    }
    for (int i = 0; i < taken; i++)
        close(filler[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    clients[0] = call(pf_listen_port(door.listener)); /* with descriptors again, all is well again */
    while (door.count == 0)
        pf_loop_turn(door.loop, true);
    close(clients[0]);
    close_door(&door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(strangers_are_accepted_in_small_batches),
        T(a_paused_door_accepts_nobody_until_it_opens),
        T(a_listener_may_be_freed_in_accept),
        T(a_socket_that_listens_is_adopted_and_shared),
        T(both_families_can_have_the_same_port),
        T(one_door_can_be_for_both_families),
        T(bad_addresses_and_taken_ports_are_told),
        T(without_descriptors_strangers_are_hung_up_on),
    };

    return RUN(tests);
}
