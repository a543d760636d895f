#include "unit/conf/told.h"

/* The maildrop of a name by a template, or "refused". */
static const char *drop(const char *template, const char *user)
{
    static char path[128];
    char text[128];
    struct pf_conf *c;
    bool good;

    snprintf(text, sizeof text, "mail { path \"%s\" }", template);
    c = told_good(text);
    snprintf(path, sizeof path, "untouched");
    good = pf_conf_maildrop(c, user, path, sizeof path);
    pf_conf_free(c);
    if (!good)
        assert_string_equal(path, "untouched");
    return good ? path : "refused";
}

static void parts_go_where_the_template_says(void **state)
{
    (void)state;
    assert_string_equal(drop("/m/%d/%n/Maildir", "anna@example.org"), "/m/example.org/anna/Maildir");
    assert_string_equal(drop("/m/%u", "anna@example.org"), "/m/anna@example.org");
    assert_string_equal(drop("/m/%u", "anna"), "/m/anna");
    assert_string_equal(drop("/m/%n", "anna"), "/m/anna");
    assert_string_equal(drop("/%n/%n-%u%%/%%n", "a@b"), "/a/a-a@b%/%n");
    assert_string_equal(drop("/m/%d/%n", "a@b@c"), "/m/c/a@b");
    assert_string_equal(drop("/m/%u", "j\xc3\xbcrgen"), "/m/j\xc3\xbcrgen");
}

static void a_template_with_a_domain_needs_one(void **state)
{
    (void)state;
    assert_string_equal(drop("/m/%d/%n", "anna"), "refused");
    assert_string_equal(drop("/m/%n", "anna@example.org"), "/m/anna");
}

static void names_that_would_leave_their_place_are_refused(void **state)
{
    static const char *const bad[] = {
        "",    ".",    "..",   "../root", "a/b",    "/etc",  ".hidden", "a@",    "@b",  "@",
        "a@.", "a@..", "a@.b", "a@b/c",   "a@../x", "a\x01", "a\x7f@b", "a@b\n", "a\t",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_string_equal(drop("/m/%u", bad[i]), "refused");
        assert_string_equal(drop("/m/%n", bad[i]), "refused");
        assert_string_equal(drop("/m/%d/%n", bad[i]), "refused");
    }
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
    struct pf_conf *c = told_good("mail { path /m/%n }");
    char path[8] = "before";

    (void)state;
    assert_false(pf_conf_maildrop(c, "annas", path, sizeof path));
    assert_string_equal(path, "before");
    assert_false(pf_conf_maildrop(c, "a", path, 0));
    assert_true(pf_conf_maildrop(c, "anna", path, sizeof path));
    assert_string_equal(path, "/m/anna");
    pf_conf_free(c);
}

static void quota(const struct pf_conf *c, const char *user, int64_t own, uint64_t octets, uint64_t messages)
{
    struct pf_conf_quota q = pf_conf_quota(c, user, own, 0);

    assert_int_equal(q.octets, octets);
    assert_int_equal(q.messages, messages);
}

static void the_most_special_quota_counts(void **state)
{
    struct pf_conf *c = told_good("domain Example.org { quota-octets 5k }\n"
                                  "domain free.example { quota-octets 0; quota-messages 0 }\n"
                                  "mail { quota-octets 9k; quota-messages 7; quota-over bounce }");

    (void)state;
    quota(c, "anna", 0, 9216, 7);
    quota(c, "anna@other.example", 0, 9216, 7);
    quota(c, "anna@example.ORG", 0, 5120, 7);
    quota(c, "a@b@example.org", 0, 5120, 7);
    quota(c, "anna@free.example", 0, 0, 0);
    quota(c, "anna@example.org", 100, 100, 7);
    quota(c, "anna@example.org", -1, 0, 7);
    assert_int_equal(pf_conf_quota(c, "anna", 0, -1).messages, 0);
    assert_int_equal(pf_conf_quota(c, "anna@free.example", 0, 3).messages, 3);
    assert_int_equal(c->quota_over, PF_CONF_OVER_BOUNCE);
    assert_int_equal(c->quota_warning, 90);
    pf_conf_free(c);
    c = told_good("");
    quota(c, "anna", 0, 0, 0);
    assert_int_equal(c->quota_over, PF_CONF_OVER_LATER);
    pf_conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(parts_go_where_the_template_says),
        T(a_template_with_a_domain_needs_one),
        T(names_that_would_leave_their_place_are_refused),
        T(a_path_that_does_not_fit_is_refused),
        T(the_most_special_quota_counts),
    };

    return RUN(tests);
}
