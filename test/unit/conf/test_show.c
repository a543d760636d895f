#include "unit/conf/random_conf.h"
#include "unit/conf/same_conf.h"
#include "unit/conf/told.h"

static void only_what_differs_is_shown_and_nothing_for_defaults(void **state)
{
    struct pf_conf *c = told_good("");

    (void)state;
    assert_string_equal(told_shown(c, false), "");
    pf_conf_free(c);
    c = told_good(
        "hostname mail.example.org\nmail { path /var/mail/%d/%n/Maildir; create yes }\n"
        "tls { key \"/a b\"; certificate /c; pair { certificate /d\n key \"/\\xff\\n\" } }\n"
        "policy { expire 30; expire-min 30 }\nlisten [0:0::]:995\n"
        "listen \"unix:/a b\" { protocol lmtp }\n"
        "times { drain 90s; stall 90000ms; login 0180s }\nlimits { line 2048; sasl-line 1025 }\n"
        "domain b.org { path /b/%n }\ndomain A.org { expire never; quota-octets 1g }\n"
        "userdb pam { }\nuserdb sqlite { path /u.db; query \"select 1 where :user\" }\n");
    assert_string_equal(told_shown(c, false),
                        "hostname mail.example.org\n"
                        "listen [::]:995 {\n    tls implicit\n}\n"
                        "listen \"unix:/a b\" {\n    protocol lmtp\n    tls none\n}\n"
                        "tls {\n    certificate /c\n    key \"/a b\"\n"
                        "    pair {\n        certificate /d\n        key \"/\\xff\\x0a\"\n    }\n}\n"
                        "mail {\n    create yes\n}\n"
                        "policy {\n    expire 30d\n}\n"
                        "limits {\n    line 2k\n    sasl-line 1025\n}\n"
                        "times {\n    stall 90s\n    drain 90s\n}\n"
                        "userdb pam {\n}\n"
                        "userdb sqlite {\n    path /u.db\n    query \"select 1 where :user\"\n}\n"
                        "domain A.org {\n    expire never\n    quota-octets 1g\n}\n"
                        "domain b.org {\n    path /b/%n\n}\n");
    pf_conf_free(c);
}

static void all_shows_every_setting(void **state)
{
    struct pf_conf *c = told_good("listen 127.0.0.1:0\ntls { certificate /c; key /k }");
    const char *text = told_shown(c, true);

    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        char line[64];

        snprintf(line, sizeof line, " %s ", pf_conf_rows[i].name);
        if (pf_conf_rows[i].block != PF_CONF_BLOCK_top && pf_conf_rows[i].block != PF_CONF_BLOCK_pair &&
            pf_conf_rows[i].block != PF_CONF_BLOCK_userdb && pf_conf_rows[i].block != PF_CONF_BLOCK_domain)
            assert_non_null(strstr(text, line));
    }
    assert_non_null(strstr(text, "# run-as is not set\n"));
    assert_non_null(strstr(text, "    # ciphers is not set\n"));
    assert_non_null(strstr(text, "    plaintext-login no\n"));
    pf_conf_free(c);
}

static void check_round(const char *text)
{
    struct pf_conf *first = told_good(text);

    for (int all = 0; all < 2; all++) {
        struct pf_conf *second = told_good(told_shown(first, all));

        assert_true(same_conf(first, second));
        pf_conf_free(second);
    }
    pf_conf_free(first);
}

static void what_is_shown_reads_back_the_same(void **state)
{
    static char text[65536];
    struct dice dice = {88172645463325252u};

    (void)state;
    for (int i = 0; i < 500; i++) {
        FILE *to = fmemopen(text, sizeof text, "w");

        assert_non_null(to);
        random_conf(&dice, to);
        assert_int_equal(fclose(to), 0);
        check_round(text);
    }
}

/* Every octet escaped, the longest value still fits a line. */
static void the_longest_value_reads_back(void **state)
{
    static char text[16384];
    size_t len = (size_t)snprintf(text, sizeof text, "tls { pair { certificate /c; key \"/");

    (void)state;
    for (int i = 0; i < 1023; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "\\x01");
    snprintf(text + len, sizeof text - len, "\" } }");
    check_round(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(only_what_differs_is_shown_and_nothing_for_defaults),
        T(all_shows_every_setting),
        T(what_is_shown_reads_back_the_same),
        T(the_longest_value_reads_back),
    };

    return RUN(tests);
}
