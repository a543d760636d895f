/* An initiate against an exchange of our own, without what lies between them. */
#ifndef POSTFACH_TEST_INITIATE_BENCH_H
#define POSTFACH_TEST_INITIATE_BENCH_H

#include "unit/auth/exchange_bench.h"

#include "auth/initiate.h"

struct meeting {
    struct bench server;
    struct pf_initiate_settings settings;
    struct pf_initiate *client;
    struct pf_initiate_told told;
    struct pf_err err;
    enum pf_initiate_step step;
    unsigned turns;
    /* Changes a challenge on its way, when set. */
    void (*meddle)(unsigned turn, char *text, size_t cap);
};

static inline void meeting_setup(struct meeting *m, const char *mechanism, const char *name,
                                 const char *secret)
{
    *m = (struct meeting){0};
    bench_setup(&m->server, mechanism);
    m->settings = (struct pf_initiate_settings){.mechanism = mechanism,
                                                .name = pf_bytes_of(name),
                                                .secret = pf_bytes_of(secret),
                                                .hostname = HOST};
}

static inline void meeting_end(struct meeting *m)
{
    pf_initiate_free(m->client);
    m->client = NULL;
    bench_end(&m->server);
}

/* One challenge to the client, from memory that is gone afterwards, and with a NUL behind it. */
static inline void meeting_challenge(struct meeting *m)
{
    size_t len = m->server.told.challenge.len, cap = len + 200;
    char *copy = calloc(1, cap);

    assert_non_null(copy);
    if (len)
        memcpy(copy, m->server.told.challenge.at, len);
    if (m->meddle) {
        m->meddle(m->turns, copy, cap);
        len = strlen(copy);
    }
    m->step = pf_initiate_step(m->client, pf_bytes_from(copy, len), &m->told, &m->err);
    if (m->told.refused)
        assert_int_equal(m->told.refusal.at == (const unsigned char *)copy, 1);
    m->told.refusal = (struct pf_bytes){0};
    free(copy);
}

/* Until one of them has enough. `initial`: the first response goes with AUTH, where there is one. True:
 * the server is content with somebody, and so is the client. */
static inline bool meet(struct meeting *m, bool initial)
{
    bool kept;

    pf_initiate_free(m->client);
    m->client = pf_initiate_new(&m->settings, &m->err);
    assert_non_null(m->client);
    bench_begin(&m->server);
    assert_false(pf_initiate_content(m->client));
    m->step = pf_initiate_step(m->client, (struct pf_bytes){0}, &m->told, &m->err);
    if (m->step == PF_INITIATE_FAILED)
        return false;
    kept = m->step == PF_INITIATE_SEND && !initial;
    if (m->step == PF_INITIATE_SEND && initial)
        bench_say(&m->server, m->told.response);
    else
        bench_ask(&m->server);
    for (m->turns = 0; m->server.step == PF_EXCHANGE_CHALLENGE && m->turns < 10; m->turns++) {
        if (!kept)
            meeting_challenge(m);
        if (m->step == PF_INITIATE_FAILED)
            return false;
        kept = false;
        bench_say(&m->server, m->told.response);
    }
    return (m->server.step == PF_EXCHANGE_PROVED || m->server.step == PF_EXCHANGE_CHECK) &&
           pf_initiate_content(m->client);
}

#endif
