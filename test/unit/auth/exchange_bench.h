/* An exchange with a world of its own, and GNU SASL's client on the other side. */
#ifndef POSTFACH_TEST_EXCHANGE_BENCH_H
#define POSTFACH_TEST_EXCHANGE_BENCH_H

#include "unit/cm.h"

#include "auth/exchange.h"

#include <gsasl.h>
#include <stdlib.h>

#define HOST "pop.example.org"

struct bench_user {
    const char *name, *stored;
};

/* The keys are those of the examples of RFC 5802 section 5 and RFC 7677 section 3: "pencil". */
#define PENCIL_1                                                                                        \
    "{SCRAM-SHA-1}4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,D+CSWLOshSulAsxiupA+qs2/fTE="
#define PENCIL_256                                                                                      \
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="         \
    ",wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static const struct bench_user bench_users[] = {
    {"user", PENCIL_1},
    {"user256", PENCIL_256},
    {"alice", "{PLAIN}wonderland"},
    {"b, c=d", "{PLAIN}pass word"},
    {"\xc3\xa9mile", "{PLAIN}g\xc3\xa9rminal"},
    {"hashed", "{SSHA}/c6xAjF+BVewiWLReMiMh9AyfCkgIKqu"},
};

enum { BENCH_USERS = sizeof bench_users / sizeof bench_users[0] };

struct bench_world {
    unsigned asked;
    enum pf_code trouble; /* instead of an answer */
};

static inline const char *bench_stored(struct pf_bytes name)
{
    for (size_t i = 0; i < BENCH_USERS; i++)
        if (pf_bytes_equal(name, pf_bytes_of(bench_users[i].name)))
            return bench_users[i].stored;
    return NULL;
}

static inline enum pf_code bench_scram(void *self, struct pf_bytes name, enum pf_password_form form,
                                       struct pf_scram_keys *out, struct pf_err *err)
{
    struct bench_world *world = self;
    const char *stored = bench_stored(name);

    world->asked++;
    if (world->trouble != PF_OK)
        return pf_fail(err, world->trouble, 0, "bench", "the source is broken");
    if (!stored ||
        pf_password_scram(stored, form, (const unsigned char *)"0123456789abcdef", out) != PF_OK)
        return PF_NO_USER;
    return PF_OK;
}

static inline enum pf_code bench_plain(void *self, struct pf_bytes name, char *out_text, size_t cap,
                                       struct pf_err *err)
{
    struct bench_world *world = self;
    const char *stored = bench_stored(name);

    world->asked++;
    if (world->trouble != PF_OK)
        return pf_fail(err, world->trouble, 0, "bench", "the source is broken");
    return stored && pf_password_plain(stored, out_text, cap) ? PF_OK : PF_NO_USER;
}

struct bench {
    struct bench_world world;
    struct pf_exchange_settings settings;
    struct pf_exchange *exchange;
    struct pf_exchange_told told;
    struct pf_err err;
    enum pf_exchange_step step;
    Gsasl *library;
    Gsasl_session *client;
};

static inline void bench_setup(struct bench *b, const char *mechanism)
{
    *b = (struct bench){0};
    b->settings = (struct pf_exchange_settings){
        .mechanism = mechanism,
        .world = {&b->world, bench_scram, bench_plain},
        .hostname = HOST,
        .site_key = (const unsigned char *)"0123456789abcdef0123456789ABCDEF",
        .now = 697170952,
    };
}

static inline void bench_begin(struct bench *b)
{
    pf_exchange_free(b->exchange);
    b->exchange = pf_exchange_new(&b->settings, &b->err);
    assert_non_null(b->exchange);
}

static inline void bench_end(struct bench *b)
{
    pf_exchange_free(b->exchange);
    if (b->client)
        gsasl_finish(b->client);
    if (b->library)
        gsasl_done(b->library);
    b->exchange = NULL;
    b->client = NULL;
    b->library = NULL;
}

static inline enum pf_exchange_step bench_say(struct bench *b, struct pf_bytes response)
{
    b->err = (struct pf_err){0};
    b->step = pf_exchange_step(b->exchange, response, true, &b->told, &b->err);
    if (b->step == PF_EXCHANGE_FAILED) {
        assert_int_not_equal(b->err.code, PF_OK);
        assert_int_equal(b->told.challenge.len + b->told.secret.len, 0);
    }
    return b->step;
}

static inline enum pf_exchange_step bench_ask(struct bench *b)
{
    b->step = pf_exchange_step(b->exchange, (struct pf_bytes){0}, false, &b->told, &b->err);
    return b->step;
}

static inline void bench_is(struct pf_bytes have, const char *want)
{
    char text[2048];

    assert_true(have.len < sizeof text);
    if (have.len)
        memcpy(text, have.at, have.len);
    text[have.len] = 0;
    assert_string_equal(text, want);
}

/* The first response of a new exchange fails with `code`. */
static inline void bench_refuse(struct bench *b, struct pf_bytes response, enum pf_code code)
{
    bench_begin(b);
    assert_int_equal(bench_say(b, response), PF_EXCHANGE_FAILED);
    assert_int_equal(b->err.code, code);
}

/* GNU SASL's client, to be given its properties. */
static inline void bench_client(struct bench *b, const char *name, const char *password)
{
    assert_int_equal(gsasl_init(&b->library), GSASL_OK);
    assert_int_equal(gsasl_client_start(b->library, b->settings.mechanism, &b->client), GSASL_OK);
    gsasl_property_set(b->client, GSASL_AUTHID, name);
    gsasl_property_set(b->client, GSASL_PASSWORD, password);
    gsasl_property_set(b->client, GSASL_SERVICE, "pop");
    gsasl_property_set(b->client, GSASL_HOSTNAME, HOST);
}

/* Both sides until one has enough; the client is content when the last step says so. */
static inline enum pf_exchange_step bench_talk(struct bench *b)
{
    int status = GSASL_NEEDS_MORE;

    bench_begin(b);
    bench_ask(b);
    for (int turn = 0; turn < 10 && b->step == PF_EXCHANGE_CHALLENGE; turn++) {
        char *output = NULL;
        size_t len = 0;

        if (status != GSASL_OK)
            status = gsasl_step(b->client, (const char *)b->told.challenge.at, b->told.challenge.len,
                                &output, &len);
        assert_true(status == GSASL_OK || status == GSASL_NEEDS_MORE);
        bench_say(b, pf_bytes_from(output, len));
        gsasl_free(output);
    }
    if (b->step == PF_EXCHANGE_PROVED)
        assert_int_equal(status, GSASL_OK);
    return b->step;
}

static inline enum pf_exchange_step bench_login(struct bench *b, const char *name, const char *password)
{
    enum pf_exchange_step step;

    bench_client(b, name, password);
    step = bench_talk(b);
    gsasl_finish(b->client);
    gsasl_done(b->library);
    b->client = NULL;
    b->library = NULL;
    return step;
}

#endif
