#include "unit/cm.h"

#include "fetch/collect.h"

#include <stdio.h>
#include <string.h>

static const char *path_of(const char *name, const char *state, const char *state_home, const char *home)
{
    static char room[256];
    struct pf_account account;
    struct pf_err err;

    pf_account_defaults(&account);
    account.name = name;
    account.state = state;
    return pf_collect_ledger_path(&account, state_home, home, room, sizeof room, &err) == PF_OK ? room
                                                                                                : NULL;
}

static void it_lies_in_the_state_folder(void **state)
{
    (void)state;
    assert_string_equal(path_of("work", NULL, "/s", "/h"), "/s/postfach/work.ledger");
    assert_string_equal(path_of("work", NULL, NULL, "/h"), "/h/.local/state/postfach/work.ledger");
    assert_string_equal(path_of("work", NULL, "relative", "/h"), "/h/.local/state/postfach/work.ledger");
    assert_string_equal(path_of("work", "/x/y", NULL, NULL), "/x/y");
    assert_null(path_of("work", NULL, NULL, NULL));
    assert_null(path_of("work", NULL, NULL, ""));
}

static void a_name_is_never_a_folder(void **state)
{
    (void)state;
    assert_string_equal(path_of("../a/b", NULL, "/s", NULL), "/s/postfach/%2E.%2Fa%2Fb.ledger");
    assert_string_equal(path_of("joe@x.example", NULL, "/s", NULL), "/s/postfach/joe@x.example.ledger");
    assert_string_equal(path_of("100%", NULL, "/s", NULL), "/s/postfach/100%25.ledger");
}

static void one_that_does_not_fit_is_an_error(void **state)
{
    char long_name[300];

    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_null(path_of(long_name, NULL, "/s", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lies_in_the_state_folder),
        cmocka_unit_test(a_name_is_never_a_folder),
        cmocka_unit_test(one_that_does_not_fit_is_an_error),
    };
    return RUN(tests);
}
