#include "oauth_bench.h"

static struct pf_oauth *with_keys(void)
{
    static struct pf_conf_oauth conf;
    struct pf_err err = {0};
    struct pf_oauth *oauth;

    conf = bench_conf();
    oauth = pf_oauth_new(&conf, &err);
    assert_non_null(oauth);
    return oauth;
}

/* What the keys of the bench say of a token. */
static enum pf_code judge(char *token)
{
    struct pf_oauth *oauth = with_keys();
    enum pf_code code = bench_check(oauth, token, BENCH_NOW, NULL);

    pf_oauth_free(oauth);
    return code;
}

static char *copy(const char *text)
{
    return strdup(text);
}

static void signed_tokens_are_taken(void **state)
{
    struct pf_oauth *oauth = with_keys();
    char name[PF_AUTH_NAME_MAX + 1];

    (void)state;
    assert_int_equal(bench_check(oauth, bench_token(BENCH_CLAIMS), BENCH_NOW, name), PF_OK);
    assert_string_equal(name, "alice@example.org");
    assert_int_equal(bench_check(oauth,
                                 bench_sign(bench_rsa, PF_LIT(""), "{\"alg\":\"RS256\"}", BENCH_CLAIMS),
                                 BENCH_NOW, NULL),
                     PF_OK); /* one key of that kind: it need not be named */
    assert_int_equal(
        bench_check(oauth,
                    bench_sign(bench_ec, PF_LIT(""),
                               "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}", BENCH_CLAIMS),
                    BENCH_NOW, NULL),
        PF_OK);
    assert_int_equal(bench_check(oauth,
                                 bench_sign(NULL, PF_LIT(BENCH_SECRET),
                                            "{\"alg\":\"HS256\",\"kid\":\"h\"}", BENCH_CLAIMS),
                                 BENCH_NOW, NULL),
                     PF_OK);
    pf_oauth_free(oauth);
}

static void the_grant_says_until_when(void **state)
{
    struct pf_oauth *oauth = with_keys();
    struct pf_oauth_grant grant = {0};
    char *token = bench_token(BENCH_CLAIMS);

    (void)state;
    assert_int_equal(pf_oauth_check(oauth, pf_bytes_of(token), BENCH_NOW, &grant, NULL), PF_OK);
    assert_true(grant.expires == BENCH_NOW + 600);
    free(token);
    pf_oauth_free(oauth);
}

/* RFC 8725 section 2.1, and what was done to other libraries. */
static void the_algorithm_is_the_keys(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"kid\":\"r\"}",
        "{\"alg\":\"None\",\"kid\":\"r\"}",
        "{\"alg\":\"RS512\",\"kid\":\"r\"}",
        "{\"alg\":\"PS256\",\"kid\":\"r\"}",
        "{\"alg\":\"rs256\",\"kid\":\"r\"}",
        "{\"alg\":\"ES256\",\"kid\":\"r\"}",
        "{\"alg\":\"HS256\",\"kid\":\"r\"}",
        "{\"alg\":\"HS256\",\"kid\":\"e\"}",
        "{\"alg\":\"RS256\",\"kid\":\"h\"}",
        "{\"alg\":\"RS256\\u0000\",\"kid\":\"r\"}",
        "{\"kid\":\"r\"}",
        "{\"alg\":null,\"kid\":\"r\"}",
        "{\"alg\":[\"RS256\"],\"kid\":\"r\"}",
        "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"r\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_int_equal(judge(bench_sign(bench_rsa, PF_LIT(""), headers[i], BENCH_CLAIMS)), PF_AUTH);
        assert_int_equal(judge(bench_sign(NULL, PF_LIT(""), headers[i], BENCH_CLAIMS)), PF_AUTH);
    }
}

static void none_with_an_empty_signature_is_refused(void **state)
{
    static const char *const names[] = {"none", "RS256", "ES256", "HS256"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char header[80], *token;

        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", names[i],
                 i < 2    ? "r"
                 : i == 2 ? "e"
                          : "h");
        token = bench_sign(bench_rsa, PF_LIT(""), header, BENCH_CLAIMS);
        *(strrchr(token, '.') + 1) = 0;
        assert_int_equal(judge(token), PF_AUTH);
    }
}

/* The public key as an HMAC secret, in each form that an attacker can have it in. */
static void a_public_key_is_no_secret(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"HS256\",\"kid\":\"r\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"h\"}", "{\"alg\":\"HS256\"}"};
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem, *jwk = bench_jwk(bench_rsa, "r", "");
    long len;

    (void)state;
    assert_int_equal(PEM_write_bio_PUBKEY(bio, bench_rsa), 1);
    len = BIO_get_mem_data(bio, &pem);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            judge(bench_sign(NULL, pf_bytes_from(pem, (size_t)len), headers[i], BENCH_CLAIMS)), PF_AUTH);
        assert_int_equal(
            judge(bench_sign(NULL, pf_bytes_from(pem, (size_t)len - 1), headers[i], BENCH_CLAIMS)),
            PF_AUTH);
        assert_int_equal(judge(bench_sign(NULL, pf_bytes_of(jwk), headers[i], BENCH_CLAIMS)), PF_AUTH);
    }
    BIO_free(bio);
    free(jwk);
}

static void another_key_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        judge(bench_sign(bench_other, PF_LIT(""), "{\"alg\":\"RS256\",\"kid\":\"r\"}", BENCH_CLAIMS)),
        PF_AUTH);
    assert_int_equal(
        judge(bench_sign(bench_rsa, PF_LIT(""), "{\"alg\":\"RS256\",\"kid\":\"e\"}", BENCH_CLAIMS)),
        PF_AUTH);
    assert_int_equal(judge(bench_sign(NULL, PF_LIT("another secret"),
                                      "{\"alg\":\"HS256\",\"kid\":\"h\"}", BENCH_CLAIMS)),
                     PF_AUTH);
}

/* A key that comes with the token, or that it points at, is nobody's. */
static void keys_in_the_header_are_not_looked_at(void **state)
{
    char header[3 * BENCH_TEXT + 100], *jwk = bench_jwk(bench_other, "r", "");

    (void)state;
    snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"jwk\":%s}", jwk);
    assert_int_equal(judge(bench_sign(bench_other, PF_LIT(""), header, BENCH_CLAIMS)), PF_AUTH);
    snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"r\",\"jwk\":%s}", jwk);
    assert_int_equal(judge(bench_sign(bench_other, PF_LIT(""), header, BENCH_CLAIMS)), PF_AUTH);
    assert_int_equal(
        judge(bench_sign(bench_other, PF_LIT(""),
                         "{\"alg\":\"RS256\",\"kid\":\"r\",\"jku\":\"http://127.0.0.1:9/keys\","
                         "\"x5u\":\"http://127.0.0.1:9/x\",\"x5c\":[\"MIIB\"]}",
                         BENCH_CLAIMS)),
        PF_AUTH);
    free(jwk);
}

static void key_names_are_only_names(void **state)
{
    static const char *const kids[] = {"\"../../x\"",
                                       "\"../keys.json\"",
                                       "\"/dev/null\"",
                                       "\"\"",
                                       "\"r\\u0000\"",
                                       "\"R\"",
                                       "7",
                                       "null",
                                       "[\"r\"]",
                                       "\"' OR 1=1 --\"",
                                       "\"http://127.0.0.1:9/\""};
    char header[100];

    (void)state;
    for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":%s}", kids[i]);
        assert_int_equal(judge(bench_sign(bench_rsa, PF_LIT(""), header, BENCH_CLAIMS)), PF_AUTH);
    }
}

static void headers_that_demand_more_are_refused(void **state)
{
    static const char *const more[] = {"\"crit\":[\"exp\"]",
                                       "\"crit\":[]",
                                       "\"b64\":false",
                                       "\"b64\":true",
                                       "\"typ\":\"logout+jwt\"",
                                       "\"typ\":\"dpop+jwt\"",
                                       "\"typ\":7",
                                       "\"kid\":\"r\"",
                                       "\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"};
    char header[200];

    (void)state;
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"r\",%s}", more[i]);
        assert_int_equal(judge(bench_sign(bench_rsa, PF_LIT(""), header, BENCH_CLAIMS)), PF_AUTH);
    }
}

static void swapped_parts_are_refused(void **state)
{
    static const char bob[] = "{\"iss\":\"" BENCH_ISSUER "\",\"aud\":\"pop\",\"exp\":1800000600,"
                              "\"email\":\"bob@example.org\",\"scope\":\"mail\"}";
    char *token = bench_token(BENCH_CLAIMS), *other = bench_token(bob), *mixed = bench_room(BENCH_TOKEN);
    char *first = strchr(token, '.'), *second = strchr(other, '.'), *third = strrchr(token, '.');

    (void)state;
    memcpy(mixed, token, (size_t)(first - token));
    strncat(mixed, second, (size_t)(strrchr(other, '.') - second));
    strncat(mixed, third, BENCH_TEXT);
    assert_int_equal(judge(mixed), PF_AUTH);
    token[strlen(token) / 2] ^= 1;
    assert_int_equal(judge(token), PF_AUTH);
    assert_int_equal(judge(other), PF_OK); /* the parts were good */
}

/* What stands around or between the parts; cjose 0.6.2 aborts at "A===". */
static void the_form_has_one_spelling(void **state)
{
    static const char *const wholes[] = {"",
                                         ".",
                                         "..",
                                         "...",
                                         "a.b.c",
                                         "A===.A===.A===",
                                         "e30.e30.",
                                         "e30.e30.A===",
                                         "e30..e30",
                                         "bm90IGpzb24.e30.AAAA",
                                         "W10.e30.AAAA",
                                         "eyJhbGciOiJSUzI1NiJ9",
                                         "e30.e30.e30.e30.e30"};
    static const char *const ends[] = {".",  "..", ".x", "=",   "==", "===", "A",
                                       "AA", "\n", " ",  "%00", "+",  "/"};
    char *good = bench_token(BENCH_CLAIMS);

    (void)state;
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++)
        assert_int_equal(judge(copy(wholes[i])), PF_AUTH);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char *behind = bench_room(BENCH_TOKEN), *before = bench_room(BENCH_TOKEN),
             *within = bench_room(BENCH_TOKEN);
        int dot = (int)(strchr(good, '.') - good);

        snprintf(behind, BENCH_TOKEN, "%s%s", good, ends[i]);
        snprintf(before, BENCH_TOKEN, "%s%s", ends[i], good);
        snprintf(within, BENCH_TOKEN, "%.*s%s%s", dot, good, ends[i], good + dot);
        assert_int_equal(judge(behind), PF_AUTH);
        assert_int_equal(judge(before), PF_AUTH);
        assert_int_equal(judge(within), PF_AUTH);
    }
    assert_int_equal(judge(good), PF_OK);
}

/* The last octet of base64url has bits that stand for nothing: only one of its spellings is taken. */
static void a_signature_has_one_spelling(void **state)
{
    char *good = bench_token(BENCH_CLAIMS);
    size_t last = strlen(good) - 1;

    (void)state;
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *c; c++) {
        char *token = copy(good);

        token[last] = *c;
        assert_int_equal(judge(token), *c == good[last] ? PF_OK : PF_AUTH);
    }
    free(good);
}

/* cjose compares as many octets as a digest has, whatever the token brings. */
static void signatures_of_another_length_are_refused(void **state)
{
    static const char *const kids[] = {"r", "e", "h"}, *const names[] = {"RS256", "ES256", "HS256"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *keys[] = {bench_rsa, bench_ec, NULL};
        char header[80];

        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", names[i], kids[i]);
        for (size_t off = 4; off <= 40; off += 4) {
            char *token = bench_sign(keys[i], PF_LIT(BENCH_SECRET), header, BENCH_CLAIMS);

            token[strlen(token) - off] = 0;
            assert_int_equal(judge(token), PF_AUTH);
        }
    }
}

static void huge_tokens_are_refused(void **state)
{
    char *big = bench_room(BENCH_TOKEN), *claims = bench_room(40000);
    size_t len;

    (void)state;
    memset(big, 'A', BENCH_TOKEN - 1);
    big[BENCH_TOKEN - 1] = 0;
    assert_int_equal(judge(big), PF_AUTH);
    len = (size_t)snprintf(claims, 40000, "%.*s,\"groups\":\"", (int)strlen(BENCH_CLAIMS) - 1,
                           BENCH_CLAIMS);
    memset(claims + len, 'g', 30000);
    memcpy(claims + len + 30000, "\"}", 3);
    assert_int_equal(judge(bench_token(claims)), PF_OK); /* 40 KiB is within bounds */
    free(claims);
}

static void settings_that_cannot_be_are_refused(void **state)
{
    struct pf_conf_oauth conf = bench_conf();
    struct pf_err err = {0};

    (void)state;
    conf.issuer = conf.audience = NULL;
    assert_null(pf_oauth_new(&conf, &err));
    assert_int_equal(err.code, PF_CONFIG);
    conf = bench_conf();
    conf.keys = NULL;
    assert_null(pf_oauth_new(&conf, &err));
    conf.keys = "/nonexistent/keys.json";
    assert_null(pf_oauth_new(&conf, &err));
    assert_int_equal(err.code, PF_CONFIG);
    conf.keys = bench_folder;
    assert_null(pf_oauth_new(&conf, &err));
    assert_int_equal(err.code, PF_CONFIG);
    pf_oauth_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(signed_tokens_are_taken),
        T(the_grant_says_until_when),
        T(the_algorithm_is_the_keys),
        T(none_with_an_empty_signature_is_refused),
        T(a_public_key_is_no_secret),
        T(another_key_is_refused),
        T(keys_in_the_header_are_not_looked_at),
        T(key_names_are_only_names),
        T(headers_that_demand_more_are_refused),
        T(swapped_parts_are_refused),
        T(the_form_has_one_spelling),
        T(a_signature_has_one_spelling),
        T(signatures_of_another_length_are_refused),
        T(huge_tokens_are_refused),
        T(settings_that_cannot_be_are_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, bench_begin, bench_end);
}
