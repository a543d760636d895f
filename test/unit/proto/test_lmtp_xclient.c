#include "unit/cm.h"

#include "unit/proto/lmtp_talk.h"

static int proxied(void **state)
{
    (void)state;
    talk_proxied = true;
    return 0;
}

/* XCLIENT_README: the server answers with its greeting, and the session begins anew. */
static void xc_002_another_client_says_lhlo_anew(void **state)
{
    const struct talk *t = TALK("LHLO proxy.example\r\nXCLIENT ADDR=IPV6:2001:db8::7 HELO=mail+2Eexample TTL=5\r\n"
                                "MAIL FROM:<a@b>\r\nLHLO proxy.example\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
                                "DATA\r\nx\r\n.\r\nQUIT\r\n");

    (void)state;
    assert_non_null(strstr(t->out, "250-XCLIENT ADDR PORT DESTADDR DESTPORT HELO SESSION TTL CLIENT-TRANSPORT\r\n"));
    assert_non_null(strstr(t->out, "\r\n220 mx.example LMTP ready\r\n503 5.5.1 say LHLO first\r\n250-mx.example\r\n"));
    assert_non_null(strstr(t->log, "xclient|rcpt c@d|begin mail.example <a@b> 1|"));
}

static void xc_001_strangers_have_no_such_word(void **state)
{
    const struct talk *t;

    (void)state;
    talk_proxied = false;
    t = TALK("LHLO c.example\r\nXCLIENT ADDR=192.0.2.7\r\nHELP\r\nQUIT\r\n");
    assert_null(strstr(t->out, "XCLIENT"));
    assert_non_null(strstr(t->out, "500 5.5.2 command not understood\r\n"));
    assert_string_equal(t->log, "close quit|");
}

static void xc_003_mistakes_are_told_and_change_nothing(void **state)
{
    const struct talk *t = TALK("XCLIENT ADDR=here\r\nXCLIENT\r\nXCLIENT ADDR=192.0.2.7 TTL=0\r\nXCLIENT HELO=a b\r\n"
                                "LHLO c.example\r\nXCLIENT HELO=other.example\r\nMAIL FROM:<a@b>\r\n"
                                "XCLIENT ADDR=192.0.2.7\r\nQUIT\r\n");

    (void)state;
    assert_string_equal(t->codes, "220|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|250|451 4.3.2|"
                                  "250 2.1.0|503 5.5.1|221 2.0.0|");
    assert_string_equal(t->log, "xclient nobody|close quit|");
}

/* Long ones are said in pieces (XCLIENT_README); what was said before TLS would not count. */
static void several_may_follow_each_other_but_no_tls(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    const struct talk *t;

    (void)state;
    set.starttls = true;
    t = TALK_SET(&set, "LHLO p\r\nXCLIENT ADDR=192.0.2.7 PORT=25\r\nXCLIENT ADDR=192.0.2.7 HELO=h\r\n"
                       "STARTTLS\r\nLHLO p\r\n"
                       "QUIT\r\n");
    assert_string_equal(t->codes, "220|250|220|220|502 5.5.1|250|221 2.0.0|");
    assert_string_equal(t->log, "xclient|xclient|close quit|");
    assert_null(strstr(strstr(t->out, "502"), "STARTTLS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(xc_002_another_client_says_lhlo_anew, proxied),
        cmocka_unit_test_setup(xc_001_strangers_have_no_such_word, proxied),
        cmocka_unit_test_setup(xc_003_mistakes_are_told_and_change_nothing, proxied),
        cmocka_unit_test_setup(several_may_follow_each_other_but_no_tls, proxied),
    };

    return RUN(tests);
}
