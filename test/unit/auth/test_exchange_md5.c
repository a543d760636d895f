#include "exchange_bench.h"

/* APOP, CRAM-MD5 and DIGEST-MD5. */

static uint64_t fixed_random; /* 0: real */

void __real_randombytes_buf(void *at, size_t len);
void __wrap_randombytes_buf(void *at, size_t len);

void __wrap_randombytes_buf(void *at, size_t len)
{
    if (fixed_random && len == sizeof fixed_random)
        memcpy(at, &fixed_random, len);
    else
        __real_randombytes_buf(at, len);
}

/* RFC 1939 section 7. */
static void apop_sample_of_rfc_1939(void **state)
{
    const char *timestamp = "<1896.697170952@dbc.mtview.ca.us>";

    (void)state;
    assert_true(pf_exchange_apop(timestamp, "tanstaaf", PF_LIT("c4c9334bac560ecc979e58001b3e22fb")));
    assert_false(pf_exchange_apop(timestamp, "tanstaaF", PF_LIT("c4c9334bac560ecc979e58001b3e22fb")));
    assert_false(
        pf_exchange_apop(timestamp + 1, "tanstaaf", PF_LIT("c4c9334bac560ecc979e58001b3e22fb")));
    assert_false(pf_exchange_apop(timestamp, "tanstaaf", PF_LIT("C4C9334BAC560ECC979E58001B3E22FB")));
    assert_false(pf_exchange_apop(timestamp, "tanstaaf", PF_LIT("c4c9334bac560ecc979e58001b3e22f")));
    assert_false(pf_exchange_apop(timestamp, "tanstaaf", PF_LIT("c4c9334bac560ecc979e58001b3e22fb\0")));
    assert_false(pf_exchange_apop(timestamp, "tanstaaf", PF_LIT("")));
}

static enum pf_code tim(void *self, struct pf_bytes name, char *out_text, size_t cap, struct pf_err *err)
{
    (void)self;
    (void)err;
    if (!pf_bytes_equal(name, PF_LIT("tim")))
        return PF_NO_USER;
    snprintf(out_text, cap, "tanstaaftanstaaf");
    return PF_OK;
}

/* RFC 2195 section 3. */
static void cram_003_vector_of_rfc_2195(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "CRAM-MD5");
    b.settings.hostname = "postoffice.reston.mci.net";
    b.settings.world.plain = tim;
    fixed_random = 1896;
    bench_begin(&b);
    assert_int_equal(bench_ask(&b), PF_EXCHANGE_CHALLENGE);
    bench_is(b.told.challenge, "<1896.697170952@postoffice.reston.mci.net>");
    assert_int_equal(bench_say(&b, PF_LIT("tim b913a602c7eda7a495b4e6e7334d3890")), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "tim");
    fixed_random = 0;
    bench_end(&b);
}

static void cram_001_challenges_are_fresh(void **state)
{
    struct bench b, c;

    (void)state;
    bench_setup(&b, "CRAM-MD5");
    bench_setup(&c, "CRAM-MD5");
    bench_begin(&b);
    bench_begin(&c);
    bench_ask(&b);
    bench_ask(&c);
    assert_int_equal(b.told.challenge.at[0], '<');
    assert_false(pf_bytes_equal(b.told.challenge, c.told.challenge));
    bench_end(&b);
    bench_end(&c);
}

/* GNU SASL's client proves what is right and nothing else; a name may hold blanks, a password be
 * prepared. */
static void logins(const char *mechanism)
{
    struct bench b;

    bench_setup(&b, mechanism);
    assert_int_equal(bench_login(&b, "alice", "wonderland"), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "alice");
    assert_int_equal(b.told.acts_for.len, 0);
    assert_int_equal(bench_login(&b, "alice", "Wonderland"), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_AUTH);
    bench_is(b.told.name, "alice"); /* for the log */
    assert_int_equal(bench_login(&b, "nobody", "wonderland"), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_AUTH);
    assert_int_equal(bench_login(&b, "hashed", "wonderland"), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_AUTH);
    assert_int_equal(bench_login(&b, "\xc3\xa9mile", "g\xc3\xa9rminal"), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "\xc3\xa9mile");
    assert_int_equal(b.world.asked, 5);
    b.world.trouble = PF_TEMP;
    assert_int_equal(bench_login(&b, "alice", "wonderland"), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_TEMP);
    assert_string_equal(b.err.log, "the source is broken");
    bench_end(&b);
}

static void cram_002_names_end_at_the_last_blank(void **state)
{
    struct bench b;

    (void)state;
    logins("CRAM-MD5");
    bench_setup(&b, "CRAM-MD5");
    assert_int_equal(bench_login(&b, "b, c=d", "pass word"), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "b, c=d");
    bench_end(&b);
}

static void cram_002_malformed_is_a_syntax_error(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "tim",
        "b913a602c7eda7a495b4e6e7334d3890",
        " b913a602c7eda7a495b4e6e7334d3890",
        "tim\tb913a602c7eda7a495b4e6e7334d3890",
        "tim b913a602c7eda7a495b4e6e7334d389",
        "tim b913a602c7eda7a495b4e6e7334d38900",
    };
    struct bench b;

    (void)state;
    bench_setup(&b, "CRAM-MD5");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_begin(&b);
        bench_ask(&b);
        assert_int_equal(bench_say(&b, pf_bytes_of(bad[i])), PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, PF_SYNTAX);
    }
    bench_begin(&b);
    bench_ask(&b);
    assert_int_equal(bench_say(&b, PF_LIT("a\0b b913a602c7eda7a495b4e6e7334d3890")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_AUTH);
    assert_int_equal(b.world.asked, 0);
    bench_end(&b);
}

static void auth_008_no_initial_response_where_the_server_begins(void **state)
{
    static const char *const names[] = {"CRAM-MD5", "DIGEST-MD5"};
    struct bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_setup(&b, names[i]);
        bench_refuse(&b, PF_LIT("alice"), PF_SYNTAX);
        bench_refuse(&b, PF_LIT(""), PF_SYNTAX);
        bench_end(&b);
    }
}

static void digest_md5_with_the_librarys_client(void **state)
{
    (void)state;
    logins("DIGEST-MD5");
}

static void digest_md5_offers_no_layer(void **state)
{
    struct bench b;
    char text[512];

    (void)state;
    bench_setup(&b, "DIGEST-MD5");
    bench_begin(&b);
    assert_int_equal(bench_ask(&b), PF_EXCHANGE_CHALLENGE);
    assert_true(b.told.challenge.len < sizeof text);
    memcpy(text, b.told.challenge.at, b.told.challenge.len);
    text[b.told.challenge.len] = 0;
    assert_non_null(strstr(text, "realm=\"" HOST "\""));
    assert_null(strstr(text, "auth-int"));
    assert_null(strstr(text, "auth-conf"));
    bench_end(&b);
}

static enum pf_exchange_step digest_with(struct bench *b, Gsasl_property property, const char *value)
{
    bench_client(b, "alice", "wonderland");
    gsasl_property_set(b->client, property, value);
    bench_talk(b);
    gsasl_finish(b->client);
    gsasl_done(b->library);
    b->client = NULL;
    b->library = NULL;
    return b->step;
}

/* RFC 2831 section 2.1.2: what was made for another host, service or realm is of no use here. */
static void digest_md5_is_for_this_host_and_service(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "DIGEST-MD5");
    assert_int_equal(digest_with(&b, GSASL_SERVICE, "imap"), PF_EXCHANGE_FAILED);
    assert_int_equal(digest_with(&b, GSASL_HOSTNAME, "pop.example.com"), PF_EXCHANGE_FAILED);
    assert_int_equal(b.world.asked, 0);
    assert_int_equal(digest_with(&b, GSASL_HOSTNAME, "POP.example.org"), PF_EXCHANGE_PROVED);
    assert_int_equal(digest_with(&b, GSASL_AUTHZID, "alice"), PF_EXCHANGE_PROVED);
    assert_int_equal(b.told.acts_for.len, 0);
    assert_int_equal(digest_with(&b, GSASL_AUTHZID, "bob"), PF_EXCHANGE_PROVED);
    bench_is(b.told.acts_for, "bob");
    bench_end(&b);
}

static void digest_md5_is_for_this_realm(void **state)
{
    struct bench b;
    char *output = NULL, *realm;
    size_t len = 0;

    (void)state;
    bench_setup(&b, "DIGEST-MD5");
    bench_client(&b, "alice", "wonderland");
    bench_begin(&b);
    bench_ask(&b);
    gsasl_step(b.client, (const char *)b.told.challenge.at, b.told.challenge.len, &output, &len);
    realm = memmem(output, len, "realm=\"pop", 10);
    assert_non_null(realm);
    realm[7] = 'b';
    assert_int_equal(bench_say(&b, pf_bytes_from(output, len)), PF_EXCHANGE_FAILED);
    assert_int_equal(b.world.asked, 0); /* not even looked up */
    gsasl_free(output);
    bench_end(&b);
}

/* RFC 5034 section 4: rspauth is a challenge; only an empty answer ends it well. */
static void auth_017_digest_md5_has_a_last_word(void **state)
{
    struct bench b;
    char *output = NULL;
    size_t len = 0;

    (void)state;
    bench_setup(&b, "DIGEST-MD5");
    bench_client(&b, "alice", "wonderland");
    bench_begin(&b);
    bench_ask(&b);
    gsasl_step(b.client, (const char *)b.told.challenge.at, b.told.challenge.len, &output, &len);
    assert_int_equal(bench_say(&b, pf_bytes_from(output, len)), PF_EXCHANGE_CHALLENGE);
    gsasl_free(output);
    assert_true(b.told.challenge.len > 8);
    assert_memory_equal(b.told.challenge.at, "rspauth=", 8);
    assert_int_equal(bench_say(&b, PF_LIT("x")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_SYNTAX);
    assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_FAILED);
    bench_end(&b);
}

static void digest_md5_malformed_fails(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "username=\"alice\"",
        "digest-uri=\"pop/" HOST "\"",
        "username=\"alice\",digest-uri=\"pop/" HOST
        "\",nonce=\"x\",cnonce=\"y\",nc=00000001,qop=auth,response="
        "00000000000000000000000000000000",
        "username=\"alice\",username=\"alice\",digest-uri=\"pop/" HOST "\"",
    };
    struct bench b;

    (void)state;
    bench_setup(&b, "DIGEST-MD5");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_begin(&b);
        bench_ask(&b);
        assert_int_equal(bench_say(&b, pf_bytes_of(bad[i])), PF_EXCHANGE_FAILED);
    }
    bench_begin(&b);
    bench_ask(&b);
    assert_int_equal(bench_say(&b, PF_LIT("digest-uri=\"pop/" HOST "\"\0")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_SYNTAX);
    assert_int_equal(b.world.asked, 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(apop_sample_of_rfc_1939),
        T(cram_003_vector_of_rfc_2195),
        T(cram_001_challenges_are_fresh),
        T(cram_002_names_end_at_the_last_blank),
        T(cram_002_malformed_is_a_syntax_error),
        T(auth_008_no_initial_response_where_the_server_begins),
        T(digest_md5_with_the_librarys_client),
        T(digest_md5_offers_no_layer),
        T(digest_md5_is_for_this_host_and_service),
        T(digest_md5_is_for_this_realm),
        T(auth_017_digest_md5_has_a_last_word),
        T(digest_md5_malformed_fails),
    };

    return RUN(tests);
}
