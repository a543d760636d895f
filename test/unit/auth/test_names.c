/* What somebody means who logs in: the readings of a name, in order. */
#include "unit/cm.h"

#include "auth/names.h"

#include <stdio.h>

static const char *read_as(const struct pf_conf *conf, const char *name)
{
    static char text[PF_NAMES_READINGS * 800];
    struct pf_names_reading readings[PF_NAMES_READINGS];
    size_t count = pf_names_read(conf, pf_bytes_of(name), readings), len = 0;

    text[0] = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s[%s](%s)", i ? " " : "", readings[i].user,
                                readings[i].folder, readings[i].master);
    return text;
}

static void without_settings_a_name_is_a_name(void **state)
{
    (void)state;
    assert_string_equal(read_as(NULL, "anna"), "anna[]()");
    assert_string_equal(read_as(NULL, "anna+x*y@z"), "anna+x*y@z[]()");
}

static void a_name_gets_the_default_domain_second(void **state)
{
    struct pf_conf conf = {.default_domain = "example.org", .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "anna"), "anna[]() anna@example.org[]()");
    assert_string_equal(read_as(&conf, "anna@b.org"), "anna@b.org[]()");
    assert_string_equal(read_as(&conf, "anna+x"), "anna+x[]() anna+x@example.org[]()");
}

static void a_folder_is_behind_the_plus_and_last(void **state)
{
    struct pf_conf conf = {.folders = true, .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "anna+lists.c@b.org"), "anna+lists.c@b.org[]() anna@b.org[lists.c]()");
    assert_string_equal(read_as(&conf, "anna+a+b"), "anna+a+b[]() anna[a+b]()");
    assert_string_equal(read_as(&conf, "anna+INBOX"), "anna+INBOX[]() anna[]()");
    /* None that would leave its place, or has no name. */
    assert_string_equal(read_as(&conf, "anna+"), "anna+[]()");
    assert_string_equal(read_as(&conf, "anna+.."), "anna+..[]()");
    assert_string_equal(read_as(&conf, "anna+a..b"), "anna+a..b[]()");
    assert_string_equal(read_as(&conf, "anna+.a"), "anna+.a[]()");
    assert_string_equal(read_as(&conf, "anna+a."), "anna+a.[]()");
    assert_string_equal(read_as(&conf, "anna+a/b"), "anna+a/b[]()");
    assert_string_equal(read_as(&conf, "anna+~a"), "anna+~a[]()");
    assert_string_equal(read_as(&conf, "+a"), "+a[]()");
}

static void a_master_stands_behind_the_last_separator(void **state)
{
    struct pf_conf conf = {.folders = true, .master_file = "/m", .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "anna*boss"), "anna*boss[]() anna[](boss)");
    assert_string_equal(read_as(&conf, "anna+x*boss"), "anna+x*boss[]() anna+x[](boss) anna[x](boss)");
    assert_string_equal(read_as(&conf, "a*b@c.org*boss"), "a*b@c.org*boss[]() a*b@c.org[](boss)");
    assert_string_equal(read_as(&conf, "*boss"), "*boss[]()");
    assert_string_equal(read_as(&conf, "anna*"), "anna*[]()");
    conf.master_file = NULL;
    assert_string_equal(read_as(&conf, "anna*boss"), "anna*boss[]()");
}

static void all_at_once_fit(void **state)
{
    struct pf_conf conf = {.folders = true, .master_file = "/m", .master_separator = "*",
                           .default_domain = "D.org", .lower_case_logins = true};

    (void)state;
    assert_string_equal(read_as(&conf, "Anna+X*Boss"),
                        "anna+x*boss[]() anna+x*boss@d.org[]() anna+x[](Boss) anna+x@d.org[](Boss) "
                        "anna[X](Boss) anna@d.org[X](Boss)");
}

static void what_does_not_fit_is_no_reading(void **state)
{
    struct pf_conf conf = {.default_domain = "example.org", .master_separator = "*"};
    char name[PF_AUTH_NAME_MAX + 1];
    struct pf_names_reading readings[PF_NAMES_READINGS];

    (void)state;
    memset(name, 'a', sizeof name);
    name[PF_AUTH_NAME_MAX] = 0;
    assert_int_equal(pf_names_read(&conf, pf_bytes_of(name), readings), 1);
    assert_string_equal(readings[0].user, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_settings_a_name_is_a_name),     T(a_name_gets_the_default_domain_second),
        T(a_folder_is_behind_the_plus_and_last), T(a_master_stands_behind_the_last_separator),
        T(all_at_once_fit),                       T(what_does_not_fit_is_no_reading),
    };

    return RUN(tests);
}
