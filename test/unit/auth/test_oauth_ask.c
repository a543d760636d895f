#include "oauth_bench.h"
#include "oauth_server.h"

#include "sys/pool.h"

#define YES "\"active\":true,\"scope\":\"mail\",\"aud\":\"pop\",\"iss\":\"" BENCH_ISSUER "\""

static struct pf_conf_oauth conf_for(const struct server *server)
{
    struct pf_conf_oauth conf = bench_conf();

    conf.keys = NULL;
    conf.introspect = server->url;
    conf.timeout = 300;
    return conf;
}

static void say(struct server *server, const char *page)
{
    snprintf(server->page, sizeof server->page, "%s", page);
}

static enum pf_code ask(struct pf_oauth *oauth, const char *token, int64_t now)
{
    return bench_check(oauth, strdup(token), now, NULL);
}

/* RFC 7662 section 2.1, with name and secret encoded as RFC 6749 section 2.3.1 wants. */
static void a_question_is_a_form_with_the_clients_secret(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    char path[160], basic[200] = "\r\nAuthorization: Basic ";
    struct pf_oauth *oauth;

    (void)state;
    snprintf(path, sizeof path, "%s/secret", bench_folder);
    bench_write(path, "p ss:w%rd\nmore\n");
    conf.client_id = "post:fach";
    conf.client_secret_file = path;
    oauth = pf_oauth_new(&conf, NULL);
    assert_non_null(oauth);
    say(server, "{" YES ",\"email\":\"alice@example.org\"}");
    assert_int_equal(ask(oauth, "a+b/c~=&token=x", BENCH_NOW), PF_OK);
    EVP_EncodeBlock((unsigned char *)basic + strlen(basic),
                    (const unsigned char *)"post%3Afach:p%20ss%3Aw%25rd", 27);
    assert_non_null(strstr(server->asked, basic));
    assert_non_null(strstr(server->asked, "POST /x HTTP/1.1\r\n"));
    assert_non_null(strstr(server->asked, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_string_equal(strstr(server->asked, "\r\n\r\n") + 4,
                        "token_type_hint=access_token&token=a%2Bb%2Fc%7E%3D%26token%3Dx");
    pf_oauth_free(oauth);
    unlink(path);
    server_end(server);
}

static void what_an_answer_means(void **state)
{
    static const struct {
        int status;
        const char *page;
        enum pf_code code;
    } rows[] = {
        {200, "{" YES ",\"email\":\"a@example.org\"}", PF_OK},
        {200, "{" YES ",\"username\":\"alice\"}", PF_OK},
        {200, "{\"active\":false}", PF_AUTH},
        {200, "{" YES "}", PF_AUTH},
        {200, "{" YES ",\"username\":\"alice\",\"exp\":1800000000}", PF_AUTH},
        {200, "{" YES ",\"username\":\"alice\",\"nbf\":1800000100}", PF_AUTH},
        {200, "{" YES ",\"username\":\"alice\",\"cnf\":{\"jkt\":\"x\"}}", PF_AUTH},
        {200, "{" YES ",\"email\":\"a@example.org\",\"email_verified\":false}", PF_AUTH},
        {200, "{\"active\":true,\"username\":\"alice\"}", PF_AUTH},
        {200, "{\"active\":\"true\",\"username\":\"alice\"}", PF_TEMP},
        {200, "{\"active\":1}", PF_TEMP},
        {200, "{" YES ",\"username\":\"alice\",\"username\":\"bob\"}", PF_TEMP},
        {200, "{" YES ",\"username\":\"alice\"", PF_TEMP},
        {200, "[]", PF_TEMP},
        {200, "<html>hello</html>", PF_TEMP},
        {200, "", PF_TEMP},
        {201, "{" YES ",\"username\":\"alice\"}", PF_TEMP},
        {302, "{" YES ",\"username\":\"alice\"}", PF_TEMP},
        {401, "{" YES ",\"username\":\"alice\"}", PF_TEMP},
        {404, "", PF_TEMP},
        {429, "", PF_TEMP},
        {500, "{" YES ",\"username\":\"alice\"}", PF_TEMP},
        {1, "", PF_TEMP},
        {0, "", PF_TEMP},
    };
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_oauth *oauth = pf_oauth_new(&conf, NULL);
    char token[40];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server->status = rows[i].status;
        say(server, rows[i].page);
        snprintf(token, sizeof token, "a-token-of-row-%zu", i);
        assert_int_equal(ask(oauth, token, BENCH_NOW), rows[i].code);
        assert_int_equal(server->hits, i + 1);
    }
    pf_oauth_free(oauth);
    server_end(server);
}

static void who_is_refused_himself_is_told(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_oauth *oauth = pf_oauth_new(&conf, NULL);
    struct pf_oauth_grant grant;
    struct pf_err err = {0};

    (void)state;
    server->status = 401;
    assert_int_equal(pf_oauth_check(oauth, PF_LIT("opaque"), BENCH_NOW, &grant, &err), PF_TEMP);
    assert_non_null(strstr(err.log, "client-id or its secret is refused"));
    pf_oauth_free(oauth);
    server_end(server);
}

static void a_yes_is_remembered_for_a_minute(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_oauth *oauth = pf_oauth_new(&conf, NULL);

    (void)state;
    say(server, "{" YES ",\"username\":\"alice\"}");
    assert_int_equal(ask(oauth, "one-token", BENCH_NOW), PF_OK);
    say(server, "{\"active\":false}");
    assert_int_equal(ask(oauth, "one-token", BENCH_NOW + 59), PF_OK);
    assert_int_equal(server->hits, 1);
    assert_int_equal(ask(oauth, "two-token", BENCH_NOW), PF_AUTH);
    assert_int_equal(ask(oauth, "one-token", BENCH_NOW + 60), PF_AUTH);
    assert_int_equal(ask(oauth, "one-token", BENCH_NOW + 60), PF_AUTH); /* a no is asked about again */
    assert_int_equal(server->hits, 4);
    say(server, "{" YES ",\"username\":\"alice\",\"exp\":1800000030}");
    assert_int_equal(ask(oauth, "six-token", BENCH_NOW), PF_OK);
    say(server, "{\"active\":false}");
    assert_int_equal(ask(oauth, "six-token", BENCH_NOW + 29), PF_OK);
    assert_int_equal(ask(oauth, "six-token", BENCH_NOW + 30), PF_AUTH);
    pf_oauth_free(oauth);
    server_end(server);
}

/* With keys and an end point: a JWT is for the keys alone, what else there is for the end point. */
static void a_jwt_is_never_asked_about_where_there_are_keys(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_oauth *oauth;

    (void)state;
    conf.keys = bench_keys;
    oauth = pf_oauth_new(&conf, NULL);
    say(server, "{" YES ",\"username\":\"alice\"}");
    assert_int_equal(bench_check(oauth, bench_token(BENCH_CLAIMS), BENCH_NOW, NULL), PF_OK);
    assert_int_equal(bench_check(oauth,
                                 bench_sign(bench_other, PF_LIT(""), "{\"alg\":\"RS256\",\"kid\":\"r\"}",
                                            BENCH_CLAIMS),
                                 BENCH_NOW, NULL),
                     PF_AUTH);
    assert_int_equal(ask(oauth, "e30.e30.", BENCH_NOW), PF_AUTH);
    assert_int_equal(server->hits, 0);
    assert_int_equal(ask(oauth, "ya29.opaque.token", BENCH_NOW), PF_OK);
    assert_int_equal(server->hits, 1);
    pf_oauth_free(oauth);
    server_end(server);
}

static void a_secret_that_cannot_be_read_is_a_mistake(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_err err = {0};
    char path[160];

    (void)state;
    snprintf(path, sizeof path, "%s/secret", bench_folder);
    conf.client_secret_file = path;
    assert_null(pf_oauth_new(&conf, &err)); /* without client-id */
    conf.client_id = "id";
    assert_null(pf_oauth_new(&conf, &err));
    assert_int_equal(err.code, PF_CONFIG);
    bench_write(path, "\nsecret\n");
    assert_null(pf_oauth_new(&conf, &err));
    unlink(path);
    conf.client_secret_file = NULL;
    conf.introspect = "http://192.0.2.1/";
    assert_null(pf_oauth_new(&conf, &err));
    assert_int_equal(err.code, PF_CONFIG);
    server_end(server);
}

enum { ASKERS = 12 };

struct asker {
    struct pf_job job;
    struct pf_oauth *oauth;
    enum pf_code code;
};

static void work(struct pf_job *job)
{
    struct asker *asker = (struct asker *)job;
    struct pf_oauth_grant grant;

    asker->code = pf_oauth_check(asker->oauth, PF_LIT("opaque"), BENCH_NOW, &grant, NULL);
}

static void done(struct pf_job *job)
{
    (void)job;
}

static void one_waits_for_a_silent_end_point_and_not_all(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server);
    struct pf_oauth *oauth = pf_oauth_new(&conf, NULL);
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_pool *pool = pf_pool_new(loop, "oauth", ASKERS, ASKERS, NULL);
    struct asker askers[ASKERS];

    (void)state;
    server->status = 1;
    assert_int_equal(ask(oauth, "an-opaque-token", BENCH_NOW), PF_TEMP);
    server->status = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.job = {.work = work, .done = done}, .oauth = oauth};
        assert_true(pf_pool_submit(pool, &askers[i].job));
    }
    pf_pool_free(pool);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(askers[i].code, PF_TEMP);
    assert_true(server->hits <= 3); /* the first, the one that waited, perhaps one behind it */
    server->status = 200;
    say(server, "{" YES ",\"username\":\"alice\"}");
    assert_int_equal(ask(oauth, "an-opaque-token", BENCH_NOW), PF_OK);
    pf_oauth_free(oauth);
    pf_loop_free(loop);
    server_end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_question_is_a_form_with_the_clients_secret),
        T(what_an_answer_means),
        T(who_is_refused_himself_is_told),
        T(a_yes_is_remembered_for_a_minute),
        T(a_jwt_is_never_asked_about_where_there_are_keys),
        T(a_secret_that_cannot_be_read_is_a_mistake),
        T(one_waits_for_a_silent_end_point_and_not_all),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, bench_begin, bench_end);
}
