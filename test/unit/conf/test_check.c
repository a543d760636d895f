#include "unit/conf/told.h"

#include "conf/networks.h"

static void tls_needs_a_certificate(void **state)
{
    (void)state;
    told_bad("log { debug yes }\nlisten 0.0.0.0:110\nlisten [::]:111 { tls none; tls-on-plain serve }\n"
             "listen 0.0.0.0:112 { tls none }\n",
             "2:1: this listener speaks TLS, and there is no certificate (add tls { certificate FILE; "
             "key FILE }, or "
             "write `tls none` for this listener)\n"
             "3:1: `tls-on-plain serve` speaks TLS, and there is no certificate (add tls { certificate "
             "FILE; key FILE "
             "}, or write `tls-on-plain tell`)\n");
}

/* One mistake must not become one for every listener. */
static void a_mistake_about_certificates_is_told_once(void **state)
{
    (void)state;
    told_bad("tls { certificate x; key /k }\nlisten 0.0.0.0:110",
             "1:19: `x` is not an absolute path (begin with /)\n");
    told_bad("tsl { certificate /x; key /k }\nlisten 0.0.0.0:110",
             "1:1: unknown block `tsl` (did you mean `tls`?)\n");
    told_bad("tls { pair { } }\nlisten 0.0.0.0:110", "1:7: `pair` lacks its `certificate`\n");
    told_bad("tls\nlisten 0.0.0.0:110",
             "1:1: `tls` is a block and lacks its `{` (as in: tls { ... })\n");
    told_bad("tls { key }\nlisten 0.0.0.0:110", "1:7: `key` lacks its value\n"
                                                "1:7: `key` stands here without its `certificate` (name "
                                                "the file with the certificate: certificate "
                                                "FILE)\n");
}

static void certificates_and_keys_come_in_pairs(void **state)
{
    (void)state;
    told_bad("tls { key /a }",
             "1:7: `key` stands here without its `certificate` (name the file with the certificate: "
             "certificate FILE)\n");
    told_bad("tls {\n certificate /a\n}\nlisten 0.0.0.0:110\n",
             "2:2: `certificate` stands here without its `key` (name the file with its private key: key "
             "FILE)\n");
    told_bad("tls { pair { certificate /a }; pair { key /a } }",
             "1:7: `pair` lacks its `key`\n"
             "1:32: `pair` lacks its `certificate`\n");
}

static void a_listener_twice_names_the_first_place(void **state)
{
    (void)state;
    told_bad(
        "listen [::]:110 { tls none }\nlisten 0.0.0.0:110 { tls none }\nlisten [0::0]:110 { tls none }\n"
        "listen 0.0.0.0:110 { tls none }\n",
        "3:1: [::]:110 is listened to twice (the first time on line 1)\n"
        "4:1: 0.0.0.0:110 is listened to twice (the first time on line 2)\n");
    pf_conf_free(told_good("listen [::]:0 { tls none }\nlisten [::]:0 { tls none }\n"));
}

static void addresses_are_numeric_with_a_port(void **state)
{
    static const char form[] = "(write address and port, as 0.0.0.0:110, [::]:110 or any:110)";
    char expected[2048];

    (void)state;
    snprintf(
        expected, sizeof expected,
        "1:8: `1.2.3.4:99999` has a wrong port (a port is a number up to 65535)\n"
        "2:8: `1.2.3.4:` has no port (a port is a number up to 65535)\n"
        "3:8: `1.2.3:1` has no numeric address %s\n4:8: `*:110` has no numeric address %s\n"
        "5:8: `110` is not an address and a port %s\n6:8: `[::1]` is not an address and a port %s\n"
        "7:8: `[::1]110` is not an address and a port %s\n8:8: `localhost:110` has no numeric address "
        "%s\n"
        "9:8: `[1.2.3.4]:1` has no numeric address %s\n"
        "10:8: `::1:110` is not an address and a port (an IPv6 address needs brackets, as [::]:110)\n"
        "11:8: `` is not an address and a port %s\n",
        form, form, form, form, form, form, form, form);
    told_bad(
        "listen 1.2.3.4:99999\nlisten 1.2.3.4:\nlisten 1.2.3:1\nlisten *:110\nlisten 110\nlisten [::1]\n"
        "listen [::1]110\nlisten localhost:110\nlisten [1.2.3.4]:1\nlisten ::1:110\nlisten \"\"\n",
        expected);
}

/* CAP-033: before login the smallest value of all users is announced; it cannot be more than one's. */
static void cap_033_expire_min_is_not_more_than_expire(void **state)
{
    (void)state;
    told_bad("policy { expire 5; expire-min never }",
             "1:20: `expire-min` (never) is more than `expire` (5d) (`expire` is the upper limit of "
             "`expire-min`)\n");
    told_bad("policy { expire-min 9; expire 5 }", "1:24: `expire-min` (9d) is more than `expire` (5d) "
                                                  "(`expire` is the upper limit of `expire-min`)\n");
    pf_conf_free(told_good("policy { expire 5; expire-min 5 }"));
}

/* CAP-021: before login the largest value of all users is announced. */
static void cap_021_login_delay_max_is_not_less_than_login_delay(void **state)
{
    (void)state;
    told_bad("policy { login-delay 5s\n login-delay-max 1s }",
             "2:2: `login-delay` (5s) is more than `login-delay-max` (1s) (`login-delay-max` is the "
             "upper limit of "
             "`login-delay`)\n");
}

static void failure_delay_max_is_not_less_than_failure_delay(void **state)
{
    (void)state;
    told_bad("users { failure-delay 16s }",
             "1:9: `failure-delay` (16s) is more than `failure-delay-max` (15s) (`failure-delay-max` is "
             "the upper limit "
             "of `failure-delay`)\n");
    /* What is not understood is not compared. */
    told_bad("users { failure-delay 16s; failure-delay-max x }",
             "1:46: `x` is not a time (write a whole number and ms, s, m, h or d, as 10m)\n");
}

static void px_002_a_proxy_is_believed_only_from_networks_that_are_named(void **state)
{
    (void)state;
    told_bad("listen 10.0.0.2:110 { tls none; proxy yes }\nlisten unix:/s { proxy yes }\n",
             "1:1: `proxy yes` lacks its `proxy-from` (name who may tell the addresses of others, as in: proxy-from "
             "\"10.0.0.0/8 ::1/128\")\n");
    told_bad("listen 10.0.0.2:110 { tls none; proxy-from ::1 }\n"
             "listen 10.0.0.2:111 { tls none; proxy no; proxy-tls yes }\n"
             "listen 10.0.0.2:112 { tls none; proxy-tls yes }\n",
             "1:33: `proxy-from` is of no use here (it wants `proxy yes`)\n"
             "3:33: `proxy-tls` is of no use here (it wants `proxy yes` or `xclient-from`)\n");
    told_bad("listen 10.0.0.2:110 { tls none; proxy yes; proxy-from \"::1 localhost\" }\n"
             "listen 10.0.0.2:111 { tls none; proxy yes; proxy-from 10.0.0.0/33 }\n"
             "listen 10.0.0.2:112 { tls none; proxy yes; proxy-from 10.0.0.1/8 }\n",
             "1:44: `proxy-from`: `localhost` is no numeric address (as in: proxy-from \"10.0.0.0/8 ::1/128\")\n"
             "2:44: `proxy-from`: `10.0.0.0/33` has a wrong prefix length (as in: proxy-from \"10.0.0.0/8 ::1/128\")\n"
             "3:44: `proxy-from`: `10.0.0.1/8` has bits behind its prefix: write 192.0.2.0/24, not "
             "192.0.2.7/24 (as in: proxy-from \"10.0.0.0/8 ::1/128\")\n");
}

static void networks_hold_their_addresses(void **state)
{
    static const char some[] = " 10.0.0.0/9  2001:db8::/33 ::1 192.0.2.7 ::ffff:198.51.100.0/120 ";
    static const char *const in[] = {"10.0.0.0", "10.127.255.255", "2001:db8::7", "::1", "192.0.2.7",
                                     "::ffff:10.1.1.1",
                                     "::1%lo", "198.51.100.200"};
    static const char *const out[] = {"10.128.0.0", "11.0.0.0", "2001:db8:8000::", "::2", "192.0.2.6", "unix", "",
                                      "10.0.0",
                                      "::ffff:11.0.0.0", "198.51.101.1"};

    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        assert_true(pf_conf_networks_hold(some, in[i]));
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        assert_false(pf_conf_networks_hold(some, out[i]));
    assert_true(pf_conf_networks_hold("0.0.0.0/0", "192.0.2.1"));
    assert_false(pf_conf_networks_hold("0.0.0.0/0", "2001:db8::1"));
    assert_true(pf_conf_networks_hold("::/0", "2001:db8::1"));
    assert_false(pf_conf_networks_hold("::/0", "192.0.2.1"));
    assert_false(pf_conf_networks_hold("", "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_needs_a_certificate),
        T(a_mistake_about_certificates_is_told_once),
        T(certificates_and_keys_come_in_pairs),
        T(a_listener_twice_names_the_first_place),
        T(px_002_a_proxy_is_believed_only_from_networks_that_are_named),
        T(networks_hold_their_addresses),
        T(addresses_are_numeric_with_a_port),
        T(cap_033_expire_min_is_not_more_than_expire),
        T(cap_021_login_delay_max_is_not_less_than_login_delay),
        T(failure_delay_max_is_not_less_than_failure_delay),
    };

    return RUN(tests);
}
