/* What listeners say of mechanisms, against those that there are. */
#include "unit/conf/told.h"

#include "auth/auth.h"

static struct told told_for(const char *users, const char *name)
{
    struct told told = {0};
    char text[256];

    snprintf(text, sizeof text, "%s\nlisten 127.0.0.1:0 { tls none; mechanisms %s }\n", users, name);
    pf_conf_free(pf_conf_parse("x", pf_bytes_of(text), told_report, &told));
    return told;
}

/* The settings have a list of their own, of a lower floor. */
static void the_settings_know_each_mechanism(void **state)
{
    struct pf_pop3_mechanism all[PF_AUTH_MECHANISMS];
    size_t count = pf_auth_mechanisms(all), by_name_only = 0;

    (void)state;
    assert_true(count > 10);
    for (size_t i = 0; i < count; i++) {
        struct told told = told_for("", all[i].name);
        char users[64];

        assert_null(strstr(told.text, "there is no mechanism"));
        by_name_only += told.count;
        snprintf(users, sizeof users, "users { mechanisms %s }", all[i].name);
        assert_int_equal(told_for(users, all[i].name).count, 0);
    }
    assert_int_equal(by_name_only, 4); /* LOGIN, CRAM-MD5, DIGEST-MD5, ANONYMOUS: as postfach.conf(5) says */
    assert_int_equal(told_for("", "NONESUCH").count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_settings_know_each_mechanism)};

    return RUN(tests);
}
