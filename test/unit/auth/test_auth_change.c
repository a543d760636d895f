/* The password file changes while the server runs. */
#include "auth_bench.h"

static const char alice[] = "alice:" SESAME "\n";
static const char alice_and_carol[] = "alice:" SESAME "\ncarol:" SESAME "\n";

static void a_changed_file_is_seen_without_a_reload(void **state)
{
    struct pf_err err;
    struct bench b;

    (void)state;
    bench_open(&b, alice);
    assert_int_equal(try_login(&b, "carol", "open sesame"), PF_AUTH);
    bench_write(&b, alice_and_carol);
    bench_age(&b, 5);
    assert_int_equal(try_login(&b, "carol", "open sesame"), PF_OK);
    bench_write(&b, "carol:" SESAME "\n");
    bench_age(&b, 4);
    assert_int_equal(try_login(&b, "carol", "wrong"), PF_AUTH);
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_AUTH);
    assert_false(pf_auth_trouble(b.auth, &err));
    bench_close(&b);
}

/* In the middle of an edit: nobody is refused who may be right when it is done. */
static void nobody_is_refused_while_the_file_is_written(void **state)
{
    struct bench b;
    struct try carol;

    (void)state;
    bench_open(&b, alice);
    bench_write(&b, "ali");
    try_begin(&b, &carol, "carol", "open sesame");
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    for (int i = 0; i < 3; i++)
        pf_loop_turn(b.loop, true);
    assert_int_equal(carol.answers, 0);
    bench_write(&b, alice_and_carol);
    bench_age(&b, 5);
    assert_int_equal(try_end(&b, &carol), PF_OK);
    bench_close(&b);
}

/* Editors put a new file in the place of the old one. */
static void a_file_that_is_missing_for_a_moment_locks_nobody_out(void **state)
{
    struct bench b;
    struct try carol;

    (void)state;
    bench_open(&b, alice);
    unlink(b.file);
    try_begin(&b, &carol, "carol", "open sesame");
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    for (int i = 0; i < 3; i++)
        pf_loop_turn(b.loop, true);
    assert_int_equal(carol.answers, 0);
    bench_write(&b, alice_and_carol);
    bench_age(&b, 5);
    assert_int_equal(try_end(&b, &carol), PF_OK);
    bench_close(&b);
}

static void a_file_that_stays_away_is_trouble_and_the_old_users_stay(void **state)
{
    struct pf_err err = {0};
    struct bench b;

    (void)state;
    bench_open(&b, alice);
    unlink(b.file);
    assert_int_equal(try_login(&b, "alice", "wrong"), PF_AUTH); /* after a second */
    assert_true(pf_auth_trouble(b.auth, &err));
    assert_non_null(strstr(err.log, b.file));
    assert_false(pf_auth_trouble(b.auth, &err));
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    bench_write(&b, alice_and_carol);
    bench_age(&b, 5);
    assert_int_equal(try_login(&b, "carol", "open sesame"), PF_OK);
    bench_close(&b);
}

static void bad_or_empty_files_are_trouble_and_the_old_users_stay(void **state)
{
    static const char *const bad[] = {"alice:" SESAME "\nbob:{NONE}x\n", "", "# nobody\n",
                                      "alice:" SESAME "\nalice:*\n"};
    struct pf_err err = {0};
    struct bench b;

    (void)state;
    bench_open(&b, alice);
    for (int i = 0; i < 4; i++) {
        bench_write(&b, bad[i]);
        bench_age(&b, 10 + i);
        assert_int_equal(try_login(&b, "alice", "wrong"), PF_AUTH);
        assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
        assert_true(pf_auth_trouble(b.auth, &err));
        assert_int_equal(err.code, PF_CONFIG);
        assert_false(pf_auth_trouble(b.auth, &err));
        assert_int_equal(try_login(&b, "alice", "wrong"), PF_AUTH);
        assert_false(pf_auth_trouble(b.auth, &err));
    }
    bench_close(&b);
}

static void abandoned_while_the_file_is_written(void **state)
{
    struct bench b;
    struct try t;

    (void)state;
    bench_open(&b, alice);
    bench_write(&b, "");
    try_begin(&b, &t, "carol", "open sesame");
    for (int i = 0; i < 3; i++)
        pf_loop_turn(b.loop, true);
    pf_auth_abandon(b.auth, &t.check);
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    assert_int_equal(t.answers, 0);
    bench_close(&b);
}

static void reload_takes_new_settings_or_none(void **state)
{
    struct pf_err err = {0};
    struct bench b;
    struct try before;

    (void)state;
    bench_open(&b, alice);
    bench_write(&b, "carol:{SHA}x\n");
    assert_int_equal(pf_auth_reload(b.auth, &b.settings, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "line 1"));
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    bench_write(&b, "carol:{PLAIN}abc\n");
    assert_int_equal(pf_auth_reload(b.auth, &b.settings, &err), PF_CONFIG);
    try_begin(&b, &before, "alice", "open sesame");
    b.settings.allow_weak_schemes = true;
    b.settings.hashes_at_once = 5;
    assert_int_equal(pf_auth_reload(b.auth, &b.settings, &err), PF_OK);
    assert_int_equal(try_end(&b, &before), PF_OK); /* it was under way with the old users */
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_AUTH);
    assert_int_equal(try_login(&b, "carol", "abc"), PF_OK);
    bench_write(&b, "");
    assert_int_equal(pf_auth_reload(b.auth, &b.settings, &err), PF_OK);
    assert_int_equal(try_login(&b, "carol", "abc"), PF_AUTH);
    bench_close(&b);
}

static void reload_in_the_middle_of_everything(void **state)
{
    static struct try tries[60];
    struct bench b;

    (void)state;
    bench_open(&b, alice);
    for (unsigned i = 0; i < 60; i++) {
        try_begin(&b, &tries[i], "alice", i % 3 ? "open sesame" : "wrong");
        if (i % 10 == 9) {
            bench_write(&b, i % 20 == 9 ? alice_and_carol : alice);
            b.settings.hashes_at_once = 1 + i / 10;
            assert_int_equal(pf_auth_reload(b.auth, &b.settings, NULL), PF_OK);
        }
    }
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(try_end(&b, &tries[i]), i % 3 ? PF_OK : PF_AUTH);
    bench_close(&b);
}

static void start_without_users_is_an_error(void **state)
{
    struct pf_err err = {0};
    struct bench b;

    (void)state;
    bench_setup(&b, "alice\n");
    b.loop = pf_loop_new(NULL);
    assert_null(pf_auth_new(b.loop, &b.settings, &err));
    assert_int_equal(err.code, PF_CONFIG);
    b.settings.password_file = "/nonexistent/users";
    assert_null(pf_auth_new(b.loop, &b.settings, &err));
    assert_int_equal(err.code, PF_CONFIG);
    b.settings.password_file = b.dir;
    assert_null(pf_auth_new(b.loop, &b.settings, &err));
    b.settings.password_file = NULL;
    assert_null(pf_auth_new(b.loop, &b.settings, &err));
    assert_int_equal(err.code, PF_CONFIG);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_changed_file_is_seen_without_a_reload),
        T(nobody_is_refused_while_the_file_is_written),
        T(a_file_that_is_missing_for_a_moment_locks_nobody_out),
        T(a_file_that_stays_away_is_trouble_and_the_old_users_stay),
        T(bad_or_empty_files_are_trouble_and_the_old_users_stay),
        T(abandoned_while_the_file_is_written),
        T(reload_takes_new_settings_or_none),
        T(reload_in_the_middle_of_everything),
        T(start_without_users_is_an_error),
    };

    return RUN(tests);
}
