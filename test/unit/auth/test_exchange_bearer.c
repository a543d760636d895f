#include "exchange_bench.h"

/* OAUTHBEARER and XOAUTH2. Which tokens are good is oauth.h's to say; here an issuer of one token stands
 * for it. */
struct pf_oauth {
    enum pf_code trouble;
    unsigned asked;
};

enum pf_code pf_oauth_check(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    oauth->asked++;
    assert_int_equal(now, 697170952);
    if (oauth->trouble != PF_OK)
        return pf_fail(err, oauth->trouble, 0, "issuer", "the issuer does not answer");
    if (!pf_bytes_equal(token, PF_LIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")))
        return pf_fail(err, PF_AUTH, 0, "issuer", "the token has run out");
    snprintf(out_grant->name, sizeof out_grant->name, "alice@example.com");
    return PF_OK;
}

#define GOOD "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
#define BAD  "auth=Bearer old\1\1"

struct issuer_bench {
    struct bench b;
    struct pf_oauth oauth;
    struct pf_conf_oauth conf;
};

static void setup(struct issuer_bench *i, const char *mechanism)
{
    bench_setup(&i->b, mechanism);
    i->oauth = (struct pf_oauth){0};
    i->conf = (struct pf_conf_oauth){.scope = "mail", .configuration = "https://example.com/c"};
    i->b.settings.oauth = &i->oauth;
    i->b.settings.oauth_conf = &i->conf;
}

static void proves(const char *mechanism, struct pf_bytes message, const char *acts_for)
{
    struct issuer_bench i;

    for (int silent = 0; silent < 2;
         silent++) { /* with an initial response, and behind an empty challenge (OA-011) */
        setup(&i, mechanism);
        bench_begin(&i.b);
        if (silent) {
            assert_int_equal(bench_ask(&i.b), PF_EXCHANGE_CHALLENGE);
            assert_int_equal(i.b.told.challenge.len, 0);
        }
        assert_int_equal(bench_say(&i.b, message), PF_EXCHANGE_PROVED);
        bench_is(i.b.told.name, "alice@example.com");
        bench_is(i.b.told.acts_for, acts_for);
        assert_int_equal(i.b.told.challenge.len, 0); /* OA-009 */
        assert_int_equal(i.oauth.asked, 1);
        bench_end(&i.b);
    }
}

static void oa_009_011_a_good_token_in_one_line_or_two(void **state)
{
    (void)state;
    proves("OAUTHBEARER", PF_LIT("n,a=alice@example.com,\1host=x\1port=110\1" GOOD), "");
    proves("OAUTHBEARER", PF_LIT("n,,\1" GOOD), "");
    proves("XOAUTH2", PF_LIT("user=alice@example.com\1" GOOD), "");
    proves("OAUTHBEARER", PF_LIT("y,a=bob,\1" GOOD), "bob");
    proves("XOAUTH2", PF_LIT("user=bob\1" GOOD), "bob");
}

static void refuses(const char *mechanism, struct pf_bytes message, const char *json,
                    struct pf_bytes answer)
{
    struct issuer_bench i;

    setup(&i, mechanism);
    bench_begin(&i.b);
    assert_int_equal(bench_say(&i.b, message), PF_EXCHANGE_CHALLENGE);
    bench_is(i.b.told.challenge, json);
    assert_int_equal(bench_say(&i.b, answer), PF_EXCHANGE_FAILED);
    assert_int_equal(i.b.err.code, PF_AUTH);
    assert_string_equal(i.b.err.log, "the token has run out");
    bench_is(i.b.told.name, "bob"); /* who he said that he is, for the log */
    assert_int_equal(bench_say(&i.b, PF_LIT("n,,\1" GOOD)), PF_EXCHANGE_FAILED);
    assert_int_equal(i.oauth.asked, 1);
    bench_end(&i.b);
}

/* RFC 7628 sections 3.2.2 and 3.2.3: whatever the answer, it ends in a failure. */
static void oa_006_008_010_a_bad_token(void **state)
{
    const char *bearer = "{\"status\":\"invalid_token\",\"scope\":\"mail\","
                         "\"openid-configuration\":\"https://example.com/c\"}";
    const char *xoauth2 = "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}";

    (void)state;
    refuses("OAUTHBEARER", PF_LIT("n,a=bob,\1" BAD), bearer, PF_LIT("\1"));
    refuses("OAUTHBEARER", PF_LIT("n,a=bob,\1" BAD), bearer, PF_LIT(""));
    refuses("OAUTHBEARER", PF_LIT("n,a=bob,\1" BAD), bearer, PF_LIT("n,a=bob,\1" GOOD));
    refuses("XOAUTH2", PF_LIT("user=bob\1" BAD), xoauth2, PF_LIT(""));
}

static void oa_002_005_malformed_fails_at_once(void **state)
{
    struct issuer_bench i;

    (void)state;
    setup(&i, "OAUTHBEARER");
    bench_refuse(&i.b, PF_LIT("\1"), PF_SYNTAX);
    bench_refuse(&i.b, PF_LIT(""), PF_SYNTAX);
    bench_refuse(&i.b, PF_LIT("p=tls-exporter,,\1" GOOD), PF_SYNTAX);
    bench_refuse(&i.b, PF_LIT("user=bob\1" GOOD), PF_SYNTAX);
    bench_begin(&i.b); /* a name that SASLprep refuses */
    assert_int_equal(bench_say(&i.b, PF_LIT("n,a=\xff,\1" GOOD)), PF_EXCHANGE_CHALLENGE);
    assert_int_equal(bench_say(&i.b, PF_LIT("")), PF_EXCHANGE_FAILED);
    assert_int_equal(i.b.err.code, PF_AUTH);
    assert_int_equal(i.oauth.asked, 1);
    i.b.settings.mechanism = "XOAUTH2";
    bench_refuse(&i.b, PF_LIT("n,,\1" GOOD), PF_SYNTAX);
    bench_end(&i.b);
}

static void an_issuer_that_does_not_answer_is_temp(void **state)
{
    struct issuer_bench i;

    (void)state;
    setup(&i, "XOAUTH2");
    i.oauth.trouble = PF_TEMP;
    bench_refuse(&i.b, PF_LIT("user=bob\1" GOOD), PF_TEMP);
    assert_string_equal(i.b.err.log, "the issuer does not answer");
    bench_end(&i.b);
}

static void a_refusal_that_does_not_fit_is_none(void **state)
{
    static char scope[5000];
    struct issuer_bench i;

    (void)state;
    setup(&i, "OAUTHBEARER");
    memset(scope, 'a', sizeof scope - 1);
    i.conf.scope = scope;
    bench_refuse(&i.b, PF_LIT("n,,\1" BAD), PF_AUTH);
    bench_end(&i.b);
}

static void oa_015_long_tokens_and_none_longer(void **state)
{
    static unsigned char message[PF_EXCHANGE_MESSAGE_MAX + 1];
    struct issuer_bench i;

    (void)state;
    memset(message, 'a', sizeof message);
    memcpy(message, "n,,\1auth=Bearer ", 16);
    message[PF_EXCHANGE_MESSAGE_MAX - 1] = message[PF_EXCHANGE_MESSAGE_MAX - 2] = 1;
    setup(&i, "OAUTHBEARER");
    bench_begin(&i.b);
    assert_int_equal(bench_say(&i.b, pf_bytes_from(message, PF_EXCHANGE_MESSAGE_MAX)),
                     PF_EXCHANGE_CHALLENGE);
    assert_int_equal(i.oauth.asked, 1);
    bench_refuse(&i.b, pf_bytes_from(message, sizeof message), PF_AUTH);
    assert_int_equal(i.oauth.asked, 1);
    bench_end(&i.b);
}

static void not_without_the_block_oauth(void **state)
{
    struct issuer_bench i;

    (void)state;
    setup(&i, "OAUTHBEARER");
    i.b.settings.oauth = NULL;
    assert_null(pf_exchange_new(&i.b.settings, &i.b.err));
    assert_int_equal(i.b.err.code, PF_NO_MECH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(oa_009_011_a_good_token_in_one_line_or_two),
        T(oa_006_008_010_a_bad_token),
        T(oa_002_005_malformed_fails_at_once),
        T(an_issuer_that_does_not_answer_is_temp),
        T(a_refusal_that_does_not_fit_is_none),
        T(oa_015_long_tokens_and_none_longer),
        T(not_without_the_block_oauth),
    };

    return RUN(tests);
}
