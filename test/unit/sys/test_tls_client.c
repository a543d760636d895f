/* Our connection as the client of an OpenSSL server: whom it trusts, what it says of whom it does not,
 * what it shows. */
#include "unit/sys/peer.h"

#include "sys/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

static char ca[600], unused[600];

struct server {
    const char *cert;
    int max_version;
    bool asks; /* for a certificate */
    bool numeric;

    SSL_CTX *ctx;
    SSL *ssl;
    char sni[64], alpn[8], shown[64];
};

static int set_up(void **state)
{
    (void)state;
    cert_make(&(struct cert){.file = "ca", .from = -60, .until = 3600, .ca = true});
    cert_make(&(struct cert){.file = "good",
                             .names = "DNS:pop.test,IP:127.0.0.1",
                             .from = -60,
                             .until = 3600,
                             .signer = "ca"});
    cert_make(&(struct cert){
        .file = "wild", .names = "DNS:*.pop.test", .from = -60, .until = 3600, .signer = "ca"});
    cert_make(&(struct cert){.file = "pop.test", .from = -60, .until = 3600, .signer = "ca"});
    cert_make(&(struct cert){.file = "self", .names = "DNS:else.test", .from = -60, .until = 3600});
    snprintf(ca, sizeof ca, "%s", cert_path("ca.pem"));
    snprintf(unused, sizeof unused, "%s", cert_path("none.pem"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cert_dir_remove();
    return 0;
}

static int take_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *self)
{
    struct server *s = self;

    (void)ssl;
    assert_true(in_len > 1 && in_len < sizeof s->alpn);
    memcpy(s->alpn, in + 1, in_len - 1);
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int anybody(int good, X509_STORE_CTX *store)
{
    (void)good, (void)store;
    return 1;
}

static void server_open(struct server *s, int fd)
{
    char pem[64], key[64];

    snprintf(pem, sizeof pem, "%s.pem", s->cert);
    snprintf(key, sizeof key, "%s.key", s->cert);
    s->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(s->ctx, 0);
    SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(s->ctx, s->max_version);
    SSL_CTX_set_alpn_select_cb(s->ctx, take_alpn, s);
    if (s->asks)
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, anybody);
    assert_int_equal(SSL_CTX_use_certificate_file(s->ctx, cert_path(pem), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(s->ctx, cert_path(key), SSL_FILETYPE_PEM), 1);
    s->ssl = SSL_new(s->ctx);
    SSL_set_fd(s->ssl, fd);
    SSL_set_accept_state(s->ssl);
}

static void server_close(struct server *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
    ERR_clear_error();
}

static void note(struct server *s)
{
    const char *name = SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
    X509 *shown = SSL_get1_peer_certificate(s->ssl);

    snprintf(s->sni, sizeof s->sni, "%s", name ? name : "");
    if (shown)
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, s->shown,
                                  sizeof s->shown);
    X509_free(shown);
}

/* A handshake; the spot stays open when it is asked for. */
static struct pf_tls_client *meet(struct spot *spot, struct server *s,
                                  const struct pf_tls_client_settings *set, struct pf_err *out_err)
{
    struct pf_tls_client *c = pf_tls_client_new(set, out_err);

    assert_non_null(c);
    spot_open(spot);
    server_open(s, spot->client);
    assert_int_equal(pf_conn_start_tls_client(spot->conn, c, out_err), PF_OK);
    while (!spot->tls_ends) {
        SSL_do_handshake(s->ssl);
        ERR_clear_error();
        peer_turn(spot);
    }
    while (pf_conn_info(spot->conn)->tls && SSL_do_handshake(s->ssl) != 1)
        peer_turn(spot);
    pf_tls_client_result(c, spot->conn, out_err);
    note(s);
    return c;
}

static void expect(const char *cert, const struct pf_tls_client_settings *set, const char *checked,
                   const char *word)
{
    struct pf_err err = {.code = PF_OK};
    struct server s = {.cert = cert};
    struct spot spot;
    struct pf_tls_client *c = meet(&spot, &s, set, &err);

    if (word && !strstr(err.log, word))
        fail_msg("\"%s\" is not in: %s", word, err.log);
    if (!word && err.code != PF_OK)
        fail_msg("%s", err.log);
    assert_int_equal(err.code, word ? PF_NEED_TLS : PF_OK);
    assert_string_equal(pf_tls_client_checked(c), checked);
    assert_memory_equal(pf_tls_client_chain(c).at, "-----BEGIN CERTIFICATE-----", 27);
    assert_int_equal(strlen(pf_tls_client_pin(c)), 44);
    server_close(&s);
    spot_done(&spot);
    pf_tls_client_free(c);
}

static void tls_037_names_are_compared_as_rfc_6125_says(void **state)
{
    (void)state;
    expect("good", &(struct pf_tls_client_settings){.name = "pop.test", .ca = ca}, "ca", NULL);
    expect("good", &(struct pf_tls_client_settings){.name = "POP.Test.", .ca = ca}, "ca", NULL);
    expect("good", &(struct pf_tls_client_settings){.name = "127.0.0.1", .ca = ca}, "ca", NULL);
    expect("good", &(struct pf_tls_client_settings){.name = "127.0.0.2", .ca = ca}, "",
           "not for 127.0.0.2");
    expect("good", &(struct pf_tls_client_settings){.name = "a.pop.test", .ca = ca}, "",
           "but for pop.test");
    expect("wild", &(struct pf_tls_client_settings){.name = "a.pop.test", .ca = ca}, "ca", NULL);
    expect("wild", &(struct pf_tls_client_settings){.name = "pop.test", .ca = ca}, "",
           "but for *.pop.test");
    expect("wild", &(struct pf_tls_client_settings){.name = "a.b.pop.test", .ca = ca}, "", "but for");
    expect("pop.test", &(struct pf_tls_client_settings){.name = "pop.test", .ca = ca}, "ca",
           NULL); /* its CN */
}

static void tls_031_name_and_protocol_are_said(void **state)
{
    struct pf_err err = {.code = PF_OK};

    (void)state;
    for (int numeric = 0; numeric < 2; numeric++) {
        struct pf_tls_client_settings set = {.name = numeric ? "127.0.0.1" : "pop.test", .ca = ca};
        struct server s = {.cert = "good"};
        struct spot spot;
        struct pf_tls_client *c = meet(&spot, &s, &set, &err);

        assert_int_equal(err.code, PF_OK);
        assert_string_equal(s.sni, numeric ? "" : "pop.test");
        assert_string_equal(s.alpn, "pop3");
        assert_string_equal(s.shown, "");
        server_close(&s);
        spot_done(&spot);
        pf_tls_client_free(c);
    }
}

static void tls_026_a_certificate_is_shown_where_one_is_given(void **state)
{
    char own[600], key[600];

    (void)state;
    snprintf(own, sizeof own, "%s", cert_path("self.pem"));
    snprintf(key, sizeof key, "%s", cert_path("self.key"));
    for (int given = 0; given < 2; given++) {
        struct pf_tls_client_settings set = {
            .name = "pop.test", .ca = ca, .certificate = given ? own : NULL, .key = given ? key : NULL};
        struct pf_err err = {.code = PF_OK};
        struct server s = {.cert = "good", .asks = true};
        struct spot spot;
        struct pf_tls_client *c = meet(&spot, &s, &set, &err);

        assert_int_equal(err.code, PF_OK);
        assert_string_equal(s.shown, given ? "self" : "");
        server_close(&s);
        spot_done(&spot);
        pf_tls_client_free(c);
    }
}

static void tls_018_old_tls_is_refused(void **state)
{
    struct pf_tls_client_settings set = {.name = "pop.test", .ca = ca};
    struct pf_err err = {.code = PF_OK};
    struct server s = {.cert = "good", .max_version = TLS1_1_VERSION};
    struct spot spot;
    struct pf_tls_client *c = meet(&spot, &s, &set, &err);

    (void)state;
    assert_int_equal(err.code, PF_NEED_TLS);
    assert_non_null(strstr(err.log, "no TLS 1.2"));
    server_close(&s);
    spot_done(&spot);
    pf_tls_client_free(c);
}

/* RFC 9266 section 2, RFC 5929 section 3.1: both ends have the same octets. */
static void channel_binding_is_that_of_the_server(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pf_tls_client_settings set = {.name = "pop.test", .ca = ca};
        struct pf_err err = {.code = PF_OK};
        struct server s = {.cert = "good", .max_version = versions[i]};
        struct spot spot;
        struct pf_tls_client *c = meet(&spot, &s, &set, &err);
        unsigned char mine[64], theirs[64];
        size_t len;

        assert_int_equal(err.code, PF_OK);
        assert_int_equal(pf_conn_binding(spot.conn, PF_BINDING_EXPORTER, mine, sizeof mine), 32);
        assert_int_equal(SSL_export_keying_material(s.ssl, theirs, 32, "EXPORTER-Channel-Binding", 24,
                                                    (const unsigned char *)"", 0, 1),
                         1);
        assert_memory_equal(mine, theirs, 32);
        len = pf_conn_binding(spot.conn, PF_BINDING_UNIQUE, mine, sizeof mine);
        assert_int_equal(len, versions[i] == TLS1_2_VERSION ? 12 : 0);
        if (len) {
            assert_int_equal(SSL_get_peer_finished(s.ssl, theirs, sizeof theirs), len);
            assert_memory_equal(mine, theirs, len);
        }
        server_close(&s);
        spot_done(&spot);
        pf_tls_client_free(c);
    }
}

static void digest_of(const char *name, unsigned char out[32])
{
    FILE *in = fopen(cert_path(name), "re");
    X509 *x509 = PEM_read_X509(in, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);

    fclose(in);
    assert_int_equal(EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    X509_free(x509);
}

static void pins_in_each_form(void **state)
{
    unsigned char digest[32];
    char base64[64], hex[65], colons[97];

    (void)state;
    digest_of("self.pem", digest);
    EVP_EncodeBlock((unsigned char *)base64, digest, 32);
    for (size_t i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        snprintf(colons + 3 * i, 4, "%02X:", digest[i]);
    }
    colons[95] = 0;
    expect("self", &(struct pf_tls_client_settings){.name = "pop.test", .pins = base64}, "pin", NULL);
    expect("self", &(struct pf_tls_client_settings){.name = "pop.test", .pins = hex}, "pin", NULL);
    expect("self", &(struct pf_tls_client_settings){.name = "pop.test", .pins = colons}, "pin", NULL);
    hex[3] = hex[3] == '0' ? '1' : '0';
    expect("self", &(struct pf_tls_client_settings){.name = "else.test", .pins = hex}, "",
           "not one of those that are pinned");
    expect("self", &(struct pf_tls_client_settings){.name = "pop.test", .unchecked = true, .pins = hex},
           "unchecked", NULL);
}

static void tls_044_records_decide_in_place_of_cas(void **state)
{
    unsigned char digest[32];
    struct pf_tls_tlsa tlsa[] = {{3, 1, 1, {digest, 32}}};
    struct pf_tls_client_settings set = {.name = "pop.test", .ca = ca, .tlsa = tlsa, .tlsa_count = 1};

    (void)state;
    digest_of("self.pem", digest);
    expect("self", &set, "dane", NULL); /* neither name nor CA: RFC 7671 section 5.1 */
    expect("good", &set, "", "TLSA records");
    tlsa[0].matching = 77; /* nobody knows it: CAs decide (RFC 7671 section 4) */
    expect("good", &set, "ca", NULL);
    expect("self", &set, "", "nobody known here vouches");
}

static void what_cannot_be_is_told_before_anything_is_said(void **state)
{
    static char ours[600];
    const struct {
        struct pf_tls_client_settings set;
        const char *word;
    } bad[] = {
        {{.name = ""}, "cannot be a server's name"},
        {{.name = "a.test", .ca = unused}, "cannot be read"},
        {{.name = "a.test", .ca = ours}, "holds no certificates"},
        {{.name = "a.test", .pins = " "}, "none is there"},
        {{.name = "a.test", .pins = "0123"}, "\"0123\" is no pin"},
        {{.name = "a.test", .pins = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}, "is no pin"},
        {{.name = "a.test", .pins = "****************************************** =="}, "is no pin"},
        {{.name = "a.test", .certificate = ca}, "needs its key"},
        {{.name = "a.test", .certificate = unused, .key = unused}, "none.pem"}};

    (void)state;
    snprintf(ours, sizeof ours, "%s", cert_path("self.key"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pf_err err = {.code = PF_OK};

        assert_null(pf_tls_client_new(&bad[i].set, &err));
        if (!strstr(err.log, bad[i].word))
            fail_msg("\"%s\" is not in: %s", bad[i].word, err.log);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_037_names_are_compared_as_rfc_6125_says),
        T(tls_031_name_and_protocol_are_said),
        T(tls_026_a_certificate_is_shown_where_one_is_given),
        T(tls_018_old_tls_is_refused),
        T(channel_binding_is_that_of_the_server),
        T(pins_in_each_form),
        T(tls_044_records_decide_in_place_of_cas),
        T(what_cannot_be_is_told_before_anything_is_said),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
