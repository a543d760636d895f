#include "unit/sys/peer.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 2 * 1024 * 1024 };

static struct pf_tls_tickets *tickets;
static struct pf_tls *tls;
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

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

static void shaken(struct spot *spot, struct client *client, int version)
{
    spot_open(spot);
    *client = (struct client){.max_version = version, .sni = "mail.example.org"};
    client_shake(spot, tls, client);
    assert_true(client->done);
    assert_int_equal(pf_conn_tls_result(spot->conn, NULL), PF_OK);
}

static void close_now(struct spot *spot, bool abrupt)
{
    struct pf_conn *conn = spot->conn;

    spot->conn = NULL;
    pf_conn_close(conn, abrupt);
}

static void tls_030_info_tells_version_and_cipher(void **state)
{
    struct spot spot;
    struct client client;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        shaken(&spot, &client, versions[i]);
        assert_true(pf_conn_info(spot.conn)->tls);
        assert_string_equal(pf_conn_info(spot.conn)->tls_version, i ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(pf_conn_info(spot.conn)->tls_cipher, SSL_get_cipher_name(client.ssl));
        assert_string_equal(pf_conn_info(spot.conn)->sni, "mail.example.org");
        assert_false(pf_conn_info(spot.conn)->tls_resumed);
        client_done(&client);
        spot_done(&spot);
    }
}

/* RFC 2595 section 4: the handshake starts with the octet after STLS's answer. */
static void tls_003_tls_starts_after_plain_text(void **state)
{
    struct client client = {.alpn = "\4pop3"};
    struct spot spot;
    unsigned char text[32];
    struct pf_err err = {.code = PF_OK};
    size_t len;

    (void)state;
    spot_open(&spot);
    assert_int_equal(send(spot.client, "STLS\r\n", 6, 0), 6);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_DONE);
    assert_int_equal(pf_conn_tls_result(spot.conn, &err), PF_STATE);
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("+OK\r\n"), &len, NULL), PF_IO_DONE);
    while (recv(spot.client, text, 5, 0) != 5)
        peer_turn(&spot);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    assert_int_equal(pf_conn_start_tls(spot.conn, tls, &err), PF_STATE); /* TLS-004: not twice */
    client_done(&client);
    spot_done(&spot);
}

static void octets_that_are_no_tls_end_the_handshake(void **state)
{
    struct spot spot;
    struct pf_err err = {.code = PF_OK};
    unsigned char text[32];
    size_t len;

    (void)state;
    spot_open(&spot);
    assert_int_equal(send(spot.client, "STLS\r\nCAPA\r\n", 12, 0), 12);
    pf_conn_want(spot.conn, PF_CONN_READ);
    peer_until(&spot, PF_CONN_READ);
    assert_int_equal(pf_conn_read(spot.conn, text, 6, &len, NULL), PF_IO_DONE);
    assert_int_equal(pf_conn_start_tls(spot.conn, tls, NULL), PF_OK);
    assert_int_equal(pf_conn_read(spot.conn, text, 6, &len, NULL), PF_IO_WAIT); /* nothing meanwhile */
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("x"), &len, NULL), PF_IO_WAIT);
    peer_until(&spot, PF_CONN_TLS);
    assert_int_equal(pf_conn_tls_result(spot.conn, &err), PF_IO);
    assert_true(strlen(err.log) > strlen("TLS handshake: "));
    assert_false(pf_conn_info(spot.conn)->tls);
    peer_until(&spot, PF_CONN_READ); /* a dead connection says so when it is asked */
    assert_int_equal(pf_conn_read(spot.conn, text, 6, &len, &err), PF_IO_FAILED);
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("x"), &len, &err), PF_IO_FAILED);
    close_now(&spot, false);
    while (recv(spot.client, text, sizeof text, 0) != 0)
        peer_turn(&spot); /* the alert arrives, then an orderly end: no reset */
    spot_done(&spot);
}

static void a_peer_that_leaves_ends_the_handshake(void **state)
{
    struct spot spot;
    struct pf_err err = {.code = PF_OK};

    (void)state;
    spot_open(&spot);
    assert_int_equal(pf_conn_start_tls(spot.conn, tls, NULL), PF_OK);
    shutdown(spot.client, SHUT_WR);
    peer_until(&spot, PF_CONN_TLS);
    assert_int_equal(pf_conn_tls_result(spot.conn, &err), PF_IO);
    assert_non_null(strstr(err.log, "closed the connection"));
    spot_done(&spot);
    spot_open(&spot);
    assert_int_equal(pf_conn_start_tls(spot.conn, tls, NULL), PF_OK);
    setsockopt(spot.client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(spot.client);
    spot.client = -1;
    peer_until(&spot, PF_CONN_TLS);
    assert_int_equal(pf_conn_tls_result(spot.conn, &err), PF_IO);
    assert_int_equal(err.sys, ECONNRESET);
    spot_done(&spot);
}

static void closing_during_the_handshake_is_safe(void **state)
{
    struct spot spot;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    (void)state;
    for (int turns = 0; turns < 8; turns++) { /* before the first octet, and between the flights */
        SSL *ssl = SSL_new(ctx);

        spot_open(&spot);
        SSL_set_fd(ssl, spot.client);
        SSL_set_connect_state(ssl);
        pf_conn_want(spot.conn, PF_CONN_READ | PF_CONN_WRITE);
        assert_int_equal(pf_conn_start_tls(spot.conn, tls, NULL), PF_OK);
        for (int i = 0; i < turns / 2; i++) {
            SSL_do_handshake(ssl);
            peer_turn(&spot);
        }
        close_now(&spot, turns % 2);
        for (int i = 0; i < 3; i++)
            peer_turn(&spot); /* no wake: the spot would see it */
        SSL_free(ssl);
        spot_done(&spot);
    }
    SSL_CTX_free(ctx);
}

/* One record, read in small pieces: the socket has nothing more to say after the first. */
static void decrypted_octets_wake_although_the_socket_is_silent(void **state)
{
    static const char sent[] = "0123456789abcdefghij";
    struct spot spot;
    struct client client;
    unsigned char text[10];
    size_t len, got = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++, got = 0) {
        shaken(&spot, &client, versions[i]);
        assert_int_equal(SSL_write(client.ssl, sent, 20), 20);
        pf_conn_want(spot.conn, PF_CONN_READ);
        while (got < 20) {
            peer_until(&spot, PF_CONN_READ);
            spot.inside = true;
            if (pf_conn_read(spot.conn, text, 3, &len, NULL) == PF_IO_DONE) {
                assert_memory_equal(text, sent + got, len);
                got += len;
            }
            spot.inside = false;
        }
        spot.wakes = 0; /* all is read: silence, though READ is wanted */
        for (int turn = 0; turn < 10; turn++)
            peer_turn(&spot);
        assert_in_range(spot.wakes, 0, 1);
        assert_int_equal(pf_conn_read(spot.conn, text, 3, &len, NULL), PF_IO_WAIT);
        client_done(&client);
        spot_done(&spot);
    }
}

static unsigned char *pattern;
static size_t up_got, down_sent;

static void serve_streams(struct spot *spot, unsigned what)
{
    unsigned char text[5000], copy[40000];
    size_t len, part = BIG - down_sent < sizeof copy ? BIG - down_sent : sizeof copy;
    enum pf_io result;

    if (what & PF_CONN_READ) {
        result = pf_conn_read(spot->conn, text, sizeof text, &len, NULL);
        assert_true(result == PF_IO_DONE || result == PF_IO_WAIT);
        if (result == PF_IO_DONE) {
            assert_memory_equal(text, pattern + up_got, len);
            up_got += len;
        }
    }
    if ((what & PF_CONN_WRITE) && part > 0) {
        memcpy(copy, pattern + down_sent, part); /* from another address than last time, perhaps */
        result = pf_conn_write(spot->conn, pf_bytes_from(copy, part), &len, NULL);
        assert_true(result == PF_IO_DONE || result == PF_IO_WAIT);
        if (result == PF_IO_DONE)
            down_sent += len;
    }
    pf_conn_want(spot->conn, PF_CONN_READ | (down_sent < BIG ? PF_CONN_WRITE : 0));
}

static void pump(struct spot *spot, struct client *client)
{
    unsigned char text[3000];
    size_t up_sent = 0, down_got = 0;
    unsigned reads = 0;

    up_got = down_sent = 0;
    spot->react = serve_streams;
    pf_conn_want(spot->conn, PF_CONN_READ | PF_CONN_WRITE);
    SSL_set_mode(client->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (up_got < BIG || down_got < BIG) {
        int n = up_sent < BIG ? SSL_write(client->ssl, pattern + up_sent, (int)(BIG - up_sent)) : 0;

        up_sent += n > 0 ? (size_t)n : 0;
        n = client_read(client, text, sizeof text);
        if (n > 0) {
            assert_memory_equal(text, pattern + down_got, (size_t)n);
            down_got += (size_t)n;
        }
        if (n > 0 && ++reads % 50 == 0) /* a key update now and then: reading has to write in between */
            SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED);
        peer_turn(spot);
    }
}

static void big_streams_pass_both_ways_in_tls(void **state)
{
    (void)state;
    pattern = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        pattern[i] = (unsigned char)(i * 7 + (i >> 9));
    for (size_t i = 0; i < 4; i++) {
        struct client client = {.max_version = versions[i % 2]};
        struct spot spot;
        int ends[2];

        if (i < 2) {
            spot_open(&spot);
        } else { /* tiny buffers: every record goes in many pieces */
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
            peer_small_buffers(ends[0]);
            peer_small_buffers(ends[1]);
            spot_open_on(&spot, ends[0], ends[1]);
        }
        client_shake(&spot, tls, &client);
        assert_true(client.done);
        pump(&spot, &client);
        client_done(&client);
        spot_done(&spot);
    }
    free(pattern);
}

/* How the client's input ends: SSL_get_error's word for it. */
static int end_of(struct spot *spot, struct client *client, char *out_text, size_t cap)
{
    size_t len = 0;
    int n, problem;

    for (;;) {
        n = client_read(client, out_text + len, (int)(cap - 1 - len));
        problem = SSL_get_error(client->ssl, n);
        if (n > 0)
            len += (size_t)n;
        else if (problem != SSL_ERROR_WANT_READ)
            break;
        peer_turn(spot);
    }
    out_text[len] = 0;
    return problem;
}

static void tls_027_close_sends_close_notify_after_the_last_answer(void **state)
{
    struct spot spot;
    struct client client;
    char text[64];
    size_t len;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        shaken(&spot, &client, versions[i]);
        assert_int_equal(SSL_write(client.ssl, "unread", 6), 6); /* must not cause a reset */
        assert_int_equal(pf_conn_write(spot.conn, PF_LIT("+OK bye\r\n"), &len, NULL), PF_IO_DONE);
        close_now(&spot, false);
        assert_int_equal(end_of(&spot, &client, text, sizeof text), SSL_ERROR_ZERO_RETURN);
        assert_string_equal(text, "+OK bye\r\n");
        client_done(&client);
        spot_done(&spot);
    }
}

static void an_abrupt_close_promises_nothing(void **state)
{
    struct spot spot;
    struct client client;
    char text[64];

    (void)state;
    shaken(&spot, &client, TLS1_3_VERSION);
    close_now(&spot, true);
    assert_int_not_equal(end_of(&spot, &client, text, sizeof text), SSL_ERROR_ZERO_RETURN);
    client_done(&client);
    spot_done(&spot);
}

/* TLS-028: output that stopped inside a record must not look complete. */
static void closing_inside_a_record_sends_no_close_notify(void **state)
{
    struct client client = {.max_version = TLS1_3_VERSION};
    struct spot spot;
    static unsigned char noise[16 * 1024];
    static char text[1024 * 1024];
    size_t len;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer_small_buffers(ends[0]);
    spot_open_on(&spot, ends[0], ends[1]);
    client_shake(&spot, tls, &client);
    while (pf_conn_write(spot.conn, pf_bytes_from(noise, sizeof noise), &len, NULL) == PF_IO_DONE)
        ;
    close_now(&spot, false);
    assert_int_not_equal(end_of(&spot, &client, text, sizeof text), SSL_ERROR_ZERO_RETURN);
    client_done(&client);
    spot_done(&spot);
}

/* Answering a key update in the middle of a record would be a fault in OpenSSL. */
static void a_key_update_waits_for_the_record_that_is_half_sent(void **state)
{
    struct client client = {.max_version = TLS1_3_VERSION};
    struct spot spot;
    static unsigned char noise[40000], text[64 * 1024];
    size_t len;
    enum pf_io result;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer_small_buffers(ends[0]);
    spot_open_on(&spot, ends[0], ends[1]);
    client_shake(&spot, tls, &client);
    while (pf_conn_write(spot.conn, pf_bytes_from(noise, sizeof noise), &len, NULL) == PF_IO_DONE)
        ;
    assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(client.ssl, "NOOP\r\n", 6), 6);
    pf_conn_want(spot.conn, PF_CONN_READ);
    spot.wakes = 0;
    for (int i = 0; i < 10; i++)
        peer_turn(&spot);
    assert_int_equal(spot.wakes, 0);
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_WAIT);
    do {
        client_read(&client, text, sizeof text);
        result = pf_conn_write(spot.conn, pf_bytes_from(noise, sizeof noise), &len, NULL);
    } while (result == PF_IO_WAIT);
    assert_int_equal(result, PF_IO_DONE);
    do {
        client_read(&client, text, sizeof text);
        peer_turn(&spot);
        result = pf_conn_read(spot.conn, text, sizeof text, &len, NULL);
    } while (result == PF_IO_WAIT);
    assert_int_equal(result, PF_IO_DONE);
    assert_memory_equal(text, "NOOP\r\n", 6);
    client_done(&client);
    spot_done(&spot);
}

static void both_kinds_of_end_are_an_end(void **state)
{
    struct spot spot;
    struct client client;
    unsigned char text[8];
    size_t len;
    enum pf_io result;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        shaken(&spot, &client, versions[i % 2]);
        if (i < 2)
            SSL_shutdown(client.ssl); /* close_notify alone: the socket stays open */
        else
            shutdown(spot.client, SHUT_WR); /* a bare FIN */
        pf_conn_want(spot.conn, PF_CONN_READ);
        do {
            peer_until(&spot, PF_CONN_READ);
            result = pf_conn_read(spot.conn, text, sizeof text, &len, NULL);
        } while (result == PF_IO_WAIT);
        assert_int_equal(result, PF_IO_EOF);
        peer_until(&spot, PF_CONN_READ);
        assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, NULL), PF_IO_EOF);
        client_done(&client);
        spot_done(&spot);
    }
}

static void damaged_records_are_a_failure(void **state)
{
    struct spot spot;
    struct client client;
    struct pf_err err = {.code = PF_OK};
    unsigned char text[8];
    size_t len;
    enum pf_io result;

    (void)state;
    shaken(&spot, &client, TLS1_3_VERSION);
    assert_int_equal(send(spot.client, "\x17\x03\x03\0\x20garbage garbage garbage garbage!", 37, 0), 37);
    pf_conn_want(spot.conn, PF_CONN_READ);
    do {
        peer_until(&spot, PF_CONN_READ);
        result = pf_conn_read(spot.conn, text, sizeof text, &len, &err);
    } while (result == PF_IO_WAIT);
    assert_int_equal(result, PF_IO_FAILED);
    assert_non_null(strstr(err.log, "reading TLS"));
    assert_int_equal(pf_conn_read(spot.conn, text, sizeof text, &len, &err), PF_IO_FAILED);
    client_done(&client);
    spot_done(&spot);
}

/* A reload: the connection goes on with the generation it began with. */
static void a_live_session_outlives_its_settings(void **state)
{
    struct pf_tls *mine = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    struct client client = {.max_version = TLS1_3_VERSION};
    struct spot spot;
    char text[16];
    size_t len;

    (void)state;
    spot_open(&spot);
    client_shake(&spot, mine, &client);
    pf_tls_free(mine);
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("+OK\r\n"), &len, NULL), PF_IO_DONE);
    close_now(&spot, false);
    assert_int_equal(end_of(&spot, &client, text, sizeof text), SSL_ERROR_ZERO_RETURN);
    assert_string_equal(text, "+OK\r\n");
    client_done(&client);
    spot_done(&spot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_030_info_tells_version_and_cipher),
        T(tls_003_tls_starts_after_plain_text),
        T(octets_that_are_no_tls_end_the_handshake),
        T(a_peer_that_leaves_ends_the_handshake),
        T(closing_during_the_handshake_is_safe),
        T(decrypted_octets_wake_although_the_socket_is_silent),
        T(big_streams_pass_both_ways_in_tls),
        T(tls_027_close_sends_close_notify_after_the_last_answer),
        T(an_abrupt_close_promises_nothing),
        T(closing_inside_a_record_sends_no_close_notify),
        T(a_key_update_waits_for_the_record_that_is_half_sent),
        T(both_kinds_of_end_are_an_end),
        T(damaged_records_are_a_failure),
        T(a_live_session_outlives_its_settings),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
