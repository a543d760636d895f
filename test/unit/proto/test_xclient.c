#include "unit/cm.h"

#include "proto/xclient.h"

#include <stdlib.h>

/* From memory of just its size, so that a sanitizer sees a look behind it. */
static const char *read_it(const char *text, enum pf_xclient_form form, struct pf_xclient *out)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len ? len : 1);
    const char *wrong;

    assert_non_null(copy);
    memcpy(copy, text, len);
    wrong = pf_xclient_read(pf_bytes_from(copy, len), form, out);
    free(copy);
    return wrong;
}

static const unsigned char v4[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7};
static const unsigned char v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};

/* As the proxies of Dovecot 2.3 and 2.4 say it. */
static void xc_002_what_dovecot_says(void **state)
{
    struct pf_xclient x;

    (void)state;
    assert_null(read_it("ADDR=192.0.2.7 PORT=40001 SESSION=Rt7h+ZxkmcPAAAIH TTL=4 CLIENT-TRANSPORT=TLS FORWARD=YT1i",
                        PF_XCLIENT_AS_IS, &x));
    assert_true(x.from.told && !x.to.told);
    assert_memory_equal(x.from.address, v4, 16);
    assert_int_equal(x.from.port, 40001);
    assert_string_equal(x.session, "Rt7h+ZxkmcPAAAIH");
    assert_int_equal(x.transport, PF_XCLIENT_TLS);
    assert_null(read_it("ADDR=2001:db8::7 PORT=1 DESTADDR=192.0.2.7 DESTPORT=110 SESSION=s TTL=1 "
                        "CLIENT-TRANSPORT=insecure DESTNAME=pop.example.org",
                        PF_XCLIENT_AS_IS, &x));
    assert_true(x.from.told && x.to.told);
    assert_memory_equal(x.from.address, v6, 16);
    assert_memory_equal(x.to.address, v4, 16);
    assert_int_equal(x.to.port, 110);
    assert_int_equal(x.transport, PF_XCLIENT_INSECURE);
    assert_null(read_it("ADDR=192.0.2.7", PF_XCLIENT_AS_IS, &x));
    assert_true(x.from.told && x.from.port == 0 && !x.session[0] && x.transport == PF_XCLIENT_UNSAID);
}

/* As Postfix and Dovecot say it to LMTP servers: XCLIENT_README, RFC 3461 section 4. */
static void xtext_and_unknown_values(void **state)
{
    struct pf_xclient x;

    (void)state;
    assert_null(read_it("addr=IPV6:2001:db8::7 Port=[UNAVAILABLE] HELO=mail+2Eexample NAME=[TEMPUNAVAIL] PROTO=ESMTP "
                        "LOGIN=a+3Db TIMEOUT=30",
                        PF_XCLIENT_XTEXT, &x));
    assert_memory_equal(x.from.address, v6, 16);
    assert_int_equal(x.from.port, 0);
    assert_string_equal(x.helo, "mail.example");
    assert_null(read_it("ADDR=[unavailable] HELO=[UNAVAILABLE] CLIENT-TRANSPORT=TLSv1.3", PF_XCLIENT_XTEXT, &x));
    assert_false(x.from.told);
    assert_int_equal(x.helo[0], 0);
    assert_int_equal(x.transport, PF_XCLIENT_TLS);
    assert_null(read_it("ADDR=::ffff:192.0.2.7", PF_XCLIENT_XTEXT, &x));
    assert_memory_equal(x.from.address, v4, 16);
    assert_null(read_it("HELO=[IPv6:2001:db8::7]", PF_XCLIENT_XTEXT, &x));
    assert_string_equal(x.helo, "[IPv6:2001:db8::7]");
}

static void xc_002_what_is_refused(void **state)
{
    static const char *const bad[] = {
        "", " ", "ADDR", "=1", "AD DR=1", "ADDR=", "ADDR=192.0.2", "ADDR=192.0.2.007", "ADDR=256.0.0.1",
        "ADDR=localhost", "ADDR=IPV6:192.0.2.7", "ADDR=fe80::1%eth0", "ADDR=1.2.3.4 ADDR=1.2.3.4",
        "DESTADDR=x", "PORT=65536", "PORT=-1", "PORT=", "PORT=01", "DESTPORT=1x", "TTL=", "TTL=x", "TTL=99999999999",
        "CLIENT-TRANSPORT=", "CLIENT-TRANSPORT=none", "SESSION=", "HELO=a(b", "HELO=", "X Y=1",
        "SESSION=12345678901234567890123456789012345678901234567890123456789012345",
        "ADDR=1.2.3.4\xc3\xa4"};
    struct pf_xclient x;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(read_it(bad[i], PF_XCLIENT_AS_IS, &x));
        assert_non_null(read_it(bad[i], PF_XCLIENT_XTEXT, &x));
    }
    assert_non_null(read_it("HELO=a+2", PF_XCLIENT_XTEXT, &x));
    assert_non_null(read_it("HELO=a+2e", PF_XCLIENT_XTEXT, &x));
    assert_non_null(read_it("HELO=a=b", PF_XCLIENT_XTEXT, &x));
    assert_non_null(read_it("HELO=a+20b", PF_XCLIENT_XTEXT, &x));
    assert_non_null(read_it("HELO=a+0D+0Ab", PF_XCLIENT_XTEXT, &x));
    assert_non_null(read_it("SESSION=a+00", PF_XCLIENT_XTEXT, &x));
}

/* Two servers that are each other's proxy. */
static void xc_004_a_circle_is_refused(void **state)
{
    struct pf_xclient x;

    (void)state;
    assert_null(read_it("ADDR=192.0.2.7 TTL=1", PF_XCLIENT_AS_IS, &x));
    assert_non_null(strstr(read_it("ADDR=192.0.2.7 TTL=0", PF_XCLIENT_AS_IS, &x), "circle"));
    assert_non_null(strstr(read_it("TTL=0 ADDR=192.0.2.7", PF_XCLIENT_XTEXT, &x), "circle"));
}

static void the_longest_values_fit(void **state)
{
    char text[600] = "HELO=";
    struct pf_xclient x;

    (void)state;
    memset(text + 5, 'a', 255);
    assert_null(read_it(text, PF_XCLIENT_XTEXT, &x));
    assert_int_equal(strlen(x.helo), 255);
    text[5 + 255] = 'a';
    assert_non_null(read_it(text, PF_XCLIENT_XTEXT, &x));
    memcpy(text, "FORWARD=", 8); /* nobody keeps it */
    assert_null(read_it(text, PF_XCLIENT_AS_IS, &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xc_002_what_dovecot_says),   cmocka_unit_test(xtext_and_unknown_values),
        cmocka_unit_test(xc_002_what_is_refused),     cmocka_unit_test(xc_004_a_circle_is_refused),
        cmocka_unit_test(the_longest_values_fit),
    };

    return RUN(tests);
}
