#include "oauth_bench.h"

#include "auth/oauth_claims.h"

static struct pf_conf_oauth conf;

static enum pf_code check(const char *text, bool asked, struct pf_oauth_grant *out)
{
    json_t *claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    struct pf_err err = {0};
    enum pf_code code;

    assert_non_null(claims);
    code = pf_oauth_claims_check(claims, &conf, asked, BENCH_NOW, out, &err);
    assert_int_equal(err.code, code);
    json_decref(claims);
    return code;
}

/* Claims that are good but for what is put in front. */
static enum pf_code with(const char *rest, const char *piece)
{
    struct pf_oauth_grant grant = {0};
    char text[1024];

    snprintf(text, sizeof text, "{%s%s%s}", piece, *piece && *rest ? "," : "", rest);
    return check(text, false, &grant);
}

#define EXP   "\"exp\":1800000001"
#define PARTY "\"iss\":\"" BENCH_ISSUER "\",\"aud\":\"pop\",\"scope\":\"mail\""
#define NAME  "\"email\":\"a@example.org\""

static void an_expiry_must_be_there_and_ahead(void **state)
{
    static const char *const bad[] = {"",
                                      "\"exp\":1800000000",
                                      "\"exp\":1799999999",
                                      "\"exp\":\"1800000600\"",
                                      "\"exp\":null",
                                      "\"exp\":true",
                                      "\"exp\":-1",
                                      "\"exp\":0",
                                      "\"exp\":1e300",
                                      "\"exp\":9223372036854775807",
                                      "\"exp\":[1800000600]",
                                      "\"exp\":1800000000.9"};

    (void)state;
    assert_int_equal(with(PARTY "," NAME, EXP), PF_OK);
    assert_int_equal(with(PARTY "," NAME, "\"exp\":1800000600.5"), PF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(with(PARTY "," NAME, bad[i]), PF_AUTH);
}

static void clocks_may_differ_by_a_minute(void **state)
{
    (void)state;
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"nbf\":1800000060,\"iat\":1800000060"), PF_OK);
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"nbf\":1800000061"), PF_AUTH);
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"iat\":1800000061"), PF_AUTH);
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"nbf\":\"0\""), PF_AUTH);
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"iat\":-5"), PF_AUTH);
}

static void the_issuer_is_compared(void **state)
{
    static const char *const bad[] = {"",
                                      "\"iss\":\"https://login.example.org/\"",
                                      "\"iss\":\"\"",
                                      "\"iss\":null",
                                      "\"iss\":[\"" BENCH_ISSUER "\"]",
                                      "\"iss\":\"https://login.example.com\""};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(with(EXP "," NAME ",\"aud\":\"pop\",\"scope\":\"mail\"", bad[i]), PF_AUTH);
}

static void the_audience_is_a_string_or_a_list(void **state)
{
    static const char *const good[] = {"\"aud\":\"pop\"", "\"aud\":[\"pop\"]",
                                       "\"aud\":[\"imap\",\"pop\"]"};
    static const char *const bad[] = {"",
                                      "\"aud\":\"imap\"",
                                      "\"aud\":\"pop imap\"",
                                      "\"aud\":[]",
                                      "\"aud\":[\"imap\"]",
                                      "\"aud\":[[\"pop\"]]",
                                      "\"aud\":[\"pop\",7]",
                                      "\"aud\":{\"pop\":1}"};
    const char *rest = EXP "," NAME ",\"iss\":\"" BENCH_ISSUER "\",\"scope\":\"mail\"";

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(with(rest, good[i]), PF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(with(rest, bad[i]), PF_AUTH);
}

static void the_scope_is_a_word_of_many(void **state)
{
    static const char *const good[] = {"\"scope\":\"mail\"", "\"scope\":\"a mail b\"",
                                       "\"scp\":[\"x\",\"mail\"]", "\"scp\":\"openid mail\"",
                                       "\"scope\":[\"mail\"]"};
    static const char *const bad[] = {"",
                                      "\"scope\":\"mails\"",
                                      "\"scope\":\"e-mail\"",
                                      "\"scope\":\"Mail\"",
                                      "\"scope\":\"\"",
                                      "\"scope\":7",
                                      "\"scp\":[\"a mail b\"]",
                                      "\"scp\":{\"mail\":true}"};
    const char *rest = EXP "," NAME ",\"iss\":\"" BENCH_ISSUER "\",\"aud\":\"pop\"";

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(with(rest, good[i]), PF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(with(rest, bad[i]), PF_AUTH);
}

static void what_the_settings_do_not_name_is_not_looked_at(void **state)
{
    (void)state;
    conf.issuer = conf.audience = conf.scope = NULL;
    assert_int_equal(with(NAME, EXP), PF_OK);
    conf = bench_conf();
    assert_int_equal(with(NAME, EXP), PF_AUTH);
}

/* RFC 7800, RFC 9449: no bearer token. */
static void a_token_that_is_bound_to_a_key_is_refused(void **state)
{
    (void)state;
    assert_int_equal(with(EXP "," PARTY "," NAME, "\"cnf\":{\"jkt\":\"x\"}"), PF_AUTH);
}

static void the_name_is_a_string_that_can_be_one(void **state)
{
    static const char *const bad[] = {"",
                                      "\"email\":\"\"",
                                      "\"email\":7",
                                      "\"email\":null",
                                      "\"email\":[\"a@example.org\"]",
                                      "\"email\":\"a\\u0007\"",
                                      "\"email\":\"\\u00ad\"",
                                      "\"sub\":\"a@example.org\"",
                                      "\"username\":\"a@example.org\""};
    char piece[400], name[300];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(with(EXP "," PARTY, bad[i]), PF_AUTH);
    memset(name, 'a', sizeof name);
    for (int len = PF_AUTH_NAME_MAX; len <= PF_AUTH_NAME_MAX + 1; len++) {
        snprintf(piece, sizeof piece, "\"email\":\"%.*s\"", len, name);
        assert_int_equal(with(EXP "," PARTY, piece), len == PF_AUTH_NAME_MAX ? PF_OK : PF_AUTH);
    }
}

static void an_address_that_is_not_verified_is_nobodys(void **state)
{
    const char *rest = EXP "," PARTY "," NAME;

    (void)state;
    assert_int_equal(with(rest, "\"email_verified\":true"), PF_OK);
    assert_int_equal(with(rest, "\"email_verified\":\"true\""), PF_OK);
    assert_int_equal(with(rest, "\"email_verified\":false"), PF_AUTH);
    assert_int_equal(with(rest, "\"email_verified\":\"false\""), PF_AUTH);
    assert_int_equal(with(rest, "\"email_verified\":null"), PF_AUTH);
    conf.name_claim = "sub";
    assert_int_equal(with(EXP "," PARTY ",\"sub\":\"alice\"", "\"email_verified\":false"), PF_OK);
    conf = bench_conf();
}

static void an_end_point_may_say_less(void **state)
{
    struct pf_oauth_grant grant = {0};

    (void)state;
    assert_int_equal(check("{" PARTY ",\"username\":\"alice\"}", true, &grant), PF_OK);
    assert_string_equal(grant.name, "alice");
    assert_true(grant.expires == 0);
    assert_int_equal(
        check("{" PARTY ",\"username\":\"alice\",\"email\":\"b@example.org\"," EXP "}", true, &grant),
        PF_OK);
    assert_string_equal(grant.name, "b@example.org");
    assert_true(grant.expires == 1800000001);
    assert_int_equal(check("{" PARTY ",\"username\":\"alice\",\"email\":7}", true, &grant), PF_AUTH);
    assert_int_equal(check("{" PARTY ",\"username\":\"alice\",\"exp\":5}", true, &grant), PF_AUTH);
    assert_int_equal(check("{" PARTY ",\"username\":\"alice\",\"exp\":\"x\"}", true, &grant), PF_AUTH);
    assert_string_equal(grant.name, "b@example.org"); /* untouched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_expiry_must_be_there_and_ahead),
        T(clocks_may_differ_by_a_minute),
        T(the_issuer_is_compared),
        T(the_audience_is_a_string_or_a_list),
        T(the_scope_is_a_word_of_many),
        T(what_the_settings_do_not_name_is_not_looked_at),
        T(a_token_that_is_bound_to_a_key_is_refused),
        T(the_name_is_a_string_that_can_be_one),
        T(an_address_that_is_not_verified_is_nobodys),
        T(an_end_point_may_say_less),
    };

    conf = bench_conf();
    return RUN(tests);
}
