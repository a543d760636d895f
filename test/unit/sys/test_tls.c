#include "unit/sys/peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 86400 };

static struct pf_tls_tickets *tickets;

static int set_up(void **state)
{
    const struct cert all[] = {
        {.file = "first", .names = "DNS:mail.example.org,DNS:pop.example.org", .from = -DAY, .until = 90 * DAY + 60},
        {.file = "second", .names = "DNS:*.example.net,DNS:Shop.Example.COM,DNS:mail.example.org",
         .from = -DAY, .until = DAY},
        {.file = "odd", .names = "DNS:f*o.example.org,DNS:*.*.example.org,IP:127.0.0.1", .from = -DAY, .until = DAY},
        {.file = "bare", .from = -DAY, .until = DAY - 60},
        {.file = "old", .names = "DNS:old.example.org", .from = -20 * DAY, .until = -10 * DAY},
        {.file = "young", .names = "DNS:young.example.org", .from = 10 * DAY, .until = 20 * DAY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cert_make(&all[i]);
    tickets = pf_tls_tickets_new(3600, NULL);
    return tickets ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pf_tls_tickets_free(tickets);
    cert_dir_remove();
    return 0;
}

/* What a handshake by SNI `asked` shows: the common name of the certificate. */
static void expect_certificate(struct pf_tls *tls, int version, const char *asked, const char *subject)
{
    struct spot spot;
    struct client client = {.max_version = version, .sni = asked};

    spot_open(&spot);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    assert_int_equal(pf_conn_tls_result(spot.conn, NULL), PF_OK);
    assert_string_equal(client.subject, subject);
    assert_string_equal(pf_conn_info(spot.conn)->sni, asked ? asked : "");
    client_done(&client);
    spot_done(&spot);
}

static void tls_031_the_name_chooses_the_certificate(void **state)
{
    static const struct {
        const char *asked, *subject;
    } table[] = {
        {"mail.example.org", "first"},   /* both have it: the first wins */
        {"POP.Example.Org", "first"},    {"x.example.net", "second"}, {"shop.example.com", "second"},
        {"example.net", "first"},        /* a wildcard is one label: not none, */
        {"x.y.example.net", "first"},    /* and not two */
        {"other.example.info", "first"}, {NULL, "first"},
    };
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", "second");

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        expect_certificate(tls, TLS1_3_VERSION, table[i].asked, table[i].subject);
        expect_certificate(tls, TLS1_2_VERSION, table[i].asked, table[i].subject);
    }
    pf_tls_free(tls);
}

static void tls_031_odd_wildcards_and_missing_names_match_nothing(void **state)
{
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "bare", "odd");

    (void)state;
    expect_certificate(tls, 0, "foo.example.org", "bare");
    expect_certificate(tls, 0, "f*o.example.org", "bare");
    expect_certificate(tls, 0, "a.b.example.org", "bare");
    pf_tls_free(tls);
    tls = tls_with(tickets, PF_TLS_1_2, "bare", NULL); /* no names at all */
    expect_certificate(tls, 0, "foo.example.org", "bare");
    pf_tls_free(tls);
}

static void shake_once(struct client *client, enum pf_tls_min minimum, struct pf_err *err)
{
    struct pf_tls *tls = tls_with(tickets, minimum, "first", NULL);
    struct spot spot;

    spot_open(&spot);
    client_shake(&spot, tls, client);
    assert_int_equal(pf_conn_tls_result(spot.conn, err) == PF_OK, client->done && !client->failed);
    spot_done(&spot);
    pf_tls_free(tls);
}

static void tls_018_versions_below_1_2_are_refused(void **state)
{
    struct client eleven = {.max_version = TLS1_1_VERSION}, twelve = {.max_version = TLS1_2_VERSION},
                  strict = {.max_version = TLS1_2_VERSION}, thirteen = {.max_version = TLS1_3_VERSION};
    struct pf_err err = {.code = PF_OK};

    (void)state;
    shake_once(&eleven, PF_TLS_1_2, &err);
    assert_true(eleven.failed);
    assert_int_equal(ERR_GET_REASON(eleven.why), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    assert_non_null(strstr(err.log, "unsupported protocol"));
    client_done(&eleven);
    shake_once(&twelve, PF_TLS_1_2, &err);
    assert_true(twelve.done);
    assert_string_equal(SSL_get_version(twelve.ssl), "TLSv1.2");
    assert_non_null(strstr(SSL_get_cipher_name(twelve.ssl), "ECDHE")); /* RFC 9325: forward secrecy */
    client_done(&twelve);
    shake_once(&strict, PF_TLS_1_3, &err);
    assert_true(strict.failed);
    client_done(&strict);
    shake_once(&thirteen, PF_TLS_1_3, &err);
    assert_true(thirteen.done);
    client_done(&thirteen);
}

static void tls_018_old_versions_where_a_profile_asks_for_them(void **state)
{
    struct client ten = {.max_version = TLS1_VERSION}, eleven = {.max_version = TLS1_1_VERSION},
                  too_old = {.max_version = TLS1_VERSION}, new = {.max_version = 0};

    (void)state;
    shake_once(&ten, PF_TLS_1_0, NULL);
    assert_true(ten.done);
    assert_string_equal(SSL_get_version(ten.ssl), "TLSv1");
    shake_once(&eleven, PF_TLS_1_1, NULL);
    assert_true(eleven.done);
    assert_string_equal(SSL_get_version(eleven.ssl), "TLSv1.1");
    shake_once(&too_old, PF_TLS_1_1, NULL);
    assert_true(too_old.failed);
    shake_once(&new, PF_TLS_1_0, NULL); /* who can do better does */
    assert_string_equal(SSL_get_version(new.ssl), "TLSv1.3");
    client_done(&ten);
    client_done(&eleven);
    client_done(&too_old);
    client_done(&new);
}

static void a_profile_counts_at_its_listener(void **state)
{
    struct pf_tls *all = tls_with(tickets, PF_TLS_1_2, "first", NULL),
                  *two = tls_with(tickets, PF_TLS_1_3, "old", NULL),
                  *five = tls_with(tickets, PF_TLS_1_0, "first", NULL);
    char text[512];

    (void)state;
    assert_null(pf_tls_at(NULL, 0));
    assert_true(pf_tls_attach(all, 2, two) && pf_tls_attach(all, 5, five));
    assert_ptr_equal(pf_tls_at(all, 0), all);
    assert_ptr_equal(pf_tls_at(all, 2), two);
    assert_ptr_equal(pf_tls_at(all, 5), five);
    assert_true(pf_tls_describe(all, 1, text, sizeof text)); /* of those with another certificate */
    assert_non_null(strstr(text, "EXPIRED"));
    assert_false(pf_tls_describe(all, 2, text, sizeof text));
    pf_tls_free(all); /* and those attached */
}

static void port_010_alpn_knows_pop3_and_refuses_foreigners(void **state)
{
    struct client ours = {.alpn = "\4pop3"}, mixed = {.alpn = "\4imap\4pop3"}, none = {.alpn = NULL},
                  foreign = {.alpn = "\10http/1.1\2h2"}, near = {.alpn = "\5pop3s\3pop"};
    struct pf_err err = {.code = PF_OK};

    (void)state;
    shake_once(&ours, PF_TLS_1_2, NULL);
    assert_true(ours.done && ours.selected_len == 4);
    assert_memory_equal(ours.selected, "pop3", 4);
    shake_once(&mixed, PF_TLS_1_2, NULL);
    assert_true(mixed.done && mixed.selected_len == 4);
    shake_once(&none, PF_TLS_1_2, NULL);
    assert_true(none.done && none.selected_len == 0);
    shake_once(&foreign, PF_TLS_1_2, &err);
    assert_true(foreign.failed);
    assert_int_equal(ERR_GET_REASON(foreign.why), SSL_AD_REASON_OFFSET + TLS1_AD_NO_APPLICATION_PROTOCOL);
    assert_non_null(strstr(err.log, "application protocol"));
    shake_once(&near, PF_TLS_1_2, NULL);
    assert_true(near.failed);
    client_done(&ours);
    client_done(&mixed);
    client_done(&none);
    client_done(&foreign);
    client_done(&near);
}

static void tls_024_no_client_certificate_is_asked_for(void **state)
{
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);

    (void)state;
    assert_int_equal(SSL_CTX_get_verify_mode(pf_tls_context(tls)), SSL_VERIFY_NONE);
    pf_tls_free(tls);
}

static void expect_refusal(const char *certificate, const char *key, const char *file, const char *cause)
{
    struct pf_tls_pair pair = {cert_path(certificate), cert_path(key)};
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1};
    struct pf_err err = {.code = PF_OK};

    assert_null(pf_tls_new(&settings, tickets, &err));
    assert_int_equal(err.code, PF_CONFIG);
    if (!strstr(err.log, cause) || !strstr(err.log, cert_path(file)))
        fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", err.log, cause, file);
    assert_int_equal(ERR_peek_error(), 0);
}

static void write_encrypted_key(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(cert_path(name), "we");

    assert_int_equal(
        PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL), 1);
    fclose(file);
    EVP_PKEY_free(key);
}

static void loading_errors_name_file_and_cause(void **state)
{
    (void)state;
    cert_write("empty.pem", "");
    cert_write("words.pem", "this is no certificate\n");
    cert_write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    cert_write("half.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    write_encrypted_key("locked.key");
    expect_refusal("none.pem", "first.key", "none.pem", "No such file");
    expect_refusal("first.pem", "none.key", "none.key", "No such file");
    expect_refusal(".", "first.key", ".", "not a regular file");
    expect_refusal("empty.pem", "first.key", "empty.pem", "empty");
    expect_refusal("words.pem", "first.key", "words.pem", "holds no PEM certificate");
    expect_refusal("first.key", "first.key", "first.key", "holds no PEM certificate");
    expect_refusal("damaged.pem", "first.key", "damaged.pem", "damaged");
    expect_refusal("half.pem", "first.key", "half.pem", "damaged");
    expect_refusal("first.pem", "words.pem", "words.pem", "holds no PEM private key");
    expect_refusal("first.pem", "first.pem", "first.pem", "holds no PEM private key");
    expect_refusal("first.pem", "locked.key", "locked.key", "passphrase");
    expect_refusal("first.pem", "second.key", "second.key", "does not belong");
    expect_refusal("first.pem", "second.key", "first.pem", "does not belong");
}

static void an_unreadable_file_is_told(void **state)
{
    (void)state;
    if (geteuid() == 0) /* root can read everything; the way the message takes is the same */
        return;
    cert_write("shut.key", "x");
    assert_int_equal(chmod(cert_path("shut.key"), 0), 0);
    expect_refusal("first.pem", "shut.key", "shut.key", "Permission denied");
}

static void append(const char *to, const char *from)
{
    char text[8192];
    FILE *in = fopen(cert_path(from), "re"), *out = fopen(cert_path(to), "ae");
    size_t len = fread(text, 1, sizeof text, in);

    assert_true(len > 0 && fwrite(text, 1, len, out) == len);
    fclose(in);
    fclose(out);
}

static void the_chain_is_sent_and_a_damaged_one_refused(void **state)
{
    struct pf_tls_pair pair;
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1};
    struct pf_tls *tls;
    STACK_OF(X509) *chain = NULL;

    (void)state;
    append("chain.pem", "first.pem");
    append("chain.pem", "second.pem");
    pair = (struct pf_tls_pair){cert_path("chain.pem"), cert_path("first.key")};
    tls = pf_tls_new(&settings, tickets, NULL);
    assert_non_null(tls);
    SSL_CTX_get0_chain_certs(pf_tls_context(tls), &chain);
    assert_int_equal(sk_X509_num(chain), 1);
    pf_tls_free(tls);
    cert_write("tail.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    append("chain.pem", "tail.pem");
    expect_refusal("chain.pem", "first.key", "chain.pem", "chain");
}

static void a_bad_cipher_list_is_told(void **state)
{
    struct pf_tls_pair pair = {cert_path("first.pem"), cert_path("first.key")};
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1, .ciphers = "NO-SUCH-CIPHER"};
    struct pf_err err = {.code = PF_OK};

    (void)state;
    assert_null(pf_tls_new(&settings, tickets, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_non_null(strstr(err.log, "NO-SUCH-CIPHER"));
}

static void describe(const char *name, const char *first, const char *second)
{
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, name, NULL);
    char text[512];

    assert_true(pf_tls_describe(tls, 0, text, sizeof text));
    if (!strstr(text, first) || !strstr(text, second))
        fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", text, first, second);
    assert_false(pf_tls_describe(tls, 1, text, sizeof text));
    pf_tls_free(tls);
}

static void describe_tells_names_issuer_and_days(void **state)
{
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    char text[10];

    (void)state;
    describe("first", "mail.example.org, pop.example.org", "90 days left");
    describe("first", "issued by CN=first", "valid until 2");
    describe("bare", "no DNS names", "0 days left"); /* it ends within the day */
    describe("old", "old.example.org", "EXPIRED 2"); /* loaded all the same */
    describe("young", "young.example.org", "NOT VALID before 2");
    memset(text, 'x', sizeof text);
    assert_true(pf_tls_describe(tls, 0, text, sizeof text)); /* cut, and terminated */
    assert_int_equal(strlen(text), sizeof text - 1);
    pf_tls_free(tls);
}

/* Where the kernel has no TLS, nobody notices. */
static void kernel_tls_falls_back_in_silence(void **state)
{
    struct pf_tls_pair pair = {cert_path("first.pem"), cert_path("first.key")};
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1, .ktls = true};
    struct pf_tls *tls = pf_tls_new(&settings, tickets, NULL);

    (void)state;
    assert_non_null(tls);
    assert_true(SSL_CTX_get_options(pf_tls_context(tls)) & SSL_OP_ENABLE_KTLS);
    expect_certificate(tls, TLS1_3_VERSION, NULL, "first");
    expect_certificate(tls, TLS1_2_VERSION, NULL, "first");
    pf_tls_free(tls);
}

static void random_octets_differ(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0};

    (void)state;
    assert_int_equal(pf_random(a, sizeof a, NULL), PF_OK);
    assert_int_equal(pf_random(b, sizeof b, NULL), PF_OK);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_031_the_name_chooses_the_certificate),
        T(tls_031_odd_wildcards_and_missing_names_match_nothing),
        T(tls_018_versions_below_1_2_are_refused),
        T(tls_018_old_versions_where_a_profile_asks_for_them),
        T(a_profile_counts_at_its_listener),
        T(port_010_alpn_knows_pop3_and_refuses_foreigners),
        T(tls_024_no_client_certificate_is_asked_for),
        T(loading_errors_name_file_and_cause),
        T(an_unreadable_file_is_told),
        T(the_chain_is_sent_and_a_damaged_one_refused),
        T(a_bad_cipher_list_is_told),
        T(describe_tells_names_issuer_and_days),
        T(kernel_tls_falls_back_in_silence),
        T(random_octets_differ),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
