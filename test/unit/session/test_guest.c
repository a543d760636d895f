/* What a guest does between its other rooms: times that only it keeps, verdicts that it weighs. */
#include "unit/cm.h"

#include "hallrig.h"
#include "session/guest.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct client client;

static void write_pem(const char *path, EVP_PKEY *key, X509 *certificate)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(key ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(file, certificate));
    assert_int_equal(fclose(file), 0);
}

/* A certificate that nobody will look at. */
static void make_certificate(const char *certificate, const char *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    assert_true(pair && x && X509_set_pubkey(x, pair));
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    write_pem(key, pair, NULL);
    write_pem(certificate, NULL, x);
    X509_free(x);
    EVP_PKEY_free(pair);
}

static void no_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    fail_msg("%s %s", mistake->text, mistake->hint);
}

/* The rig's hall again, with STLS and little time. */
static void offer_stls(void)
{
    char certificate[96], key[96], text[1024];
    struct pf_tls_pair pair = {certificate, key};
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1, .minimum = PF_TLS_1_2};
    struct pf_err err = {0};
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(3600, &err);
    struct pf_tls *tls;
    struct pf_conf *conf;

    snprintf(certificate, sizeof certificate, "%s/a.pem", rig.dir);
    snprintf(key, sizeof key, "%s/a.key", rig.dir);
    make_certificate(certificate, key);
    tls = pf_tls_new(&settings, tickets, &err);
    assert_non_null(tls);
    snprintf(text, sizeof text,
             "hostname test.example\nlisten 127.0.0.1:0 { tls starttls }\ntls { certificate %s; key %s }\n"
             "users { password-file %s; weak-schemes yes }\nmail { path /m/%%n }\n"
             "times { first-command 200ms; login 200ms; tls-peek 0 }\n", certificate, key, rig.users);
    conf = pf_conf_parse("test", pf_bytes_of(text), no_mistake, NULL);
    assert_non_null(conf);
    assert_int_equal(pf_hall_settings(rig.hall, conf, tls, &err), PF_OK);
    pf_conf_free(conf);
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
    unlink(certificate);
    unlink(key);
}

/* A client whose sockets take so much at a time, as far as the kernel lets them. */
static void client_with_buffers(int octets)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets), 0);
    client.rig = &rig;
    client.fd = pair[0];
    client.len = 0;
    client.eof = false;
    pf_hall_guest(rig.hall, pair[1], 0);
}

/* The answers before STLS fill the socket, so that its own waits: for ever, if nobody looked at the
 * clock, and each such stranger would hold a descriptor and buffers. */
static void w_036_stls_whose_answer_is_never_read_has_a_time(void **state)
{
    bool stuck = false;

    (void)state;
    rig_up(&rig, "");
    offer_stls();
    for (int count = 1; !stuck && count < 600; count++) {
        client_with_buffers(1);
        for (int i = 0; i < count; i++)
            client_send(&client, "CAPA\r\n");
        client_send(&client, "STLS\r\n");
        for (int i = 0; i < 20; i++)
            pf_loop_turn(rig.loop, false);
        stuck = rig.hall->guests && rig.hall->guests->tls_wanted;
        if (!stuck)
            client_leave(&client);
    }
    assert_true(stuck);
    while (pf_hall_count(rig.hall)) /* without a time this waits until the alarm of the rig */
        pf_loop_turn(rig.loop, true);
    assert_non_null(strstr(rig.logged, "end=login-time"));
    client_leave(&client);
    rig_down(&rig);
}

/* The settings may change between a name's reading and the open: a store that cannot sift would show, and let
 * be deleted, everybody's mail. */
static void sd_002_a_view_of_a_store_that_shows_all_is_refused(void **state)
{
    struct pf_auth_settings settings = {.hashes_at_once = 1, .allow_weak_schemes = true};
    struct pf_err err;

    (void)state;
    rig_up(&rig, "users { sdps yes }");
    settings.conf = rig.conf;
    settings.password_file = rig.users;
    assert_int_equal(pf_auth_reload(rig.auth, &settings, &err), PF_OK);
    rig_add(&rig, "Delivered-To: bert@anna\n\n", "u1");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_ask(&client, "USER bert@anna");
    assert_memory_equal(client_ask(&client, "PASS secret"), "-ERR [SYS/TEMP] ", 16);
    client_ask(&client, "USER anna");
    assert_memory_equal(client_ask(&client, "PASS secret"), "+OK 1 ", 6);
    client_leave(&client);
    rig_down(&rig);
}

/* Failing to mark is no error (store.h): there is nothing that was not removed. */
static void p3_034_quit_without_dele_is_good_though_marking_failed(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_EXPUNGE, .number = 1, .index = -1, .code = PF_BUSY};

    (void)state;
    rig_up(&rig, "mail { mark-seen yes }");
    rig_add(&rig, "Subject: a\n\n", "u1");
    client_come(&rig, &client);
    client_login(&client);
    client_send(&client, "RETR 1\r\n");
    client_until(&client, "\r\n.\r\n");
    pf_faulty_add(rig.store, &fault);
    client_send(&client, "QUIT\r\n");
    assert_string_equal(client_eof(&client), "+OK bye\r\n");
    assert_int_equal(pf_faulty_fired(rig.store), 1);
    assert_non_null(strstr(rig.logged, "messages not marked as seen"));
    client_leave(&client);
    rig_down(&rig);
}

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

/* A guest gets its share of a turn of the loop; the rest of a flood that is here already, with a socket
 * that takes every answer at once, is nothing that the socket would wake it for. */
static void cap_023_a_flood_is_answered_to_its_end(void **state)
{
    enum { COMMANDS = 6000, AT_A_TIME = 100 };
    char text[AT_A_TIME * 10 + 1] = "";

    (void)state;
    rig_up(&rig, "");
    for (int i = 0; i < AT_A_TIME; i++)
        memcpy(text + 10 * i, "USER abc\r\n", 11);
    client_with_buffers(1 << 20);
    for (int i = 0; i < COMMANDS / AT_A_TIME; i++)
        assert_int_equal(send(client.fd, text, strlen(text), 0), strlen(text));
    client_send(&client, "QUIT\r\n");
    assert_int_equal(count(client_eof(&client), "+OK send"), COMMANDS);
    client_leave(&client);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_036_stls_whose_answer_is_never_read_has_a_time),
        T(sd_002_a_view_of_a_store_that_shows_all_is_refused),
        T(p3_034_quit_without_dele_is_good_though_marking_failed),
        T(cap_023_a_flood_is_answered_to_its_end),
    };

    return RUN(tests);
}
