#include "unit/cm.h"

#include <stdlib.h>

#include "proto/b64.h"
#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)
#define ASKED(w, asked) assert_string_equal(world_asked(w), asked)

#define WRONG "-ERR [AUTH] name or password is wrong\r\n"
#define IN "+OK 1 messages (8 octets)\r\n"
#define GOOD "AGFsaWNlAHNlY3JldA==" /* NUL alice NUL secret */

static void greeted(struct world *w)
{
    world_init(w);
    w->messages[0].stored = "a\n\nb\n";
    world_start(w);
    world_heard(w);
}

static void auth_032_w_022_bare_auth_lists_what_can_be_used(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\nPLAIN\r\nSCRAM-SHA-256\r\n.\r\n");
    CHAT(&w, "auth \r\n", "+OK mechanisms follow\r\nPLAIN\r\nSCRAM-SHA-256\r\n.\r\n");
    world_end(&w);
    world_init(&w);
    w.tls = false;
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\nSCRAM-SHA-256\r\n.\r\n");
    world_end(&w);
}

static void auth_001_a_second_auth_is_an_error(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "AUTH plain " GOOD "\r\n", IN);
    CHAT(&w, "AUTH PLAIN " GOOD "\r\n", "-ERR command is not valid now\r\n");
    world_end(&w);
}

static void auth_002_auth_021_an_unknown_mechanism_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "AUTH NTLM\r\nTlRMTVNTUAABAAAAB4I=\r\n",
         "-ERR authentication mechanism not supported\r\n-ERR command not understood\r\n");
    assert_true(w.spilled);
    assert_int_equal(pf_pop3_server_stats(w.engine)->bad_commands, 2);
    CHAT(&w, "AUTH PLAIN " GOOD "\r\n", IN);
    world_end(&w);
}

static void auth_004_auth_007_without_initial_response_there_is_an_empty_challenge(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    w.mute = true;
    CHAT(&w, "AUTH PLAIN\r\n", "");
    assert_int_equal(w.open_ask.kind, PF_ASK_SASL);
    assert_true(w.open_ask.first && !w.open_ask.has_response);
    assert_string_equal(w.open_ask.mechanism, "PLAIN");
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+ \r\n");
    CHAT(&w, GOOD "\r\n", IN);
    ASKED(&w, "SASL SASL OPEN");
    world_end(&w);
}

static void auth_006_an_equals_sign_is_an_empty_response(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    w.mute = true;
    CHAT(&w, "AUTH PLAIN =\r\n", "");
    assert_true(w.open_ask.first && w.open_ask.has_response && w.open_ask.secret.len == 0);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), WRONG);
    world_end(&w);
}

static void auth_012_a_star_cancels(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
    CHAT(&w, "*\r\n", "-ERR cancelled\r\n");
    ASKED(&w, "SASL CANCEL");
    CHAT(&w, "*\r\n", "-ERR command not understood\r\n");
    CHAT(&w, "AUTH PLAIN " GOOD "\r\n", IN);
    world_end(&w);
}

static void auth_013_bad_base64_ends_the_exchange(void **state)
{
    static const char *const bad[] = {"Zm9", "Zm9v Zm9v", "Zm9v ", " Zm9v", "Zg=a", "=", "==", "Zm8=Zm8=", "* ",
                                      "Zh==", "Zm\x01v"};
    struct world w;

    (void)state;
    greeted(&w);
    w.settings.bad_before_login = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
        world_say(&w, bad[i]);
        CHAT(&w, "\r\n", "-ERR not base64\r\n");
        ASKED(&w, "SASL CANCEL");
        CHAT(&w, "NOOP\r\n", "-ERR command is not valid now\r\n");
    }
    CHAT(&w, "AUTH PLAIN Zg\r\n", "-ERR not base64\r\n");
    ASKED(&w, "");
    CHAT(&w, "AUTH PLAIN " GOOD "\r\n", IN);
    world_end(&w);
}

static void auth_015_an_empty_line_is_an_empty_response(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
    w.mute = true;
    CHAT(&w, "\r\n", "");
    assert_true(!w.open_ask.first && w.open_ask.has_response && w.open_ask.secret.len == 0);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), WRONG);
    world_end(&w);
}

static void auth_019_auth_020_a_failed_auth_leaves_no_trace(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    CHAT(&w, "USER bob\r\nAUTH PLAIN AGFsaWNlAHg=\r\n", "+OK send your password\r\n" WRONG);
    CHAT(&w, "PASS secret\r\n", "-ERR command is not valid now\r\n");
    CHAT(&w, "USER alice\r\nPASS secret\r\n", "+OK send your password\r\n" IN);
    world_end(&w);
}

static void auth_003_auth_017_a_challenge_is_base64_and_nothing_else(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    w.challenges = 2;
    w.challenge = PF_LIT("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    CHAT(&w, "AUTH SCRAM-SHA-256 Zm9v\r\n",
         "+ dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==\r\n");
    CHAT(&w, "\r\n", "+ dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==\r\n");
    CHAT(&w, GOOD "\r\n", IN);
    ASKED(&w, "SASL SASL SASL OPEN");
    world_end(&w);
}

static void a_challenge_may_be_larger_than_the_buffer(void **state)
{
    static unsigned char big[20001], text[30000];
    struct pf_span expected = {text, 0, sizeof text};
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (unsigned char)(i * 7);
    pf_span_put(&expected, PF_LIT("+ "));
    assert_true(pf_b64_encode(pf_bytes_from(big, sizeof big), &expected));
    pf_span_put(&expected, PF_LIT("\r\n\0"));
    world_init(&w);
    w.lent = PF_POP3_OUT_MIN;
    w.take = SIZE_MAX;
    w.challenges = 1;
    w.challenge = pf_bytes_from(big, sizeof big);
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "AUTH PLAIN\r\n", (const char *)text);
    world_end(&w);
}

static void auth_035_the_steps_of_an_exchange_are_bounded(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    w.challenges = 1000;
    w.settings.sasl_rounds = 3;
    CHAT(&w, "AUTH PLAIN\r\n\r\n\r\n\r\n", "+ \r\n+ \r\n+ \r\n-ERR [SYS/PERM] too many steps\r\n");
    ASKED(&w, "SASL SASL SASL SASL CANCEL");
    CHAT(&w, "CAPA x\r\n", "-ERR command not understood\r\n");
    world_end(&w);
}

/* An initial response as long as an OAuth token, and one line too long for all. */
static void auth_011_w_008_w_009_long_lines(void **state)
{
    static char line[70000];
    struct world w;

    (void)state;
    greeted(&w);
    w.cut = 4096;
    w.settings.sasl_line_max = 16384;
    memset(line, 'A', sizeof line);
    memcpy(line, "AUTH PLAIN ", 11);
    memcpy(line + 16384 - 1 - 2, "\r\n", 3); /* 11 + a number of letters that is no multiple of four */
    CHAT(&w, line, "-ERR not base64\r\n");
    memset(line + 11, 'A', 16384 - 11);
    memcpy(line + 11 + 4 * 4092, "\r\n", 3);
    CHAT(&w, line, WRONG);
    memset(line + 11, 'A', 16384);
    memcpy(line + 16383, "\r\n", 3);
    CHAT(&w, line, "-ERR line too long\r\n");
    world_asked(&w);
    CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
    memset(line, 'A', sizeof line);
    memcpy(line + 60000, "\r\nSTAT\r\n", 9);
    CHAT(&w, line, "-ERR line too long\r\n-ERR command is not valid now\r\n");
    ASKED(&w, "SASL CANCEL");
    CHAT(&w, "AUTH PLAIN " GOOD "\r\n", IN);
    world_end(&w);
}

static void rc_007_only_wrong_credentials_carry_auth(void **state)
{
    struct world w;

    (void)state;
    greeted(&w);
    assert_null(strstr(world_chat(&w, "AUTH X\r\nAUTH PLAIN Z\r\nPASS x\r\nUSER\r\n"), "[AUTH]"));
    assert_non_null(strstr(world_chat(&w, "AUTH PLAIN AGJvYgB4\r\n"), "-ERR [AUTH] "));
    world_end(&w);
}

#define STAMP "<1896.697170952@dbc.mtview.ca.us>"
#define DIGEST "5fd5a4a8a4b8b7b5d6e3c1f0a9b8c7d6"
#define NOT_OFFERED "-ERR command is not offered here\r\n"

static void stamped(struct world *w, bool tls)
{
    world_init(w);
    w->messages[0].stored = "a\n\nb\n";
    w->timestamp = STAMP;
    w->tls = tls;
    world_start(w);
}

static void p3_066_p3_067_apop_asks_with_name_and_digest(void **state)
{
    struct world w;

    (void)state;
    for (int tls = 0; tls < 2; tls++) { /* it shows no password, so TLS is not needed */
        stamped(&w, tls);
        assert_string_equal(world_heard(&w), "+OK POP3 server ready " STAMP "\r\n");
        CHAT(&w, "APOP alice " DIGEST "\r\n", IN);
        assert_true(w.spilled);
        ASKED(&w, "APOP(alice," DIGEST ") OPEN");
        CHAT(&w, "APOP alice " DIGEST "\r\n", "-ERR command is not valid now\r\n");
        world_end(&w);
    }
}

static void p3_069_the_digest_is_asked_as_it_came(void **state)
{
    static const char *const bad[] = {
        "APOP alice\r\n", "APOP\r\n", "APOP alice " DIGEST " x\r\n", "APOP  " DIGEST "\r\n"};
    static const char *const no_digest[] = {
        "APOP alice 5fd5a4a8a4b8b7b5d6e3c1f0a9b8c7d\r\n", "APOP alice " DIGEST "0\r\n",
        "APOP alice gfd5a4a8a4b8b7b5d6e3c1f0a9b8c7d6\r\n", "APOP alice 5fd5a4a8a4b8b7b5d6e3c1f0a9b8c7d\xe6\r\n"};
    struct world w;

    (void)state;
    stamped(&w, true);
    world_heard(&w);
    for (size_t i = 0; i < 4; i++) {
        CHAT(&w, bad[i], "-ERR command not understood\r\n");
        CHAT(&w, no_digest[i], "-ERR the digest has 32 hexadecimal digits\r\n");
    }
    ASKED(&w, "");
    CHAT(&w, "apop alice 5FD5A4A8A4B8B7B5D6E3C1F0A9B8C7D6\r\n", WRONG); /* this world knows one case */
    ASKED(&w, "APOP(alice,5FD5A4A8A4B8B7B5D6E3C1F0A9B8C7D6)");
    assert_int_equal(pf_pop3_server_stats(w.engine)->login_failures, 1);
    CHAT(&w, "APOP alice " DIGEST "\r\n", IN);
    world_end(&w);
}

static void p3_068_without_a_timestamp_there_is_no_apop(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_start(&w);
    assert_string_equal(world_heard(&w), "+OK POP3 server ready\r\n");
    CHAT(&w, "APOP alice " DIGEST "\r\n", NOT_OFFERED);
    CHAT(&w, "APOP\r\n", NOT_OFFERED);
    assert_true(w.spilled);
    ASKED(&w, "");
    world_end(&w);
}

static void mx_001_apop_forgets_the_name_of_user(void **state)
{
    struct world w;

    (void)state;
    stamped(&w, true);
    world_heard(&w);
    CHAT(&w, "USER alice\r\nAPOP bob " DIGEST "\r\n", "+OK send your password\r\n" WRONG);
    CHAT(&w, "PASS secret\r\n", "-ERR command is not valid now\r\n");
    ASKED(&w, "APOP(bob," DIGEST ")");
    CHAT(&w, "USER bob\r\nAPOP alice " DIGEST "\r\n", "+OK send your password\r\n" IN);
    world_end(&w);
}

static void mx_003_wrong_digests_are_failed_logins(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.timestamp = STAMP;
    w.digest = "00000000000000000000000000000000";
    w.settings.login_tries = 2;
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "APOP alice " DIGEST "\r\n", WRONG);
    CHAT(&w, "APOP alice " DIGEST "\r\n", "-ERR [AUTH] too many failed logins\r\n");
    assert_true(w.closed && w.why == PF_CLOSE_TRIES);
    world_end(&w);
}

/* RFC 2595 section 4: the greeting does not come again, so its timestamp still counts. */
static void apop_goes_on_behind_stls(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.timestamp = STAMP;
    w.tls = false;
    w.settings.stls = true;
    w.messages[0].stored = "a\n\nb\n";
    world_start(&w);
    CHAT(&w, "STLS\r\n", "+OK POP3 server ready " STAMP "\r\n+OK begin TLS\r\n");
    CHAT(&w, "APOP alice " DIGEST "\r\n", IN);
    world_end(&w);
}

static void p3_067_what_is_no_msg_id_is_not_offered(void **state)
{
    static char long_one[260];
    static const char *const bad[] = {"", "<>", "<@>", "<a@>", "<@b>", "<ab>", "1.2@host", "<1.2@host", "1.2@host>",
                                      "<1.2@ho st>", "<1.2@ho\xc3\xa4st>", "<1.2@<host>", "<1.2@host@host>",
                                      "<1.2@host>\r\n", long_one};
    struct world w;

    (void)state;
    memset(long_one, 'x', 256);
    long_one[0] = '<';
    long_one[2] = '@';
    long_one[255] = '>';
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        world_init(&w);
        w.timestamp = bad[i];
        world_start(&w);
        assert_string_equal(world_heard(&w), "+OK POP3 server ready\r\n");
        CHAT(&w, "APOP alice " DIGEST "\r\n", NOT_OFFERED);
        world_end(&w);
    }
    memcpy(long_one + 254, ">", 2);
    world_init(&w);
    w.timestamp = long_one;
    world_start(&w);
    assert_non_null(strstr(world_heard(&w), long_one));
    world_end(&w);
}

/* SCR-030: an exporter's octets serve once, so -PLUS is withdrawn while its exchange runs. */
static void an_offer_may_change_within_an_exchange(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "AUTH SCRAM-SHA-256\r\n", "+ \r\n");
    pf_pop3_server_offer(w.engine, 1);
    CHAT(&w, "AGFsaWNlAHg=\r\n", WRONG);
    CHAT(&w, "AUTH SCRAM-SHA-256\r\n", "-ERR authentication mechanism not supported\r\n");
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\nPLAIN\r\n.\r\n");
    world_end(&w);
}

static void a_refused_stranger_sees_no_timestamp(void **state)
{
    struct pf_err why = {.code = PF_BUSY};
    unsigned char buffer[PF_POP3_OUT_MIN];
    struct pf_pop3_server *e;
    struct world w;

    (void)state;
    world_init(&w);
    e = pf_pop3_server_new(&w.settings, true, 0);
    pf_pop3_server_apop(e, STAMP);
    pf_pop3_server_refuse(e, &why);
    pf_pop3_server_lend(e, buffer, sizeof buffer);
    assert_true(pf_bytes_equal(pf_pop3_server_out(e),
                               PF_LIT("-ERR [SYS/TEMP] server is busy, try again later\r\n")));
    pf_pop3_server_free(e);
}

static void cap_017_auth_002_only_what_is_offered_can_be_used(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.tls = false;
    w.offer = 1; /* PLAIN, which wants TLS */
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\n.\r\n");
    CHAT(&w, "AUTH SCRAM-SHA-256\r\n", "-ERR authentication mechanism not supported\r\n");
    assert_non_null(strstr(world_chat(&w, "AUTH PLAIN\r\n"), "-ERR [AUTH] TLS is required here"));
    assert_null(strstr(world_chat(&w, "CAPA\r\n"), "SASL"));
    pf_pop3_server_offer(w.engine, 2);
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\nSCRAM-SHA-256\r\n.\r\n");
    CHAT(&w, "AUTH PLAIN\r\n", "-ERR authentication mechanism not supported\r\n");
    assert_non_null(strstr(world_chat(&w, "CAPA\r\n"), "\r\nSASL SCRAM-SHA-256\r\n"));
    CHAT(&w, "AUTH SCRAM-SHA-256\r\n", "+ \r\n");
    CHAT(&w, "*\r\n", "-ERR cancelled\r\n");
    pf_pop3_server_offer(w.engine, 0);
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\n.\r\n");
    CHAT(&w, "AUTH SCRAM-SHA-256\r\n", "-ERR authentication mechanism not supported\r\n");
    assert_null(strstr(world_chat(&w, "CAPA\r\n"), "SASL"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(auth_032_w_022_bare_auth_lists_what_can_be_used), T(auth_001_a_second_auth_is_an_error),
        T(auth_002_auth_021_an_unknown_mechanism_changes_nothing),
        T(auth_004_auth_007_without_initial_response_there_is_an_empty_challenge),
        T(auth_006_an_equals_sign_is_an_empty_response), T(auth_012_a_star_cancels),
        T(auth_013_bad_base64_ends_the_exchange), T(auth_015_an_empty_line_is_an_empty_response),
        T(auth_019_auth_020_a_failed_auth_leaves_no_trace),
        T(auth_003_auth_017_a_challenge_is_base64_and_nothing_else),
        T(a_challenge_may_be_larger_than_the_buffer), T(auth_035_the_steps_of_an_exchange_are_bounded),
        T(auth_011_w_008_w_009_long_lines), T(rc_007_only_wrong_credentials_carry_auth),
        T(p3_066_p3_067_apop_asks_with_name_and_digest), T(p3_069_the_digest_is_asked_as_it_came),
        T(p3_068_without_a_timestamp_there_is_no_apop), T(mx_001_apop_forgets_the_name_of_user),
        T(mx_003_wrong_digests_are_failed_logins), T(apop_goes_on_behind_stls),
        T(p3_067_what_is_no_msg_id_is_not_offered), T(an_offer_may_change_within_an_exchange),
        T(a_refused_stranger_sees_no_timestamp), T(cap_017_auth_002_only_what_is_offered_can_be_used),
    };

    return RUN(tests);
}
