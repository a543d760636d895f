#include "unit/cm.h"

#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)
#define BEGINS(w, said, heard) assert_memory_equal(world_chat(w, said), heard, strlen(heard))

static void proxied(struct world *w, enum pf_xclient_transport transport)
{
    world_init(w);
    w->tls = false;
    w->xclient = true;
    w->transport = transport;
    w->settings.stls = true;
    w->settings.plaintext_login = false;
    world_start(w);
    assert_memory_equal(world_heard(w), "+OK [XCLIENT] POP3 ", 19);
    world_asked(w);
}

static bool offers(struct world *w, const char *line)
{
    return strstr(world_chat(w, "CAPA\r\n"), line);
}

static void xc_001_only_proxies_are_asked_for_it(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_UNSAID);
    assert_true(offers(&w, "\r\nXCLIENT\r\n"));
    world_end(&w);
    world_init(&w);
    w.tls = true;
    world_start(&w);
    assert_memory_equal(world_heard(&w), "+OK POP3 ", 9);
    assert_false(offers(&w, "XCLIENT"));
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7\r\n", "-ERR command is not offered here\r\n");
    world_end(&w);
}

/* Dovecot's proxies send it and USER at once. */
static void xc_003_one_is_taken(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_TLS);
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7 PORT=1 TTL=4\r\nUSER alice\r\n", "+OK updated\r\n+OK ");
    assert_string_equal(world_asked(&w), "XCLIENT");
    assert_false(offers(&w, "XCLIENT"));
    BEGINS(&w, "XCLIENT ADDR=192.0.2.8\r\n", "-ERR command is not offered here\r\n");
    world_end(&w);
}

static void tls_told_counts_and_ends_stls(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_TLS);
    BEGINS(&w, "USER alice\r\n", "-ERR ");
    assert_true(offers(&w, "\r\nSTLS\r\n"));
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=TLS\r\n", "+OK updated\r\n");
    assert_false(offers(&w, "STLS"));
    assert_true(offers(&w, "\r\nUSER\r\n"));
    BEGINS(&w, "STLS\r\n", "-ERR ");
    BEGINS(&w, "USER alice\r\n", "+OK ");
    world_end(&w);
}

static void without_tls_told_nothing_changes(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_UNSAID);
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=TLS\r\n", "+OK updated\r\n");
    assert_false(offers(&w, "USER"));
    assert_false(offers(&w, "STLS"));
    BEGINS(&w, "STLS\r\n", "-ERR command is not offered here\r\n");
    BEGINS(&w, "USER alice\r\n", "-ERR ");
    world_end(&w);
}

/* The proxy speaks TLS with us; its client showed everybody its password. */
static void an_exposed_client_is_as_without_tls(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.xclient = w.tls = true;
    w.transport = PF_XCLIENT_INSECURE;
    w.settings.plaintext_login = false;
    world_start(&w);
    world_heard(&w);
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=insecure\r\n", "+OK updated\r\n");
    assert_false(offers(&w, "USER"));
    BEGINS(&w, "AUTH PLAIN\r\n", "-ERR ");
    BEGINS(&w, "USER alice\r\n", "-ERR ");
    world_end(&w);
}

static void xc_006_only_before_any_login(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.xclient = w.tls = true;
    world_start(&w);
    world_chat(&w, "USER alice\r\nPASS wrong\r\n");
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7\r\n", "-ERR command is not valid ");
    world_login(&w);
    world_heard(&w);
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7\r\n", "-ERR ");
    world_end(&w);
}

/* The name that USER gave was the proxy's own. */
static void it_forgets_the_name(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_TLS);
    w.settings.plaintext_login = true;
    BEGINS(&w, "USER alice\r\n", "+OK ");
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7\r\n", "+OK ");
    BEGINS(&w, "PASS secret\r\n", "-ERR command is not valid ");
    world_end(&w);
}

static void xc_003_mistakes_change_nothing(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_TLS);
    CHAT(&w, "XCLIENT ADDR=nobody\r\n", "-ERR ADDR is no address\r\n");
    CHAT(&w, "XCLIENT\r\n", "-ERR nothing is said\r\n");
    CHAT(&w, "XCLIENT ADDR=192.0.2.7 TTL=0\r\n", "-ERR TTL is used up, proxies hand this on in a circle\r\n");
    CHAT(&w, "XCLIENT ADDR=192.0.2.7\tPORT=1\r\n", "-ERR command not understood\r\n");
    assert_string_equal(world_asked(&w), "");
    assert_true(offers(&w, "\r\nXCLIENT\r\n"));
    BEGINS(&w, "xclient addr=192.0.2.7 \r\n", "+OK ");
    world_end(&w);
}

static void the_world_may_have_no_place(void **state)
{
    struct world w;

    (void)state;
    proxied(&w, PF_XCLIENT_TLS);
    w.xclient_verdict = PF_BUSY;
    BEGINS(&w, "XCLIENT ADDR=192.0.2.7\r\nUSER alice\r\n", "-ERR [SYS/TEMP] ");
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_REFUSED);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xc_001_only_proxies_are_asked_for_it), cmocka_unit_test(xc_003_one_is_taken),
        cmocka_unit_test(tls_told_counts_and_ends_stls),        cmocka_unit_test(without_tls_told_nothing_changes),
        cmocka_unit_test(an_exposed_client_is_as_without_tls),  cmocka_unit_test(xc_006_only_before_any_login),
        cmocka_unit_test(it_forgets_the_name),                  cmocka_unit_test(xc_003_mistakes_change_nothing),
        cmocka_unit_test(the_world_may_have_no_place),
    };

    return RUN(tests);
}
