/* Calls that reach a server of ours, in all ways of TLS, by all mechanisms; and those that may not. */
#include "unit/cm.h"

#include "callrig.h"

#include <stdlib.h>
#include <unistd.h>

static struct callrig r;
static char ca[600], own[600], own_key[600];

static int set_up(void **state)
{
    (void)state;
    certs_up();
    snprintf(ca, sizeof ca, "%s", certs_path("ca.pem"));
    snprintf(own, sizeof own, "%s", certs_path("anna.pem"));
    snprintf(own_key, sizeof own_key, "%s", certs_path("anna.key"));
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
    return 0;
}

static int scene_ends(void **state)
{
    (void)state;
    callrig_down(&r);
    return 0;
}

static void way(enum pf_call_tls tls)
{
    r.account.tls = tls;
    r.listener = tls == PF_CALL_PLAIN ? AT_PLAIN : tls == PF_CALL_STLS ? AT_STLS : AT_TLS;
    r.account.engine.plain_login = tls == PF_CALL_PLAIN ? PF_PLAIN_ANY : PF_PLAIN_NEVER;
}

static void went_well(const char *mechanism)
{
    if (r.gone.code != PF_OK)
        fail_msg("%s", r.gone.log);
    assert_string_equal(r.mechanism, mechanism);
    assert_int_equal(r.readies, 1);
    assert_int_equal(r.ends, 3);
}

static void failed(enum pf_code code, const char *word)
{
    if (!strstr(r.gone.log, word))
        fail_msg("\"%s\" is not in: %s", word, r.gone.log);
    assert_int_equal(r.gone.code, code);
    assert_int_equal(r.readies, 0);
}

static void a_session_in_each_way_of_tls(void **state)
{
    (void)state;
    way(PF_CALL_IMPLICIT);
    callrig_run(&r);
    went_well("SCRAM-SHA-256-PLUS");
    assert_string_equal(r.checked, "ca");
    assert_string_equal(r.version, "TLSv1.3");
    way(PF_CALL_STLS);
    callrig_run(&r);
    went_well("SCRAM-SHA-256-PLUS");
    way(PF_CALL_PLAIN);
    callrig_run(&r);
    went_well("SCRAM-SHA-256");
    assert_string_equal(r.version, "");
    assert_int_equal(r.secrets, 1);
}

static void every_mechanism_logs_in(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-256-PLUS",
                                        "SCRAM-SHA-1-PLUS",
                                        "SCRAM-SHA-256",
                                        "SCRAM-SHA-1",
                                        "DIGEST-MD5",
                                        "CRAM-MD5",
                                        "PLAIN",
                                        "LOGIN",
                                        "USER"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof names / sizeof names[0]; i++) {
        way(i % 2 ? PF_CALL_STLS : PF_CALL_IMPLICIT);
        r.account.mechanisms = names[i / 2];
        callrig_run(&r);
        went_well(names[i / 2]);
    }
    way(PF_CALL_PLAIN);
    r.account.mechanisms = "APOP";
    callrig_run(&r);
    went_well("APOP");
}

static void a_certificate_of_our_own_needs_no_password(void **state)
{
    (void)state;
    r.account.certificate = own;
    r.account.key = own_key;
    r.account.mechanisms = "EXTERNAL PLAIN";
    callrig_run(&r);
    went_well("EXTERNAL");
    assert_int_equal(r.secrets, 0);
}

static void a_mechanism_that_is_not_offered_is_followed_by_the_next(void **state)
{
    (void)state;
    r.account.mechanisms = "GSSAPI NONE-SUCH OAUTHBEARER plain";
    callrig_run(&r);
    went_well("PLAIN");
    r.account.mechanisms = "GSSAPI";
    callrig_run(&r);
    failed(PF_NO_MECH, "no way to log in");
}

static void a_wrong_password_is_tried_once(void **state)
{
    (void)state;
    r.password = "wrong";
    callrig_run(&r);
    failed(PF_AUTH, "SCRAM-SHA-256-PLUS");
    r.account.mechanisms = "PLAIN USER";
    callrig_run(&r);
    failed(PF_AUTH, "by PLAIN");
    assert_int_equal(r.secrets, 1);
}

static void tls_034_a_certificate_that_does_not_check_out_ends_the_call(void **state)
{
    static const struct {
        const char *cert, *word;
    } cases[] = {{"other", "but for other.example, *.third.example"},
                 {"old", "expired on "},
                 {"young", "not valid before"},
                 {"self", "pin it: "}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        callrig_cert(&r, cases[i / 2].cert);
        way(i % 2 ? PF_CALL_STLS : PF_CALL_IMPLICIT);
        callrig_run(&r);
        failed(PF_NEED_TLS, cases[i / 2].word);
        assert_int_equal(r.secrets, 0);
    }
    callrig_cert(&r, "good");
    r.account.ca = own; /* a CA that did not sign it */
    callrig_run(&r);
    failed(PF_NEED_TLS, "signed by \"ca\"");
}

static void a_pin_needs_no_ca(void **state)
{
    char pin[64], two[140];

    (void)state;
    callrig_cert(&r, "self");
    callrig_run(&r);
    failed(PF_NEED_TLS, "pin it: ");
    snprintf(pin, sizeof pin, "%s", strstr(r.gone.log, "pin it: ") + 8);
    assert_int_equal(strlen(pin), 44);
    r.account.pins = pin;
    callrig_run(&r);
    went_well("SCRAM-SHA-256-PLUS");
    assert_string_equal(r.checked, "pin");
    snprintf(two, sizeof two, "%064d %s", 7, pin);
    r.account.pins = two;
    callrig_run(&r);
    went_well("SCRAM-SHA-256-PLUS");
    callrig_cert(&r, "good"); /* a CA does not help a key that is not pinned */
    callrig_run(&r);
    failed(PF_NEED_TLS, "not one of those that are pinned");
    r.account.pins = NULL;
    r.account.unchecked = true;
    callrig_cert(&r, "old");
    callrig_run(&r);
    went_well("SCRAM-SHA-256-PLUS");
    assert_string_equal(r.checked, "unchecked");
}

static void nobody_logs_in_without_tls_unasked(void **state)
{
    struct pf_call_calls none = {0};
    struct pf_err err = {0};

    (void)state;
    way(PF_CALL_PLAIN);
    r.account.engine.plain_login = PF_PLAIN_NEVER;
    assert_null(pf_call_new(r.rig.loop, r.pool, &r.account, &none, NULL, &err));
    assert_int_equal(err.code, PF_NEED_TLS);
    r.account.engine.plain_login = PF_PLAIN_HIDDEN;
    r.account.mechanisms = "PLAIN LOGIN USER";
    callrig_run(&r);
    failed(PF_NEED_TLS, "no TLS");
    r.account.mechanisms = NULL;
    callrig_run(&r);
    went_well("SCRAM-SHA-256");
}

static void the_wrong_port_is_told(void **state)
{
    (void)state;
    way(PF_CALL_IMPLICIT);
    r.listener = AT_STLS;
    callrig_run(&r);
    failed(PF_NEED_TLS, "--starttls");
    way(PF_CALL_STLS);
    r.listener = AT_PLAIN;
    callrig_run(&r);
    failed(PF_NEED_TLS, "offers no STLS");
    assert_int_equal(r.secrets, 0);
}

static void freed_in_each_callback(void **state)
{
    (void)state;
    for (r.free_in = 1; r.free_in <= 4; r.free_in++)
        for (int i = 0; i < 3; i++) {
            way((enum pf_call_tls)i);
            callrig_run(&r);
            assert_int_equal(r.gones, r.free_in == 4);
        }
}

static void freed_at_any_turn(void **state)
{
    (void)state;
    for (int turns = 0; turns < 60; turns++) {
        way((enum pf_call_tls)(turns % 3));
        callrig_begin(&r);
        for (int i = 0; i < turns && !r.gones; i++)
            callrig_turn(&r);
        pf_call_free(r.call);
        r.call = NULL;
        for (int i = 0; i < 3; i++)
            callrig_turn(&r);
        while (pf_hall_count(r.rig.hall))
            callrig_turn(&r);
    }
}

static void no_user_is_no_login(void **state)
{
    (void)state;
    r.account.user = NULL;
    r.quit_when_ready = false;
    callrig_begin(&r);
    while (!r.readies)
        callrig_turn(&r);
    assert_true(pf_call_offer(r.call)->heard);
    assert_non_null(memmem(pf_call_chain(r.call).at, pf_call_chain(r.call).len, "BEGIN CERTIFICATE", 17));
    assert_true(pf_call_facts(r.call)->encrypted && pf_call_facts(r.call)->greeted &&
                !pf_call_facts(r.call)->logged_in);
    assert_int_equal(pf_call_say(r.call, &(struct pf_pop3_command){.verb = PF_VERB_QUIT}), PF_OK);
    while (!r.gones)
        callrig_turn(&r);
    assert_int_equal(r.gone.code, PF_OK);
}

static void pass(pf_time ms)
{
    pf_time until = pf_loop_now_fresh(r.rig.loop) + ms;

    while (pf_loop_now_fresh(r.rig.loop) < until)
        callrig_turn(&r);
}

static void held_is_deaf_and_its_clock_stands(void **state)
{
    enum { ANSWER = 1000 };

    (void)state;
    r.quit_when_ready = false;
    r.between = true;
    r.let_through = SIZE_MAX;
    r.account.engine.answer_time = ANSWER;
    callrig_begin(&r);
    while (!r.readies)
        callrig_turn(&r);
    pf_call_hold(r.call, true);
    assert_int_equal(pf_call_say(r.call, &(struct pf_pop3_command){.verb = PF_VERB_NOOP}), PF_OK);
    pass(50);
    assert_int_equal(r.ends, 0);
    pf_call_hold(r.call, false);
    while (!r.ends)
        callrig_turn(&r);
    r.let_through = r.passed; /* from now on the server is silent */
    assert_int_equal(pf_call_say(r.call, &(struct pf_pop3_command){.verb = PF_VERB_NOOP}), PF_OK);
    pass(20);
    pf_call_hold(r.call, true);
    pass(ANSWER + 100);
    pf_call_hold(r.call, false);
    pass(50);
    assert_int_equal(r.gones, 0); /* what passed meanwhile is not his fault */
    while (!r.gones)
        callrig_turn(&r);
    assert_non_null(strstr(r.gone.log, "is silent in the middle of the session"));
}

/* A disk may be slower than the server is allowed to be. */
static void held_keeps_the_piece_and_stops_the_clock(void **state)
{
    enum { ANSWER = 1000, LONG = 200000 };
    char *message = malloc(LONG + 1), *copy;
    pf_time until;

    (void)state;
    memset(message, 'x', LONG);
    for (int i = 0; i < LONG; i += 70)
        message[i] = '\n';
    message[LONG] = 0;
    rig_add(&r.rig, message, "u3");
    r.account.engine.answer_time = ANSWER;
    r.quit_when_ready = false;
    r.hold_piece = true;
    callrig_begin(&r);
    while (!r.readies)
        callrig_turn(&r);
    pf_call_say(r.call, &(struct pf_pop3_command){.verb = PF_VERB_RETR, .number = 3});
    while (!r.piece.len)
        callrig_turn(&r);
    copy = malloc(r.piece.len);
    memcpy(copy, r.piece.at, r.piece.len);
    for (until = pf_loop_now_fresh(r.rig.loop) + ANSWER + 100; pf_loop_now_fresh(r.rig.loop) < until;)
        callrig_turn(&r);
    assert_memory_equal(copy, r.piece.at, r.piece.len);
    assert_int_equal(r.ends + r.gones, 0);
    pf_call_hold(r.call, false);
    while (!r.ends && !r.gones)
        callrig_turn(&r);
    assert_int_equal(r.gones, 0);
    free(copy);
    free(message);
}

/* What the server lists behind the login is waited for by nobody: the owner's command is there before the end of the
 * list is, and the owner hears nothing of it. */
static void ready_does_not_wait_for_capa_where_commands_may_go_ahead(void **state)
{
    static const char *const scripts[][9] = {
        {"+OK hello\r\n", "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n",
         "PIPELINING\r\n.\r\n+OK\r\n1 9\r\n.\r\n", "+OK\r\nA: b\r\n\r\n.\r\n", "+OK bye\r\n"},
        {"+OK hello\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\nUSER\r\n.\r\n",
         "+OK\r\n1 9\r\n.\r\n", "+OK\r\nA: b\r\n\r\n.\r\n", "+OK bye\r\n"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        if (i) {
            callrig_down(&r);
            callrig_up(&r);
        }
        way(PF_CALL_PLAIN);
        r.account.mechanisms = "USER";
        r.account.eager = true;
        r.script = scripts[i];
        callrig_run(&r);
        went_well("USER");
        r.heard[r.heard_len] = 0;
        assert_non_null(strstr(r.heard, "\r\nCAPA\r\nLIST\r\n"));
    }
}

#define S(name) cmocka_unit_test_setup_teardown(name, scene, scene_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {S(a_session_in_each_way_of_tls),
                                       S(every_mechanism_logs_in),
                                       S(a_certificate_of_our_own_needs_no_password),
                                       S(a_mechanism_that_is_not_offered_is_followed_by_the_next),
                                       S(a_wrong_password_is_tried_once),
                                       S(tls_034_a_certificate_that_does_not_check_out_ends_the_call),
                                       S(a_pin_needs_no_ca),
                                       S(nobody_logs_in_without_tls_unasked),
                                       S(the_wrong_port_is_told),
                                       S(freed_in_each_callback),
                                       S(freed_at_any_turn),
                                       S(no_user_is_no_login),
                                       S(ready_does_not_wait_for_capa_where_commands_may_go_ahead),
                                       S(held_is_deaf_and_its_clock_stands),
                                       S(held_keeps_the_piece_and_stops_the_clock)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
