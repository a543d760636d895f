#include "unit/conf/told.h"

#include "conf/roots.h"

#include <stdlib.h>

/* All roots of the settings, with blanks between them. */
static const char *roots(const char *text)
{
    static char all[512];
    struct pf_conf *conf = told_good(text);
    char one[PF_CONF_ROOT_MAX];
    size_t at = 0, len = 0;

    all[0] = 0;
    while (pf_conf_root_next(conf, &at, one))
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? " " : "", one);
    pf_conf_free(conf);
    return all;
}

static bool holds(const char *text, const char *path)
{
    struct pf_conf *conf = told_good(text);
    char *list = pf_conf_roots_list(conf);
    bool held;

    pf_conf_free(conf); /* which the list outlives */
    assert_non_null(list);
    held = pf_conf_roots_hold(list, path);
    free(list);
    return held;
}

static void a_template_ends_before_its_first_part(void **state)
{
    (void)state;
    assert_string_equal(roots("mail { path /var/mail/%d/%n/Maildir }"), "/var/mail");
    assert_string_equal(roots("mail { path mbox:/var/mail/%u }"), "/var/mail");
    assert_string_equal(roots("mail { path maildir:/home/%n/Maildir }"), "/home");
    assert_string_equal(roots("mail { path /srv/mail-%n }"), "/srv");
    assert_string_equal(roots("mail { path /%n }"), "/");
    assert_string_equal(roots("mail { path /a/100%%/b%u }"), "/a/100%");
    assert_string_equal(roots("mail { path /a%%b%u/c }"), "/");
    assert_string_equal(roots("mail { path /a//%u }"), "/a");
}

static void domains_and_roots_come_behind(void **state)
{
    (void)state;
    assert_string_equal(roots("mail { path /m/%u; roots \" /srv/a/  /srv/b \" }\n"
                              "domain b.example { path mbox:/o/p/%n }\ndomain a.example { expire 3 }\n"),
                        "/m /o/p /srv/a /srv/b");
}

static void roots_are_absolute(void **state)
{
    (void)state;
    told_bad("mail { roots \"/srv/a srv/b\" }",
             "1:8: `roots`: `srv/b` is no absolute path (as in: roots \"/srv/mail /home\")\n");
}

static void below_is_told_by_whole_names(void **state)
{
    static const char text[] = "mail { path /m/%u; roots \"/srv/a\" }";

    (void)state;
    assert_true(holds(text, "/m/anna"));
    assert_true(holds(text, "/srv/a/x/y"));
    assert_false(holds(text, "/srv/ab/x"));
    assert_false(holds(text, "/srv/a"));
    assert_false(holds(text, "/etc/x"));
    assert_false(holds(text, "m/anna"));
    assert_false(holds(text, "/m/../etc/x"));
    assert_false(holds(text, "/m/x/.."));
    assert_true(holds(text, "/m/..x/y.."));
    assert_true(holds("mail { path /%u }", "/etc/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_template_ends_before_its_first_part), T(domains_and_roots_come_behind),
                                       T(roots_are_absolute), T(below_is_told_by_whole_names)};

    return RUN(tests);
}
