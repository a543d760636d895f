/* Channel binding: client and server must get the same octets, and nobody else those of another
 * connection. The client's are asked of OpenSSL in its own words. */
#include "unit/sys/peer.h"

#include <openssl/ssl.h>

enum { CAP = 64 };

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

struct both {
    unsigned char exported[CAP], unique[CAP];
    size_t exported_len, unique_len;
};

/* RFC 9266 section 2, and RFC 5929 section 3.1 as a client sees it. */
static void expect_exported(const struct both *b, SSL *ssl)
{
    unsigned char own[32];

    assert_int_equal(b->exported_len, sizeof own);
    assert_int_equal(SSL_export_keying_material(ssl, own, sizeof own, "EXPORTER-Channel-Binding", 24,
                                                (const unsigned char *)"", 0, 1),
                     1);
    assert_memory_equal(b->exported, own, sizeof own);
}

static void expect_unique(const struct both *b, SSL *ssl)
{
    unsigned char own[CAP];
    size_t len = SSL_session_reused(ssl) ? SSL_get_peer_finished(ssl, own, sizeof own)
                                         : SSL_get_finished(ssl, own, sizeof own);

    assert_int_equal(len, 12); /* RFC 5246 section 7.4.9 */
    assert_int_equal(b->unique_len, len);
    assert_memory_equal(b->unique, own, len);
}

enum { WANT_EXPORTED = 1, WANT_UNIQUE = 2 };

/* One connection; gives the client's session, if `out_session`. */
static struct both bind_once(int version, uint64_t no_extended, SSL_SESSION *resume, SSL_SESSION **out_session,
                             unsigned want)
{
    struct client client = {.max_version = version, .session = resume, .options = no_extended};
    struct both b = {.exported_len = 0};
    struct spot spot;
    char octet;

    spot_open(&spot);
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_EXPORTER, b.exported, CAP), 0); /* plain text */
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_UNIQUE, b.unique, CAP), 0);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    for (int i = 0; i < 3; i++) /* takes the tickets of TLS 1.3 */
        assert_true(client_read(&client, &octet, 1) <= 0);
    assert_int_equal(SSL_session_reused(client.ssl), resume != NULL);
    b.exported_len = pf_conn_binding(spot.conn, PF_BINDING_EXPORTER, b.exported, CAP);
    b.unique_len = pf_conn_binding(spot.conn, PF_BINDING_UNIQUE, b.unique, CAP);
    if (want & WANT_EXPORTED)
        expect_exported(&b, client.ssl);
    else
        assert_int_equal(b.exported_len, 0);
    if (want & WANT_UNIQUE)
        expect_unique(&b, client.ssl);
    else
        assert_int_equal(b.unique_len, 0);
    if (out_session)
        *out_session = client.given ? client.given : SSL_get1_session(client.ssl);
    client.given = out_session ? NULL : client.given;
    SSL_shutdown(client.ssl);
    client_done(&client);
    spot_done(&spot);
    return b;
}

static void tls_1_3_binds_by_exporter_only(void **state)
{
    SSL_SESSION *session;
    struct both one, two, three;

    (void)state;
    one = bind_once(TLS1_3_VERSION, 0, NULL, &session, WANT_EXPORTED);
    two = bind_once(TLS1_3_VERSION, 0, NULL, NULL, WANT_EXPORTED);
    three = bind_once(TLS1_3_VERSION, 0, session, NULL, WANT_EXPORTED); /* a connection of its own, too */
    assert_memory_not_equal(one.exported, two.exported, 32);
    assert_memory_not_equal(one.exported, three.exported, 32);
    SSL_SESSION_free(session);
}

static void tls_1_2_binds_both_ways(void **state)
{
    SSL_SESSION *session;
    struct both one, two;

    (void)state;
    one = bind_once(TLS1_2_VERSION, 0, NULL, &session, WANT_EXPORTED | WANT_UNIQUE);
    two = bind_once(TLS1_2_VERSION, 0, session, NULL, WANT_EXPORTED | WANT_UNIQUE);
    assert_memory_not_equal(one.exported, two.exported, 32);
    assert_memory_not_equal(one.unique, two.unique, 12);
    SSL_SESSION_free(session);
}

/* RFC 7627: then a session may be the same with two peers, and what comes of it, too. */
static void tls_1_2_without_extended_master_secret_binds_a_full_handshake_only(void **state)
{
    SSL_SESSION *session;

    (void)state;
    bind_once(TLS1_2_VERSION, SSL_OP_NO_EXTENDED_MASTER_SECRET, NULL, &session, WANT_UNIQUE);
    bind_once(TLS1_2_VERSION, SSL_OP_NO_EXTENDED_MASTER_SECRET, session, NULL, 0);
    SSL_SESSION_free(session);
}

static void what_does_not_fit_is_not_given(void **state)
{
    struct client client = {.max_version = TLS1_2_VERSION};
    unsigned char text[CAP];
    struct spot spot;

    (void)state;
    memset(text, 'x', sizeof text);
    spot_open(&spot);
    client_shake(&spot, tls, &client);
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_EXPORTER, text, 31), 0);
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_UNIQUE, text, 11), 0);
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(text[i], 'x');
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_EXPORTER, text, 32), 32);
    assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_UNIQUE, text, 12), 12);
    client_done(&client);
    spot_done(&spot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_1_3_binds_by_exporter_only),
        T(tls_1_2_binds_both_ways),
        T(tls_1_2_without_extended_master_secret_binds_a_full_handshake_only),
        T(what_does_not_fit_is_not_given),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
