#include "unit/sys/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 3 * 1024 * 1024 };

static void info_names_both_ends(void **state)
{
    struct spot spot;
    const struct pf_conn_info *info;

    (void)state;
    spot_open(&spot);
    info = pf_conn_info(spot.conn);
    assert_string_equal(info->peer, "127.0.0.1");
    assert_string_equal(info->local, "127.0.0.1");
    assert_true(info->peer_port && info->local_port && info->peer_port != info->local_port);
    assert_false(info->tls);
    assert_string_equal(info->tls_version, "");
    spot_done(&spot);
}

static void what_is_told_takes_the_place_of_both_ends(void **state)
{
    const struct pf_conn_told told = {.peer = {[10] = 0xff, 0xff, 192, 0, 2, 7},
                                      .local = {0x20, 1, 0x0d, 0xb8, [15] = 1},
                                      .peer_port = 40001, .local_port = 995};
    const struct pf_conn_info *info;
    struct spot spot;

    (void)state;
    spot_open(&spot);
    info = pf_conn_info(spot.conn);
    assert_false(info->told_tls);
    pf_conn_told(spot.conn, &told);
    assert_string_equal(info->peer, "192.0.2.7");
    assert_string_equal(info->local, "2001:db8::1");
    assert_int_equal(info->peer_port, 40001);
    assert_int_equal(info->local_port, 995);
    pf_conn_told_tls(spot.conn, PF_LIT("TLSv1.3-and-much-more"), PF_LIT("a\nb"), (struct pf_bytes){0});
    assert_true(info->told_tls && !info->tls);
    assert_string_equal(info->told_version, "TLSv1.3-and-muc");
    assert_string_equal(info->told_cipher, "a?b");
    assert_string_equal(info->told_name, "");
    spot_done(&spot);
}

static void a_unix_socket_is_a_connection_too(void **state)
{
    struct spot spot;
    unsigned char text[8];
    size_t len;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    spot_open_on(&spot, ends[0], ends[1]);
    assert_string_equal(pf_conn_info(spot.conn)->peer, "unix");
    assert_int_equal(write(spot.client, "hi", 2), 2);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
    assert_int_equal(len, 2);
    spot_done(&spot);
}

static void what_is_no_socket_is_refused_and_closed(void **state)
{
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_err err = {.code = PF_OK};
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    assert_null(pf_conn_new(loop, fd, NULL, NULL, &err));
    assert_int_equal(err.code, PF_IO);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    pf_loop_free(loop);
}

static void reads_what_came_then_waits_then_ends(void **state)
{
    struct spot spot;
    unsigned char text[16];
    size_t len = 99;

    (void)state;
    spot_open(&spot);
    spot.inside = true;
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_WAIT);
    assert_int_equal(write(spot.client, "hello", 5), 5);
    pf_conn_want(spot.conn, PF_CONN_READ);
    spot.inside = false;
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, 2, &len, NULL), PF_IO_DONE);
    assert_int_equal(len, 2);
    peer_until(&spot, PF_CONN_READ); /* the rest is still there: woken again */
    assert_int_equal(pf_conn_read(spot.conn, text + 2, 14, &len, NULL), PF_IO_DONE);
    assert_memory_equal(text, "hello", 5);
    shutdown(spot.client, SHUT_WR);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_EOF);
    peer_until(&spot, PF_CONN_READ); /* an end is level triggered as well */
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_EOF);
    spot_done(&spot);
}

static void wakes_only_for_what_is_wanted(void **state)
{
    struct spot spot;

    (void)state;
    spot_open(&spot);
    assert_int_equal(write(spot.client, "x", 1), 1);
    for (int i = 0; i < 20; i++)
        peer_turn(&spot);
    assert_int_equal(spot.wakes, 0);
    pf_conn_want(spot.conn, PF_CONN_WRITE);
    peer_until(&spot, PF_CONN_WRITE);
    assert_int_equal(spot.woken, PF_CONN_WRITE);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(spot.woken, PF_CONN_READ);
    pf_conn_want(spot.conn, 0);
    spot.wakes = 0;
    peer_turn(&spot);
    assert_int_equal(spot.wakes, 0);
    spot_done(&spot);
}

static void count_turns(struct pf_timer *timer, void *self)
{
    (void)timer;
    *(bool *)self = true;
}

/* Input that nobody wants does not keep the loop awake. */
static void unwanted_input_does_not_spin(void **state)
{
    struct spot spot;
    bool fired = false;
    struct pf_timer *timer;
    int turns = 0;

    (void)state;
    spot_open(&spot);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_turn(&spot);
    pf_conn_want(spot.conn, 0);
    assert_int_equal(write(spot.client, "x", 1), 1);
    timer = pf_timer_new(spot.loop, count_turns, &fired);
    pf_timer_set(timer, pf_loop_now(spot.loop) + 30);
    while (!fired) {
        pf_loop_turn(spot.loop, true);
        turns++;
    }
    assert_in_range(turns, 1, 10);
    assert_int_equal(spot.wakes, 0);
    pf_conn_want(spot.conn, PF_CONN_READ); /* and it is still there when it is wanted */
    peer_until(&spot, PF_CONN_READ);
    pf_timer_free(timer);
    spot_done(&spot);
}

static void peek_takes_nothing(void **state)
{
    struct spot spot;
    unsigned char text[16];
    size_t len;

    (void)state;
    spot_open(&spot);
    assert_int_equal(pf_conn_peek(spot.conn, text, 3, &len, NULL), PF_IO_WAIT);
    assert_int_equal(write(spot.client, "\x16\x03\x01", 3), 3);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_peek(spot.conn, text, 1, &len, NULL), PF_IO_DONE);
    assert_int_equal(len, 1);
    assert_int_equal(pf_conn_peek(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
    assert_int_equal(len, 3);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
    assert_int_equal(len, 3);
    shutdown(spot.client, SHUT_WR);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_peek(spot.conn, text, sizeof text, &len, NULL), PF_IO_EOF);
    spot_done(&spot);
}

static void a_reset_is_a_failure_with_a_reason(void **state)
{
    struct spot spot;
    struct linger now = {1, 0};
    struct pf_err err = {.code = PF_OK};
    unsigned char text[16];
    size_t len;

    (void)state;
    spot_open(&spot);
    pf_conn_want(spot.conn, PF_CONN_READ | PF_CONN_WRITE);
    setsockopt(spot.client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(spot.client);
    spot.client = -1;
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, &err), PF_IO_FAILED);
    assert_int_equal(err.code, PF_IO);
    assert_int_equal(err.sys, ECONNRESET);
    assert_non_null(strstr(err.log, "reset"));
    assert_null(strstr(pf_err_say(&err), "reset"));
    peer_until(&spot, PF_CONN_WRITE); /* still woken: the session has to find out */
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("x"), &len, &err), PF_IO_FAILED);
    assert_int_equal(err.sys, EPIPE);
    spot_done(&spot);
}

struct stream {
    unsigned char *octets;
    size_t sent, got;
};

static struct stream up, down; /* to the connection, from it */

static void serve_streams(struct spot *spot, unsigned what)
{
    unsigned char text[5000];
    size_t len;

    if ((what & PF_CONN_READ) && pf_conn_read(spot->conn, text, sizeof text, &len, NULL) == PF_IO_DONE) {
        assert_memory_equal(text, up.octets + up.got, len);
        up.got += len;
    }
    if ((what & PF_CONN_WRITE) && down.sent < BIG &&
        pf_conn_write(spot->conn, pf_bytes_from(down.octets + down.sent, BIG - down.sent), &len, NULL) ==
            PF_IO_DONE)
        down.sent += len;
    pf_conn_want(spot->conn, (up.got < BIG ? PF_CONN_READ : 0) | (down.sent < BIG ? PF_CONN_WRITE : 0));
}

static void pump_streams(struct spot *spot, unsigned char *text)
{
    unsigned char part[3000];
    ssize_t n;

    up = down = (struct stream){.octets = text};
    spot->react = serve_streams;
    pf_conn_want(spot->conn, PF_CONN_READ | PF_CONN_WRITE);
    while (up.got < BIG || down.got < BIG) {
        n = up.sent < BIG ? send(spot->client, text + up.sent, BIG - up.sent, 0) : 0;
        up.sent += n > 0 ? (size_t)n : 0;
        n = recv(spot->client, part, sizeof part, 0);
        if (n > 0) {
            assert_memory_equal(part, text + down.got, (size_t)n);
            down.got += (size_t)n;
        }
        peer_turn(spot);
    }
}

static void big_streams_pass_both_ways(void **state)
{
    struct spot spot;
    unsigned char *text = malloc(BIG);
    int ends[2];

    (void)state;
    for (size_t i = 0; i < BIG; i++)
        text[i] = (unsigned char)(i * 7 + (i >> 9));
    spot_open(&spot);
    pump_streams(&spot, text);
    spot_done(&spot);
    /* Tiny buffers on a unix socket: TCP would answer small windows with long timers. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer_small_buffers(ends[0]);
    peer_small_buffers(ends[1]);
    spot_open_on(&spot, ends[0], ends[1]);
    pump_streams(&spot, text);
    spot_done(&spot);
    free(text);
}

static void close_now(struct spot *spot)
{
    struct pf_conn *conn = spot->conn;

    spot->conn = NULL;
    pf_conn_close(conn, false);
}

/* Reads all the client can get; returns how it ended: 0 for an orderly end, else an errno. */
static int read_all(struct spot *spot, char *out_text, size_t cap)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(spot->client, out_text + len, cap - 1 - len, 0);

        out_text[n > 0 ? len + (size_t)n : len] = 0;
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN)
            return errno;
        if (n > 0)
            len += (size_t)n;
        peer_turn(spot);
    }
}

static void the_last_answer_survives_unread_input(void **state)
{
    struct spot spot;
    char text[64], noise[4096] = "noise";
    size_t len;

    (void)state;
    spot_open(&spot);
    assert_int_equal(write(spot.client, noise, sizeof noise), sizeof noise);
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("+OK bye\r\n"), &len, NULL), PF_IO_DONE);
    close_now(&spot);
    assert_int_equal(write(spot.client, noise, sizeof noise), sizeof noise); /* and some more afterwards */
    peer_turn(&spot);
    assert_int_equal(write(spot.client, noise, sizeof noise), sizeof noise);
    assert_int_equal(read_all(&spot, text, sizeof text), 0);
    assert_string_equal(text, "+OK bye\r\n");
    close(spot.client);
    spot.client = -1;
    pf_loop_run(spot.loop); /* ends with the lingering, far before its two seconds */
    assert_in_range(pf_loop_now_fresh(spot.loop) - spot.began, 0, 1500);
    spot_done(&spot);
}

static void a_client_that_never_stops_is_cut_off(void **state)
{
    struct spot spot;
    static char noise[64 * 1024];
    ssize_t n;
    size_t sent = 0;

    (void)state;
    spot_open(&spot);
    close_now(&spot);
    do {
        n = send(spot.client, noise, sizeof noise, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        peer_turn(&spot);
    } while (n > 0 || errno == EAGAIN);
    assert_true(errno == ECONNRESET || errno == EPIPE);
    assert_true(sent > 256 * 1024);
    assert_false(pf_loop_turn(spot.loop, false));
    spot_done(&spot);
}

static void a_silent_client_is_waited_for_two_seconds(void **state)
{
    struct spot spot;
    pf_time took;

    (void)state;
    spot_open(&spot);
    close_now(&spot);
    pf_loop_run(spot.loop);
    took = pf_loop_now_fresh(spot.loop) - spot.began;
    assert_in_range(took, 1990, 10000);
    spot_done(&spot);
}

static void the_loop_ends_what_still_lingers(void **state)
{
    struct spot spot;
    char text[8];

    (void)state;
    spot_open(&spot);
    close_now(&spot);
    pf_loop_free(spot.loop);
    assert_int_equal(recv(spot.client, text, sizeof text, MSG_DONTWAIT), 0);
    spot.loop = pf_loop_new(NULL);
    spot_done(&spot);
}

static void ignore_wake(void *self, unsigned what)
{
    (void)self;
    (void)what;
}

/* Strangers in a flood, turned away as fast as they come. */
static void only_so_many_linger_at_once(void **state)
{
    struct pf_loop *loop = pf_loop_new(NULL);
    int clients[300], ends[2];

    (void)state;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        clients[i] = ends[1];
        pf_conn_close(pf_conn_new(loop, ends[0], ignore_wake, NULL, NULL), false);
    }
    assert_int_equal(pf_loop_last_count(loop), 256);
    for (int i = 0; i < 300; i++)
        close(clients[i]);
    pf_loop_run(loop);
    assert_int_equal(pf_loop_last_count(loop), 0);
    pf_loop_free(loop);
}

static void an_abrupt_close_is_a_reset(void **state)
{
    struct spot spot;
    struct pf_conn *conn;
    char text[8];

    (void)state;
    spot_open(&spot);
    conn = spot.conn;
    spot.conn = NULL;
    pf_conn_close(conn, true);
    assert_int_equal(read_all(&spot, text, sizeof text), ECONNRESET);
    spot_done(&spot);
}

static void close_in_wake(struct spot *spot, unsigned what)
{
    (void)what;
    close_now(spot);
}

static void closing_inside_wake_is_the_end_of_waking(void **state)
{
    struct spot spot;

    (void)state;
    for (int i = 0; i < 3; i++) { /* woken by the socket, by an end seen before, for both wants */
        spot_open(&spot);
        spot.react = i == 1 ? NULL : close_in_wake;
        assert_int_equal(shutdown(spot.client, SHUT_WR), 0);
        pf_conn_want(spot.conn, i == 2 ? PF_CONN_READ | PF_CONN_WRITE : PF_CONN_READ);
        peer_until(&spot, PF_CONN_READ);
        if (i == 1) {
            unsigned char text[4];
            size_t len;

            assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_EOF);
            close_now(&spot); /* a wake is queued already */
        }
        spot.wakes = 0;
        pf_loop_run(spot.loop);
        assert_int_equal(spot.wakes, 0);
        spot_done(&spot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(info_names_both_ends),
        T(what_is_told_takes_the_place_of_both_ends),
        T(a_unix_socket_is_a_connection_too),
        T(what_is_no_socket_is_refused_and_closed),
        T(reads_what_came_then_waits_then_ends),
        T(wakes_only_for_what_is_wanted),
        T(unwanted_input_does_not_spin),
        T(peek_takes_nothing),
        T(a_reset_is_a_failure_with_a_reason),
        T(big_streams_pass_both_ways),
        T(the_last_answer_survives_unread_input),
        T(a_client_that_never_stops_is_cut_off),
        T(a_silent_client_is_waited_for_two_seconds),
        T(the_loop_ends_what_still_lingers),
        T(only_so_many_linger_at_once),
        T(an_abrupt_close_is_a_reset),
        T(closing_inside_wake_is_the_end_of_waking),
    };

    return RUN(tests);
}
