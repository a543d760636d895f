#include "unit/conf/told.h"

#define CERTIFICATE "tls { certificate /c; key /k }\n"

static void a_listener_takes_over_what_it_does_not_say(void **state)
{
    struct pf_conf *c = told_good("listen 10.0.0.1:995 { connections 7; idle 20m }\nlisten 10.0.0.2:995\n"
                                  "hostname pop.example.org\ntls { certificate /c; key /k; minimum 1.3; ciphers "
                                  "AESGCM }\n"
                                  "users { mechanisms \"PLAIN SCRAM-SHA-256\"; apop yes }\n"
                                  "limits { connections 70; connections-per-address 3; bad-commands 4; login-tries 2\n"
                                  "    bad-commands-before-login 5 }\n"
                                  "times { idle 11m; login 2m; first-command 7s }\n");
    const struct pf_conf_listen *own = &c->listens[0], *other = &c->listens[1];

    (void)state;
    assert_int_equal(own->connections, 7);
    assert_int_equal(own->idle_time, 20 * 60000);
    assert_int_equal(other->connections, 70);
    assert_int_equal(other->idle_time, 11 * 60000);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(c->listens[i].hostname, "pop.example.org");
        assert_int_equal(c->listens[i].tls_minimum, PF_CONF_TLS_1_3);
        assert_string_equal(c->listens[i].tls_ciphers, "AESGCM");
        assert_string_equal(c->listens[i].mechanisms, "PLAIN SCRAM-SHA-256");
        assert_true(c->listens[i].apop);
        assert_int_equal(c->listens[i].connections_per_address, 3);
        assert_int_equal(c->listens[i].bad_before_login, 5);
        assert_int_equal(c->listens[i].bad_after_login, 4);
        assert_int_equal(c->listens[i].login_tries, 2);
        assert_int_equal(c->listens[i].first_command_time, 7000);
        assert_int_equal(c->listens[i].login_time, 120000);
        assert_null(c->listens[i].certificate);
    }
    pf_conf_free(c);
}

static void what_it_says_is_what_counts_there(void **state)
{
    struct pf_conf *c = told_good("listen 10.0.0.1:995 { hostname scan.example.org; certificate /o; key /p\n"
                                  "    tls-minimum 1.1; mechanisms PLAIN; apop no; connections-per-address 9\n"
                                  "    login-tries 1 }\nlisten 10.0.0.2:995\n"
                                  "tls { certificate /c; key /k; ciphers AESGCM }\nusers { apop yes }\n");
    const struct pf_conf_listen *own = &c->listens[0], *other = &c->listens[1];

    (void)state;
    assert_string_equal(own->hostname, "scan.example.org");
    assert_string_equal(own->certificate, "/o");
    assert_string_equal(own->key, "/p");
    assert_int_equal(own->tls_minimum, PF_CONF_TLS_1_1);
    assert_null(own->tls_ciphers); /* those for all leave nothing for TLS 1.1 */
    assert_string_equal(own->mechanisms, "PLAIN");
    assert_false(own->apop);
    assert_int_equal(own->connections_per_address, 9);
    assert_int_equal(own->login_tries, 1);
    assert_int_equal(other->tls_minimum, PF_CONF_TLS_1_2);
    assert_string_equal(other->tls_ciphers, "AESGCM");
    assert_null(other->mechanisms);
    assert_true(other->apop);
    assert_int_equal(other->connections_per_address, 50);
    pf_conf_free(c);
}

/* Nothing of a listener that was read before is left in the next one. */
static void a_short_listener_behind_one_with_a_profile_has_none(void **state)
{
    struct pf_conf *c = told_good("tls { certificate /c; key /k }\nlisten 10.0.0.1:995 { tls-minimum 1.0; idle 1h }\n"
                                  "listen 10.0.0.2:995\n");

    (void)state;
    assert_int_equal(c->listens[1].tls_minimum, PF_CONF_TLS_1_2);
    assert_int_equal(c->listens[1].idle_time, 600000);
    pf_conf_free(c);
}

static void own_certificates_make_tls_possible(void **state)
{
    (void)state;
    pf_conf_free(told_good("listen 10.0.0.1:995 { certificate /c; key /k }\n"));
    told_bad("listen 10.0.0.1:995 { certificate /c; key /k }\nlisten 10.0.0.2:995\n",
             "2:1: this listener speaks TLS, and there is no certificate (add tls { certificate FILE; key FILE }, or "
             "write `tls none` for this listener)\n");
    told_bad("listen 10.0.0.1:995 { certificate /c }\nlisten 10.0.0.2:995 { key /k }\n",
             "1:23: `certificate` stands here without its `key` (name the file with its private key: key FILE)\n"
             "2:23: `key` stands here without its `certificate` (name the file with the certificate: "
             "certificate FILE)\n");
}

static void what_is_not_offered_for_all_is_told(void **state)
{
    (void)state;
    told_bad(CERTIFICATE "listen 10.0.0.1:995 { mechanisms \"PLAIN  login NONESUCH\" }\n",
             "2:23: `mechanisms`: `login` is not offered by `users` (a listener offers some of what users { "
             "mechanisms } "
             "offers: name it there, too)\n"
             "2:23: `mechanisms`: there is no mechanism `NONESUCH` (postfach.conf(5) lists them, at mechanisms "
             "of users)\n");
    told_bad(CERTIFICATE "listen 10.0.0.1:995 { mechanisms \"PLAIN LOGIN\"; apop yes }\nusers { mechanisms login }\n",
             "2:23: `mechanisms`: `PLAIN` is not offered by `users` (a listener offers some of what users { "
             "mechanisms } "
             "offers: name it there, too)\n"
             "2:49: `apop` is not offered by `users` (write `apop yes` there, and `apop no` for the other "
             "listeners)\n");
    told_bad(CERTIFICATE "limits { connections 5 }\nlisten 10.0.0.1:995 { connections 6 }\n",
             "3:23: `connections` (6) is more than that of `limits` (5) (that one counts the clients of all listeners "
             "together)\n");
}

static void what_says_nothing_there_is_told(void **state)
{
    (void)state;
    told_bad(CERTIFICATE "listen 10.0.0.1:24 { protocol lmtp; idle 1h; hostname h; connections 3 }\n"
             "listen 127.0.0.1:9110 { protocol metrics; hostname h }\n"
             "listen 10.0.0.1:110 { tls none; tls-minimum 1.0; plaintext-login yes }\n"
             "listen 10.0.0.1:111 { tls none; tls-on-plain serve; tls-minimum 1.3 }\n",
             "2:37: `idle` is of no use here (it is for listeners that speak pop3)\n"
             "2:58: `connections` is of no use here (it is for listeners that speak pop3)\n"
             "3:43: `hostname` is of no use here (nobody is greeted here)\n"
             "4:33: `tls-minimum` is of no use here (this listener speaks no TLS)\n");
}

static void xclient_goes_with_networks_and_not_with_proxy(void **state)
{
    struct pf_conf *c = told_good(CERTIFICATE
                                  "listen 10.0.0.1:110 { xclient-from \"10.0.0.0/8 ::1\"; proxy-tls yes }\n");

    (void)state;
    assert_string_equal(c->listens[0].xclient_from, "10.0.0.0/8 ::1");
    assert_true(c->listens[0].proxy_tls);
    pf_conf_free(c);
    told_bad(CERTIFICATE "listen 10.0.0.1:110 { xclient-from \"10.0.0.0/33\" }\n"
             "listen 10.0.0.1:111 { xclient-from ::1; proxy yes; proxy-from ::1 }\n"
             "listen unix:/s { xclient-from ::1 }\n"
             "listen 127.0.0.1:1 { protocol metrics; xclient-from ::1 }\n",
             "2:23: `xclient-from`: `10.0.0.0/33` has a wrong prefix length (as in: xclient-from \"10.0.0.0/8 "
             "::1/128\")\n"
             "3:23: `xclient-from` does not go with `proxy yes` (give each kind of proxy a listener of its own)\n"
             "4:18: `xclient-from` is of no use here (it is for ports where pop3, lmtp or smtp is spoken)\n"
             "5:40: `xclient-from` is of no use here (it is for ports where pop3, lmtp or smtp is spoken)\n");
}

static void any_is_all_of_both_families(void **state)
{
    struct pf_conf *c = told_good(CERTIFICATE "listen any:110\nlisten 10.0.0.1:995\n");

    (void)state;
    assert_string_equal(c->listens[0].address, "any");
    assert_int_equal(c->listens[0].port, 110);
    assert_non_null(strstr(told_shown(c, false), "listen any:110 {\n"));
    pf_conf_free(c);
    pf_conf_free(told_good(CERTIFICATE "listen any:0\nlisten 0.0.0.0:0\nlisten unix:/s\n"));
    told_bad(CERTIFICATE "listen any:110\nlisten 0.0.0.0:110\nlisten any:x\nlisten [any]:1\nlisten any:110\n",
             "3:1: 0.0.0.0:110 is listened to already: `any` is all of IPv4 and IPv6 (the first time on line 2)\n"
             "4:8: `any:x` has a wrong port (a port is a number up to 65535)\n"
             "5:8: `[any]:1` has no numeric address (write address and port, as 0.0.0.0:110, [::]:110 or any:110)\n"
             "6:1: any:110 is listened to twice (the first time on line 2)\n");
}

static void only_what_differs_is_shown_and_all_with_all(void **state)
{
    struct pf_conf *c = told_good(CERTIFICATE "hostname pop.example.org\nlimits { connections 70 }\n"
                                  "listen 10.0.0.1:995 { connections 70; tls-minimum 1.0 }\n"
                                  "listen unix:/c { protocol control }\n");
    const char *shown = told_shown(c, false);

    (void)state;
    assert_non_null(strstr(shown, "listen 10.0.0.1:995 {\n    tls implicit\n    tls-minimum 1.0\n}\n"));
    shown = told_shown(c, true);
    assert_non_null(strstr(shown, "    hostname pop.example.org\n    # certificate is not set\n"));
    assert_non_null(strstr(shown, "    tls-minimum 1.0\n    # tls-ciphers is not set\n    # mechanisms is not set\n"
                                  "    apop no\n    connections 70\n    connections-per-address 50\n"));
    pf_conf_free(told_good(shown));
    pf_conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_takes_over_what_it_does_not_say),
        cmocka_unit_test(what_it_says_is_what_counts_there),
        cmocka_unit_test(a_short_listener_behind_one_with_a_profile_has_none),
        cmocka_unit_test(own_certificates_make_tls_possible),
        cmocka_unit_test(what_is_not_offered_for_all_is_told),
        cmocka_unit_test(what_says_nothing_there_is_told),
        cmocka_unit_test(xclient_goes_with_networks_and_not_with_proxy),
        cmocka_unit_test(any_is_all_of_both_families),
        cmocka_unit_test(only_what_differs_is_shown_and_all_with_all),
    };

    return RUN(tests);
}
