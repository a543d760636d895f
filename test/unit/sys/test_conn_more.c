/* What leaves together: how many packets it takes, and that nothing waits for what does not come. */
#include "sys/conn_private.h"
#include "unit/sys/peer.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pf_tls_tickets *tickets;
static struct pf_tls *tls;

static int set_up(void **state)
{
    (void)state;
    cert_make(&(struct cert){.file = "first", .names = "DNS:mail.example.org", .from = -86400, .until = 86400});
    tickets = pf_tls_tickets_new(3600, NULL);
    tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
    cert_dir_remove();
    return 0;
}

/* Packets with data that this end has sent. */
static unsigned packets(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_data_segs_out;
}

static void say(struct spot *spot, const char *text)
{
    size_t len = 0;

    assert_int_equal(pf_conn_write(spot->conn, pf_bytes_of(text), &len, NULL), PF_IO_DONE);
    assert_int_equal(len, strlen(text));
}

static void close_now(struct spot *spot)
{
    struct pf_conn *conn = spot->conn;

    spot->conn = NULL;
    pf_conn_close(conn, false);
}

static size_t hear(struct spot *spot, char *text, size_t most)
{
    ssize_t got;

    while ((got = recv(spot->client, text, most, 0)) < 0) {
        assert_int_equal(errno, EAGAIN);
        peer_turn(spot);
    }
    return (size_t)got;
}

static void what_is_followed_by_more_leaves_with_it(void **state)
{
    struct spot spot;
    char text[32];

    (void)state;
    spot_open(&spot);
    pf_conn_more(spot.conn, true);
    say(&spot, "+OK\r\n");
    say(&spot, "1 120\r\n");
    assert_int_equal(packets(spot.conn->fd), 0);
    pf_conn_more(spot.conn, false);
    say(&spot, ".\r\n");
    assert_int_equal(packets(spot.conn->fd), 1);
    assert_int_equal(hear(&spot, text, sizeof text), 15);
    assert_memory_equal(text, "+OK\r\n1 120\r\n.\r\n", 15);
    spot_done(&spot);
}

static void the_last_answer_leaves_with_the_end(void **state)
{
    struct spot spot;
    char text[32];

    (void)state;
    spot_open(&spot);
    pf_conn_more(spot.conn, true);
    say(&spot, "+OK bye\r\n");
    assert_int_equal(recv(spot.client, text, sizeof text, 0), -1);
    close_now(&spot);
    assert_int_equal(hear(&spot, text, sizeof text), 9);
    assert_int_equal(recv(spot.client, text, sizeof text, 0), 0); /* the FIN came with it */
    spot_done(&spot);
}

/* A promise that is not kept: the kernel waits for 200 ms, not for ever. */
static void what_nothing_follows_leaves_all_the_same(void **state)
{
    struct spot spot;
    char text[32];

    (void)state;
    spot_open(&spot);
    pf_conn_more(spot.conn, true);
    say(&spot, "+OK\r\n");
    assert_int_equal(hear(&spot, text, sizeof text), 5);
    spot_done(&spot);
}

static void greet(struct spot *spot, unsigned what)
{
    if (what & PF_CONN_TLS)
        say(spot, "+OK hello\r\n");
}

/* RFC 8446 section 4.6.1: the ticket comes behind the handshake. */
static void the_greeting_leaves_with_the_ticket(void **state)
{
    struct client client = {0};
    struct spot spot;
    unsigned before;
    char text[32];
    int got;

    (void)state;
    spot_open(&spot);
    spot.react = greet;
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    before = packets(spot.conn->fd);
    assert_int_equal(before, 2); /* its part of the handshake, and this */
    while ((got = client_read(&client, text, sizeof text)) <= 0)
        peer_turn(&spot);
    assert_int_equal(got, 11);
    assert_int_equal(client.given_count, 1);
    pf_conn_more(spot.conn, true);
    say(&spot, "+OK bye\r\n");
    assert_int_equal(packets(spot.conn->fd), before);
    close_now(&spot);
    while ((got = client_read(&client, text, sizeof text)) < 0)
        peer_turn(&spot);
    assert_int_equal(got, 9);
    assert_int_equal(client_read(&client, text, sizeof text), 0); /* nothing had to be waited for */
    assert_int_equal(SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    client_done(&client);
    spot_done(&spot);
}

/* In TLS 1.2 the client waits for what ends the handshake, and after STLS for nothing else. */
static void an_end_of_a_handshake_that_nothing_follows_leaves_at_once(void **state)
{
    struct client client = {.max_version = TLS1_2_VERSION};
    struct spot spot;

    (void)state;
    spot_open(&spot);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    assert_false(spot.conn->corked);
    assert_int_equal(packets(spot.conn->fd), 2);
    client_done(&client);
    spot_done(&spot);
}

static void send_all(int fd, const unsigned char *at, size_t len)
{
    assert_int_equal(send(fd, at, len, 0), (ssize_t)len);
}

/* The records of these texts, as the client would send them. */
static size_t seal(struct client *client, const char *const *texts, size_t count, unsigned char *out, size_t cap)
{
    BIO *memory = BIO_new(BIO_s_mem());
    int got;

    assert_non_null(memory);
    SSL_set0_wbio(client->ssl, memory);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(SSL_write(client->ssl, texts[i], (int)strlen(texts[i])), (int)strlen(texts[i]));
    got = BIO_read(memory, out, (int)cap);
    assert_true(got > 0);
    return (size_t)got;
}

static void records_that_came_together_are_read_one_after_the_other(void **state)
{
    static const char *const texts[] = {"STAT\r\n", "NOOP\r\n", "QUIT\r\n"};
    struct client client = {0};
    unsigned char records[512], text[64];
    struct spot spot;
    size_t len, whole;
    int wakes;

    (void)state;
    spot_open(&spot);
    client_shake(&spot, tls, &client);
    whole = seal(&client, texts, 3, records, sizeof records);
    send_all(spot.client, records, whole - 3); /* the last is not whole */
    pf_conn_want(spot.conn, PF_CONN_READ);
    for (int i = 0; i < 2; i++) {
        spot.woken = 0;
        peer_until(&spot, PF_CONN_READ);
        assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
        assert_memory_equal(text, texts[i], 6);
    }
    while (pf_conn_read(spot.conn, text, sizeof text, &len, NULL) != PF_IO_WAIT)
        peer_turn(&spot);
    wakes = spot.wakes;
    for (int i = 0; i < 10; i++)
        peer_turn(&spot);
    assert_int_equal(spot.wakes, wakes); /* a part of a record is nothing to read */
    send_all(spot.client, records + whole - 3, 3);
    spot.woken = 0;
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
    assert_memory_equal(text, texts[2], 6);
    client_done(&client);
    spot_done(&spot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_followed_by_more_leaves_with_it),
        cmocka_unit_test(the_last_answer_leaves_with_the_end),
        cmocka_unit_test(what_nothing_follows_leaves_all_the_same),
        cmocka_unit_test(the_greeting_leaves_with_the_ticket),
        cmocka_unit_test(an_end_of_a_handshake_that_nothing_follows_leaves_at_once),
        cmocka_unit_test(records_that_came_together_are_read_one_after_the_other),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
