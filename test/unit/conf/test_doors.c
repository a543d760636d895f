/* The doors of the administrator: control and metrics. */
#include "unit/conf/told.h"

static void they_need_no_more_than_their_name(void **state)
{
    struct pf_conf *c = told_good("listen unix:/c { protocol control }\nlisten unix:/m { protocol metrics }\n"
                                  "listen 127.0.0.1:9110 { protocol metrics }\n"
                                  "listen [::1]:995 { protocol metrics }\n");

    (void)state;
    assert_int_equal(c->listens[0].protocol, PF_CONF_CONTROL);
    assert_int_equal(c->listens[0].mode, PF_CONF_MODE_600);
    assert_int_equal(c->listens[1].protocol, PF_CONF_METRICS);
    assert_int_equal(c->listens[1].mode, PF_CONF_MODE_666);
    for (size_t i = 0; i < c->listen_count; i++)
        assert_int_equal(c->listens[i].tls, PF_CONF_TLS_NONE);
    pf_conf_free(c);
}

static void control_is_for_its_owner_on_a_unix_socket(void **state)
{
    (void)state;
    told_bad("listen 127.0.0.1:9 { protocol control }",
             "1:1: `protocol control` is for unix sockets only (as in: listen unix:/run/postfach/control "
             "{ protocol control })\n");
    told_bad("listen unix:/c { protocol control; mode 660 }",
             "1:1: a control socket is for its owner only (leave `mode` out, or write `mode 600`)\n");
    told_bad("listen unix:/c { mode 666; protocol control }",
             "1:1: a control socket is for its owner only (leave `mode` out, or write `mode 600`)\n");
    pf_conf_free(told_good("listen unix:/c { mode 600; protocol control }"));
}

static void metrics_are_not_for_the_network(void **state)
{
    static const char *const networks[] = {"0.0.0.0:9", "[::]:9", "192.0.2.1:9", "128.127.0.1:9", "[::2]:9",
                                           "[::ffff:127.0.0.1]:9"};
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        snprintf(text, sizeof text, "listen %s { protocol metrics }", networks[i]);
        told_bad(text, "1:1: `protocol metrics` is for loopback and unix sockets only (as in: listen 127.0.0.1:9110 "
                       "{ protocol metrics })\n");
    }
    told_bad("tls { certificate /c; key /k }\nlisten 127.0.0.1:9 { protocol metrics; tls implicit }",
             "2:1: control and metrics speak no TLS (leave `tls` out, or write `tls none`)\n");
}

static void what_is_shown_reads_back(void **state)
{
    static const char text[] = "listen unix:/c { protocol control }\nlisten 127.0.0.1:9 { protocol metrics }\n";
    struct pf_conf *c = told_good(text), *again = told_good(told_shown(c, false));

    (void)state;
    assert_int_equal(again->listen_count, 2);
    assert_int_equal(again->listens[0].protocol, PF_CONF_CONTROL);
    assert_int_equal(again->listens[0].mode, PF_CONF_MODE_600);
    assert_int_equal(again->listens[1].protocol, PF_CONF_METRICS);
    assert_int_equal(again->listens[1].tls, PF_CONF_TLS_NONE);
    pf_conf_free(c);
    pf_conf_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(they_need_no_more_than_their_name),
                                       T(control_is_for_its_owner_on_a_unix_socket),
                                       T(metrics_are_not_for_the_network), T(what_is_shown_reads_back)};

    return RUN(tests);
}
