#include "unit/cm.h"

#include "proto/b64.h"
#include "proto/oauth.h"

static void is(struct pf_bytes have, const char *want)
{
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.len ? have.at : (const unsigned char *)"", want, have.len);
}

static struct pf_oauth_message given(const char *user, const char *token, const char *host,
                                     const char *port)
{
    return (struct pf_oauth_message){.user = pf_bytes_of(user),
                                     .token = pf_bytes_of(token),
                                     .host = pf_bytes_of(host),
                                     .port = pf_bytes_of(port)};
}

/* Both ways: what is written is `text`, and read again it is what was written. */
static void both(enum pf_oauth_dialect dialect, struct pf_oauth_message m, struct pf_bytes text)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_oauth_message back;

    assert_true(pf_oauth_write(dialect, &m, &out));
    assert_true(pf_bytes_equal(pf_span_bytes(&out), text));
    assert_int_equal(pf_oauth_read(dialect, text, &back, NULL), PF_OK);
    assert_true(pf_bytes_equal(back.user, m.user));
    assert_true(pf_bytes_equal(back.token, m.token));
    assert_true(pf_bytes_equal(back.host, m.host));
    assert_true(pf_bytes_equal(back.port, m.port));
    for (size_t cap = 0; cap < text.len; cap++) { /* all or nothing */
        out = (struct pf_span){room, 0, cap};
        assert_false(pf_oauth_write(dialect, &m, &out));
        assert_int_equal(out.len, 0);
    }
}

static void oa_013_vector_of_xoauth2(void **state)
{
    unsigned char room[256];
    struct pf_span raw = {room, 0, sizeof room};

    (void)state;
    assert_true(pf_b64_decode(PF_LIT("dXNlcj11c2VyAWF1dGg9QmVhcmVyIG1GXzkuQjVmLTQuMUpxTQEB"), &raw));
    both(PF_XOAUTH2, given("user", "mF_9.B5f-4.1JqM", "", ""), pf_span_bytes(&raw));
}

/* RFC 7628 section 4.1, with the port of this protocol. */
static void oa_014_vector_of_oauthbearer(void **state)
{
    unsigned char room[512];
    struct pf_span b64 = {room, 0, sizeof room};
    struct pf_bytes text = PF_LIT("n,a=user@example.com,\1host=server.example.com\1port=110\1"
                                  "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1");
    struct pf_bytes begin =
        PF_LIT("bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTEw");

    (void)state;
    both(PF_OAUTHBEARER,
         given("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com",
               "110"),
         text);
    assert_true(pf_b64_encode(text, &b64));
    assert_memory_equal(b64.at, begin.at, begin.len);
}

static void oa_002_names_are_escaped_and_optional(void **state)
{
    (void)state;
    both(PF_OAUTHBEARER, given("b,c=d\xc3\xa9", "t", "", ""),
         PF_LIT("n,a=b=2Cc=3Dd\xc3\xa9,\1auth=Bearer t\1\1"));
    both(PF_OAUTHBEARER, given("", "t", "", ""), PF_LIT("n,,\1auth=Bearer t\1\1"));
    both(PF_XOAUTH2, given("b,c=d", "t", "", ""), PF_LIT("user=b,c=d\1auth=Bearer t\1\1"));
}

static void oa_003_004_what_else_is_read(void **state)
{
    struct pf_oauth_message m;

    (void)state;
    assert_int_equal(
        pf_oauth_read(PF_OAUTHBEARER, PF_LIT("y,,\1x=a=b\r\n\1auth=bEARER   t\1empty=\1\1"), &m, NULL),
        PF_OK);
    is(m.token, "t");
    assert_int_equal(m.user.len + m.host.len + m.port.len, 0);
    assert_int_equal(pf_oauth_read(PF_XOAUTH2, PF_LIT("auth=Bearer t\1host=x\1user=u\1\1"), &m, NULL),
                     PF_OK);
    is(m.user, "u");
    assert_int_equal(m.host.len, 0);
}

static const char *const bearer[] = {
    "",
    "\1",
    "n,,",
    "n,,\1",
    "n,,\1\1",
    "n,\1auth=Bearer t\1\1",
    "p=tls-unique,,\1auth=Bearer t\1\1",
    "N,,\1auth=Bearer t\1\1",
    "n,a=,\1auth=Bearer t\1\1",
    "n,a=b=c,\1auth=Bearer t\1\1",
    "n,a=b=2c,\1auth=Bearer t\1\1",
    "n,a=b=2,\1auth=Bearer t\1\1",
    "n,a=b\2,\1auth=Bearer t\1\1",
    "n,b=c,\1auth=Bearer t\1\1",
    "n,,\1auth=Bearer t\1",
    "n,,\1auth=Bearer t",
    "n,,\1auth=Bearer t\1\1x",
    "n,,\1auth=Bearer t\1\1\1",
    "n,,\1auth=Bearer\1\1",
    "n,,\1auth=Bearer \1\1",
    "n,,\1auth=Bearert\1\1",
    "n,,\1auth=Bearer t u\1\1",
    "n,,\1auth=Bearer t \1\1",
    "n,,\1auth=Basic t\1\1",
    "n,,\1auth=\1\1",
    "n,,\1auth=Bearer t\1auth=Bearer u\1\1",
    "n,,\1host=a\1host=b\1auth=Bearer t\1\1",
    "n,,\1host=\1auth=Bearer t\1\1",
    "n,,\1port=\1auth=Bearer t\1\1",
    "n,,\1port=11x\1auth=Bearer t\1\1",
    "n,,\1port=123456\1auth=Bearer t\1\1",
    "n,,\1host=a\1\1",
    "n,,\1=x\1auth=Bearer t\1\1",
    "n,,\1x\1auth=Bearer t\1\1",
    "n,,\1x1=y\1auth=Bearer t\1\1",
    "n,,\1x=y\2\1auth=Bearer t\1\1",
    "n,,\1auth=Bearer \xc3\xa9\1\1",
    "user=u\1auth=Bearer t\1\1",
};
static const char *const xoauth2[] = {
    "",
    "\1",
    "user=u\1\1",
    "auth=Bearer t\1\1",
    "user=\1auth=Bearer t\1\1",
    "user=u\1auth=Bearer t\1",
    "user=u\1user=v\1auth=Bearer t\1\1",
    "n,a=u,\1auth=Bearer t\1\1",
    "user=u\x7f\1auth=Bearer t\1\1",
};

static void oa_002_005_malformed_is_a_syntax_error(void **state)
{
    struct pf_oauth_message m;
    struct pf_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bearer / sizeof bearer[0]; i++) {
        err = (struct pf_err){0};
        assert_int_equal(pf_oauth_read(PF_OAUTHBEARER, pf_bytes_of(bearer[i]), &m, &err), PF_SYNTAX);
        assert_string_not_equal(err.log, "");
    }
    for (size_t i = 0; i < sizeof xoauth2 / sizeof xoauth2[0]; i++)
        assert_int_equal(pf_oauth_read(PF_XOAUTH2, pf_bytes_of(xoauth2[i]), &m, &err), PF_SYNTAX);
    assert_int_equal(pf_oauth_read(PF_OAUTHBEARER, PF_LIT("n,,\1auth=Bearer t\0\1\1"), &m, &err),
                     PF_SYNTAX);
    assert_int_equal(pf_oauth_read(PF_OAUTHBEARER, PF_LIT("n,,\1x=\0\1auth=Bearer t\1\1"), &m, &err),
                     PF_SYNTAX);
}

static void errors_never_hold_the_token(void **state)
{
    struct pf_oauth_message m;
    struct pf_err err = {0};

    (void)state;
    assert_int_equal(pf_oauth_read(PF_XOAUTH2, PF_LIT("user=u\1auth=Bearer s3cr3t\1\1x"), &m, &err),
                     PF_SYNTAX);
    assert_null(strstr(err.log, "s3cr3t"));
    assert_null(strstr(err.say, "s3cr3t"));
}

static void oa_015_tokens_are_long(void **state)
{
    unsigned char room[70000];
    struct pf_span out = {room, 0, sizeof room};
    static char token[65001], user[257];
    struct pf_oauth_message m, back;

    (void)state;
    memset(token, 'a', sizeof token - 1);
    memset(user, ',', 255);
    m = given(user, token, "", "");
    assert_true(pf_oauth_write(PF_OAUTHBEARER, &m, &out));
    assert_int_equal(pf_oauth_read(PF_OAUTHBEARER, pf_span_bytes(&out), &back, NULL), PF_OK);
    is(back.token, token);
    is(back.user, user);
    user[255] = ',';
    m = given(user, token, "", "");
    assert_false(pf_oauth_write(PF_OAUTHBEARER, &m, &out));
}

static void what_cannot_be_said_is_not_written(void **state)
{
    const struct pf_oauth_message bad[] = {
        given("u", "", "", ""),      given("u", "a b", "", ""),      given("u", "a\1", "", ""),
        given("u\1", "t", "", ""),   given("u", "t", "h\1", ""),     given("u", "t", "h", "1\1"),
        given("u", "t", "h", "pop"), given("u", "t", "h", "123456"), given("u", "\xc3\xa9", "h", ""),
    };
    unsigned char room[256];
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(pf_oauth_write(PF_OAUTHBEARER, &bad[i], &out));
    assert_false(pf_oauth_write(PF_XOAUTH2, &(struct pf_oauth_message){.token = PF_LIT("t")}, &out));
    assert_int_equal(out.len, 0);
}

static void refusal(enum pf_oauth_dialect dialect, const char *scope, const char *configuration,
                    const char *want)
{
    unsigned char room[512];
    struct pf_span out = {room, 0, sizeof room};

    assert_true(pf_oauth_refusal(dialect, scope, configuration, &out));
    is(pf_span_bytes(&out), want);
    for (size_t cap = 0; cap < strlen(want); cap++) {
        out = (struct pf_span){room, 0, cap};
        assert_false(pf_oauth_refusal(dialect, scope, configuration, &out));
        assert_int_equal(out.len, 0);
    }
}

/* RFC 7628 section 3.2.2: status must be there. */
static void oa_006_010_refusals_are_json(void **state)
{
    (void)state;
    refusal(PF_OAUTHBEARER, "mail", "https://example.com/.well-known/openid-configuration",
            "{\"status\":\"invalid_token\",\"scope\":\"mail\",\"openid-configuration\":"
            "\"https://example.com/.well-known/openid-configuration\"}");
    refusal(PF_OAUTHBEARER, NULL, NULL, "{\"status\":\"invalid_token\"}");
    refusal(PF_XOAUTH2, "a\"b\\c\n", "ignored",
            "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"a\\\"b\\\\c\\u000a\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(oa_013_vector_of_xoauth2),
        T(oa_014_vector_of_oauthbearer),
        T(oa_002_names_are_escaped_and_optional),
        T(oa_003_004_what_else_is_read),
        T(oa_002_005_malformed_is_a_syntax_error),
        T(errors_never_hold_the_token),
        T(oa_015_tokens_are_long),
        T(what_cannot_be_said_is_not_written),
        T(oa_006_010_refusals_are_json),
    };

    return RUN(tests);
}
