#include "exchange_bench.h"

#include <unistd.h>

/* LOGIN, EXTERNAL, ANONYMOUS, GSSAPI. */

static void login_001_two_prompts(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "LOGIN");
    bench_begin(&b);
    assert_int_equal(bench_ask(&b), PF_EXCHANGE_CHALLENGE);
    bench_is(b.told.challenge, "Username:");
    assert_int_equal(bench_say(&b, PF_LIT("t\xc2\xadim")), PF_EXCHANGE_CHALLENGE);
    bench_is(b.told.challenge, "Password:");
    assert_int_equal(bench_say(&b, PF_LIT("p\xc2\xad")), PF_EXCHANGE_CHECK);
    bench_is(b.told.name, "tim");
    bench_is(b.told.secret, "p\xc2\xad");
    assert_int_equal(b.told.acts_for.len, 0);
    assert_int_equal(bench_say(&b, PF_LIT("again")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_SYNTAX);
    bench_end(&b);
}

static void auth_009_login_with_the_name_as_initial_response(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "login");
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("tim")), PF_EXCHANGE_CHALLENGE);
    bench_is(b.told.challenge, "Password:");
    assert_int_equal(bench_say(&b, PF_LIT("secret")), PF_EXCHANGE_CHECK);
    bench_is(b.told.name, "tim");
    bench_is(b.told.secret, "secret");
    bench_end(&b);
}

static void login_002_with_the_librarys_client(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "LOGIN");
    assert_int_equal(bench_login(&b, "alice", "wonderland"), PF_EXCHANGE_CHECK);
    bench_is(b.told.name, "alice");
    bench_is(b.told.secret, "wonderland");
    bench_end(&b);
}

static void login_refuses_what_no_user_has(void **state)
{
    char longer[PF_EXCHANGE_PART_MAX + 2];
    struct bench b;

    (void)state;
    memset(longer, 'a', sizeof longer);
    bench_setup(&b, "LOGIN");
    bench_refuse(&b, PF_LIT(""), PF_AUTH);
    bench_refuse(&b, PF_LIT("a\0b"), PF_AUTH);
    bench_refuse(&b, PF_LIT("a\x07"), PF_AUTH);
    bench_refuse(&b, PF_LIT("\xff"), PF_AUTH);
    bench_refuse(&b, pf_bytes_from(longer, PF_EXCHANGE_PART_MAX + 1), PF_AUTH);
    bench_begin(&b);
    bench_say(&b, pf_bytes_from(longer, PF_EXCHANGE_PART_MAX));
    assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.told.name.len, PF_EXCHANGE_PART_MAX);
    bench_begin(&b);
    bench_say(&b, PF_LIT("tim"));
    assert_int_equal(bench_say(&b, PF_LIT("se\0cret")), PF_EXCHANGE_FAILED);
    bench_end(&b);
}

static void ext_002_the_name_is_the_certificates(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "EXTERNAL");
    b.settings.certificate = "alice";
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "alice");
    assert_int_equal(b.told.acts_for.len, 0);
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("alice")), PF_EXCHANGE_PROVED);
    assert_int_equal(b.told.acts_for.len, 0);
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("bob")), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "alice");
    bench_is(b.told.acts_for, "bob");
    bench_end(&b);
}

static void ext_004_with_and_without_initial_response(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "EXTERNAL");
    b.settings.certificate = "alice";
    bench_begin(&b);
    assert_int_equal(bench_ask(&b), PF_EXCHANGE_CHALLENGE);
    assert_int_equal(b.told.challenge.len, 0);
    assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_PROVED);
    assert_int_equal(bench_login(&b, "alice", ""), PF_EXCHANGE_PROVED);
    bench_refuse(&b, PF_LIT("a\0b"), PF_AUTH);
    bench_refuse(&b, PF_LIT("\xc3\x28"), PF_AUTH);
    bench_refuse(&b, PF_LIT("\xc2\xad"), PF_AUTH); /* nothing is left of it */
    bench_end(&b);
}

static void ext_003_not_without_a_certificate(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "EXTERNAL");
    assert_null(pf_exchange_new(&b.settings, &b.err));
    assert_int_equal(b.err.code, PF_NO_MECH);
}

static void ano_001_a_trace_of_255_characters(void **state)
{
    char longer[4 * 256];
    struct bench b;

    (void)state;
    bench_setup(&b, "ANONYMOUS");
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("sirhc")), PF_EXCHANGE_PROVED); /* RFC 4505 section 3 */
    assert_true(b.told.anonymous);
    bench_is(b.told.name, "sirhc");
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("")),
                     PF_EXCHANGE_PROVED); /* section 2: a client may tell nothing */
    assert_true(b.told.anonymous);
    assert_int_equal(b.told.name.len, 0);
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("tim@example.org")), PF_EXCHANGE_PROVED);
    for (size_t i = 0; i < sizeof longer; i += 4)
        memcpy(longer + i, "\xf0\x9d\x84\x9e", 4); /* a clef, of four octets */
    bench_begin(&b);
    assert_int_equal(bench_say(&b, pf_bytes_from(longer, 1020)), PF_EXCHANGE_PROVED);
    bench_refuse(&b, pf_bytes_from(longer, 1024), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("@"), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("tim@"), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("a\x01"), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("a\0b"), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("a\xff"), PF_SYNTAX);
    bench_end(&b);
}

static void ano_with_the_librarys_client(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "ANONYMOUS");
    bench_client(&b, "", "");
    gsasl_property_set(b.client, GSASL_ANONYMOUS_TOKEN, "sirhc");
    assert_int_equal(bench_talk(&b), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "sirhc");
    bench_end(&b);
}

/* Debian's libgssglue and libkrb5 lose some ninety octets for each credential that is asked for. */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libkrb5.so\nleak:libgssapi_krb5.so\n";
}

/* RFC 4752 section 3.2: not without a credential; and what is no token is refused, not waited for. */
static void gss_002_a_keytab_without_a_key_is_told(void **state)
{
    char path[] = "/tmp/pf-keytab-XXXXXX";
    int fd = mkstemp(path);
    struct bench b;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\x05\x02", 2), 2); /* an empty keytab */
    close(fd);
    bench_setup(&b, "GSSAPI");
    assert_null(pf_exchange_new(&b.settings, &b.err));
    assert_int_equal(b.err.code, PF_NO_MECH);
    assert_int_equal(pf_exchange_keytab(path, HOST, &b.err), PF_CONFIG);
    assert_non_null(strstr(b.err.log, "pop/" HOST));
    b.settings.keytab = path;
    bench_begin(&b);
    assert_int_equal(bench_ask(&b), PF_EXCHANGE_CHALLENGE);
    assert_int_equal(b.told.challenge.len, 0);
    assert_int_equal(bench_say(&b, PF_LIT("no token")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_TEMP);
    bench_end(&b);
    unlink(path);
}

/* A keytab of one key (version 2): pop/pop.example.org@EXAMPLE.ORG, aes256-cts-hmac-sha1-96. */
static const unsigned char keytab[] =
    "\x05\x02\x00\x00\x00\x59\x00\x02\x00\x0b"
    "EXAMPLE.ORG"
    "\x00\x03"
    "pop"
    "\x00\x0f" HOST "\x00\x00\x00\x03\x00\x00\x00\x00\x01\x00\x12\x00\x20"
    "0123456789abcdef0123456789abcdef"
    "\x00\x00\x00\x01";

static void gss_002_a_keytab_with_the_key_will_do(void **state)
{
    char path[] = "/tmp/pf-keytab-XXXXXX";
    int fd = mkstemp(path);
    unsigned char whole[sizeof keytab - 1];
    struct bench b;

    (void)state;
    assert_true(fd >= 0);
    memcpy(whole, keytab, sizeof whole);
    whole[5] = (unsigned char)(sizeof whole - 6); /* the record's length */
    assert_int_equal(write(fd, whole, sizeof whole), sizeof whole);
    close(fd);
    bench_setup(&b, "GSSAPI");
    b.settings.keytab = path;
    assert_int_equal(pf_exchange_keytab(path, HOST, &b.err), PF_OK);
    assert_int_equal(pf_exchange_keytab(path, "other.example.org", &b.err), PF_CONFIG);
    bench_refuse(&b, PF_LIT("no token"), PF_AUTH);
    bench_refuse(&b, PF_LIT("\x60\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"), PF_AUTH);
    bench_end(&b);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(login_001_two_prompts),
        T(auth_009_login_with_the_name_as_initial_response),
        T(login_002_with_the_librarys_client),
        T(login_refuses_what_no_user_has),
        T(ext_002_the_name_is_the_certificates),
        T(ext_004_with_and_without_initial_response),
        T(ext_003_not_without_a_certificate),
        T(ano_001_a_trace_of_255_characters),
        T(ano_with_the_librarys_client),
        T(gss_002_a_keytab_without_a_key_is_told),
        T(gss_002_a_keytab_with_the_key_will_do),
    };

    return RUN(tests);
}
