#include "unit/cm.h"

#include "sys/dns_srv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A message that is being built. */
struct message {
    unsigned char at[4096];
    size_t len;
};

static void put16(struct message *m, unsigned value)
{
    m->at[m->len++] = (unsigned char)(value >> 8);
    m->at[m->len++] = (unsigned char)value;
}

static void put_name(struct message *m, const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");

        m->at[m->len++] = (unsigned char)len;
        memcpy(m->at + m->len, name, len);
        m->len += len;
        name += len + (name[len] == '.');
    }
    m->at[m->len++] = 0;
}

static void begin(struct message *m, const char *name, unsigned flags)
{
    m->len = 0;
    put16(m, 0x1234);
    put16(m, flags);
    for (int i = 0; i < 4; i++)
        put16(m, i == 0);
    put_name(m, name);
    put16(m, 33);
    put16(m, 1);
}

static void record(struct message *m, const char *owner, unsigned type, unsigned numbers[3], const char *target)
{
    size_t len_at;

    if (owner)
        put_name(m, owner);
    else
        put16(m, 0xc00c); /* the question's name */
    put16(m, type);
    put16(m, 1);
    put16(m, 0);
    put16(m, 60);
    len_at = m->len;
    put16(m, 0);
    for (int i = 0; numbers && i < 3; i++)
        put16(m, numbers[i]);
    put_name(m, target);
    m->at[len_at] = (unsigned char)((m->len - len_at - 2) >> 8);
    m->at[len_at + 1] = (unsigned char)(m->len - len_at - 2);
    m->at[7]++;
}

#define SRV(m, owner, priority, weight, port, target)                                                                 \
    record(m, owner, 33, (unsigned[]){priority, weight, port}, target)

static enum pf_code read_it(const struct message *m, struct pf_srv_list *list)
{
    unsigned char *exact = malloc(m->len);
    enum pf_code code;

    memcpy(exact, m->at, m->len);
    code = pf_srv_answer(pf_bytes_from(exact, m->len), "_pop3s._tcp.example.org", "example.org", list, NULL);
    free(exact);
    return code;
}

static void srv_001_records_are_read(void **state)
{
    struct pf_srv_list list = {0};
    struct message m;

    begin(&m, "_pop3s._tcp.example.org", 0x81a0);
    SRV(&m, NULL, 10, 5, 995, "POP.Example.org");
    SRV(&m, "_pop3s._tcp.EXAMPLE.org", 20, 0, 1995, "pop.badexample.org");
    SRV(&m, "_other._tcp.example.org", 1, 0, 1, "evil.example.net");
    assert_int_equal(read_it(&m, &list), PF_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.at[0].host, "pop.example.org");
    assert_int_equal(list.at[0].port, 995);
    assert_int_equal(list.at[0].priority, 10);
    assert_int_equal(list.at[0].weight, 5);
    assert_true(list.at[0].inside && list.at[0].vouched && !list.refused);
    assert_false(list.at[1].inside);
    (void)state;
}

static void srv_002_a_dot_is_a_refusal(void **state)
{
    struct pf_srv_list list = {0};
    struct message m;

    begin(&m, "_pop3s._tcp.example.org", 0x8180);
    SRV(&m, NULL, 0, 0, 0, "");
    assert_int_equal(read_it(&m, &list), PF_OK);
    assert_int_equal(list.count, 0);
    assert_true(list.refused);
    (void)state;
}

static void an_alias_is_followed(void **state)
{
    struct pf_srv_list list = {0};
    struct message m;

    begin(&m, "_pop3s._tcp.example.org", 0x8180);
    record(&m, NULL, 5, NULL, "srv.example.net");
    SRV(&m, "srv.example.net", 0, 0, 995, "pop.example.net");
    assert_int_equal(read_it(&m, &list), PF_OK);
    assert_int_equal(list.count, 1);
    assert_false(list.at[0].vouched);
    (void)state;
}

/* Every prefix is damaged, and nothing comes of it. */
static void a_cut_answer_gives_nothing(void **state)
{
    struct pf_srv_list list = {0};
    struct message m;
    size_t whole;

    begin(&m, "_pop3s._tcp.example.org", 0x8180);
    SRV(&m, NULL, 0, 0, 995, "a.example.org");
    SRV(&m, NULL, 0, 0, 995, "b.example.org");
    whole = m.len;
    for (m.len = 0; m.len < whole; m.len++) {
        assert_int_equal(read_it(&m, &list), PF_TEMP);
        assert_int_equal(list.count, 0);
    }
    begin(&m, "_pop3s._tcp.example.org", 0x8180);
    m.at[7] = 1;
    put16(&m, 0xc000 | (unsigned)m.len); /* a pointer to itself */
    assert_int_equal(read_it(&m, &list), PF_TEMP);
    begin(&m, "_pop3s._tcp.example.org", 0x8180);
    SRV(&m, NULL, 0, 0, 995, "a\x1b[2J.example.org");
    assert_int_equal(read_it(&m, &list), PF_TEMP);
    (void)state;
}

static uint32_t draw(void *self, uint32_t below)
{
    uint32_t *seed = self;

    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void weights_are_chances(void **state)
{
    uint32_t seed = 1;
    int first = 0;

    for (int i = 0; i < 1000; i++) {
        struct pf_srv_list list = {.at = {{.priority = 2, .weight = 9, .port = 1},
                                          {.priority = 1, .weight = 1, .port = 2},
                                          {.priority = 1, .weight = 9, .port = 3},
                                          {.priority = 0, .port = 4}},
                                   .count = 4};

        pf_srv_order(&list, 0, draw, &seed);
        assert_int_equal(list.at[0].port, 4);
        assert_int_equal(list.at[1].port + list.at[2].port, 5);
        assert_int_equal(list.at[3].port, 1);
        first += list.at[1].port == 3;
    }
    assert_in_range(first, 770, 930); /* 9 of 11 by RFC 2782, which counts the draw 0 to the first */
    (void)state;
}

/* Answers questions of this many octets' beginning; until it is killed. */
static void serve(int fd)
{
    struct sockaddr_in peer;
    unsigned char question[512];

    for (;;) {
        socklen_t size = sizeof peer;
        ssize_t len = recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&peer, &size);
        bool secure = len > 20 && memcmp(question + 12, "\6_pop3s", 7) == 0;
        bool none = len > 20 && memmem(question, (size_t)len, "\4none", 5);
        bool fails = len > 20 && memmem(question, (size_t)len, "\5fails", 6);
        struct message m;

        begin(&m, secure ? "_pop3s._tcp.example.org" : "_pop3._tcp.example.org",
              none    ? 0x8183
              : fails ? 0x8182
                      : 0x8180);
        if (none || fails) {
            memcpy(m.at + 12, question + 12, (size_t)len - 12);
            m.len = (size_t)len;
            m.at[11] = question[11];
        } else {
            SRV(&m, NULL, 20, 0, secure ? 995 : 110, "second.example.org");
            SRV(&m, NULL, 10, 0, secure ? 995 : 110, "first.example.org");
        }
        memcpy(m.at, question, 2);
        sendto(fd, m.at, m.len, 0, (struct sockaddr *)&peer, size);
    }
}

static pid_t start(unsigned *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    pid = fork();
    if (pid == 0)
        serve(fd);
    close(fd);
    return pid;
}

static void a_resolver_is_asked(void **state)
{
    struct pf_srv_resolver resolver = {.address = "127.0.0.1"};
    struct pf_srv_list list = {0};
    struct pf_err err = {0};
    pid_t pid = start(&resolver.port);

    assert_int_equal(pf_srv_find("example.org", true, &resolver, &list, &err), PF_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.at[0].host, "first.example.org");
    assert_true(list.at[0].implicit && list.at[1].implicit && !list.at[2].implicit);
    assert_int_equal(list.at[2].port, 110);
    assert_int_equal(pf_srv_find("example.org", false, &resolver, &list, &err), PF_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(pf_srv_find("none.org", true, &resolver, &list, &err), PF_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(pf_srv_find("fails.org", true, &resolver, &list, &err), PF_TEMP);
    assert_int_equal(pf_srv_find("a..b", true, &resolver, &list, &err), PF_SYNTAX);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)state;
}

static void srv_011_common_names_are_guessed(void **state)
{
    struct pf_srv_list list;

    assert_true(pf_srv_guess("example.org", true, &list));
    assert_int_equal(list.count, 8);
    assert_string_equal(list.at[0].host, "pop.example.org");
    assert_true(list.at[0].implicit && list.at[0].port == 995);
    assert_string_equal(list.at[7].host, "example.org");
    assert_true(!list.at[7].implicit && list.at[7].port == 110);
    assert_true(pf_srv_guess("example.org", false, &list));
    assert_int_equal(list.count, 4);
    assert_false(pf_srv_guess("", false, &list));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(srv_001_records_are_read),        T(srv_002_a_dot_is_a_refusal), T(an_alias_is_followed),
        T(a_cut_answer_gives_nothing),      T(weights_are_chances),        T(a_resolver_is_asked),
        T(srv_011_common_names_are_guessed)};

    return RUN(tests);
}
