#include "auth_bench.h"

#include "auth/password.h"

static void right_password_gives_the_user(void **state)
{
    struct bench b;
    struct try t;

    (void)state;
    bench_open(&b, "alice:" SESAME "::::::maildrop=/mail/a expire=7 login_delay=60\nbob:" SESAME "\n");
    try_begin(&b, &t, "alice", "open sesame");
    assert_int_equal(try_end(&b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "alice");
    assert_string_equal(t.check.user.maildrop, "/mail/a");
    assert_int_equal(t.check.user.expire_days, 7);
    assert_int_equal(t.check.user.login_delay, 60);
    assert_null(t.check.state);
    try_begin(&b, &t, "bob", "open sesame");
    assert_int_equal(try_end(&b, &t), PF_OK);
    assert_string_equal(t.check.user.maildrop, "");
    assert_int_equal(t.check.user.expire_days, -2);
    assert_int_equal(t.check.user.login_delay, -2);
    bench_close(&b);
}

/* P3-065, RC-008: what differs is for the log alone. */
static void p3_065_unknown_and_wrong_read_and_cost_the_same(void **state)
{
    static const char *const names[] = {"alice", "nobody", "", "../etc", ".hidden", "a\x01", "\xff\xfe",
                                        "locked", "barred", "a\xcc"};
    struct bench b;

    (void)state;
    bench_open(&b, "alice:" SESAME "\nbob:" SESAME "\nlocked:!" SESAME "\nbarred:" SESAME "::::::nologin\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t before = pf_password_computed();
        struct try t;

        try_begin(&b, &t, names[i], i < 7 ? "wrong" : "open sesame");
        assert_int_equal(try_end(&b, &t), PF_AUTH);
        assert_string_equal(pf_err_say(&t.check.err), pf_verdict(PF_AUTH)->say);
        assert_int_equal(pf_password_computed() - before, 1);
        assert_string_equal(t.check.user.name, "");
    }
    bench_close(&b);
}

static void abandoned_checks_are_never_answered(void **state)
{
    struct bench b;
    struct try working, delayed, held;

    (void)state;
    bench_setup(&b, "alice:" SESAME "\n");
    b.settings.failure_delay = b.settings.failure_delay_max = 30;
    b.loop = pf_loop_new(NULL);
    b.auth = pf_auth_new(b.loop, &b.settings, NULL);
    try_begin(&b, &working, "alice", "open sesame");
    pf_auth_abandon(b.auth, &working.check);
    try_begin(&b, &delayed, "alice", "wrong");
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    pf_auth_abandon(b.auth, &delayed.check);
    try_begin(&b, &held, "alice", "wrong");
    pf_auth_abandon(b.auth, &held.check);
    assert_int_equal(try_login(&b, "alice", "wrong"), PF_AUTH);
    assert_int_equal(working.answers + delayed.answers + held.answers, 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(right_password_gives_the_user),
        T(p3_065_unknown_and_wrong_read_and_cost_the_same),
        T(abandoned_checks_are_never_answered),
    };

    return RUN(tests);
}
