#include "unit/sys/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void peer_pair(int *out_server, int *out_client)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    *out_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*out_client, (struct sockaddr *)&name, sizeof name), 0);
    *out_server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*out_server >= 0);
    assert_int_equal(fcntl(*out_client, F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

void peer_small_buffers(int fd)
{
    int small = 4096;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
}

static void woken(void *self, unsigned what)
{
    struct spot *spot = self;

    assert_false(spot->inside);
    assert_non_null(spot->conn); /* never after pf_conn_close */
    spot->woken |= what;
    spot->wakes++;
    if (what & PF_CONN_TLS)
        spot->tls_ends++;
    if (spot->react)
        spot->react(spot, what);
}

void spot_open_on(struct spot *spot, int server, int client)
{
    *spot = (struct spot){.loop = pf_loop_new(NULL), .client = client};
    assert_non_null(spot->loop);
    spot->conn = pf_conn_new(spot->loop, server, woken, spot, NULL);
    assert_non_null(spot->conn);
    spot->began = pf_loop_now_fresh(spot->loop);
}

void spot_open(struct spot *spot)
{
    int server, client;

    peer_pair(&server, &client);
    spot_open_on(spot, server, client);
}

void spot_done(struct spot *spot)
{
    struct pf_conn *conn = spot->conn;

    spot->conn = NULL;
    if (conn)
        pf_conn_close(conn, true);
    if (spot->client >= 0)
        close(spot->client);
    pf_loop_free(spot->loop);
}

void peer_turn(struct spot *spot)
{
    assert_true(pf_loop_now_fresh(spot->loop) - spot->began < GIVE_UP_MS);
    pf_loop_turn(spot->loop, false);
}

void peer_until(struct spot *spot, unsigned what)
{
    spot->woken = 0;
    while (!(spot->woken & what))
        peer_turn(spot);
}

struct pf_tls *tls_with(struct pf_tls_tickets *tickets, enum pf_tls_min minimum, const char *first,
                        const char *second)
{
    char paths[4][PATH_CAP];
    const char *files[] = {first, second};
    struct pf_tls_pair pairs[2];
    struct pf_tls_settings settings = {.pairs = pairs, .minimum = minimum};
    struct pf_tls *tls;

    for (size_t i = 0; i < 2 && files[i]; i++) {
        snprintf(paths[2 * i], PATH_CAP, "%s/%s.pem", cert_dir(), files[i]);
        snprintf(paths[2 * i + 1], PATH_CAP, "%s/%s.key", cert_dir(), files[i]);
        pairs[settings.pair_count++] = (struct pf_tls_pair){paths[2 * i], paths[2 * i + 1]};
    }
    tls = pf_tls_new(&settings, tickets, NULL);
    assert_non_null(tls);
    return tls;
}
