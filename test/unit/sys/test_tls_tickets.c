#include "unit/sys/peer.h"

#include <openssl/ssl.h>
#include <time.h>

enum { ROTATE = 3600 };

static int set_up(void **state)
{
    (void)state;
    cert_make(&(struct cert){.file = "first", .names = "DNS:mail.example.org", .from = -86400, .until = 86400});
    cert_make(&(struct cert){.file = "second", .names = "DNS:pop.example.org", .from = -86400, .until = 86400});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cert_dir_remove();
    return 0;
}

struct visit {
    bool resumed, renewed;
    SSL_SESSION *session; /* the newest: the one given now, or the one brought along */
};

/* In TLS 1.2 OpenSSL tells its user of no ticket that renews another: it has to be looked for. */
static SSL_SESSION *newer(struct client *client, const SSL_SESSION *brought)
{
    SSL_SESSION *now = client->given ? client->given : SSL_get1_session(client->ssl);
    const unsigned char *ticket[2] = {NULL, NULL};
    size_t len[2] = {0, 0};

    client->given = NULL;
    SSL_SESSION_get0_ticket(now, &ticket[0], &len[0]);
    if (brought)
        SSL_SESSION_get0_ticket(brought, &ticket[1], &len[1]);
    if (len[0] && !(len[0] == len[1] && memcmp(ticket[0], ticket[1], len[0]) == 0))
        return now;
    SSL_SESSION_free(now);
    return NULL;
}

/* One session: shakes hands with the session brought along, takes what tickets come, leaves. */
static void visit(struct pf_tls *tls, int version, const char *name, struct visit *visit)
{
    struct client client = {.max_version = version, .session = visit->session, .sni = name};
    SSL_SESSION *given;
    struct spot spot;
    char octet;

    spot_open(&spot);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    for (int i = 0; i < 3; i++) /* TLS 1.3 gives its tickets after the handshake */
        assert_true(client_read(&client, &octet, 1) <= 0);
    visit->resumed = SSL_session_reused(client.ssl) == 1;
    assert_int_equal(pf_conn_info(spot.conn)->tls_resumed, visit->resumed);
    given = newer(&client, visit->session);
    visit->renewed = given != NULL;
    if (given) {
        SSL_SESSION_free(visit->session);
        visit->session = given;
    }
    SSL_shutdown(client.ssl); /* so that OpenSSL does not think the session bad */
    client_done(&client);
    spot_done(&spot);
}

static void expect(struct pf_tls *tls, int version, struct visit *v, bool resumed, bool renewed)
{
    visit(tls, version, NULL, v);
    assert_int_equal(v->resumed, resumed);
    assert_int_equal(v->renewed, renewed);
}

static void rotate_with(int version, bool always_renewed)
{
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    struct visit v = {.session = NULL}, late = {.session = NULL};

    expect(tls, version, &v, false, true);
    expect(tls, version, &v, true, always_renewed); /* the newest key: TLS 1.2 keeps its ticket */
    expect(tls, version, &late, false, true);
    pf_tls_tickets_age(tickets, ROTATE);
    expect(tls, version, &v, true, true); /* an old key still opens, and renews */
    expect(tls, version, &v, true, always_renewed);
    pf_tls_tickets_age(tickets, ROTATE);
    expect(tls, version, &v, true, true); /* a client that keeps coming keeps resuming */
    pf_tls_tickets_age(tickets, ROTATE / 2); /* not ROTATE - 1: real seconds pass, too */
    expect(tls, version, &v, true, always_renewed);
    pf_tls_tickets_age(tickets, ROTATE - ROTATE / 2);
    expect(tls, version, &late, false, true); /* three times the rotation: too old, a full handshake */
    expect(tls, version, &v, true, true);
    pf_tls_tickets_age(tickets, 100 * ROTATE);
    expect(tls, version, &v, false, true);
    SSL_SESSION_free(v.session);
    SSL_SESSION_free(late.session);
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
}

static void tls_032_tls_1_3_resumes_across_rotations(void **state)
{
    (void)state;
    rotate_with(TLS1_3_VERSION, true); /* RFC 8446 section C.4: a ticket serves once, so one is always given */
}

static void tls_032_tls_1_2_resumes_across_rotations(void **state)
{
    (void)state;
    rotate_with(TLS1_2_VERSION, false);
}

static void tickets_outlive_their_generation(void **state)
{
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *old = tls_with(tickets, PF_TLS_1_2, "first", NULL), *new;
    struct visit v = {.session = NULL};

    (void)state;
    expect(old, TLS1_3_VERSION, &v, false, true);
    pf_tls_free(old);
    new = tls_with(tickets, PF_TLS_1_2, "first", "second");
    pf_tls_tickets_free(tickets); /* the generation holds them too */
    expect(new, TLS1_3_VERSION, &v, true, true);
    pf_tls_free(new);
    SSL_SESSION_free(v.session);
}

static void tickets_work_for_names_beside_the_default(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", "second");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.session = NULL};

        visit(tls, versions[i], "pop.example.org", &v);
        assert_true(!v.resumed && v.renewed);
        visit(tls, versions[i], "pop.example.org", &v);
        assert_true(v.resumed);
        SSL_SESSION_free(v.session);
    }
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
}

static void foreign_tickets_mean_a_full_handshake(void **state)
{
    struct pf_tls_tickets *ours = pf_tls_tickets_new(ROTATE, NULL), *theirs = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *here = tls_with(ours, PF_TLS_1_2, "first", NULL),
                  *there = tls_with(theirs, PF_TLS_1_2, "first", NULL);
    struct visit v = {.session = NULL};

    (void)state;
    expect(there, TLS1_3_VERSION, &v, false, true);
    expect(here, TLS1_3_VERSION, &v, false, true);
    SSL_SESSION_free(v.session);
    pf_tls_free(here);
    pf_tls_free(there);
    pf_tls_tickets_free(ours);
    pf_tls_tickets_free(theirs);
}

/* TLS-033: no ticket allows early data, so an honest client sends none. */
static void tls_033_tickets_allow_no_early_data(void **state)
{
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    struct visit v = {.session = NULL};

    (void)state;
    expect(tls, TLS1_3_VERSION, &v, false, true);
    assert_int_equal(SSL_SESSION_get_max_early_data(v.session), 0);
    assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(v.session), ROTATE, 2 * ROTATE);
    SSL_SESSION_free(v.session);
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
}

/* And what a dishonest one sends with a forged session is skipped, never read. */
static void tls_033_early_data_sent_all_the_same_is_never_read(void **state)
{
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *tls = tls_with(tickets, PF_TLS_1_2, "first", NULL);
    struct visit v = {.session = NULL};
    struct spot spot;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    unsigned char text[64];
    size_t sent = 0, len = 0;

    (void)state;
    expect(tls, TLS1_3_VERSION, &v, false, true);
    assert_int_equal(SSL_SESSION_set_max_early_data(v.session, 1000), 1);
    spot_open(&spot);
    SSL_set_fd(ssl, spot.client);
    assert_int_equal(SSL_set_session(ssl, v.session), 1);
    SSL_set_connect_state(ssl);
    assert_int_equal(SSL_write_early_data(ssl, "QUIT\r\n", 6, &sent), 1);
    assert_int_equal(pf_conn_start_tls(spot.conn, tls, NULL), PF_OK);
    while (SSL_do_handshake(ssl) != 1 || !spot.tls_ends)
        peer_turn(&spot);
    assert_int_equal(pf_conn_tls_result(spot.conn, NULL), PF_OK);
    assert_int_equal(SSL_get_early_data_status(ssl), SSL_EARLY_DATA_REJECTED);
    assert_int_equal(SSL_write(ssl, "NOOP\r\n", 6), 6);
    pf_conn_want(spot.conn, PF_CONN_READ);
    do
        peer_until(&spot, PF_CONN_READ);
    while (pf_conn_read(spot.conn, text, sizeof text, &len, NULL) == PF_IO_WAIT);
    assert_int_equal(len, 6);
    assert_memory_equal(text, "NOOP\r\n", 6);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    SSL_SESSION_free(v.session);
    spot_done(&spot);
    pf_tls_free(tls);
    pf_tls_tickets_free(tickets);
}

/* Keys of a seed, as a process has them that stands at the beginning of a time between two rotations. */
struct seeded {
    struct pf_tls_tickets *tickets;
    struct pf_tls *tls;
};

static struct seeded seeded_with(const char *seed, unsigned rotate)
{
    struct seeded s = {.tickets = pf_tls_tickets_new_seeded((const unsigned char *)seed, rotate, NULL)};
    struct timespec time;

    assert_non_null(s.tickets);
    clock_gettime(CLOCK_BOOTTIME, &time);
    pf_tls_tickets_age(s.tickets, rotate - (unsigned)(time.tv_sec + 1) % rotate);
    s.tls = tls_with(s.tickets, PF_TLS_1_2, "first", NULL);
    return s;
}

static void seeded_done(struct seeded *s)
{
    pf_tls_free(s->tls);
    pf_tls_tickets_free(s->tickets);
}

static const char one_seed[PF_TLS_SEED] = "one seed of thirty-two octets..",
                  other_seed[PF_TLS_SEED] = "one seed of thirty-two octets.,";

static void one_seed_resumes_in_every_process(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct seeded here = seeded_with(one_seed, ROTATE), there = seeded_with(one_seed, ROTATE);
        struct visit v = {.session = NULL};

        expect(here.tls, versions[i], &v, false, true);
        expect(there.tls, versions[i], &v, true, versions[i] == TLS1_3_VERSION);
        expect(here.tls, versions[i], &v, true, versions[i] == TLS1_3_VERSION);
        SSL_SESSION_free(v.session);
        seeded_done(&here);
        seeded_done(&there);
    }
}

static void keys_of_a_seed_rotate(void **state)
{
    struct seeded here = seeded_with(one_seed, ROTATE), later;
    struct visit v = {.session = NULL}, late = {.session = NULL};

    (void)state;
    expect(here.tls, TLS1_2_VERSION, &v, false, true);
    expect(here.tls, TLS1_2_VERSION, &late, false, true);
    pf_tls_tickets_age(here.tickets, ROTATE);
    later = seeded_with(one_seed, ROTATE);
    pf_tls_tickets_age(later.tickets, ROTATE); /* one that has never seen the key before */
    expect(later.tls, TLS1_2_VERSION, &v, true, true);
    expect(here.tls, TLS1_2_VERSION, &v, true, false);
    pf_tls_tickets_age(here.tickets, ROTATE);
    expect(here.tls, TLS1_2_VERSION, &v, true, true);
    pf_tls_tickets_age(here.tickets, ROTATE);
    expect(here.tls, TLS1_2_VERSION, &late, false, true); /* three rotations later */
    expect(here.tls, TLS1_2_VERSION, &v, true, true);
    SSL_SESSION_free(v.session);
    SSL_SESSION_free(late.session);
    seeded_done(&here);
    seeded_done(&later);
}

static void another_seed_or_rotation_means_a_full_handshake(void **state)
{
    struct seeded here = seeded_with(one_seed, ROTATE), seed = seeded_with(other_seed, ROTATE),
                  rotation = seeded_with(one_seed, 2 * ROTATE);
    struct visit v = {.session = NULL};

    (void)state;
    expect(here.tls, TLS1_3_VERSION, &v, false, true);
    expect(seed.tls, TLS1_3_VERSION, &v, false, true);
    expect(rotation.tls, TLS1_3_VERSION, &v, false, true);
    SSL_SESSION_free(v.session);
    seeded_done(&here);
    seeded_done(&seed);
    seeded_done(&rotation);
}

/* A session with an old version, or old ciphers, is none where they are refused; the keys are the same. */
static void tls_032_a_policy_resumes_its_own_sessions_only(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(ROTATE, NULL);
    struct pf_tls *strict = tls_with(tickets, PF_TLS_1_2, "first", NULL),
                  *old = tls_with(tickets, PF_TLS_1_0, "first", NULL),
                  *again = tls_with(tickets, PF_TLS_1_0, "first", NULL);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct visit v = {.session = NULL};

        expect(old, versions[i], &v, false, true);
        expect(again, versions[i], &v, true, versions[i] == TLS1_3_VERSION);
        expect(strict, versions[i], &v, false, true);
        expect(strict, versions[i], &v, true, versions[i] == TLS1_3_VERSION);
        expect(old, versions[i], &v, false, true);
        SSL_SESSION_free(v.session);
    }
    pf_tls_free(strict);
    pf_tls_free(old);
    pf_tls_free(again);
    pf_tls_tickets_free(tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_032_tls_1_3_resumes_across_rotations),
        T(tls_032_tls_1_2_resumes_across_rotations),
        T(tickets_outlive_their_generation),
        T(tickets_work_for_names_beside_the_default),
        T(foreign_tickets_mean_a_full_handshake),
        T(tls_033_tickets_allow_no_early_data),
        T(tls_033_early_data_sent_all_the_same_is_never_read),
        T(one_seed_resumes_in_every_process),
        T(keys_of_a_seed_rotate),
        T(tls_032_a_policy_resumes_its_own_sessions_only),
        T(another_seed_or_rotation_means_a_full_handshake),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
