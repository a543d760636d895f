/* Each allocation of auth fails once. */
#include "auth_bench.h"

#include "auth/exchange.h"

#include "unit/scarce.h"

static void start_and_reload(void **state)
{
    struct pf_err err;
    enum pf_code code;
    struct bench b;
    unsigned n = 0;

    (void)state;
    bench_setup(&b, "alice:" SESAME "\n");
    b.loop = pf_loop_new(NULL);
    do {
        countdown = ++n;
        err = (struct pf_err){0};
        b.auth = pf_auth_new(b.loop, &b.settings, &err);
        assert_true(b.auth || err.code == PF_NO_MEMORY);
    } while (!b.auth);
    assert_true(n > 8);
    for (n = 1, err.code = PF_NO_MEMORY; err.code; n++) {
        countdown = n;
        b.settings.hashes_at_once++;
        err = (struct pf_err){0};
        code = pf_auth_reload(b.auth, &b.settings, &err);
        countdown = 0;
        assert_true(code == err.code && (code == PF_OK || code == PF_NO_MEMORY));
        assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    }
    assert_true(n > 6);
    bench_close(&b);
}

static void without_memory_for_a_login_the_answer_is_temp(void **state)
{
    struct try first, second, third;
    struct bench b;

    (void)state;
    bench_open(&b, "alice:" SESAME "\n");
    countdown = 1;
    try_begin(&b, &first, "alice", "open sesame");
    countdown = 1;
    try_begin(&b, &second, "alice", "open sesame");
    countdown = 1;
    try_begin(&b, &third, "alice", "open sesame");
    pf_auth_abandon(b.auth, &second.check);
    assert_int_equal(try_end(&b, &first), PF_TEMP);
    assert_int_equal(try_end(&b, &third), PF_TEMP);
    assert_int_equal(second.answers, 0);
    countdown = 1;
    try_begin(&b, &first, "alice", "open sesame");
    pf_auth_abandon(b.auth, &first.check);
    bench_close(&b); /* with a turn of it still queued */
}

static void login_delay_without_memory_locks_nobody_out(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "alice:" SESAME "\n");
    countdown = 1;
    assert_true(pf_auth_login_due(b.auth, "alice", 60, 1));
    assert_true(pf_auth_login_due(b.auth, "alice", 60, 2));
    assert_false(pf_auth_login_due(b.auth, "alice", 60, 3));
    bench_close(&b);
}

static void exchange(void **state)
{
    struct pf_exchange_told told;
    struct pf_err err = {0};
    struct pf_exchange *e;

    (void)state;
    countdown = 1;
    assert_null(pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "PLAIN"}, &err));
    assert_int_equal(err.code, PF_NO_MEMORY);
    e = pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "PLAIN"}, &err);
    countdown = 1;
    assert_int_equal(pf_exchange_step(e, PF_LIT("\0a\0b"), true, &told, &err),
                     PF_EXCHANGE_FAILED);
    assert_int_equal(err.code, PF_NO_MEMORY);
    assert_int_equal(pf_exchange_step(e, PF_LIT("\0a\0b"), true, &told, &err),
                     PF_EXCHANGE_FAILED); /* it has ended */
    pf_exchange_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(start_and_reload),
        T(without_memory_for_a_login_the_answer_is_temp),
        T(login_delay_without_memory_locks_nobody_out),
        T(exchange),
    };

    return RUN(tests);
}
