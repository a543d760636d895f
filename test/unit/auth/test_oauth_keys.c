#include "oauth_bench.h"

#include "auth/oauth_keys.h"

/* How many keys of a set of one are taken, and whether its algorithm is that one. */
static size_t taken(const char *jwk, bool from_file, const char *algorithm)
{
    char *text = bench_room(BENCH_TEXT * 4);
    struct pf_oauth_keys *keys;
    struct pf_err err = {0};
    size_t count;

    snprintf(text, BENCH_TEXT * 4, "{\"keys\":[%s]}", jwk);
    keys = pf_oauth_keys_read(pf_bytes_of(text), from_file, &err);
    count = keys ? keys->count : 0;
    assert_true(keys || err.code == PF_CONFIG);
    if (keys)
        assert_string_equal(keys->of[0].algorithm, algorithm);
    pf_oauth_keys_free(keys);
    free(text);
    return count;
}

static size_t rsa_with(const char *more, const char *algorithm)
{
    char *jwk = bench_jwk(bench_rsa, NULL, more);
    size_t count = taken(jwk, false, algorithm);

    free(jwk);
    return count;
}

static void a_key_stands_for_one_algorithm(void **state)
{
    char *ec = bench_jwk(bench_ec, NULL, ""), *odd = bench_jwk(bench_ec, NULL, ",\"alg\":\"ES384\"");

    (void)state;
    assert_int_equal(rsa_with("", "RS256"), 1);
    assert_int_equal(rsa_with(",\"alg\":\"PS256\"", "PS256"), 1);
    assert_int_equal(rsa_with(",\"alg\":\"RS512\"", "RS512"), 1);
    assert_int_equal(rsa_with(",\"alg\":\"HS256\"", ""), 0);
    assert_int_equal(rsa_with(",\"alg\":\"none\"", ""), 0);
    assert_int_equal(rsa_with(",\"alg\":\"RSA-OAEP\"", ""), 0);
    assert_int_equal(rsa_with(",\"alg\":7", ""), 0);
    assert_int_equal(taken(ec, false, "ES256"), 1);
    assert_int_equal(taken(odd, false, ""), 0);
    free(ec);
    free(odd);
}

static void only_keys_for_signatures_are_taken(void **state)
{
    (void)state;
    assert_int_equal(rsa_with(",\"use\":\"sig\"", "RS256"), 1);
    assert_int_equal(rsa_with(",\"use\":\"enc\"", ""), 0);
    assert_int_equal(rsa_with(",\"key_ops\":[\"verify\"]", "RS256"), 1);
    assert_int_equal(rsa_with(",\"key_ops\":[\"encrypt\",7]", ""), 0);
    assert_int_equal(rsa_with(",\"kid\":7", ""), 0);
}

static void secrets_are_long_and_come_from_files(void **state)
{
    static const char good[] =
        "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}";

    (void)state;
    assert_int_equal(taken(good, true, "HS256"), 1);
    assert_int_equal(taken(good, false, ""), 0);
    assert_int_equal(
        taken("{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}", true, ""), 0);
    assert_int_equal(
        taken(
            "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}",
            true, ""),
        0);
    assert_int_equal(taken("{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"\"}", true, ""), 0);
}

static void weak_and_broken_keys_are_passed_over(void **state)
{
    static const char *const bad[] = {
        "7",
        "{}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"A===\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
        /* 32 octets each, and no point of the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\","
        "\"y\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}",
    };
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    char *jwk = bench_jwk(weak, NULL, "");

    (void)state;
    assert_int_equal(taken(jwk, true, ""), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(taken(bad[i], true, ""), 0);
    EVP_PKEY_free(weak);
    free(jwk);
}

static void what_is_no_set_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "7",
                                        "[]",
                                        "{",
                                        "{\"keys\":7}",
                                        "{\"keys\":[]}",
                                        "{\"keys\":[],\"keys\":[]}",
                                        "{\"keys\":[]} x",
                                        "{\"keys\":[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}"};
    struct pf_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        err.code = PF_OK;
        assert_null(pf_oauth_keys_read(pf_bytes_of(texts[i]), true, &err));
        assert_int_equal(err.code, PF_CONFIG);
    }
    pf_oauth_keys_free(NULL);
}

static void one_key_is_chosen_or_none(void **state)
{
    char *one = bench_jwk(bench_rsa, "a", ""), *two = bench_jwk(bench_other, "b", ""),
         *ec = bench_jwk(bench_ec, "a", "");
    char *text = bench_room(BENCH_TEXT * 4);
    struct pf_oauth_keys *keys;
    bool known;

    (void)state;
    snprintf(text, BENCH_TEXT * 4, "{\"keys\":[%s,%s,%s]}", one, two, ec);
    keys = pf_oauth_keys_read(pf_bytes_of(text), false, NULL);
    assert_non_null(keys);
    assert_ptr_equal(pf_oauth_keys_choose(keys, "a", "RS256", &known), &keys->of[0]);
    assert_ptr_equal(pf_oauth_keys_choose(keys, "b", "RS256", &known), &keys->of[1]);
    assert_ptr_equal(pf_oauth_keys_choose(keys, "a", "ES256", &known), &keys->of[2]);
    assert_ptr_equal(pf_oauth_keys_choose(keys, NULL, "ES256", &known), &keys->of[2]);
    assert_null(pf_oauth_keys_choose(keys, NULL, "RS256", &known)); /* two fit */
    assert_null(pf_oauth_keys_choose(keys, "b", "ES256", &known));
    assert_true(known);
    assert_null(pf_oauth_keys_choose(keys, "c", "RS256", &known));
    assert_false(known);
    pf_oauth_keys_free(keys);
    free(one);
    free(two);
    free(ec);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_key_stands_for_one_algorithm),
        T(only_keys_for_signatures_are_taken),
        T(secrets_are_long_and_come_from_files),
        T(weak_and_broken_keys_are_passed_over),
        T(what_is_no_set_is_refused),
        T(one_key_is_chosen_or_none),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, bench_begin, bench_end);
}
