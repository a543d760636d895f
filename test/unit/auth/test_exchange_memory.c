#include "exchange_bench.h"

#include "unit/scarce.h"

#include <malloc.h>

/* Each allocation of an exchange's own fails once, and what it gives back holds no secret any more. */

enum pf_code pf_oauth_check(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    (void)oauth;
    (void)now;
    (void)err;
    assert_true(pf_bytes_equal(token, PF_LIT("wonderland")));
    snprintf(out_grant->name, sizeof out_grant->name, "alice");
    return PF_OK;
}

/* Looked for in all that is given back while `watching`. */
static const char *secret;
static unsigned frees;
static bool leaked;

void __real_free(void *at);
void __wrap_free(void *at);

void __wrap_free(void *at)
{
    if (at && secret) {
        frees++;
        leaked = leaked || memmem(at, malloc_usable_size(at), secret, strlen(secret));
    }
    __real_free(at);
}

struct script {
    const char *mechanism;
    bool ask;
    struct pf_bytes say[3];
    enum pf_exchange_step last;
};

#define SAY(text)                                                                                       \
    {                                                                                                   \
        (const unsigned char *)"" text "", sizeof text - 1                                              \
    }

static const struct script scripts[] = {
    {"PLAIN", true, {SAY("\0alice\0wonderland")}, PF_EXCHANGE_CHECK},
    {"LOGIN", true, {SAY("alice"), SAY("wonderland")}, PF_EXCHANGE_CHECK},
    {"EXTERNAL", true, {SAY("alice")}, PF_EXCHANGE_PROVED},
    {"ANONYMOUS", true, {SAY("wonderland")}, PF_EXCHANGE_PROVED},
    {"OAUTHBEARER", true, {SAY("n,,\1auth=Bearer wonderland\1\1")}, PF_EXCHANGE_PROVED},
    {"CRAM-MD5", true, {SAY("alice 00000000000000000000000000000000")}, PF_EXCHANGE_FAILED},
    {"SCRAM-SHA-1",
     true,
     {SAY("n,,n=alice,r=abc"), SAY("c=biws,r=abc,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")},
     PF_EXCHANGE_FAILED},
    {"SCRAM-SHA-256-PLUS", false, {SAY("p=tls-unique,,n=alice,r=abc"), SAY("c=,")}, PF_EXCHANGE_FAILED},
    {"DIGEST-MD5", true, {SAY("digest-uri=\"pop/" HOST "\"")}, PF_EXCHANGE_FAILED},
};

/* What the whole conversation ends in; `err` as it then was. */
static enum pf_exchange_step play(const struct script *script, struct pf_err *err)
{
    struct pf_exchange_told told;
    enum pf_exchange_step step = PF_EXCHANGE_CHALLENGE;
    struct pf_exchange *exchange;
    struct bench b;

    bench_setup(&b, script->mechanism);
    b.settings.certificate = "alice";
    b.settings.unique = PF_LIT("abcdefghijkl");
    b.settings.oauth = (struct pf_oauth *)(void *)&b;
    b.settings.oauth_conf = (const struct pf_conf_oauth *)(const void *)&b;
    exchange = pf_exchange_new(&b.settings, err);
    if (!exchange)
        return PF_EXCHANGE_FAILED;
    if (script->ask)
        step = pf_exchange_step(exchange, (struct pf_bytes){0}, false, &told, err);
    for (size_t i = 0; i < 3 && script->say[i].at && step == PF_EXCHANGE_CHALLENGE; i++)
        step = pf_exchange_step(exchange, script->say[i], true, &told, err);
    if (step == PF_EXCHANGE_CHECK)
        assert_true(pf_bytes_equal(told.secret, PF_LIT("wonderland")));
    pf_exchange_free(exchange);
    return step;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        unsigned n = 0;

        do {
            struct pf_err err = {0};
            enum pf_exchange_step step;

            failed = false;
            countdown = ++n;
            step = play(&scripts[i], &err);
            countdown = 0;
            if (failed) {
                assert_int_equal(step, PF_EXCHANGE_FAILED);
                assert_int_equal(err.code, PF_NO_MEMORY);
            } else {
                assert_int_equal(step, scripts[i].last);
                assert_int_not_equal(err.code, PF_NO_MEMORY);
            }
        } while (failed);
        assert_true(n > 2); /* the exchange and each response */
    }
}

static void secrets_are_wiped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct pf_err err = {0};

        leaked = false;
        frees = 0;
        secret = "wonderland";
        play(&scripts[i], &err);
        secret = NULL;
        assert_true(frees >= 2);
        assert_false(leaked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_allocation_fails_once),
        T(secrets_are_wiped),
    };

    return RUN(tests);
}
