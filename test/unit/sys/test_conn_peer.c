/* A peer that vanishes, and one that only takes nothing. What the kernel does with the options is shown
 * by the last test, and by test/peer/locks.t, in networks of their own. */
#include "sys/conn_private.h"
#include "unit/sys/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
    size_t len;

    (void)state;
    spot_open(&spot);
    /* The peer's window is closed as soon as its kernel has told so: nothing is in flight any more. */
    pf_conn_dead_after(spot.conn, 400, 5000);
    fill(&spot);
    assert_true(pf_conn_untaken(spot.conn));
    while (option(&spot, TCP_USER_TIMEOUT) == 400)
        peer_turn(&spot);
    while (option(&spot, TCP_USER_TIMEOUT) < 5000) /* it moves on with each look, to the end of a stall */
        peer_turn(&spot);
    assert_int_equal(option(&spot, TCP_USER_TIMEOUT), 5000);
    assert_int_not_equal(pf_conn_write(spot.conn, pf_bytes_of("x"), &len, NULL), PF_IO_FAILED);
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

static size_t write_all(struct spot *spot, const unsigned char *at, size_t octets)
{
    size_t sum = 0, len;

    while (sum < octets
           && pf_conn_write(spot->conn, (struct pf_bytes){at, octets - sum < 65536 ? octets - sum : 65536}, &len, NULL)
                  == PF_IO_DONE)
        sum += len;
    return sum;
}

/* A thousand of them would fill the memory that all connections have in common. */
static void who_takes_nothing_fills_little_of_the_kernel(void **state)
{
    static const unsigned char text[65536];
    struct spot spot;
    size_t taken;

    (void)state;
    spot_open(&spot);
    assert_int_equal(write_all(&spot, text, 16384), 16384);
    assert_int_equal(option(&spot, TCP_NOTSENT_LOWAT), 0); /* who is sent little costs no call */
    taken = write_all(&spot, text, 64 << 20);
    assert_true(taken < 64 << 20);
    assert_true(pf_conn_waiting(spot.conn) < 160 * 1024); /* two of the kernel's pieces and the room */
    spot_done(&spot);
}

static void read_all(struct spot *spot)
{
    static unsigned char got[1 << 20];

    while (pf_conn_untaken(spot->conn)) {
        while (read(spot->client, got, sizeof got) > 0)
            ;
        peer_turn(spot);
    }
}

static void who_takes_it_gets_more(void **state)
{
    static const unsigned char text[65536];
    struct spot spot;
    int first;

    (void)state;
    spot_open(&spot);
    write_all(&spot, text, 64 << 20);
    first = option(&spot, TCP_NOTSENT_LOWAT);
    assert_int_equal(first, 16384);
    for (spot.began = pf_loop_now_fresh(spot.loop); option(&spot, TCP_NOTSENT_LOWAT) == first;) {
        pf_conn_want(spot.conn, PF_CONN_WRITE);
        read_all(&spot); /* fails when it takes too long */
        write_all(&spot, text, 64 << 20);
    }
    spot_done(&spot);
}

static void who_takes_it_late_does_not(void **state)
{
    static const unsigned char text[65536];
    struct spot spot;

    (void)state;
    spot_open(&spot);
    for (int i = 0; i < 3; i++) {
        write_all(&spot, text, 64 << 20);
        usleep(150 * 1000); /* its time, not a wait for something */
        pf_conn_want(spot.conn, PF_CONN_WRITE);
        read_all(&spot);
        peer_until(&spot, PF_CONN_WRITE);
        assert_int_equal(option(&spot, TCP_NOTSENT_LOWAT), 16384);
        pf_conn_want(spot.conn, 0);
        spot.woken = 0;
    }
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

/* A server's network (10.9.0.1) and a client's (10.9.0.2), with a line between them. */
enum { DEAD = 1200, STALL = 600000, ALIVE_MS = 4500, BITE = 8192, PAUSE_MS = 10 };

static bool run_ip(const char *line)
{
    char *const shell[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)line, NULL};
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        execv("/bin/sh", shell);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool network_of_my_own(int *out_here, int *out_there)
{
    char map[64], line[256];
    int file, len = snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || (file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC)) < 0)
        return false;
    if (write(file, map, (size_t)len) != len)
        len = -1;
    close(file);
    *out_here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (len < 0 || unshare(CLONE_NEWNET) != 0)
        return false;
    *out_there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    snprintf(line, sizeof line,
             "ip link add name there type veth peer name here netns /proc/%d/fd/%d && "
             "ip addr add 10.9.0.2/24 dev there && ip link set there up",
             (int)getpid(), *out_here);
    return run_ip(line) && setns(*out_here, CLONE_NEWNET) == 0 &&
           run_ip("ip addr add 10.9.0.1/24 dev here && ip link set here up");
}

static void far_spot(struct spot *spot, int here, int there)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.9.0.1")};
    socklen_t len = sizeof at;
    int client, server, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(setns(there, CLONE_NEWNET), 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer_small_buffers(client);
    assert_int_equal(connect(client, (struct sockaddr *)&at, len), 0);
    assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setns(here, CLONE_NEWNET), 0);
    server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server >= 0);
    close(listener);
    spot_open_on(spot, server, client);
    pf_conn_dead_after(spot->conn, DEAD, STALL);
}

/* Sends what it can and turns; false once the connection is broken. */
static bool goes_on(struct spot *spot)
{
    static const unsigned char text[65536];
    size_t len;

    peer_turn(spot);
    return pf_conn_write(spot->conn, (struct pf_bytes){text, sizeof text}, &len, NULL) != PF_IO_FAILED;
}

/* Both are alive for ALIVE_MS: one reads slowly, the other nothing. Returns what the slow one has read. */
static size_t both_live(struct spot *slow, struct spot *still)
{
    static unsigned char got[BITE];
    size_t sum = 0;

    while (pf_loop_now_fresh(slow->loop) - slow->began < ALIVE_MS) {
        ssize_t n = read(slow->client, got, sizeof got);

        sum += n > 0 ? (size_t)n : 0;
        assert_true(goes_on(slow) && goes_on(still));
        usleep(PAUSE_MS * 1000);
    }
    return sum;
}

static void the_dead_are_told_from_the_slow(void **state)
{
    struct spot slow, still;
    pf_time down, slow_end = 0, still_end = 0;
    size_t taken;
    int here = -1, there = -1;

    (void)state;
    if (!network_of_my_own(&here, &there)) {
        print_message("not tested: no network namespaces with veth here\n");
        skip();
    }
    far_spot(&slow, here, there);
    far_spot(&still, here, there);
    taken = both_live(&slow, &still);
    assert_true(taken > BITE);
    assert_true(option(&still, TCP_USER_TIMEOUT) > ALIVE_MS); /* its end has moved on */
    assert_int_equal(setns(there, CLONE_NEWNET), 0);
    assert_true(run_ip("ip link set there down"));
    assert_int_equal(setns(here, CLONE_NEWNET), 0);
    down = pf_loop_now_fresh(slow.loop);
    while (!slow_end || !still_end) {
        if (!slow_end && !goes_on(&slow))
            slow_end = pf_loop_now_fresh(slow.loop) - down;
        if (!still_end && !goes_on(&still))
            still_end = pf_loop_now_fresh(slow.loop) - down;
        usleep(PAUSE_MS * 1000);
    }
    print_message("dead-peer %d ms: alive for %d ms, slow (%zu octets read) and not reading; line down: the bulk "
                  "reader is found dead after %d ms, who read nothing after %d ms\n",
                  DEAD, ALIVE_MS, taken, (int)slow_end, (int)still_end);
    assert_true(slow_end > DEAD / 2 && slow_end < 4 * DEAD);
    assert_true(still_end > DEAD / 2 && still_end < 3 * (DEAD / 3 + 2000) + 2 * DEAD);
    spot_done(&slow);
    spot_done(&still);
    close(here);
    close(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dead_peer_is_looked_for_in_the_time_that_is_set), T(who_takes_nothing_has_the_time_of_a_stall),
        T(a_stall_shorter_than_death_changes_nothing), T(nothing_is_done_to_unix_sockets),
        T(who_takes_nothing_fills_little_of_the_kernel), T(who_takes_it_gets_more), T(who_takes_it_late_does_not),
        T(the_dead_are_told_from_the_slow), /* last: it leaves the process in its own network */
    };

    return RUN(tests);
}
