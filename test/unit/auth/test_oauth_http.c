#include "auth/oauth_http.h"
#include "oauth_server.h"

static enum pf_code get(const struct server *server, struct pf_oauth_answer *out, struct pf_err *err)
{
    const struct pf_oauth_call call = {.url = server->url, .timeout = 500};

    return pf_oauth_http(&call, out, err);
}

static void pages_come_whole(void **state)
{
    struct server *server = server_begin();
    struct pf_oauth_answer answer = {0};

    (void)state;
    snprintf(server->page, sizeof server->page, "{\"a\":1}");
    assert_int_equal(get(server, &answer, NULL), PF_OK);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.len, 7);
    assert_memory_equal(answer.at, "{\"a\":1}", 7);
    assert_non_null(strstr(server->asked, "GET /x HTTP/1.1\r\n"));
    free(answer.at);
    server_end(server);
}

static void what_is_no_answer_is_trouble_for_now(void **state)
{
    struct server *server = server_begin();
    struct pf_oauth_answer answer = {0};
    struct pf_err err = {0};

    (void)state;
    server->status = 0;
    assert_int_equal(get(server, &answer, &err), PF_TEMP);
    assert_non_null(strstr(err.log, server->url));
    server->status = 1;
    assert_int_equal(get(server, &answer, &err), PF_TEMP);
    server->status = 200;
    server->endless = 1200000;
    memset(server->page, ' ', sizeof server->page);
    assert_int_equal(get(server, &answer, &err), PF_TEMP);
    assert_non_null(strstr(err.log, "1 MiB"));
    assert_null(answer.at);
    server_end(server);
}

static void nothing_is_followed(void **state)
{
    struct server *server = server_begin(), *other = server_begin();
    struct pf_oauth_answer answer = {0};

    (void)state;
    server->status = 302;
    snprintf(server->more, sizeof server->more, "Location: %s\r\n", other->url);
    assert_int_equal(get(server, &answer, NULL), PF_OK);
    assert_int_equal(answer.status, 302);
    assert_int_equal(other->hits, 0);
    free(answer.at);
    server_end(server);
    server_end(other);
}

static void the_environment_has_no_say(void **state)
{
    struct server *server = server_begin(), *proxy = server_begin();
    struct pf_oauth_answer answer = {0};

    (void)state;
    setenv("http_proxy", proxy->url, 1);
    setenv("all_proxy", proxy->url, 1);
    assert_int_equal(get(server, &answer, NULL), PF_OK);
    assert_int_equal(proxy->hits, 0);
    assert_int_equal(server->hits, 1);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    free(answer.at);
    server_end(server);
    server_end(proxy);
}

static void only_https_leaves_the_machine(void **state)
{
    static const char *const good[] = {
        "https://login.example.org/keys", "https://192.0.2.1:8443/", "http://127.0.0.1/",
        "http://127.1.2.3:80/x",          "http://[::1]:8080/",      "http://localhost/x"};
    static const char *const bad[] = {"http://login.example.org/",
                                      "http://127.0.0.1.example.org/",
                                      "http://10.0.0.1/",
                                      "http://127.0.0.1@example.org/",
                                      "https://user:word@example.org/",
                                      "file:///etc/passwd",
                                      "ftp://127.0.0.1/",
                                      "gopher://127.0.0.1/",
                                      "https://",
                                      "",
                                      "http://[::2]/",
                                      "http://localhost.example.org/",
                                      "x"};
    struct pf_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(pf_oauth_url_check(good[i], &err), PF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pf_oauth_url_check(bad[i], &err), PF_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pages_come_whole),           T(what_is_no_answer_is_trouble_for_now), T(nothing_is_followed),
        T(the_environment_has_no_say), T(only_https_leaves_the_machine),
    };

    return RUN(tests);
}
