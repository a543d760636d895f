#include "initiate_bench.h"

/* OAUTHBEARER and XOAUTH2 against our own exchange; an issuer of one token stands for oauth.h. */
struct pf_oauth {
    int nothing;
};

enum pf_code pf_oauth_check(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    (void)oauth, (void)now;
    if (!pf_bytes_equal(token, PF_LIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")))
        return pf_fail(err, PF_AUTH, 0, "issuer", "the token has run out");
    snprintf(out_grant->name, sizeof out_grant->name, "user@example.com");
    return PF_OK;
}

static struct pf_oauth issuer;
static struct pf_conf_oauth conf = {.scope = "mail", .configuration = "https://example.com/c"};
static const char *const names[] = {"OAUTHBEARER", "XOAUTH2"};

static void setup(struct meeting *m, const char *mechanism, const char *token)
{
    meeting_setup(m, mechanism, "user@example.com", token);
    m->settings.hostname = "server.example.com";
    m->settings.port = "110";
    m->server.settings.oauth = &issuer;
    m->server.settings.oauth_conf = &conf;
}

static void oa_014_a_good_token(void **state)
{
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        setup(&m, names[i % 2], "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        assert_true(meet(&m, i < 2));
        bench_is(m.server.told.name, "user@example.com");
        bench_is(
            m.told.response,
            i % 2 ? "user=user@example.com\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
                  : "n,a=user@example.com,\1host=server.example.com\1port=110\1"
                    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1");
        meeting_end(&m);
    }
}

static void oa_007_oa_010_a_refusal_is_heard_and_answered(void **state)
{
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        setup(&m, names[i], "old");
        assert_false(meet(&m, true));
        assert_int_equal(m.server.step, PF_EXCHANGE_FAILED);
        assert_true(m.told.refused);
        bench_is(m.told.response, i ? "" : "\1");
        assert_false(pf_initiate_content(m.client));
        assert_int_equal(pf_initiate_step(m.client, PF_LIT("more"), &m.told, &m.err),
                         PF_INITIATE_FAILED);
        meeting_end(&m);
    }
}

static void tokens_that_cannot_be_said(void **state)
{
    static char longest[PF_INITIATE_TOKEN_MAX + 1];
    struct meeting m;

    (void)state;
    setup(&m, "XOAUTH2", "two words");
    assert_false(meet(&m, true));
    assert_int_equal(m.err.code, PF_SYNTAX);
    meeting_end(&m);
    memset(longest, 't', sizeof longest);
    setup(&m, "OAUTHBEARER", "");
    m.settings.secret = pf_bytes_from(longest, sizeof longest);
    assert_null(pf_initiate_new(&m.settings, &m.err));
    assert_int_equal(m.err.code, PF_SYNTAX);
    m.settings.secret.len--;
    assert_false(meet(&m, true));
    assert_true(m.told.refused); /* it was said, and refused */
    meeting_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(oa_014_a_good_token),
        T(oa_007_oa_010_a_refusal_is_heard_and_answered),
        T(tokens_that_cannot_be_said),
    };
    return RUN(tests);
}
