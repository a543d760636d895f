/* The right: settings and user database together. */
#include "unit/cm.h"

#include "auth/right.h"

#include <stdio.h>

static void told(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    fail_msg("%s", mistake->text);
}

static struct pf_conf *conf_of(void)
{
    return pf_conf_parse("test",
                         PF_LIT("hostname mail.example.org\nmail { path /srv/%n; quota-octets 1k; quota-messages 9 }\n"
                                "policy { expire 30; login-delay 60s }\n"
                                "domain b.org { path mbox:/b/%n; expire never; quota-octets 2k }\n"
                                "domain c.org { path /c/%d/%n }\n"),
                         told, NULL);
}

static struct pf_user user_of(const char *name)
{
    struct pf_user user = {.expire_days = -2, .login_delay = -2};

    snprintf(user.name, sizeof user.name, "%s", name);
    return user;
}

static void the_settings_speak_where_the_user_has_nothing(void **state)
{
    struct pf_user anna = user_of("anna"), ben = user_of("ben@b.org"), cleo = user_of("cleo@c.org");
    struct pf_conf *conf = conf_of();
    struct pf_right right;

    (void)state;
    assert_int_equal(pf_right_of(conf, &anna, &right, NULL), PF_OK);
    assert_string_equal(right.path, "/srv/anna");
    assert_int_equal(right.expire_days, 30);
    assert_int_equal(right.login_delay, 60);
    assert_int_equal(right.quota_octets, 1024);
    assert_int_equal(right.quota_messages, 9);
    assert_int_equal(pf_right_of(conf, &ben, &right, NULL), PF_OK);
    assert_string_equal(right.path, "mbox:/b/ben");
    assert_int_equal(right.expire_days, PF_EXPIRE_NEVER);
    assert_int_equal(right.quota_octets, 2048);
    assert_int_equal(pf_right_of(conf, &cleo, &right, NULL), PF_OK);
    assert_string_equal(right.path, "/c/c.org/cleo");
    assert_int_equal(right.expire_days, 30);
    pf_conf_free(conf);
}

static void the_user_s_own_comes_first(void **state)
{
    struct pf_user ben = user_of("ben@b.org");
    struct pf_conf *conf = conf_of();
    struct pf_right right;

    (void)state;
    snprintf(ben.maildrop, sizeof ben.maildrop, "/home/ben/Maildir");
    snprintf(ben.folder, sizeof ben.folder, "lists.c");
    ben.expire_days = 7;
    ben.login_delay = 0;
    ben.quota_octets = -1;
    ben.quota_messages = 5;
    assert_int_equal(pf_right_of(conf, &ben, &right, NULL), PF_OK);
    assert_string_equal(right.path, "/home/ben/Maildir/.lists.c");
    assert_int_equal(right.expire_days, 7);
    assert_int_equal(right.login_delay, 0);
    assert_int_equal(right.quota_octets, 0);
    assert_int_equal(right.quota_messages, 5);
    pf_conf_free(conf);
}

static void what_is_not_all_his_never_expires(void **state)
{
    struct pf_user users[3] = {user_of("anna"), user_of("anna"), user_of("anna")};
    struct pf_conf *conf = conf_of();
    struct pf_right right;

    (void)state;
    users[0].read_only = true;
    users[1].no_delete = true;
    snprintf(users[2].recipient, sizeof users[2].recipient, "a@anna.example.org");
    for (size_t i = 0; i < 3; i++) {
        users[i].expire_days = 1;
        assert_int_equal(pf_right_of(conf, &users[i], &right, NULL), PF_OK);
        assert_int_equal(right.expire_days, PF_EXPIRE_NEVER);
    }
    pf_conf_free(conf);
}

static void what_does_not_fit_is_no_maildrop(void **state)
{
    struct pf_user dots = user_of(".."), ben = user_of("ben@b.org"), anna = user_of("anna");
    struct pf_conf *conf = conf_of();
    struct pf_right right = {.expire_days = 77};
    struct pf_err err;

    (void)state;
    assert_int_equal(pf_right_of(conf, &dots, &right, &err), PF_NO_BOX);
    snprintf(ben.folder, sizeof ben.folder, "x");
    assert_int_equal(pf_right_of(conf, &ben, &right, &err), PF_NO_BOX);
    assert_non_null(strstr(err.log, "no Maildir"));
    memset(anna.maildrop, '/', sizeof anna.maildrop - 1);
    assert_int_equal(pf_right_of(conf, &anna, &right, &err), PF_OK);
    right.expire_days = 77;
    snprintf(anna.folder, sizeof anna.folder, "x");
    assert_int_equal(pf_right_of(conf, &anna, &right, &err), PF_NO_BOX);
    assert_non_null(strstr(err.log, "too long"));
    assert_int_equal(right.expire_days, 77);
    pf_conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_settings_speak_where_the_user_has_nothing),
        T(the_user_s_own_comes_first),
        T(what_is_not_all_his_never_expires),
        T(what_does_not_fit_is_no_maildrop),
    };

    return RUN(tests);
}
