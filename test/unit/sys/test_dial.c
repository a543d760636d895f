/* Dialling real sockets; names come from the test (getaddrinfo is wrapped), so that nothing leaves this
 * machine. */
#include "unit/cm.h"

#include "sys/dial.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int __real_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int __wrap_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
void __wrap_freeaddrinfo(struct addrinfo *);

enum { HOSTS = 20 };

static struct pf_loop *loop;
static struct pf_pool *pool;
static struct pf_dial *dial;
static int got, calls;
static struct pf_err why;
static bool free_inside;

/* What the wrapped resolver knows. */
static unsigned ports[HOSTS];
static size_t port_count;
static int problem, gate[2];
static bool waits;
static atomic_int lists; /* given out and not freed */

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *want,
                       struct addrinfo **out)
{
    struct addrinfo *all = NULL;
    char octet;

    if (want->ai_flags & AI_NUMERICHOST && !strchr("0123456789:", host[0]))
        return EAI_NONAME;
    if (waits)
        assert_int_equal(read(gate[0], &octet, 1), 1);
    if (problem)
        return problem;
    for (size_t i = port_count; i-- > 0;) {
        struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_in));
        struct sockaddr_in *at = (struct sockaddr_in *)(void *)(one + 1);

        *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[i])};
        at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        one->ai_addr = (struct sockaddr *)(void *)at;
        one->ai_addrlen = sizeof *at;
        one->ai_next = all;
        all = one;
    }
    (void)port;
    *out = all;
    lists++;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *all)
{
    lists--;
    while (all) {
        struct addrinfo *next = all->ai_next;

        free(all);
        all = next;
    }
}

/* A socket on loopback: listening, or only bound (then connecting is refused). */
static int a_socket(int backlog, unsigned *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *out_port = ntohs(at.sin_port);
    return fd;
}

/* A server that is full: the kernel lets further calls hang. */
static int a_silent_socket(unsigned *out_port, int fill[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = a_socket(0, out_port);

    at.sin_port = htons((uint16_t)*out_port);
    for (int i = 0; i < 2; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fill[i], (struct sockaddr *)&at, sizeof at);
    }
    return fd;
}

static int scene(void **state)
{
    struct pf_err err = {0};

    (void)state;
    alarm(30);
    loop = pf_loop_new(&err);
    pool = pf_pool_new(loop, "dial", 1, 1, &err);
    assert_non_null(pool);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    got = -1;
    calls = problem = 0;
    waits = free_inside = false;
    port_count = 0;
    why = (struct pf_err){.code = PF_OK};
    return 0;
}

static int scene_ends(void **state)
{
    (void)state;
    pf_dial_free(dial);
    dial = NULL;
    if (got >= 0)
        close(got);
    pf_pool_free(pool);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(lists, 0);
    alarm(0);
    return 0;
}

static void done(void *self, int fd, const struct pf_err *err)
{
    assert_ptr_equal(self, &calls);
    calls++;
    got = fd;
    if (fd < 0)
        why = *err;
    if (free_inside) {
        pf_dial_free(dial);
        dial = NULL;
    }
}

static void begin(const char *host, unsigned port, pf_time time)
{
    struct pf_dial_settings set = {
        .host = host, .port = port, .time = time, .done = done, .self = &calls};
    struct pf_err err = {0};

    dial = pf_dial_new(loop, pool, &set, &err);
    assert_non_null(dial);
    assert_int_equal(calls, 0);
}

static void run(const char *host, unsigned port, pf_time time)
{
    begin(host, port, time);
    while (!calls)
        pf_loop_turn(loop, true);
}

static void is_good(unsigned port)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;

    assert_true(got >= 0);
    assert_int_equal(getpeername(got, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(ntohs(at.sin_port), port);
    assert_true(fcntl(got, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
}

static void is_bad(enum pf_code code, int sys, const char *word)
{
    assert_int_equal(got, -1);
    if (!strstr(why.log, word))
        fail_msg("\"%s\" is not in: %s", word, why.log);
    assert_int_equal(why.code, code);
    assert_int_equal(why.sys, sys);
}

static void a_name_and_a_number_are_reached(void **state)
{
    int server = a_socket(5, &ports[0]);

    (void)state;
    port_count = 1;
    run("pop.test", ports[0], 5000);
    is_good(ports[0]);
    assert_true(pf_dial_looked_up(dial) > 0);
    close(got);
    pf_dial_free(dial);
    pf_pool_free(pool); /* a number asks nobody */
    pool = NULL;
    calls = 0;
    free_inside = true;
    run("127.0.0.1", ports[0], 5000);
    is_good(ports[0]);
    close(server);
}

static void a_path_is_reached(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/pf-dial.XXXXXX";
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", folder);
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(server, 1), 0);
    run(at.sun_path, 0, 5000);
    assert_true(got >= 0);
    close(server);
    unlink(at.sun_path);
    pf_dial_free(dial);
    close(got);
    calls = 0;
    run(at.sun_path, 0, 5000);
    is_bad(PF_TEMP, ENOENT, "no such socket");
    rmdir(folder);
}

static void who_refuses_is_followed_by_the_next(void **state)
{
    int dead = a_socket(-1, &ports[0]), alive = a_socket(5, &ports[1]);

    (void)state;
    port_count = 2;
    run("pop.test", 110, 5000);
    is_good(ports[1]);
    close(dead);
    close(alive);
}

static void refused_by_all_is_told(void **state)
{
    int dead = a_socket(-1, &ports[0]);

    (void)state;
    for (size_t i = 1; i < HOSTS; i++)
        ports[i] = ports[0];
    port_count = HOSTS; /* more than are looked at */
    run("pop.test", 110, 5000);
    is_bad(PF_TEMP, ECONNREFUSED, "127.0.0.1, and 15 more");
    assert_non_null(strstr(why.log, "is the port right"));
    close(dead);
}

/* RFC 8305 section 5. */
static void who_is_silent_is_not_waited_for(void **state)
{
    int fill[2], silent = a_silent_socket(&ports[0], fill), alive = a_socket(5, &ports[1]);
    pf_time began = pf_loop_now_fresh(loop);

    (void)state;
    port_count = 2;
    run("pop.test", 110, 20000);
    is_good(ports[1]);
    assert_true(pf_loop_now(loop) - began >= 250);
    assert_true(pf_loop_now(loop) - began < 10000);
    close(silent);
    close(alive);
    close(fill[0]);
    close(fill[1]);
}

static void silence_of_all_has_an_end(void **state)
{
    int fill[2], silent = a_silent_socket(&ports[0], fill);

    (void)state;
    port_count = 1;
    run("pop.test", 110, 60);
    is_bad(PF_TEMP, ETIMEDOUT, "nobody answers");
    close(silent);
    close(fill[0]);
    close(fill[1]);
}

static void names_that_cannot_be_had(void **state)
{
    (void)state;
    problem = EAI_NONAME;
    run("nowhere.test", 110, 5000);
    is_bad(PF_CONFIG, 0, "the name nowhere.test is unknown");
    pf_dial_free(dial);
    calls = 0;
    problem = EAI_AGAIN;
    run("nowhere.test", 110, 5000);
    is_bad(PF_TEMP, 0, "is this machine on the network");
}

static void a_resolver_that_hangs_has_an_end(void **state)
{
    (void)state;
    waits = true;
    port_count = ports[0] = 1;
    run("pop.test", 110, 50);
    is_bad(PF_TEMP, 0, "cannot look up pop.test");
    pf_dial_free(dial); /* its thread is still there */
    dial = NULL;
    assert_int_equal(write(gate[1], "x", 1), 1);
}

static void a_late_answer_reaches_nobody(void **state)
{
    int server = a_socket(5, &ports[0]);

    (void)state;
    waits = true;
    port_count = 1;
    run("pop.test", 110, 50);
    assert_int_equal(write(gate[1], "x", 1), 1);
    while (pf_loop_turn(loop, true)) /* the dial is kept */
        ;
    assert_int_equal(calls, 1);
    close(server);
}

static void freed_at_any_turn(void **state)
{
    int fill[2], silent = a_silent_socket(&ports[0], fill);

    (void)state;
    port_count = 1;
    for (int turns = 0; turns < 6; turns++) {
        begin(turns % 2 ? "pop.test" : "127.0.0.1", 110, 5000);
        for (int i = 0; i < turns; i++)
            pf_loop_turn(loop, false);
        pf_dial_free(dial);
        dial = NULL;
        while (pf_loop_turn(loop, true))
            ;
    }
    assert_int_equal(calls, 0);
    close(silent);
    close(fill[0]);
    close(fill[1]);
}

static void what_cannot_be_dialled_is_refused_at_once(void **state)
{
    char path[200] = "/", name[300];
    const struct {
        const char *host;
        unsigned port;
    } bad[] = {{"", 110}, {path, 0}, {name, 110}, {"a.test", 0}, {"a.test", 65536}};

    (void)state;
    memset(path + 1, 'p', sizeof path - 2);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pf_dial_settings set = {
            .host = bad[i].host, .port = bad[i].port, .time = 1, .done = done};
        struct pf_err err = {0};

        assert_null(pf_dial_new(loop, pool, &set, &err));
        assert_int_equal(err.code, PF_CONFIG);
    }
}

#define S(name) cmocka_unit_test_setup_teardown(name, scene, scene_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {S(a_name_and_a_number_are_reached),
                                       S(a_path_is_reached),
                                       S(who_refuses_is_followed_by_the_next),
                                       S(refused_by_all_is_told),
                                       S(who_is_silent_is_not_waited_for),
                                       S(silence_of_all_has_an_end),
                                       S(names_that_cannot_be_had),
                                       S(a_resolver_that_hangs_has_an_end),
                                       S(a_late_answer_reaches_nobody),
                                       S(freed_at_any_turn),
                                       S(what_cannot_be_dialled_is_refused_at_once)};

    return RUN(tests);
}
