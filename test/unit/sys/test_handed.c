/* Sockets that somebody else opened. The descriptors are put where the environment says. */
#include "unit/cm.h"

#include "sys/handed.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST = 100 }; /* behind whatever the tests have open */

static unsigned listen_at(int fd, uint32_t address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    socklen_t len = sizeof name;
    int made = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(made >= 0);
    assert_int_equal(bind(made, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(made, 1), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)&name, &len), 0);
    assert_int_equal(dup2(made, fd), fd);
    close(made);
    return ntohs(name.sin_port);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* False on a machine without IPv6. */
static bool listen_at_six(int fd, int alone)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    int made = socket(AF_INET6, SOCK_STREAM, 0);

    if (made < 0)
        return false;
    assert_int_equal(setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone), 0);
    assert_int_equal(bind(made, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(made, 1), 0);
    assert_int_equal(dup2(made, fd), fd);
    close(made);
    return true;
}

static struct pf_handed *handed(const char *row, const char *places)
{
    struct pf_err err = {0};
    struct pf_handed *h;

    setenv(PF_HANDED_VARIABLE, row, 1);
    setenv(PF_HANDED_PLACES, places, 1);
    h = pf_handed_new(&err);
    assert_non_null(h);
    assert_null(getenv(PF_HANDED_VARIABLE)); /* no child of ours shall take them for its own */
    assert_null(getenv(PF_HANDED_PLACES));
    return h;
}

static void any_is_a_socket_for_both_families(void **state)
{
    struct pf_handed *h;

    (void)state;
    listen_at(FIRST, INADDR_ANY);
    if (!listen_at_six(FIRST + 1, 1) || !listen_at_six(FIRST + 2, 0)) {
        h = handed("100:1", "\n");
        assert_int_equal(pf_handed_take(h, "any", 0), FIRST); /* there is no more to be had */
        pf_handed_free(h);
        close(FIRST);
        return;
    }
    h = handed("100:3", "\n\n\n");
    assert_int_equal(pf_handed_take(h, "any", 0), FIRST + 2);
    assert_int_equal(pf_handed_take(h, "any", 0), -1);
    assert_int_equal(pf_handed_take(h, "::", 0), FIRST + 1);
    assert_int_equal(pf_handed_take(h, "0.0.0.0", 0), FIRST);
    pf_handed_free(h);
    for (int i = 0; i < 3; i++)
        close(FIRST + i);
}

static void sockets_are_known_by_where_they_listen(void **state)
{
    unsigned one = listen_at(FIRST, INADDR_LOOPBACK), other = listen_at(FIRST + 1, INADDR_LOOPBACK);
    struct pf_handed *h = handed("100:2", "\n\n");

    (void)state;
    assert_int_equal(pf_handed_left(h), 2);
    assert_true(one != other);
    assert_int_equal(pf_handed_take(h, "127.0.0.2", other), -1);
    assert_int_equal(pf_handed_take(h, "127.0.0.1", other), FIRST + 1);
    assert_int_equal(pf_handed_take(h, "127.0.0.1", other), -1); /* it is gone */
    assert_true(fcntl(FIRST + 1, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(FIRST + 1, F_GETFL) & O_NONBLOCK);
    assert_int_equal(pf_handed_take(h, "127.0.0.1", 0), FIRST); /* whatever its port is */
    pf_handed_free(h);
    assert_true(is_open(FIRST) && is_open(FIRST + 1));
    close(FIRST);
    close(FIRST + 1);
}

static void a_place_in_the_file_system_is_told(void **state)
{
    struct pf_handed *h;

    (void)state;
    listen_at(FIRST, INADDR_LOOPBACK);
    listen_at(FIRST + 1, INADDR_LOOPBACK);
    h = handed("100:2", "\n/run/x\n");
    assert_int_equal(pf_handed_take(h, "/run/", 0), -1);
    assert_int_equal(pf_handed_take(h, "/run/x", 0), FIRST + 1);
    assert_int_equal(pf_handed_left(h), 1);
    pf_handed_free(h);
    assert_false(is_open(FIRST)); /* nobody took it */
    close(FIRST + 1);
}

static void what_is_no_listening_socket_is_closed(void **state)
{
    struct pf_handed *h;

    (void)state;
    assert_int_equal(dup2(STDIN_FILENO, FIRST), FIRST);
    assert_int_equal(dup2(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), FIRST + 1), FIRST + 1);
    h = handed("100:2", "");
    assert_int_equal(pf_handed_left(h), 0);
    pf_handed_free(h);
    assert_false(is_open(FIRST) || is_open(FIRST + 1));
}

static void nonsense_is_nothing(void **state)
{
    static const char *const rows[] = {"", "x", "1:1", "0:3", "100", "100:", "100:0", "100:-1", "100:99999", "100:1x"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pf_handed *h;

        listen_at(FIRST, INADDR_LOOPBACK);
        h = handed(rows[i], "/x");
        assert_int_equal(pf_handed_left(h), 0);
        pf_handed_free(h);
        assert_true(is_open(FIRST));
        close(FIRST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sockets_are_known_by_where_they_listen),
        T(any_is_a_socket_for_both_families),
        T(a_place_in_the_file_system_is_told),
        T(what_is_no_listening_socket_is_closed),
        T(nonsense_is_nothing),
    };

    return RUN(tests);
}
