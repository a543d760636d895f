#include "unit/cm.h"

#include <errno.h>
#include <postfach/err.h>

static void every_verdict_has_a_text_a_client_may_read(void **state)
{
    (void)state;
    for (int code = 0; code < PF_CODES; code++) {
        const struct pf_verdict *v = pf_verdict((enum pf_code)code);

        assert_true(strlen(v->say) > 0 && strlen(v->say) < PF_ERR_SAY);
        assert_int_not_equal(v->say[0], '['); /* RFC 2449 section 6.4 */
        assert_null(strchr(v->say, ']'));     /* RC-014 */
        for (const char *c = v->say; *c; c++)
            assert_in_range((unsigned char)*c, 0x20, 0x7e); /* RC-002 */
        assert_true(v->exit_status == 0 || (v->exit_status >= 64 && v->exit_status <= 78));
    }
}

/* RC-013: clients that know no response codes look for the word "lock". */
static void rc_013_in_use_says_lock(void **state)
{
    (void)state;
    assert_non_null(strstr(pf_verdict(PF_IN_USE)->say, "lock"));
    assert_string_equal(pf_verdict(PF_IN_USE)->pop3, "IN-USE");
}

static void fail_fills_everything_and_cleans_control_octets(void **state)
{
    struct pf_err err;

    (void)state;
    assert_int_equal(pf_fail(&err, PF_IO, EIO, "here", "file %s", "a\nb"), PF_IO);
    assert_int_equal(err.code, PF_IO);
    assert_int_equal(err.sys, EIO);
    assert_string_equal(err.where, "here");
    assert_string_equal(err.log, "file a?b");
    assert_string_equal(pf_err_say(&err), pf_verdict(PF_IO)->say);
    snprintf(err.say, sizeof err.say, "own words");
    assert_string_equal(pf_err_say(&err), "own words");
    assert_int_equal(pf_fail(NULL, PF_GONE, 0, "here", "x"), PF_GONE);
}

static void unknown_codes_are_permanent_trouble(void **state)
{
    (void)state;
    assert_ptr_equal(pf_verdict((enum pf_code)9999), pf_verdict(PF_PERM));
}

static void errno_becomes_a_verdict(void **state)
{
    (void)state;
    assert_int_equal(pf_code_of_errno(ENOSPC), PF_NO_SPACE);
    assert_int_equal(pf_code_of_errno(EDQUOT), PF_NO_SPACE);
    assert_int_equal(pf_code_of_errno(EMFILE), PF_BUSY);
    assert_int_equal(pf_code_of_errno(EACCES), PF_PERM);
    assert_int_equal(pf_code_of_errno(EIO), PF_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_verdict_has_a_text_a_client_may_read), T(rc_013_in_use_says_lock),
        T(fail_fills_everything_and_cleans_control_octets), T(unknown_codes_are_permanent_trouble),
        T(errno_becomes_a_verdict),
    };

    return RUN(tests);
}
