#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/client_desk.h"

static void begun(struct desk *d, size_t cut, const char *capabilities)
{
    desk_init(d);
    d->cut = cut == 3 ? SIZE_MAX : cut;
    d->tls = false;
    d->settings.plain_login = PF_PLAIN_ANY;
    desk_start(d);
    HEAR(d, "+OK ready <1.2@h>\r\n");
    desk_say(d, PF_VERB_CAPA);
    desk_out(d);
    HEAR(d, "+OK\r\n");
    desk_hear(d, pf_bytes_of(capabilities));
    HEAR(d, ".\r\n");
}

static void in_tls(struct desk *d, size_t cut, const char *capabilities)
{
    begun(d, cut, capabilities);
    desk_say(d, PF_VERB_STLS);
    desk_out(d);
    HEAR(d, "+OK\r\n");
    pf_pop3_client_tls(d->engine, true, d->now);
    desk_events(d);
    desk_say(d, PF_VERB_CAPA);
    desk_out(d);
    HEAR(d, "+OK\r\n");
    desk_hear(d, pf_bytes_of(capabilities));
    HEAR(d, ".\r\n");
}

static void rc_004_rc_006_response_codes(void **state)
{
    static const struct {
        const char *said, *heard;
    } rows[] = {
        {"-ERR [AUTH] no", "END PASS refused \"no\" [AUTH] AUTH\n"},
        {"-ERR [IN-USE] locked", "END PASS refused \"locked\" [IN-USE] IN_USE\n"},
        {"-ERR [LOGIN-DELAY] wait", "END PASS refused \"wait\" [LOGIN-DELAY] LOGIN_DELAY\n"},
        {"-ERR [SYS/TEMP] later", "END PASS refused \"later\" [SYS/TEMP] TEMP\n"},
        {"-ERR [sys/temp/disk] later", "END PASS refused \"later\" [sys/temp/disk] TEMP\n"}, /* RC-004 */
        {"-ERR [SYS/PERM] never", "END PASS refused \"never\" [SYS/PERM] PERM\n"},
        {"-ERR [SYS/TEMPO] what", "END PASS refused \"what\" [SYS/TEMPO] ~AUTH\n"},
        {"-ERR [REFERRAL/pop://x] there", "END PASS refused \"there\" [REFERRAL/pop://x] ~AUTH\n"},
        {"-ERR [AUTH no", "END PASS refused \"[AUTH no\" ~AUTH odd code\n"},
        {"-ERR [] no", "END PASS refused \"[] no\" ~AUTH odd code\n"},
        {"-ERR no [AUTH]", "END PASS refused \"no [AUTH]\" ~AUTH\n"},
        {"-ERR", "END PASS refused ~AUTH\n"},
        {"-err [AUTH] no", "END PASS refused \"no\" [AUTH] AUTH odd status\n"},
        {"-ERROR", "END PASS refused \"OR\" ~AUTH odd status\n"},
        {"-", "END PASS refused ~AUTH odd status\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t cut = 0; cut < 4; cut++) {
            struct desk d;

            begun(&d, cut, "RESP-CODES\r\n");
            desk_say_name(&d, PF_VERB_USER, "anna", NULL);
            desk_say_name(&d, PF_VERB_PASS, NULL, "x");
            desk_out(&d);
            HEAR(&d, "+OK\r\n");
            desk_out(&d);
            snprintf(d.out, sizeof d.out, "%s\r\n", rows[i].said);
            IS(desk_hear(&d, pf_bytes_of(d.out)), rows[i].heard);
            desk_end(&d);
        }
}

static void rc_005_codes_that_capa_does_not_announce(void **state)
{
    struct desk d;

    (void)state;
    begun(&d, 0, "UIDL\r\n");
    desk_say_name(&d, PF_VERB_USER, "anna", NULL);
    desk_out(&d);
    IS(HEAR(&d, "-ERR [SYS/TEMP] no\r\n"), "END USER refused \"no\" [SYS/TEMP] ~AUTH odd code\n");
    desk_end(&d);
}

static void tls_007_tls_010_tls_011_stls(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 4; cut++) {
        begun(&d, cut, "STLS\r\nSASL PLAIN\r\nPIPELINING\r\n");
        assert_int_equal(pf_pop3_client_timestamp(d.engine).len, 7);
        assert_true(pf_pop3_client_offers(d.engine, "PLAIN"));
        desk_say(&d, PF_VERB_STLS);
        desk_say(&d, PF_VERB_CAPA);
        IS(desk_out(&d), "STLS\r\n");
        IS(HEAR(&d, "+OK go\r\n"), "TLS STLS \"go\"\n");
        IS(desk_out(&d), "");
        assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER);
        pf_pop3_client_tls(d.engine, true, d.now);
        IS(desk_events(&d), "END STLS whole\n");
        IS(desk_out(&d), "CAPA\r\n");
        /* TLS-010, TLS-011: all that was told in plain text is forgotten */
        assert_false(pf_pop3_client_offer(d.engine)->heard);
        assert_int_equal(pf_pop3_client_offer(d.engine)->can, 0);
        assert_int_equal(pf_pop3_client_timestamp(d.engine).len, 0);
        desk_end(&d);
    }
}

static void tls_006_plain_text_behind_the_answer_to_stls(void **state)
{
    struct desk d;

    (void)state;
    for (int late = 0; late < 2; late++) {
        begun(&d, 0, "STLS\r\n");
        desk_say(&d, PF_VERB_STLS);
        desk_out(&d);
        if (late) {
            IS(HEAR(&d, "+OK\r\n"), "TLS STLS\n");
            IS(HEAR(&d, "+"), "END STLS cut ~PERM\nLOST smuggle\n");
        } else {
            IS(HEAR(&d, "+OK\r\n+"), "END STLS cut ~PERM\nLOST smuggle\n");
        }
        pf_pop3_client_tls(d.engine, true, d.now);
        IS(desk_events(&d), "");
        desk_end(&d);
    }
}

static void tls_012_a_failed_handshake_ends_the_session(void **state)
{
    struct desk d;

    (void)state;
    begun(&d, 0, "STLS\r\n");
    desk_say(&d, PF_VERB_STLS);
    desk_out(&d);
    HEAR(&d, "+OK\r\n");
    pf_pop3_client_tls(d.engine, false, d.now);
    IS(desk_events(&d), "END STLS cut ~NEED_TLS\nLOST tls\n");
    desk_end(&d);
    begun(&d, 0, "STLS\r\n");
    desk_say(&d, PF_VERB_STLS);
    desk_out(&d);
    IS(HEAR(&d, "-ERR not now\r\n"), "END STLS refused \"not now\" ~SYNTAX\n");
    desk_end(&d);
}

static enum pf_code respond(struct desk *d, const char *text)
{
    return pf_pop3_client_respond(d->engine, pf_bytes_of(text), d->now);
}

static void auth_006_initial_response(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 4; cut++) {
        in_tls(&d, cut, "SASL PLAIN\r\n");
        assert_int_equal(pf_pop3_client_say(d.engine,
                                            &(struct pf_pop3_command){.verb = PF_VERB_AUTH,
                                                                      .name = PF_LIT("PLAIN"),
                                                                      .secret = PF_LIT("\0test\0test"),
                                                                      .has_initial = true},
                                            d.now),
                         PF_OK);
        IS(desk_out(&d), "AUTH PLAIN AHRlc3QAdGVzdA==\r\n"); /* PLAIN-007 */
        IS(HEAR(&d, "+OK in\r\n"), "END AUTH whole \"in\"\n");
        assert_true(pf_pop3_client_in_transaction(d.engine));
        desk_end(&d);
    }
    in_tls(&d, 0, "SASL EXTERNAL\r\n");
    desk_say_name(&d, PF_VERB_AUTH, "EXTERNAL", "");
    IS(desk_out(&d), "AUTH EXTERNAL =\r\n");
    desk_end(&d);
}

static void auth_010_auth_030_an_initial_response_that_must_wait(void **state)
{
    char token[400] = "";
    struct desk d;

    (void)state;
    memset(token, 't', sizeof token - 1);
    for (int listed = 0; listed < 2; listed++) {
        in_tls(&d, 0, listed ? "SASL XOAUTH2\r\n" : "UIDL\r\n");
        desk_say_name(&d, PF_VERB_AUTH, "XOAUTH2", listed ? token : "short");
        IS(desk_out(&d), "AUTH XOAUTH2\r\n");
        IS(HEAR(&d, "+ \r\n"), "CHALLENGE AUTH {} initial\n");
        assert_int_equal(respond(&d, listed ? token : "short"), PF_OK);
        assert_int_equal(strlen(desk_out(&d)), listed ? 532 + 2 : 8 + 2);
        IS(HEAR(&d, "+ e30=\r\n"), "CHALLENGE AUTH {{}}\n");
        respond(&d, "");
        IS(desk_out(&d), "\r\n");
        IS(HEAR(&d, "-ERR [AUTH] no\r\n"), listed ? "END AUTH refused \"no\" [AUTH] ~AUTH odd code\n"
                                                  : "END AUTH refused \"no\" [AUTH] ~AUTH odd code\n");
        assert_int_equal(respond(&d, ""), PF_STATE);
        desk_end(&d);
    }
}

static void initial_line_can_be_longer_where_the_caller_knows(void **state)
{
    char token[400] = "";
    struct desk d;

    (void)state;
    memset(token, 't', sizeof token - 1);
    in_tls(&d, 0, "SASL XOAUTH2\r\n");
    d.settings.initial_line = 4096;
    desk_say_name(&d, PF_VERB_AUTH, "XOAUTH2", token);
    assert_int_equal(strlen(desk_out(&d)), sizeof "AUTH XOAUTH2 \r\n" - 1 + 532);
    desk_end(&d);
}

/* Office 365 refuses the form of one line (OA-011). */
static void oa_011_two_steps_where_the_caller_knows(void **state)
{
    struct desk d;

    (void)state;
    in_tls(&d, 0, "SASL XOAUTH2\r\n");
    d.settings.initial_line = 0;
    desk_say_name(&d, PF_VERB_AUTH, "XOAUTH2", "x");
    IS(desk_out(&d), "AUTH XOAUTH2\r\n");
    IS(HEAR(&d, "+ \r\n"), "CHALLENGE AUTH {} initial\n");
    desk_end(&d);
}

/* The exchange of RFC 5802 as it looks on the wire (section 29 of the samples). */
static void auth_017_challenges_in_order(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 4; cut++) {
        in_tls(&d, cut, "SASL CRAM-MD5\r\nPIPELINING\r\n");
        desk_say_name(&d, PF_VERB_AUTH, "CRAM-MD5", NULL);
        desk_say(&d, PF_VERB_STAT);
        desk_say(&d, PF_VERB_UIDL);
        IS(desk_out(&d), "AUTH CRAM-MD5\r\n");
        IS(HEAR(&d, "+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"),
           "CHALLENGE AUTH {<1896.697170952@postoffice.reston.mci.net>}\n");
        assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER);
        respond(&d, "tim b913a602c7eda7a495b4e6e7334d3890");
        IS(desk_out(&d), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n");
        IS(HEAR(&d, "+OK\r\n"), "END AUTH whole\n");
        IS(desk_out(&d), "STAT\r\nUIDL\r\n"); /* they had waited behind the response */
        desk_end(&d);
    }
}

static void auth_005_plus_alone_is_an_empty_challenge(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 4; cut++) {
        in_tls(&d, cut, "SASL LOGIN\r\n");
        desk_say_name(&d, PF_VERB_AUTH, "LOGIN", NULL);
        desk_out(&d);
        IS(HEAR(&d, "+\r\n"), "CHALLENGE AUTH {}\n");
        desk_end(&d);
    }
}

static void auth_016_what_cannot_be_decoded_is_cancelled(void **state)
{
    static const char *const bad[] = {"+ abc",   "+ ab=c", "+ a b=", "+  YWJj",
                                      "+ YWJj ", "+ QQ=",  "+ QR=="};
    struct desk d;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in_tls(&d, i % 4, "SASL CRAM-MD5\r\n");
        desk_say_name(&d, PF_VERB_AUTH, "CRAM-MD5", NULL);
        desk_say(&d, PF_VERB_CAPA);
        desk_out(&d);
        snprintf(d.out, sizeof d.out, "%s\r\n", bad[i]);
        IS(desk_hear(&d, pf_bytes_of(d.out)), "");
        IS(desk_out(&d), "*\r\n");
        IS(HEAR(&d, "-ERR cancelled\r\n"), "END AUTH refused \"cancelled\" ~CANCELLED\n");
        IS(desk_out(&d), "CAPA\r\n");
        desk_end(&d);
    }
    in_tls(&d, 0, "SASL CRAM-MD5\r\n"); /* and goes on asking */
    desk_say_name(&d, PF_VERB_AUTH, "CRAM-MD5", NULL);
    desk_out(&d);
    HEAR(&d, "+ x\r\n");
    desk_out(&d);
    IS(HEAR(&d, "+ \r\n"), "END AUTH cut ~PERM\nLOST garbage\n");
    desk_end(&d);
}

static void auth_012_the_caller_cancels(void **state)
{
    struct desk d;

    (void)state;
    in_tls(&d, 0, "SASL LOGIN\r\n");
    assert_int_equal(pf_pop3_client_cancel(d.engine, d.now), PF_STATE);
    desk_say_name(&d, PF_VERB_AUTH, "LOGIN", NULL);
    desk_out(&d);
    HEAR(&d, "+ VXNlcm5hbWU6\r\n");
    assert_int_equal(pf_pop3_client_cancel(d.engine, d.now), PF_OK);
    IS(desk_out(&d), "*\r\n");
    IS(HEAR(&d, "-ERR [AUTH] cancelled\r\n"),
       "END AUTH refused \"cancelled\" [AUTH] ~CANCELLED odd code\n");
    desk_end(&d);
}

static void auth_035_rounds_have_an_end(void **state)
{
    struct desk d;
    int rounds = 0;

    (void)state;
    in_tls(&d, 0, "SASL LOGIN\r\n");
    desk_say_name(&d, PF_VERB_AUTH, "LOGIN", NULL);
    desk_out(&d);
    while (strstr(HEAR(&d, "+ YQ==\r\n"), "CHALLENGE")) {
        rounds++;
        assert_int_equal(respond(&d, "b"), PF_OK);
        IS(desk_out(&d), "Yg==\r\n");
    }
    assert_int_equal(rounds, 16);
    IS(desk_out(&d), "*\r\n");
    desk_end(&d);
}

static void a_response_that_does_not_fit(void **state)
{
    static char big[25000];
    struct desk d;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    in_tls(&d, 0, "SASL GSSAPI\r\n");
    desk_say_name(&d, PF_VERB_AUTH, "GSSAPI", NULL);
    desk_out(&d);
    HEAR(&d, "+ \r\n");
    assert_int_equal(respond(&d, big), PF_TOO_LONG);
    assert_int_equal(pf_pop3_client_cancel(d.engine, d.now), PF_OK);
    IS(desk_out(&d), "*\r\n");
    desk_end(&d);
}

static void auth_017_octets_ahead_of_our_response(void **state)
{
    struct desk d;

    (void)state;
    in_tls(&d, 0, "SASL LOGIN\r\n");
    desk_say_name(&d, PF_VERB_AUTH, "LOGIN", NULL);
    desk_out(&d);
    IS(HEAR(&d, "+ YQ==\r\n+OK\r\n"), "CHALLENGE AUTH {a}\nEND AUTH cut ~TEMP\nLOST unasked \"+OK\"\n");
    assert_int_equal(respond(&d, ""), PF_STATE);
    desk_end(&d);
}

static void auth_032_bare_auth_lists_mechanisms(void **state)
{
    struct desk d;

    (void)state;
    begun(&d, 0, "UIDL\r\n");
    desk_say_name(&d, PF_VERB_AUTH, "", NULL);
    IS(desk_out(&d), "AUTH\r\n");
    IS(HEAR(&d, "+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n"),
       "BEGIN AUTH\nITEM AUTH {PLAIN}\nITEM AUTH {LOGIN}\nEND AUTH whole 2\n");
    assert_false(pf_pop3_client_in_transaction(d.engine));
    desk_end(&d);
}

static void neither_plus_nor_minus_is_no_answer(void **state)
{
    struct desk d;

    (void)state;
    begun(&d, 0, "UIDL\r\n");
    desk_say_name(&d, PF_VERB_USER, "anna", NULL);
    desk_out(&d);
    IS(HEAR(&d, "OK\r\n"), "END USER cut ~PERM\nLOST garbage \"OK\"\n");
    desk_end(&d);
}

static void texts_in_the_language_that_was_asked_for(void **state)
{
    struct desk d;

    (void)state;
    begun(&d, 0, "LANG\r\nRESP-CODES\r\n");
    desk_say_name(&d, PF_VERB_LANG, "de-AT", NULL);
    IS(desk_out(&d), "LANG de-AT\r\n");
    IS(HEAR(&d, "+OK de Sprache ge\xc3\xa4ndert\r\n"),
       "END LANG whole 0 de \"de Sprache ge\\xc3\\xa4ndert\" odd eight\n");
    desk_say_name(&d, PF_VERB_USER, "anna", NULL);
    desk_out(&d);
    IS(HEAR(&d, "-ERR [AUTH] \xc3\xa4\r\n"), "END USER refused \"\\xc3\\xa4\" [AUTH] AUTH\n");
    desk_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rc_004_rc_006_response_codes),
        T(rc_005_codes_that_capa_does_not_announce),
        T(tls_007_tls_010_tls_011_stls),
        T(tls_006_plain_text_behind_the_answer_to_stls),
        T(tls_012_a_failed_handshake_ends_the_session),
        T(auth_006_initial_response),
        T(auth_010_auth_030_an_initial_response_that_must_wait),
        T(oa_011_two_steps_where_the_caller_knows),
        T(initial_line_can_be_longer_where_the_caller_knows),
        T(auth_017_challenges_in_order),
        T(auth_005_plus_alone_is_an_empty_challenge),
        T(auth_016_what_cannot_be_decoded_is_cancelled),
        T(auth_012_the_caller_cancels),
        T(auth_035_rounds_have_an_end),
        T(a_response_that_does_not_fit),
        T(auth_017_octets_ahead_of_our_response),
        T(auth_032_bare_auth_lists_mechanisms),
        T(neither_plus_nor_minus_is_no_answer),
        T(texts_in_the_language_that_was_asked_for),
    };
    return RUN(tests);
}
