/* DANE: what the DNS says of a key, and the key that a server shows. */
#include "unit/cm.h"

#include "tool/probe_parts.h"
#include "unit/sys/dns_double.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 60 /* seconds that the server lives */ };

static EVP_PKEY *key;
static X509 *certificate;
static pid_t server;
static unsigned port;
static unsigned char right[32], wrong[32];
static char names[3][64];
static struct dns_double dns;

static void make_certificate(void)
{
    unsigned char *der = NULL;
    int len;

    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    assert_true(key && certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    assert_true(len > 0);
    EVP_Digest(der, (size_t)len, right, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

static void serve(int listener)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    alarm(MOST);
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        SSL *ssl = SSL_new(context);
        char octet;

        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_write(ssl, "+OK\r\n", 5) == 5)
            while (SSL_read(ssl, &octet, 1) > 0)
                continue;
        SSL_free(ssl);
        close(fd);
    }
}

static int set_up(void **state)
{
    static struct dns_record table[12];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char *const hosts[] = {"good.example.org", "bad.example.org", "open.example.org"};

    (void)state;
    make_certificate();
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    port = ntohs(address.sin_port);
    for (size_t i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "_%u._tcp.%s", port, hosts[i]);
        table[2 * i] =
            (struct dns_record){.name = hosts[i], .type = DNS_A, .data = "\x7f\0\0\1", .len = 4};
        table[2 * i + 1] = (struct dns_record){.name = names[i],
                                               .type = DNS_TLSA,
                                               .numbers = {3, 1, 1},
                                               .data = i == 1 ? wrong : right,
                                               .len = 32,
                                               .insecure = i == 2};
    }
    dns_start(&dns, table);
    dns_trust();
    server = fork();
    if (server == 0)
        serve(listener);
    close(listener);
    return server > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    dns_stop(&dns);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static enum pf_probe_verdict judged(const char *host, char *proof)
{
    struct pf_probe_wish wish = {.host = host, .name = host, .wait = 10000, .resolver = &dns.resolver};
    struct pf_probe_door *door = calloc(1, sizeof *door);
    enum pf_probe_verdict verdict;
    struct pf_err err;

    assert_non_null(door);
    wish.loop = pf_loop_new(&err);
    assert_non_null(wish.loop);
    door->wish = &wish;
    door->address = "127.0.0.1";
    door->port = port;
    door->implicit = true;
    proof[0] = 0;
    verdict = pf_probe_judge_dane(door, NULL, proof);
    pf_loop_free(wish.loop);
    free(door);
    return verdict;
}

static void records_decide(void **state)
{
    char proof[PF_PROBE_PROOF];

    (void)state;
    assert_int_equal(judged("good.example.org", proof), PF_PROBE_GOOD);
    assert_non_null(strstr(proof, names[0]));
    assert_int_equal(judged("bad.example.org", proof), PF_PROBE_BAD);
    assert_int_equal(judged("open.example.org", proof), PF_PROBE_NOTE);
    assert_int_equal(judged("none.example.org", proof), PF_PROBE_SKIP);
    assert_int_equal(judged("127.0.0.1", proof), PF_PROBE_SKIP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(records_decide)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
