/* Certificates of clients: who is let in, under which name, and what a resumed session proves. */
#include "sys/tls_private.h"
#include "unit/sys/peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>

enum { DAY = 86400 };

static struct pf_tls_tickets *tickets;
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static time_t later; /* seconds that our own clock is ahead */

time_t __real_time(time_t *);
time_t __wrap_time(time_t *out_now);

time_t __wrap_time(time_t *out_now)
{
    time_t now = __real_time(NULL) + later;

    if (out_now)
        *out_now = now;
    return now;
}

static void make_all(void)
{
    const struct cert all[] = {
        {.file = "server", .names = "DNS:mail.example.org", .from = -DAY, .until = DAY},
        {.file = "ca", .from = -DAY, .until = 30 * DAY + 60, .ca = true},
        {.file = "middle", .from = -DAY, .until = DAY, .signer = "ca", .ca = true},
        {.file = "foreign", .from = -DAY, .until = DAY, .ca = true},
        {.file = "anna", .names = "DNS:x.example,email:anna@example.org,email:b@example.org", .from = -DAY,
         .until = DAY, .signer = "ca", .usage = "clientAuth"},
        {.file = "plain", .names = "email:plain@example.org", .from = -DAY, .until = DAY, .signer = "ca"},
        {.file = "below", .names = "email:below@example.org", .from = -DAY, .until = DAY, .signer = "middle"},
        {.file = "nameless", .from = -DAY, .until = DAY, .signer = "ca"},
        {.file = "expired", .names = "email:a@example.org", .from = -DAY, .until = -60, .signer = "ca"},
        {.file = "young", .names = "email:a@example.org", .from = 600, .until = DAY, .signer = "ca"},
        {.file = "stranger", .names = "email:a@example.org", .from = -DAY, .until = DAY, .signer = "foreign"},
        {.file = "self", .names = "email:a@example.org", .from = -DAY, .until = DAY},
        {.file = "wrong", .names = "email:a@example.org", .from = -DAY, .until = DAY, .signer = "ca",
         .usage = "serverAuth"},
        {.file = "signed", .names = "DNS:mail.example.org", .from = -DAY, .until = DAY, .signer = "ca"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cert_make(&all[i]);
}

static int set_up(void **state)
{
    (void)state;
    make_all();
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

struct visit {
    const char *certificate, *sni; /* or NULL */
    SSL_SESSION *session;          /* brought along; then the newest */
    bool in, resumed;
    int alert; /* that the client was told */
    char name[PF_TLS_NAME];
    int signers; /* that the server named */
    int chain;   /* certificates that it showed */
};

static void leave(struct client *client, struct visit *v)
{
    SSL_SESSION *given = client->given ? client->given : SSL_get1_session(client->ssl);

    client->given = NULL;
    SSL_SESSION_free(v->session);
    v->session = given;
    SSL_shutdown(client->ssl); /* so that OpenSSL does not think the session bad */
}

/* TLS 1.3 tells a client only behind his handshake what was wrong with his certificate. */
static int alert_of(struct client *client)
{
    unsigned long why = client->why;
    char octet;

    for (int i = 0; i < 3 && !client->failed; i++)
        if (client_read(client, &octet, 1) <= 0 && ERR_peek_error())
            why = ERR_get_error();
    return why ? ERR_GET_REASON(why) - SSL_AD_REASON_OFFSET : 0;
}

static void visit(struct pf_tls *tls, int version, struct visit *v)
{
    struct client client = {
        .max_version = version, .session = v->session, .certificate = v->certificate, .sni = v->sni};
    struct spot spot;

    spot_open(&spot);
    client_shake(&spot, tls, &client);
    v->alert = alert_of(&client);
    v->in = pf_conn_tls_result(spot.conn, NULL) == PF_OK;
    v->resumed = pf_conn_info(spot.conn)->tls_resumed;
    snprintf(v->name, sizeof v->name, "%s", pf_conn_info(spot.conn)->certificate);
    v->signers = sk_X509_NAME_num(SSL_get_client_CA_list(client.ssl));
    v->chain = sk_X509_num(SSL_get_peer_cert_chain(client.ssl));
    if (v->in)
        leave(&client, v);
    client_done(&client);
    spot_done(&spot);
}

static void expect_in(struct pf_tls *tls, struct visit *v, int version, bool resumed, const char *name)
{
    visit(tls, version, v);
    assert_true(v->in && v->alert == 0);
    assert_int_equal(v->resumed, resumed);
    assert_string_equal(v->name, name);
}

/* A new visitor, who leaves for good. */
static void expect_name(struct pf_tls *tls, const char *certificate, const char *name)
{
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.certificate = certificate};

        expect_in(tls, &v, versions[i], false, name);
        SSL_SESSION_free(v.session);
    }
}

static void ext_003_a_good_certificate_names_its_owner(void **state)
{
    struct pf_tls *tls = tls_asking(tickets, "server", "ca", false),
                  *common = tls_asking(tickets, "server", "ca", true);

    (void)state;
    assert_int_equal(SSL_CTX_get_verify_mode(pf_tls_context(tls)), SSL_VERIFY_PEER);
    expect_name(tls, "anna", "anna@example.org"); /* the first rfc822Name */
    expect_name(tls, "plain", "plain@example.org"); /* no purpose is any purpose */
    expect_name(tls, "nameless", "");
    expect_name(common, "anna", "anna");
    pf_tls_free(tls);
    pf_tls_free(common);
}

static void tls_024_nobody_needs_a_certificate(void **state)
{
    struct pf_tls *asking = tls_asking(tickets, "server", "ca", false),
                  *silent = tls_asking(tickets, "server", NULL, false);

    (void)state;
    expect_name(asking, NULL, "");
    expect_name(silent, "anna", ""); /* who is not asked shows none */
    expect_name(silent, "stranger", "");
    pf_tls_free(asking);
    pf_tls_free(silent);
}

static void a_bad_certificate_ends_the_handshake_with_its_alert(void **state)
{
    static const struct {
        const char *certificate;
        int alert;
    } table[] = {{"expired", SSL3_AD_CERTIFICATE_EXPIRED}, {"young", SSL3_AD_BAD_CERTIFICATE},
                 {"stranger", TLS1_AD_UNKNOWN_CA},         {"self", TLS1_AD_UNKNOWN_CA},
                 {"wrong", SSL3_AD_UNSUPPORTED_CERTIFICATE}, {"below", TLS1_AD_UNKNOWN_CA}};
    struct pf_tls *tls = tls_asking(tickets, "server", "ca", false);

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (size_t k = 0; k < 2; k++) {
            struct visit v = {.certificate = table[i].certificate};

            visit(tls, versions[k], &v);
            assert_false(v.in);
            assert_int_equal(v.alert, table[i].alert);
            assert_string_equal(v.name, "");
        }
    pf_tls_free(tls);
}

static void an_intermediate_signer_is_trusted_alone(void **state)
{
    struct pf_tls *tls = tls_asking(tickets, "server", "middle", false);
    struct visit v = {.certificate = "anna"};

    (void)state;
    expect_name(tls, "below", "below@example.org");
    visit(tls, 0, &v); /* signed by the root above it */
    assert_false(v.in);
    assert_int_equal(v.alert, TLS1_AD_UNKNOWN_CA);
    pf_tls_free(tls);
}

/* Clients choose by the names; and the server's own chain is not completed from them. */
static void signers_are_named_and_not_shown(void **state)
{
    struct pf_tls *tls = tls_asking(tickets, "signed", "ca", false),
                  *silent = tls_asking(tickets, "signed", NULL, false);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.certificate = NULL}, none = {.certificate = NULL};

        expect_in(tls, &v, versions[i], false, "");
        assert_int_equal(v.signers, 1);
        assert_int_equal(v.chain, 1);
        expect_in(silent, &none, versions[i], false, "");
        assert_true(none.signers <= 0);
        SSL_SESSION_free(v.session);
        SSL_SESSION_free(none.session);
    }
    pf_tls_free(tls);
    pf_tls_free(silent);
}

static struct pf_tls *two_pairs(void)
{
    struct pf_tls_pair pairs[2] = {{cert_path("self.pem"), cert_path("self.key")},
                                   {cert_path("server.pem"), cert_path("server.key")}};
    struct pf_tls_settings settings = {.pairs = pairs, .pair_count = 2, .client_ca = cert_path("ca.pem")};
    struct pf_tls *tls = pf_tls_new(&settings, tickets, NULL);

    assert_non_null(tls);
    return tls;
}

static void behind_sni_it_is_the_same(void **state)
{
    struct pf_tls *tls = two_pairs();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.certificate = "anna", .sni = "mail.example.org"},
                     bad = {.certificate = "stranger", .sni = "mail.example.org"};

        expect_in(tls, &v, versions[i], false, "anna@example.org");
        assert_int_equal(v.signers, 1);
        expect_in(tls, &v, versions[i], true, "anna@example.org");
        visit(tls, versions[i], &bad);
        assert_false(bad.in);
        SSL_SESSION_free(v.session);
    }
    pf_tls_free(tls);
}

static void a_resumed_session_keeps_its_owner(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pf_tls *old = tls_asking(tickets, "server", "ca", false),
                      *same = tls_asking(tickets, "server", "ca", false),
                      *common = tls_asking(tickets, "server", "ca", true);
        struct visit v = {.certificate = "anna"}, none = {.certificate = NULL};

        expect_in(old, &v, versions[i], false, "anna@example.org");
        v.certificate = NULL; /* the ticket alone proves it */
        expect_in(old, &v, versions[i], true, "anna@example.org");
        expect_in(same, &v, versions[i], true, "anna@example.org"); /* a reload that changed nothing */
        expect_in(common, &v, versions[i], true, "anna");           /* today's rule, not that of the ticket's day */
        expect_in(old, &none, versions[i], false, "");
        none.certificate = "anna"; /* a session without a certificate gains none */
        expect_in(old, &none, versions[i], true, "");
        SSL_SESSION_free(v.session);
        SSL_SESSION_free(none.session);
        pf_tls_free(old);
        pf_tls_free(same);
        pf_tls_free(common);
    }
}

static void a_session_of_other_signers_is_not_resumed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pf_tls *ours = tls_asking(tickets, "server", "ca", false),
                      *theirs = tls_asking(tickets, "server", "foreign", false),
                      *silent = tls_asking(tickets, "server", NULL, false);
        struct visit v = {.certificate = "stranger"};

        expect_in(theirs, &v, versions[i], false, "a@example.org");
        v.certificate = NULL;
        expect_in(ours, &v, versions[i], false, "");
        expect_in(silent, &v, versions[i], false, "");
        expect_in(ours, &v, versions[i], false, ""); /* nor one of those who ask nobody */
        expect_in(theirs, &v, versions[i], false, "");
        SSL_SESSION_free(v.session);
        pf_tls_free(ours);
        pf_tls_free(theirs);
        pf_tls_free(silent);
    }
}

static void a_certificate_that_expired_since_names_nobody(void **state)
{
    struct pf_tls *tls = tls_asking(tickets, "server", "ca", false);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.certificate = "anna"};

        expect_in(tls, &v, versions[i], false, "anna@example.org");
        later = 2 * DAY;
        expect_in(tls, &v, versions[i], true, "");
        later = 0;
        expect_in(tls, &v, versions[i], true, "anna@example.org");
        SSL_SESSION_free(v.session);
    }
    pf_tls_free(tls);
}

static void add_mailbox(GENERAL_NAMES *all, const char *text, size_t len)
{
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *string = ASN1_IA5STRING_new();

    ASN1_STRING_set(string, text, (int)len);
    GENERAL_NAME_set0_value(one, GEN_EMAIL, string);
    sk_GENERAL_NAME_push(all, one);
}

static void expect_taken(const struct cert *cert, bool common, const char *name)
{
    char file[64], got[PF_TLS_NAME] = "x";
    X509 *x509;
    FILE *in;

    cert_make(cert);
    snprintf(file, sizeof file, "%s.pem", cert->file);
    in = fopen(cert_path(file), "re");
    x509 = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    pf_tls_clients_name(x509, common, got);
    assert_string_equal(got, name);
    X509_free(x509);
}

static void names_that_cannot_be_used_are_none(void **state)
{
    static char long_name[257], fits[256];
    static const struct {
        const char *text;
        size_t len;
        const char *name;
    } table[] = {{"anna@example.org", 16, "anna@example.org"},
                 {"anna@example.org\0.evil.example", 30, ""},
                 {"\0", 1, ""}, {"", 0, ""}, {"a\nb@example.org", 15, ""}, {"a\x7f", 2, ""},
                 {"a\xc3\xa4@example.org", 15, ""}, /* no IA5 */
                 {fits, 255, fits}, {long_name, 256, ""}};

    (void)state;
    memset(long_name, 'a', 256);
    memset(fits, 'a', 255);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();

        add_mailbox(all, table[i].text, table[i].len);
        add_mailbox(all, "second@example.org", 18); /* never stands in */
        expect_taken(&(struct cert){.file = "odd", .until = DAY, .odd = all}, false, table[i].name);
        sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
    }
}

static void expect_common(int type, const char *text, int len, int more, const char *name)
{
    X509_NAME *subject = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"o", -1, -1, 0), 1);
    for (int i = 0; i < more; i++)
        assert_int_equal(
            X509_NAME_add_entry_by_NID(subject, NID_commonName, type, (const unsigned char *)text, len, -1, 0), 1);
    expect_taken(&(struct cert){.file = "odd", .until = DAY, .subject = subject}, true, name);
    X509_NAME_free(subject);
}

static void common_names_are_utf_8_and_one(void **state)
{
    (void)state;
    expect_common(V_ASN1_UTF8STRING, "anna", 4, 1, "anna");
    expect_common(V_ASN1_UTF8STRING, "J\xc3\xbcrgen M", 9, 1, "J\xc3\xbcrgen M");
    expect_common(V_ASN1_BMPSTRING, "\0J\0\xfc", 4, 1, "J\xc3\xbc");
    expect_common(V_ASN1_UTF8STRING, "anna", 4, 2, ""); /* which one? */
    expect_common(V_ASN1_UTF8STRING, "anna", 4, 0, "");
    expect_common(V_ASN1_UTF8STRING, "anna\0evil", 9, 1, "");
    expect_common(V_ASN1_BMPSTRING, "\0a\0\0\0b", 6, 1, "");
    expect_common(V_ASN1_UTF8STRING, "a\tb", 3, 1, "");
    expect_common(V_ASN1_UTF8STRING, "a\xc2\x85""b", 4, 1, ""); /* U+0085, a line's end */
    expect_common(V_ASN1_UTF8STRING, "a\xff", 2, 1, "");
}

static void expect_refusal(const char *file, const char *cause)
{
    struct pf_tls_pair pair = {cert_path("server.pem"), cert_path("server.key")};
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1, .client_ca = cert_path(file)};
    struct pf_err err = {.code = PF_OK};

    assert_null(pf_tls_new(&settings, tickets, &err));
    assert_int_equal(err.code, PF_CONFIG);
    if (!strstr(err.log, cause) || !strstr(err.log, cert_path(file)))
        fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", err.log, cause, file);
    assert_int_equal(ERR_peek_error(), 0);
}

static void loading_errors_name_file_and_cause(void **state)
{
    (void)state;
    cert_write("none.pem", "nothing here\n");
    cert_write("empty.pem", "");
    cert_write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_refusal("missing.pem", "No such file");
    expect_refusal("none.pem", "holds no PEM certificate");
    expect_refusal("ca.key", "holds no PEM certificate");
    expect_refusal("empty.pem", "empty");
    expect_refusal("damaged.pem", "damaged");
}

static void describe_tells_who_may_sign(void **state)
{
    struct pf_tls *tls = tls_asking(tickets, "server", "ca", false);
    char text[512];

    (void)state;
    assert_true(pf_tls_describe(tls, 0, text, sizeof text));
    assert_non_null(strstr(text, "mail.example.org"));
    assert_true(pf_tls_describe(tls, 1, text, sizeof text));
    assert_non_null(strstr(text, "signs certificates of clients; valid until 2"));
    assert_non_null(strstr(text, "30 days left; CN=ca"));
    assert_false(pf_tls_describe(tls, 2, text, sizeof text));
    pf_tls_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ext_003_a_good_certificate_names_its_owner),
        T(tls_024_nobody_needs_a_certificate),
        T(a_bad_certificate_ends_the_handshake_with_its_alert),
        T(an_intermediate_signer_is_trusted_alone),
        T(signers_are_named_and_not_shown),
        T(behind_sni_it_is_the_same),
        T(a_resumed_session_keeps_its_owner),
        T(a_session_of_other_signers_is_not_resumed),
        T(a_certificate_that_expired_since_names_nobody),
        T(names_that_cannot_be_used_are_none),
        T(common_names_are_utf_8_and_one),
        T(loading_errors_name_file_and_cause),
        T(describe_tells_who_may_sign),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
