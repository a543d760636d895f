/* Calls that meet a server, or somebody in the middle, who is broken, silent or wicked. */
#include "unit/cm.h"

#include "callrig.h"

#include <stdlib.h>

static struct callrig r;
static char ca[600];

static int set_up(void **state)
{
    (void)state;
    certs_up();
    snprintf(ca, sizeof ca, "%s", certs_path("ca.pem"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_down();
    return 0;
}

static int scene(void **state)
{
    (void)state;
    callrig_up(&r);
    r.account.ca = ca;
    r.account.engine.plain_login = PF_PLAIN_ANY; /* counts for nothing where TLS was asked for */
    return 0;
}

static int scene_ends(void **state)
{
    (void)state;
    callrig_down(&r);
    return 0;
}

static void meet(enum pf_call_tls tls, const char *const *script)
{
    r.account.tls = tls;
    r.script = script;
    callrig_run(&r);
}

static void ended(enum pf_code code, const char *word)
{
    if (!strstr(r.gone.log, word))
        fail_msg("\"%s\" is not in: %s", word, r.gone.log);
    assert_int_equal(r.gone.code, code);
    assert_int_equal(r.readies, 0);
}

/* Nothing of the account was said. */
static void told_nothing(void)
{
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "anna"));
    assert_null(strstr(r.heard, "secret"));
    assert_null(strstr(r.heard, "AUTH"));
    assert_int_equal(r.secrets, 0);
}

static void tls_042_stls_taken_out_of_the_list_ends_the_call(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n", NULL};

    (void)state;
    meet(PF_CALL_STLS, script);
    ended(PF_NEED_TLS, "offers no STLS");
    told_nothing();
}

static void tls_042_stls_that_is_refused_ends_the_call(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nSTLS\r\n.\r\n", "-ERR not today\r\n",
                                         NULL};
    static const char *const deaf[] = {"+OK hello\r\n", "-ERR what?\r\n", "-ERR what?\r\n", NULL};

    (void)state;
    meet(PF_CALL_STLS, script);
    ended(PF_NEED_TLS, "refuses STLS");
    assert_non_null(strstr(r.gone.log, "not today"));
    told_nothing();
    meet(PF_CALL_STLS, deaf);
    ended(PF_NEED_TLS, "refuses STLS");
    told_nothing();
}

static void tls_006_plain_text_behind_ok_to_stls_ends_the_call(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nSTLS\r\n.\r\n",
                                         "+OK go\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n", NULL};

    (void)state;
    meet(PF_CALL_STLS, script);
    ended(PF_NEED_TLS, "somebody sits between");
    told_nothing();
}

static void a_plain_server_is_no_tls_server(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", NULL};

    (void)state;
    meet(PF_CALL_IMPLICIT, script);
    ended(PF_NEED_TLS, "does not begin with TLS");
}

static void a_tls_server_is_no_plain_server(void **state)
{
    static const char *const script[] = {"\x15\x03\x01\x00\x02\x02\x46", NULL};

    (void)state;
    meet(PF_CALL_STLS, script);
    ended(PF_NEED_TLS, "`tls implicit'");
    told_nothing();
}

static void strange_greetings(void **state)
{
    static const char *const smtp[] = {"220 smtp.example ESMTP\r\n", NULL};
    static const char *const busy[] = {"-ERR [SYS/TEMP] too many\r\n", NULL};

    (void)state;
    meet(PF_CALL_STLS, smtp);
    ended(PF_SYNTAX, "does not speak POP3");
    meet(PF_CALL_STLS, busy);
    ended(PF_TEMP, "too many");
}

/* RFC 5802 section 5: whoever says +OK without "v=" does not know the password. */
static void auth_018_ok_without_proof_is_no_login(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n",
                                         "+OK welcome\r\n", "+OK\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    ended(PF_AUTH, "without proving");
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "RETR"));
}

static void a_challenge_that_cannot_be_is_cancelled(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n",
                                         "+ cj1mb3JlaWdu\r\n", "-ERR cancelled\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    assert_int_not_equal(r.gone.code, PF_OK);
    r.heard[r.heard_len] = 0;
    assert_non_null(strstr(r.heard, "\r\n*\r\n"));
    assert_null(strstr(r.heard, "AUTH PLAIN")); /* who meddles is told no password afterwards */
}

static void what_the_server_does_not_know_is_followed_by_the_next(void **state)
{
    static const char *const script[] = {
        "+OK hello\r\n", "+OK\r\nSASL CRAM-MD5 PLAIN\r\nRESP-CODES\r\n.\r\n",
        "-ERR unknown mechanism\r\n", "-ERR [SYS/TEMP] later\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    ended(PF_TEMP, "later");
    assert_string_equal(r.heard, "CAPA\r\nAUTH CRAM-MD5\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\n");
}

static void a_box_in_use_is_tried_by_no_other_mechanism(void **state)
{
    static const char *const script[] = {"+OK hello\r\n",
                                         "+OK\r\nSASL CRAM-MD5 PLAIN\r\nRESP-CODES\r\n.\r\n",
                                         "-ERR [IN-USE] busy\r\n", "+OK\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    ended(PF_IN_USE, "does not let anna in now: maildrop is locked by another session: busy");
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "PLAIN"));
}

static void a_refused_name_hides_the_password(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nUSER\r\n.\r\n", "-ERR nobody\r\n",
                                         "+OK\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    ended(PF_AUTH, "nobody");
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "PASS"));
}

static void the_name_comes_in_the_error_and_no_secret(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n",
                                         "-ERR \x1b[2J no\r\n", NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    ended(PF_AUTH, "anna by USER");
    assert_null(strchr(r.gone.log, 0x1b));
    assert_null(strstr(r.gone.log, "secret"));
}

static void a_token_that_is_refused_is_told_why(void **state)
{
    static const char *const script[] = {"+OK hello\r\n",
                                         "+OK\r\nSASL XOAUTH2 PLAIN\r\nUSER\r\n.\r\n",
                                         "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n",
                                         "-ERR [AUTH] no\r\n",
                                         "+OK\r\n",
                                         NULL};

    (void)state;
    r.account.token = true;
    meet(PF_CALL_PLAIN, script);
    ended(PF_AUTH, "{\"status\":\"400\"}");
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "PLAIN")); /* a token is no password */
    assert_null(strstr(r.heard, "USER"));
}

static void a_long_token_goes_in_two_steps(void **state)
{
    static const char *const script[] = {"+OK hello\r\n",
                                         "+OK\r\nSASL OAUTHBEARER\r\n.\r\n",
                                         "+ \r\n",
                                         "+OK\r\n",
                                         "+OK\r\n.\r\n",
                                         "+OK\r\n.\r\n",
                                         "",
                                         NULL};
    static char token[500];

    (void)state;
    memset(token, 't', sizeof token - 1);
    r.password = token;
    r.account.token = true;
    meet(PF_CALL_PLAIN, script);
    assert_int_equal(r.readies, 1);
    assert_string_equal(r.mechanism, "OAUTHBEARER");
    r.heard[r.heard_len] = 0;
    assert_non_null(strstr(r.heard, "\r\nAUTH OAUTHBEARER\r\n"));
}

static void a_server_without_capa_takes_user_and_pass(void **state)
{
    static const char *const script[] = {"+OK hello\r\n",  "-ERR what?\r\n", "+OK\r\n", "+OK\r\n",
                                         "-ERR what?\r\n", "+OK\r\n.\r\n",   "",        NULL};

    (void)state;
    meet(PF_CALL_PLAIN, script);
    assert_int_equal(r.readies, 1);
    assert_string_equal(r.mechanism, "USER");
    assert_int_equal(r.gone.code, PF_TEMP); /* it left in the middle */
    assert_non_null(strstr(r.gone.log, "closed the connection in the middle of the session"));
}

static void a_secret_may_come_late_or_not_at_all(void **state)
{
    struct pf_err no = {.code = PF_OK};

    (void)state;
    r.account.tls = PF_CALL_IMPLICIT;
    r.own_secret = true;
    for (int fails = 0; fails < 2; fails++) {
        callrig_begin(&r);
        while (!r.secrets)
            callrig_turn(&r);
        for (int i = 0; i < 50; i++)
            callrig_turn(&r);
        assert_int_equal(r.readies + r.gones, 0);
        if (fails)
            pf_fail(&no, PF_CONFIG, 0, "test", "no password here");
        pf_call_secret(r.call, PF_LIT("secret"), &no);
        pf_call_secret(r.call, PF_LIT("another"), &no); /* counts for nothing */
        while (!r.gones)
            callrig_turn(&r);
        assert_int_equal(r.readies, !fails);
        assert_int_equal(r.gone.code, fails ? PF_CONFIG : PF_OK);
        pf_call_free(r.call);
        r.call = NULL;
    }
}

static void a_name_that_cannot_be_said(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n", NULL};

    (void)state;
    r.account.user = "anna\r\nDELE 1";
    meet(PF_CALL_PLAIN, script);
    ended(PF_SYNTAX, "cannot be said");
    r.heard[r.heard_len] = 0;
    assert_null(strstr(r.heard, "DELE"));
}

/* How much the server says in a session of this kind. */
static size_t whole(enum pf_call_tls tls)
{
    r.account.tls = tls;
    r.listener = tls == PF_CALL_PLAIN ? AT_PLAIN : tls == PF_CALL_STLS ? AT_STLS : AT_TLS;
    r.between = true;
    r.let_through = SIZE_MAX;
    callrig_run(&r);
    assert_int_equal(r.gone.code, PF_OK);
    return r.passed;
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (int tls = PF_CALL_IMPLICIT; tls <= PF_CALL_PLAIN; tls++) {
        size_t all = whole((enum pf_call_tls)tls), step = all / 40 + 1;

        r.cut = true;
        for (r.let_through = 0; r.let_through + 100 < all; r.let_through += step) {
            callrig_run(&r);
            assert_int_not_equal(r.gone.code, PF_OK);
            assert_int_not_equal(r.gone.log[0], 0);
        }
        r.cut = false;
    }
}

static void silent_anywhere(void **state)
{
    (void)state;
    for (int tls = PF_CALL_IMPLICIT; tls <= PF_CALL_PLAIN; tls++) {
        size_t all = whole((enum pf_call_tls)tls), step = all / 8 + 1;

        r.account.tls_time = r.account.engine.greeting_time = r.account.engine.answer_time =
            r.account.engine.quit_time = 30;
        for (r.let_through = 0; r.let_through + 100 < all; r.let_through += step) {
            callrig_run(&r);
            assert_int_equal(r.gone.code, PF_TEMP);
            assert_true(strstr(r.gone.log, "silent") || strstr(r.gone.log, "does not answer"));
        }
        r.account.tls_time = 0;
        pf_pop3_client_settings_init(&r.account.engine);
        r.account.engine.plain_login = PF_PLAIN_ANY;
    }
}

static void a_silent_port_of_tls_is_told_from_others(void **state)
{
    static const char *const script[] = {NULL, NULL};

    (void)state;
    r.account.tls_time = r.account.engine.greeting_time = 30;
    meet(PF_CALL_IMPLICIT, script);
    ended(PF_TEMP, "does not answer to TLS");
    meet(PF_CALL_STLS, script);
    ended(PF_TEMP, "silent while greeting");
}

static void nobody_there(void **state)
{
    (void)state;
    r.account.host = "/nowhere/at/all";
    callrig_run(&r);
    ended(PF_TEMP, "no such socket");
}

#define S(name) cmocka_unit_test_setup_teardown(name, scene, scene_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {S(tls_042_stls_taken_out_of_the_list_ends_the_call),
                                       S(tls_042_stls_that_is_refused_ends_the_call),
                                       S(tls_006_plain_text_behind_ok_to_stls_ends_the_call),
                                       S(a_plain_server_is_no_tls_server),
                                       S(a_tls_server_is_no_plain_server),
                                       S(strange_greetings),
                                       S(auth_018_ok_without_proof_is_no_login),
                                       S(a_challenge_that_cannot_be_is_cancelled),
                                       S(what_the_server_does_not_know_is_followed_by_the_next),
                                       S(a_box_in_use_is_tried_by_no_other_mechanism),
                                       S(a_refused_name_hides_the_password),
                                       S(the_name_comes_in_the_error_and_no_secret),
                                       S(a_token_that_is_refused_is_told_why),
                                       S(a_long_token_goes_in_two_steps),
                                       S(a_server_without_capa_takes_user_and_pass),
                                       S(a_secret_may_come_late_or_not_at_all),
                                       S(a_name_that_cannot_be_said),
                                       S(cut_anywhere),
                                       S(silent_anywhere),
                                       S(a_silent_port_of_tls_is_told_from_others),
                                       S(nobody_there)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
