#include "unit/cm.h"

#include "tool/fetch_wait.h"

enum { MINUTE = 60000 };

static pf_time rest(enum pf_code code, unsigned failures, uint32_t random)
{
    return pf_fetch_rest(&(struct pf_fetch_story){
        .code = code, .failures = failures, .poll = 10000, .took = 3000, .random = random});
}

static void a_poll_counts_from_its_beginning(void **state)
{
    struct pf_fetch_story s = {.code = PF_OK, .poll = 10000, .took = 3000, .random = 999};

    assert_int_equal(pf_fetch_rest(&s), 7000);
    s.took = 20000;
    assert_int_equal(pf_fetch_rest(&s), 1000);
    s.poll = 0;
    assert_true(pf_fetch_rest(&s) == PF_NEVER);
    (void)state;
}

static void failures_wait_longer_each_time(void **state)
{
    static const pf_time minutes[] = {1, 2, 4, 8, 16, 30, 30};

    for (unsigned i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        assert_int_equal(rest(PF_TEMP, i + 1, 0), minutes[i] * MINUTE);
        for (uint32_t random = 0; random < 2000; random += 37) {
            assert_true(rest(PF_TEMP, i + 1, random) >= minutes[i] * MINUTE);
            assert_true(rest(PF_TEMP, i + 1, random) <= minutes[i] * MINUTE * 5 / 4);
        }
    }
    assert_int_equal(rest(PF_TEMP, UINT32_MAX, 0), 30 * MINUTE);
    (void)state;
}

static void a_lock_is_short(void **state)
{
    assert_int_equal(rest(PF_IN_USE, 1, 0), 15000);
    assert_int_equal(rest(PF_IN_USE, 2, 0), 30000);
    assert_int_equal(rest(PF_IN_USE, 9, 0), 5 * MINUTE);
    (void)state;
}

static void a_wrong_password_is_not_tried_often(void **state)
{
    struct pf_fetch_story once = {.code = PF_AUTH, .failures = 1};

    assert_int_equal(rest(PF_AUTH, 1, 0), 30 * MINUTE);
    assert_int_equal(rest(PF_CONFIG, 1, 0), 30 * MINUTE);
    assert_true(pf_fetch_rest(&once) == PF_NEVER);
    once.code = PF_TEMP; /* who is fetched once is fetched at last */
    assert_int_equal(pf_fetch_rest(&once), MINUTE);
    (void)state;
}

static void login_delay_is_obeyed(void **state)
{
    struct pf_fetch_story s = {.code = PF_OK, .poll = 10000, .login_delay = 900000};

    assert_int_equal(pf_fetch_rest(&s), 900000);
    s.code = PF_LOGIN_DELAY;
    s.failures = 1;
    assert_int_equal(pf_fetch_rest(&s), 900000);
    s.login_delay = 0;
    assert_int_equal(pf_fetch_rest(&s), MINUTE);
    (void)state;
}

static void temporary_is_what_mail_servers_call_so(void **state)
{
    assert_true(pf_fetch_is_temporary(PF_TEMP));
    assert_true(pf_fetch_is_temporary(PF_IN_USE));
    assert_true(pf_fetch_is_temporary(PF_NO_SPACE));
    assert_true(pf_fetch_is_temporary(PF_NO_MEMORY));
    assert_false(pf_fetch_is_temporary(PF_OK));
    assert_false(pf_fetch_is_temporary(PF_AUTH));
    assert_false(pf_fetch_is_temporary(PF_NEED_TLS));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_poll_counts_from_its_beginning),
                                       T(failures_wait_longer_each_time),
                                       T(a_lock_is_short),
                                       T(a_wrong_password_is_not_tried_often),
                                       T(login_delay_is_obeyed),
                                       T(temporary_is_what_mail_servers_call_so)};

    return RUN(tests);
}
