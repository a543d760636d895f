/* What somebody means who logs in: the readings of a name, in order. */
#include "unit/cm.h"

#include "auth/names.h"

#include <stdio.h>

static const char *read_as(const struct pf_conf *conf, const char *name)
{
    static char text[PF_NAMES_READINGS * 1100];
    struct pf_names_reading readings[PF_NAMES_READINGS];
    size_t count = pf_names_read(conf, pf_bytes_of(name), readings), len = 0;

    text[0] = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s[%s](%s)%s%s", i ? " " : "", readings[i].user,
                                readings[i].folder, readings[i].master, readings[i].recipient[0] ? "=" : "",
                                readings[i].recipient);
    return text;
}

static const char *counted(const struct pf_conf *conf, const char *name)
{
    static char out[PF_AUTH_NAME_MAX + 1];

    pf_names_counted(conf, pf_bytes_of(name), out);
    return out;
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

static void the_case_of_a_domain_does_not_matter(void **state)
{
    struct pf_conf conf = {.folders = true, .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "Anna@Example.ORG"), "Anna@Example.ORG[]() Anna@example.org[]()");
    assert_string_equal(counted(&conf, "Anna+x@EXAMPLE.org"), "Anna@example.org");
    assert_string_equal(read_as(NULL, "anna@EXAMPLE.org"), "anna@EXAMPLE.org[]()");
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

/* SDPS: `user@host` and `user+host` are one person's mail of the user `host`. */
static void sd_002_a_person_at_a_host_comes_last(void **state)
{
    struct pf_conf conf = {.sdps = true, .folders = true, .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "thor"), "thor[]()");
    assert_string_equal(read_as(&conf, "anna@thor"), "anna@thor[]() thor[]()=anna@thor");
    assert_string_equal(read_as(&conf, "anna+thor"), "anna+thor[]() anna[thor]() thor[]()=anna@thor");
    conf.folders = false;
    assert_string_equal(read_as(&conf, "anna+thor"), "anna+thor[]() thor[]()=anna@thor");
    assert_string_equal(read_as(&conf, "anna+x+thor"), "anna+x+thor[]() thor[]()=anna+x@thor");
    assert_string_equal(read_as(&conf, "anna+x@thor"),
                        "anna+x@thor[]() thor[]()=anna+x@thor x@thor[]()=anna@x");
    /* Nobody, nowhere, and what is no address. */
    assert_string_equal(read_as(&conf, "@thor"), "");
    assert_string_equal(read_as(&conf, "anna@"), "anna@[]()");
    assert_string_equal(read_as(&conf, "+thor"), "+thor[]()");
    assert_string_equal(read_as(&conf, "anna+"), "anna+[]()");
    assert_string_equal(read_as(&conf, "a@b@thor"), "a@b@thor[]()");
    assert_string_equal(read_as(&conf, "anna+@thor"), "anna+@thor[]() thor[]()=anna+@thor");
    conf.sdps = false;
    assert_string_equal(read_as(&conf, "anna@thor"), "anna@thor[]()");
    assert_string_equal(read_as(&conf, "anna+thor"), "anna+thor[]()");
}

static void sd_002_a_host_is_named_in_full_or_by_its_first_label(void **state)
{
    struct pf_conf conf = {.sdps = true, .master_separator = "*"};

    (void)state;
    assert_string_equal(read_as(&conf, "anna@thor.d.example"),
                        "anna@thor.d.example[]() thor.d.example[]()=anna@thor.d.example "
                        "thor[]()=anna@thor.d.example");
    assert_string_equal(read_as(&conf, "anna+thor.d.example"),
                        "anna+thor.d.example[]() thor.d.example[]()=anna@thor.d.example "
                        "thor[]()=anna@thor.d.example");
    assert_string_equal(read_as(&conf, "anna@thor."), "anna@thor.[]() thor.[]()=anna@thor.");
    assert_string_equal(read_as(&conf, "anna@.thor"), "anna@.thor[]() .thor[]()=anna@.thor");
    /* The default domain, and a host of another one. */
    conf.default_domain = "d.example";
    assert_string_equal(read_as(&conf, "anna@thor"),
                        "anna@thor[]() thor[]()=anna@thor thor@d.example[]()=anna@thor");
    assert_string_equal(read_as(&conf, "anna@thor.D.example"),
                        "anna@thor.D.example[]() anna@thor.d.example[]() thor.D.example[]()=anna@thor.D.example "
                        "thor.D.example@d.example[]()=anna@thor.D.example thor[]()=anna@thor.D.example "
                        "thor@d.example[]()=anna@thor.D.example");
    assert_string_equal(read_as(&conf, "anna@thor.b.org"),
                        "anna@thor.b.org[]() thor.b.org[]()=anna@thor.b.org "
                        "thor.b.org@d.example[]()=anna@thor.b.org");
    assert_string_equal(read_as(&conf, "anna+thor@d.example"),
                        "anna+thor@d.example[]() d.example[]()=anna+thor@d.example "
                        "d.example@d.example[]()=anna+thor@d.example thor@d.example[]()=anna@thor");
}

/* The name that has all readings there are. */
static void sd_002_all_readings_fit(void **state)
{
    struct pf_conf conf = {.sdps = true, .folders = true, .master_file = "/m", .master_separator = "*",
                           .default_domain = "d", .lower_case_logins = true};

    (void)state;
    assert_string_equal(read_as(&conf, "Anna+Thor.d*Boss"),
                        "anna+thor.d*boss[]() anna+thor.d*boss@d[]() anna+thor.d[](Boss) anna+thor.d@d[](Boss) "
                        "anna[Thor.d](Boss) anna@d[Thor.d](Boss) thor.d[](Boss)=Anna@Thor.d "
                        "thor.d@d[](Boss)=Anna@Thor.d thor[](Boss)=Anna@Thor.d thor@d[](Boss)=Anna@Thor.d");
}

static void guesses_are_counted_for_whose_password_they_are(void **state)
{
    struct pf_conf conf = {.folders = true, .master_file = "/m", .master_separator = "*"};

    (void)state;
    assert_string_equal(counted(&conf, "anna"), "anna");
    assert_string_equal(counted(&conf, "anna+x1"), "anna");
    assert_string_equal(counted(&conf, "anna+x2"), "anna");
    assert_string_equal(counted(&conf, "anna*boss"), "boss");
    assert_string_equal(counted(&conf, "bob+x*boss"), "boss");
    assert_string_equal(counted(NULL, "anna+x"), "anna+x");
    assert_string_equal(counted(&conf, ""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_settings_a_name_is_a_name),     T(a_name_gets_the_default_domain_second),
        T(a_folder_is_behind_the_plus_and_last), T(a_master_stands_behind_the_last_separator),
        T(guesses_are_counted_for_whose_password_they_are), T(all_at_once_fit), T(what_does_not_fit_is_no_reading),
        T(the_case_of_a_domain_does_not_matter),
        T(sd_002_a_person_at_a_host_comes_last),  T(sd_002_a_host_is_named_in_full_or_by_its_first_label),
        T(sd_002_all_readings_fit),
    };

    return RUN(tests);
}
