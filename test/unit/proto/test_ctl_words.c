#include "unit/cm.h"

#include "proto/ctl_words.h"

static enum pf_ctl_word word(const char *line)
{
    return pf_ctl_request_of(pf_bytes_of(line)).word;
}

static void the_words_and_no_others(void **state)
{
    static const char *const bad[] = {"", "\r", "sessions", "SESSIONS ", " SESSIONS", "SESSIONS\r\r", "KICK", "KICK ",
                                      "KICK ID", "KICK ID ", "KICK ID -1", "KICK ID 1 ", "KICK ID x",
                                      "KICK ID 18446744073709551616", "KICK USER", "KICK USER ", "KICK USER a b",
                                      "KICK USER a\tb", "KICK ID 0.1", "KICK ID .1", "KICK ID 1.",
                                      "KICK ID 1.2.3",
                                      "KICK ID 4294967296.1", "SESSIONS  ALL", "SESSIONS ALL ", "KICK  USER a",
                                      "RELOAD now"};

    (void)state;
    assert_int_equal(word("SESSIONS"), PF_CTL_SESSIONS);
    assert_int_equal(word("SESSIONS\r"), PF_CTL_SESSIONS);
    assert_int_equal(word("SESSIONS ALL\r"), PF_CTL_SESSIONS_ALL);
    assert_int_equal(word("RELOAD"), PF_CTL_RELOAD);
    assert_int_equal(word("STATS"), PF_CTL_STATS);
    assert_int_equal(word("METRICS"), PF_CTL_METRICS);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(word(bad[i]), PF_CTL_BAD);
}

static void who_is_to_be_kicked(void **state)
{
    struct pf_ctl_request r = pf_ctl_request_of(PF_LIT("KICK ID 18446744073709551615\r"));

    (void)state;
    assert_int_equal(r.word, PF_CTL_KICK_ID);
    assert_true(r.id == UINT64_MAX);
    assert_int_equal(r.gate, 0);
    r = pf_ctl_request_of(PF_LIT("KICK ID 4294967295.7"));
    assert_int_equal(r.word, PF_CTL_KICK_ID);
    assert_true(r.gate == UINT32_MAX && r.id == 7);
    r = pf_ctl_request_of(PF_LIT("KICK USER anna@example.org\r"));
    assert_int_equal(r.word, PF_CTL_KICK_USER);
    assert_true(pf_bytes_equal(r.name, PF_LIT("anna@example.org")));
}

static int http(const char *head)
{
    return (int)pf_ctl_http(pf_bytes_of(head));
}

static void figures_are_asked_for_by_get(void **state)
{
    (void)state;
    assert_int_equal(http("GET /metrics HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(http("GET /metrics HTTP/1.1\r\nHost: localhost:9110\r\nAccept: */*\r\n\r\n"), 200);
    assert_int_equal(http("GET /metrics HTTP/1.1\r\nhost:\r\n\r\nGET / HTTP/1.1\r\n"), 200);
    assert_int_equal(http("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
    assert_int_equal(http("GET /metrics/ HTTP/1.0\r\n\r\n"), 404);
    assert_int_equal(http("GET /metrics?a HTTP/1.0\r\n\r\n"), 404);
    assert_int_equal(http("HEAD /metrics HTTP/1.0\r\n\r\n"), 405);
    assert_int_equal(http("get /metrics HTTP/1.0\r\n\r\n"), 405);
    assert_int_equal(http("GET /metrics HTTP/2.0\r\n\r\n"), 505);
    assert_int_equal(http("GET /metrics HTTP/1.2\r\nHost: x\r\n\r\n"), 505);
}

static void what_can_be_read_in_two_ways_is_refused(void **state)
{
    static const char *const bad[] = {
        "\r\n", "\n", "GET /metrics\r\n\r\n", "GET  /metrics HTTP/1.0\r\n\r\n", "GET /metrics  HTTP/1.0\r\n\r\n",
        " GET /metrics HTTP/1.0\r\n\r\n", "GET /metrics HTTP/1.0 \r\n\r\n", "GET /metrics HTTP/1.0\n\n",
        "GET /metrics HTTP/1.0\r\n\n", "GET /metrics HTTP/1.0\r\nA: b\n\r\n", "GET /met\trics HTTP/1.0\r\n\r\n",
        "G@T /metrics HTTP/1.0\r\n\r\n", "GET /metrics HTTP/1.0\r\n folded: x\r\n\r\n",
        "GET /metrics HTTP/1.0\r\nA : b\r\n\r\n", "GET /metrics HTTP/1.0\r\n: b\r\n\r\n",
        "GET /metrics HTTP/1.0\r\nA\r\n\r\n", "GET /metrics HTTP/1.0\r\nA: \001\r\n\r\n",
        "GET /metrics HTTP/1.0\r\nA: x\ry\r\n\r\n", "GET /metrics HTTP/1.1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /metrics HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (http(bad[i]) != 400)
            fail_msg("number %zu is answered with %d: %s", i, http(bad[i]), bad[i]);
}

static void a_nul_is_no_end(void **state)
{
    (void)state;
    assert_int_equal(pf_ctl_http(PF_LIT("GET /metrics HTTP/1.0\r\nA: \0\r\n\r\n")), 400);
    assert_int_equal(pf_ctl_http(PF_LIT("GET /metrics\0 HTTP/1.0\r\n\r\n")), 400);
    assert_int_equal(pf_ctl_http(PF_LIT("G\0T /metrics HTTP/1.0\r\n\r\n")), 400);
    assert_int_equal(pf_ctl_request_of(PF_LIT("STATS\0")).word, PF_CTL_BAD);
}

static void a_head_comes_in_pieces(void **state)
{
    static const char head[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof head; len++)
        assert_int_equal(pf_ctl_http(pf_bytes_from(head, len)), len + 1 < sizeof head ? 0 : 200);
}

static void a_head_has_an_end(void **state)
{
    static char head[PF_CTL_HEAD_MAX + 1];
    size_t len = 0;

    (void)state;
    memset(head, 'x', PF_CTL_HEAD_MAX);
    assert_int_equal(pf_ctl_http(pf_bytes_from(head, PF_CTL_HEAD_MAX - 1)), 0);
    assert_int_equal(pf_ctl_http(pf_bytes_from(head, PF_CTL_HEAD_MAX)), 431);
    len = (size_t)snprintf(head, sizeof head, "GET /metrics HTTP/1.0\r\n");
    for (unsigned i = 0; i < PF_CTL_FIELDS_MAX; i++)
        len += (size_t)snprintf(head + len, sizeof head - len, "a: b\r\n");
    snprintf(head + len, sizeof head - len, "\r\n");
    assert_int_equal(http(head), 200);
    snprintf(head + len, sizeof head - len, "a: b\r\n\r\n");
    assert_int_equal(http(head), 400);
}

static void each_status_has_its_words(void **state)
{
    static const enum pf_ctl_status all[] = {PF_CTL_HTTP_OK,    PF_CTL_HTTP_BAD,   PF_CTL_HTTP_NOT_FOUND,
                                             PF_CTL_HTTP_METHOD, PF_CTL_HTTP_LARGE, PF_CTL_HTTP_VERSION};
    char number[16];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(number, sizeof number, "%d ", (int)all[i]);
        assert_int_equal(strncmp(pf_ctl_http_text(all[i]), number, strlen(number)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_words_and_no_others),      T(who_is_to_be_kicked), T(figures_are_asked_for_by_get),
        T(what_can_be_read_in_two_ways_is_refused), T(a_nul_is_no_end), T(a_head_comes_in_pieces),
        T(a_head_has_an_end),            T(each_status_has_its_words),
    };

    return RUN(tests);
}
