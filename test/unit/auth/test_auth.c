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
    static const char *const names[] = {"alice", "nobody",   "",       "../etc", ".hidden",
                                        "a\x01", "\xff\xfe", "locked", "barred", "a\xcc"};
    struct bench b;

    (void)state;
    bench_open(&b,
               "alice:" SESAME "\nbob:" SESAME "\nlocked:!" SESAME "\nbarred:" SESAME "::::::nologin\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t before = pf_password_computed();
        struct try t;

        try_begin(&b, &t, names[i], i < 7 ? "wrong" : "open sesame");
        assert_int_equal(try_end(&b, &t), PF_AUTH);
        assert_string_equal(pf_err_say(&t.check.err), pf_verdict(PF_AUTH)->say);
        assert_int_equal(pf_password_computed() - before, 1);
        if (i < 2) /* for the log */
            assert_string_equal(t.check.user.name, names[i]);
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

/* Over a connection without TLS, from no address. */
static void begin_plain(struct bench *b, struct try *t, const char *name, const char *secret)
{
    *t = (struct try){
        .check = {.done = try_done, .name = pf_bytes_of(name), .secret = pf_bytes_of(secret)},
        .bench = b};
    pf_auth_check(b->auth, &t->check);
}

/* RFC 8314 section 4.1: nothing may be learnt over cleartext about who needs TLS. */
static void tls_021_without_tls_all_failures_are_one(void **state)
{
    static const struct {
        const char *name, *secret;
    } failures[] = {
        {"tess", "open sesame"}, {"tess", "wrong"}, {"alice", "wrong"}, {"nobody", "wrong"}, {"", ""}};
    struct pf_err first = {0};
    struct bench b;
    struct try t;

    (void)state;
    bench_open(&b, "alice:" SESAME "\ntess:" SESAME "::::::needs_tls=yes\n");
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        uint64_t before = pf_password_computed();

        begin_plain(&b, &t, failures[i].name, failures[i].secret);
        assert_int_equal(try_end(&b, &t), PF_NEED_TLS);
        assert_int_equal(pf_password_computed() - before, 1);
        if (i == 0)
            first = t.check.err;
        assert_string_equal(pf_err_say(&t.check.err), pf_err_say(&first));
    }
    begin_plain(&b, &t, "alice", "open sesame");
    assert_int_equal(try_end(&b, &t), PF_OK);
    assert_int_equal(try_login(&b, "tess", "open sesame"), PF_OK);
    assert_int_equal(try_login(&b, "tess", "wrong"), PF_AUTH);
    bench_close(&b);
}

static void without_users_who_need_tls_it_is_not_spoken_of(void **state)
{
    struct bench b;
    struct try t;

    (void)state;
    bench_open(&b, "alice:" SESAME "\n");
    begin_plain(&b, &t, "alice", "wrong");
    assert_int_equal(try_end(&b, &t), PF_AUTH);
    assert_string_equal(pf_err_say(&t.check.err), pf_verdict(PF_AUTH)->say);
    bench_close(&b);
}

/* A stored hash may be of the octets as they were typed, or of what SASLprep makes of them. */
static void plain_006_passwords_match_raw_or_prepared(void **state)
{
    uint64_t before;
    struct bench b;

    (void)state;
    bench_setup(&b, "prepared:{PLAIN}IX\nraw:{PLAIN}\xe2\x85\xa8\nlatin:{PLAIN}caf\xe9\n");
    b.settings.allow_weak_schemes = true;
    b.loop = pf_loop_new(NULL);
    b.auth = pf_auth_new(b.loop, &b.settings, NULL);
    assert_int_equal(try_login(&b, "prepared", "\xe2\x85\xa8"), PF_OK);
    assert_int_equal(try_login(&b, "raw", "\xe2\x85\xa8"), PF_OK);
    assert_int_equal(try_login(&b, "latin", "caf\xe9"), PF_OK);
    before = pf_password_computed();
    assert_int_equal(try_login(&b, "latin", "\xe2\x85\xa8"), PF_AUTH);
    assert_int_equal(try_login(&b, "nobody", "\xe2\x85\xa8"), PF_AUTH);
    assert_int_equal(pf_password_computed() - before, 4);
    bench_close(&b);
}

/* P3-064, P3-061. */
static void p3_064_names_and_passwords_of_all_kinds(void **state)
{
    static const char *const names[] = {"user@example.org", "user+host", "user*admin",
                                        "recent-user",      "a b",       "\xc3\xa9t\xc3\xa9"};
    char text[1024] = "", line[256];
    struct bench b;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(line, sizeof line, "%s:" SESAME "\n", names[i]);
        strncat(text, line, sizeof text - strlen(text) - 1);
    }
    bench_open(&b, text);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(try_login(&b, names[i], "open sesame"), PF_OK);
    assert_int_equal(try_login(&b, "e\xcc\x81t\xc3\xa9", "open sesame"), PF_OK); /* decomposed */
    assert_int_equal(try_login(&b, "User+host", "open sesame"), PF_AUTH);
    assert_int_equal(try_login(&b, "user+host", " open sesame"), PF_AUTH);
    assert_int_equal(try_login(&b, "user+host", ""), PF_AUTH);
    bench_close(&b);
}

static void p3_065_failures_wait_and_delay_nobody_else(void **state)
{
    struct bench b;
    struct try wrong[3], right;
    pf_time begun;

    (void)state;
    bench_setup(&b, "alice:" SESAME "\nbob:" SESAME "\n");
    b.settings.failure_delay = 40;
    b.settings.failure_delay_max = 80;
    b.loop = pf_loop_new(NULL);
    b.auth = pf_auth_new(b.loop, &b.settings, NULL);
    begun = pf_loop_now(b.loop);
    for (int i = 0; i < 3; i++)
        try_begin(&b, &wrong[i], i == 2 ? "nobody" : "alice", "wrong");
    begin_plain(&b, &right, "alice", "open sesame"); /* from elsewhere */
    assert_int_equal(try_end(&b, &right), PF_OK);
    assert_int_equal(wrong[0].answers + wrong[1].answers + wrong[2].answers, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_end(&b, &wrong[i]), PF_AUTH);
    for (int i = 0; i < 3; i++) /* 40 ms for one of them, 80 for the later two */
        assert_true(wrong[i].answered - begun >= 40);
    assert_true(wrong[0].answered + wrong[1].answered + wrong[2].answered - 3 * begun >= 40 + 80 + 80);
    bench_close(&b);
}

static void a_full_queue_is_busy_and_every_question_is_answered_once(void **state)
{
    enum { MANY = 400 };
    static struct try tries[MANY];
    int busy = 0, right = 0;
    struct bench b;

    (void)state;
    bench_setup(&b, "alice:$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJk"
                    "aFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/6wQWgQnGo7lLg/\n");
    b.settings.hashes_at_once = 1;
    b.loop = pf_loop_new(NULL);
    b.auth = pf_auth_new(b.loop, &b.settings, NULL);
    for (int i = 0; i < MANY; i++)
        try_begin(&b, &tries[i], "alice", "open sesame");
    for (int i = 0; i < MANY; i++) {
        enum pf_code code = try_end(&b, &tries[i]);

        busy += code == PF_BUSY;
        right += code == PF_OK;
    }
    assert_int_equal(busy + right, MANY);
    assert_true(busy > 0 && right >= 128);
    bench_close(&b);
}

static void abandon_in_every_state(void **state)
{
    enum { MANY = 300 };
    static struct try tries[MANY];
    struct bench b;

    (void)state;
    bench_open(&b, "alice:" SESAME "\n");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            try_begin(&b, &tries[i], "alice", i % 2 ? "wrong" : "open sesame");
        for (int i = 0; i < round; i++)
            pf_loop_turn(b.loop, true);
        for (int i = 0; i < MANY; i++)
            if (!tries[i].answers)
                pf_auth_abandon(b.auth, &tries[i].check);
        for (int i = 0; i < MANY; i++)
            tries[i].answers *= 100;
    }
    assert_int_equal(try_login(&b, "alice", "open sesame"), PF_OK);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(tries[i].answers % 100, 0);
    bench_close(&b);
}

static void cap_020_login_delay_is_kept_per_user(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "alice:" SESAME "\n");
    assert_true(pf_auth_login_due(b.auth, "alice", 60, 1000));
    assert_false(pf_auth_login_due(b.auth, "alice", 60, 60999));
    assert_true(pf_auth_login_due(b.auth, "bob", 60, 60999));
    assert_true(pf_auth_login_due(b.auth, "alice", 0, 60999));
    assert_true(pf_auth_login_due(b.auth, "alice", 60, 61000)); /* a refused one is not noted */
    assert_false(pf_auth_login_due(b.auth, "alice", 60, 61001));
    for (int i = 0; i < 300000; i++) { /* more users than rows */
        char name[32];

        snprintf(name, sizeof name, "user%d", i);
        assert_true(pf_auth_login_due(b.auth, name, 60, 70000 + i));
    }
    assert_false(pf_auth_login_due(b.auth, "user299999", 60, 370000));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(right_password_gives_the_user),
        T(p3_065_unknown_and_wrong_read_and_cost_the_same),
        T(abandoned_checks_are_never_answered),
        T(tls_021_without_tls_all_failures_are_one),
        T(without_users_who_need_tls_it_is_not_spoken_of),
        T(plain_006_passwords_match_raw_or_prepared),
        T(p3_064_names_and_passwords_of_all_kinds),
        T(p3_065_failures_wait_and_delay_nobody_else),
        T(a_full_queue_is_busy_and_every_question_is_answered_once),
        T(abandon_in_every_state),
        T(cap_020_login_delay_is_kept_per_user),
    };

    return RUN(tests);
}
