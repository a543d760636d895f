#include "oauth_bench.h"
#include "oauth_server.h"

#include "sys/pool.h"

static void serve(struct server *server, EVP_PKEY *key, const char *kid)
{
    char *jwk = bench_jwk(key, kid, "");

    snprintf(server->page, sizeof server->page, "{\"keys\":[%s]}", jwk);
    free(jwk);
}

static char *signed_by(EVP_PKEY *key, const char *kid)
{
    char header[80], claims[300];

    snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    snprintf(claims, sizeof claims,
             "{\"iss\":\"" BENCH_ISSUER "\",\"exp\":9000000000,\"email\":\"a@example.org\"}");
    return bench_sign(key, PF_LIT(""), kid ? header : "{\"alg\":\"RS256\"}", claims);
}

static struct pf_conf_oauth conf_for(const char *keys)
{
    struct pf_conf_oauth conf = {
        .issuer = BENCH_ISSUER, .keys = keys, .name_claim = "email", .timeout = 300, .refresh = 3600};

    return conf;
}

/* Later than any look that a new shelf may have had by the clock. */
#define LATER 5000000000

static void a_file_is_read_again_when_it_changes(void **state)
{
    struct pf_conf_oauth conf = conf_for(bench_keys);
    struct pf_oauth *oauth = pf_oauth_new(&conf, NULL);
    char *other = bench_jwk(bench_other, "o", ""), *text = bench_room(BENCH_TEXT * 4),
         *first = bench_set();

    (void)state;
    assert_non_null(oauth);
    snprintf(text, BENCH_TEXT * 4, "{\"keys\":[%s]}", other);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER, NULL), PF_OK);
    bench_write(bench_keys, text);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER, NULL),
                     PF_OK); /* within the second */
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "o"), LATER + 1, NULL), PF_OK);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER + 2, NULL), PF_AUTH);
    bench_write(bench_keys, "{\"keys\":[{\"kty\":");
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "o"), LATER + 3, NULL),
                     PF_OK); /* the old stay */
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER + 3, NULL),
                     PF_TEMP); /* who knows */
    unlink(bench_keys);
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "o"), LATER + 4, NULL), PF_OK);
    bench_write(bench_keys, first);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER + 5, NULL), PF_OK);
    pf_oauth_free(oauth);
    free(other);
    free(text);
    free(first);
}

static void an_unknown_key_asks_once_a_minute(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    struct pf_oauth *oauth;

    (void)state;
    serve(server, bench_rsa, "one");
    oauth = pf_oauth_new(&conf, NULL);
    assert_non_null(oauth);
    assert_int_equal(server->hits, 1);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), LATER, NULL), PF_OK);
    assert_int_equal(server->hits, 2); /* by the hour */
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "two"), LATER + 1, NULL), PF_AUTH);
    assert_int_equal(server->hits, 3); /* at once */
    serve(server, bench_other, "two");
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "two"), LATER + 60, NULL), PF_AUTH);
    assert_int_equal(server->hits, 3);
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "two"), LATER + 61, NULL), PF_OK);
    assert_int_equal(server->hits, 4);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), LATER + 62, NULL), PF_AUTH);
    assert_int_equal(server->hits, 4);
    pf_oauth_free(oauth);
    server_end(server);
}

static void a_key_without_a_name_may_change(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    struct pf_oauth *oauth;

    (void)state;
    serve(server, bench_rsa, NULL);
    oauth = pf_oauth_new(&conf, NULL);
    assert_int_equal(
        bench_check(oauth,
                    bench_sign(bench_rsa, PF_LIT(""), "{\"alg\":\"RS256\"}",
                               "{\"iss\":\"" BENCH_ISSUER "\",\"exp\":9000000000,\"email\":\"a\"}"),
                    LATER, NULL),
        PF_OK);
    serve(server, bench_other, NULL);
    assert_int_equal(
        bench_check(oauth,
                    bench_sign(bench_other, PF_LIT(""), "{\"alg\":\"RS256\"}",
                               "{\"iss\":\"" BENCH_ISSUER "\",\"exp\":9000000000,\"email\":\"a\"}"),
                    LATER + 60, NULL),
        PF_OK);
    pf_oauth_free(oauth);
    server_end(server);
}

static void old_keys_stay_when_a_look_fails(void **state)
{
    static const char *const broken[] = {"", "<html>", "{\"keys\":[]}", "{\"keys\":7}"};
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    struct pf_oauth *oauth;
    int64_t now = LATER;

    (void)state;
    serve(server, bench_rsa, "one");
    oauth = pf_oauth_new(&conf, NULL);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        snprintf(server->page, sizeof server->page, "%s", broken[i]);
        assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), now += 3600, NULL), PF_OK);
    }
    server->status = 500;
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), now += 3600, NULL), PF_OK);
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "two"), now, NULL),
                     PF_TEMP); /* nobody knows */
    server->status = 1;
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), now += 60, NULL), PF_OK);
    server->status = 200;
    serve(server, bench_other, "two");
    assert_int_equal(bench_check(oauth, signed_by(bench_other, "two"), now += 60, NULL), PF_OK);
    pf_oauth_free(oauth);
    server_end(server);
}

static void a_server_may_come_up_later(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    struct pf_oauth *oauth;
    struct pf_err err = {0};

    (void)state;
    server->status = 503;
    oauth = pf_oauth_new(&conf, &err);
    assert_non_null(oauth);
    assert_int_equal(err.code, PF_OK);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), LATER, NULL), PF_TEMP);
    server->status = 200;
    serve(server, bench_rsa, "one");
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), LATER + 4, NULL), PF_TEMP);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "one"), LATER + 5, NULL), PF_OK);
    pf_oauth_free(oauth);
    server_end(server);
}

static void a_secret_from_a_url_is_no_key(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    char *set = bench_set();
    struct pf_oauth *oauth;

    (void)state;
    snprintf(server->page, sizeof server->page, "%s", set);
    oauth = pf_oauth_new(&conf, NULL);
    assert_int_equal(
        bench_check(oauth,
                    bench_sign(NULL, PF_LIT(BENCH_SECRET), "{\"alg\":\"HS256\",\"kid\":\"h\"}",
                               "{\"iss\":\"" BENCH_ISSUER "\",\"exp\":9000000000,\"email\":\"a\"}"),
                    LATER, NULL),
        PF_AUTH);
    assert_int_equal(bench_check(oauth, signed_by(bench_rsa, "r"), LATER, NULL), PF_OK);
    pf_oauth_free(oauth);
    server_end(server);
    free(set);
}

enum { ASKERS = 200 };

struct asker {
    struct pf_job job;
    struct pf_oauth *oauth;
    const char *token;
    int64_t now;
    enum pf_code code;
};

static void ask(struct pf_job *job)
{
    struct asker *asker = (struct asker *)job;
    struct pf_oauth_grant grant;

    asker->code = pf_oauth_check(asker->oauth, pf_bytes_of(asker->token), asker->now, &grant, NULL);
}

static void count(struct pf_job *job)
{
    (void)job;
}

/* The set changes under all of them: those who bring the new key make it, the others have one of both.
 */
static void threads_share_a_set_that_changes(void **state)
{
    struct server *server = server_begin();
    struct pf_conf_oauth conf = conf_for(server->url);
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_pool *pool = pf_pool_new(loop, "oauth", 8, ASKERS, NULL);
    static struct asker askers[ASKERS];
    char *one, *two = signed_by(bench_other, "two");
    struct pf_oauth *oauth;
    size_t right = 0;

    (void)state;
    serve(server, bench_rsa, "one");
    oauth = pf_oauth_new(&conf, NULL);
    one = signed_by(bench_rsa, "one");
    assert_int_equal(bench_check(oauth, strdup(one), LATER, NULL), PF_OK);
    serve(server, bench_other, "two");
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.job = {.work = ask, .done = count},
                                   .oauth = oauth,
                                   .token = i % 2 ? two : one,
                                   .now = LATER + 60};
        assert_true(pf_pool_submit(pool, &askers[i].job));
    }
    pf_pool_free(pool);
    for (size_t i = 1; i < ASKERS; i += 2)
        right += askers[i].code == PF_OK;
    assert_int_equal(right, ASKERS / 2);
    assert_int_equal(server->hits, 3);
    pf_oauth_free(oauth);
    pf_loop_free(loop);
    server_end(server);
    free(one);
    free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_is_read_again_when_it_changes), T(an_unknown_key_asks_once_a_minute),
        T(a_key_without_a_name_may_change),      T(old_keys_stay_when_a_look_fails),
        T(a_server_may_come_up_later),           T(a_secret_from_a_url_is_no_key),
        T(threads_share_a_set_that_changes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, bench_begin, bench_end);
}
