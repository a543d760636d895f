/* Many records of TLS in one call. */
#include "unit/sys/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { OCTETS = 60000 };

/* Linked with --wrap: what the connection tells its socket. */
int __real_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);

static int corks[2];
static size_t cork_count;

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (level == IPPROTO_TCP && name == TCP_CORK) {
        assert_in_range(cork_count, 0, 1);
        corks[cork_count++] = *(const int *)value;
    }
    return __real_setsockopt(fd, level, name, value, size);
}

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

static void expect_all(struct spot *spot, struct client *client, const unsigned char *pattern)
{
    static unsigned char text[OCTETS];
    size_t got = 0;

    while (got < OCTETS) {
        int n = client_read(client, text + got, (int)(OCTETS - got));

        got += n > 0 ? (size_t)n : 0;
        peer_turn(spot);
    }
    assert_memory_equal(text, pattern, OCTETS);
}

static void all_records_leave_in_one_call(void **state)
{
    static unsigned char pattern[OCTETS];
    struct client client = {.max_version = TLS1_3_VERSION, .sni = "mail.example.org"};
    struct spot spot;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < OCTETS; i++)
        pattern[i] = (unsigned char)(i * 7 + (i >> 9));
    spot_open(&spot);
    client_shake(&spot, tls, &client);
    assert_true(client.done);
    cork_count = 0; /* test_conn_more.c has those of begin and end */
    assert_int_equal(pf_conn_write(spot.conn, pf_bytes_from(pattern, OCTETS), &len, NULL), PF_IO_DONE);
    assert_int_equal(len, OCTETS);
    expect_all(&spot, &client, pattern);
    assert_int_equal(cork_count, 2);
    assert_true(corks[0] == 1 && corks[1] == 0);
    assert_int_equal(pf_conn_write(spot.conn, PF_LIT("+OK\r\n"), &len, NULL), PF_IO_DONE);
    assert_int_equal(cork_count, 2); /* a line is one record */
    cork_count = 0;
    client_done(&client);
    spot_done(&spot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(all_records_leave_in_one_call)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
