#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)
#define ASKED(w, asked) assert_string_equal(world_asked(w), asked)

#define WRONG "-ERR [AUTH] name or password is wrong\r\n"
#define IN "+OK 1 messages (8 octets)\r\n"
#define SEND "+OK send your password\r\n"

static void fresh(struct world *w)
{
    world_init(w);
    w->messages[0].stored = "a\n\nb\n";
}

static void greeted(struct world *w)
{
    world_start(w);
    world_heard(w);
}

static void p3_008_ok_comes_after_the_lock(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    CHAT(&w, "USER alice\r\n", SEND);
    w.mute = true;
    CHAT(&w, "PASS secret\r\n", "");
    ASKED(&w, "PASS(alice,secret)");
    world_answer(&w);
    world_pump(&w);
    CHAT(&w, "STAT\r\n", "");
    ASKED(&w, "OPEN");
    assert_false(pf_pop3_server_in_transaction(w.engine));
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), IN);
    assert_true(pf_pop3_server_in_transaction(w.engine));
    assert_true(pf_pop3_server_stats(w.engine)->logged_in);
    world_end(&w);
}

static void p3_010_a_maildrop_that_cannot_be_had_leaves_authorization(void **state)
{
    static const struct {
        enum pf_code code;
        const char *answer;
    } rows[] = {{PF_IN_USE, "-ERR [IN-USE] maildrop is locked by another session\r\n"},
                {PF_LOGIN_DELAY, "-ERR [LOGIN-DELAY] logged in too recently, wait before the next login\r\n"},
                {PF_IO, "-ERR [SYS/TEMP] storage trouble, try again later\r\n"},
                {PF_NO_BOX, "-ERR [SYS/PERM] maildrop cannot be opened, ask your administrator\r\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        fresh(&w);
        w.open = rows[i].code;
        greeted(&w);
        world_chat(&w, "USER alice\r\n");
        CHAT(&w, "PASS secret\r\n", rows[i].answer);
        CHAT(&w, "PASS secret\r\n", "-ERR command is not valid now\r\n");
        CHAT(&w, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", rows[i].answer);
        CHAT(&w, "STAT\r\n", "-ERR command is not valid now\r\n");
        w.open = PF_OK;
        CHAT(&w, "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", IN);
        world_end(&w);
    }
}

static void p3_057_user_says_ok_to_every_name(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    CHAT(&w, "USER nobody\r\n", SEND);
    CHAT(&w, "PASS x\r\n", WRONG);
    ASKED(&w, "PASS(nobody,x)");
    world_end(&w);
}

static void p3_059_a_second_user_replaces_the_first(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    CHAT(&w, "USER bob\r\nUSER alice\r\nPASS secret\r\n", SEND SEND IN);
    ASKED(&w, "PASS(alice,secret) OPEN");
    world_end(&w);
}

static void p3_060_dec_005_only_capa_may_stand_between_user_and_pass(void **state)
{
    static const char *const forget[] = {"NOOP\r\n", "XYZ\r\n", "\r\n", "AUTH\r\n", "STAT\r\n", "USER\r\n",
                                         "AUTH X\r\n", "LANG\r\n", "STLS\r\n", "\x01\r\n", "PASS a\x01\r\n"};
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    w.settings.bad_before_login = 0;
    for (size_t i = 0; i < sizeof forget / sizeof forget[0]; i++) {
        CHAT(&w, "USER alice\r\n", SEND);
        world_chat(&w, forget[i]);
        CHAT(&w, "PASS secret\r\n", "-ERR command is not valid now\r\n");
    }
    ASKED(&w, "");
    world_chat(&w, "USER alice\r\nCAPA\r\nCAPA x\r\n");
    CHAT(&w, "PASS secret\r\n", IN);
    world_end(&w);
}

static void p3_061_p3_062_the_password_reaches_the_question_whole(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    w.password = " a  b ";
    greeted(&w);
    world_chat(&w, "USER alice\r\nPASS\r\n");
    ASKED(&w, "PASS(alice,)");
    CHAT(&w, "USER alice\r\nPASS  a  b \r\n", SEND IN);
    ASKED(&w, "PASS(alice, a  b ) OPEN");
    assert_true(w.spilled);
    world_end(&w);
}

static void p3_058_rc_011_tls_022_plaintext_is_refused_before_the_secret(void **state)
{
    static const char *const names[] = {"alice", "nobody"};
    struct world w;

    (void)state;
    fresh(&w);
    w.tls = false;
    w.settings.stls = true;
    w.settings.bad_before_login = 0;
    greeted(&w);
    for (size_t i = 0; i < 2; i++) {
        world_say(&w, "USER ");
        world_say(&w, names[i]);
        CHAT(&w, "\r\n", "-ERR TLS is required here: use STLS first, or the TLS port (995)\r\n");
        CHAT(&w, "PASS secret\r\n",
             "-ERR [AUTH] TLS is required here: use STLS first, or the TLS port (995)\r\n");
    }
    CHAT(&w, "AUTH PLAIN\r\n",
         "-ERR [AUTH] TLS is required here: use STLS first, or the TLS port (995)\r\n");
    assert_true(w.spilled);
    ASKED(&w, "");
    world_end(&w);
    fresh(&w);
    w.tls = false;
    greeted(&w);
    CHAT(&w, "USER alice\r\n", "-ERR TLS is required here: use the TLS port (995)\r\n");
    world_end(&w);
}

static void tls_019_plaintext_may_be_allowed(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    w.tls = false;
    w.settings.plaintext_login = true;
    greeted(&w);
    CHAT(&w, "USER alice\r\nPASS secret\r\n", SEND IN);
    world_end(&w);
}

static void cap_030_a_burst_goes_on_behind_a_failed_pass(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    CHAT(&w, "USER a\r\nPASS b\r\nSTAT\r\nUSER alice\r\nPASS secret\r\nSTAT\r\n",
         SEND WRONG "-ERR command is not valid now\r\n" SEND IN "+OK 1 8\r\n");
    world_end(&w);
}

static void mx_003_p3_012_the_tenth_failed_login_is_the_last(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    for (int i = 0; i < 9; i++) {
        CHAT(&w, "USER alice\r\nPASS x\r\n", SEND WRONG);
        assert_false(w.closed);
    }
    CHAT(&w, "AUTH PLAIN AGFsaWNlAHg=\r\n", "-ERR [AUTH] too many failed logins\r\n");
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_TRIES);
    assert_int_equal(pf_pop3_server_stats(w.engine)->login_failures, 10);
    world_end(&w);
}

/* A maildrop in use is nobody's guess at a password. */
static void rc_007_only_credentials_count_as_failed_logins(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    w.open = PF_IN_USE;
    for (int i = 0; i < 25; i++)
        world_chat(&w, "USER alice\r\nPASS secret\r\n");
    assert_false(w.closed);
    world_end(&w);
}

static void p3_033_quit_before_login_is_no_update(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    CHAT(&w, "USER alice\r\nQUIT\r\nPASS secret\r\n", SEND "+OK bye\r\n");
    ASKED(&w, "CLOSE");
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    world_end(&w);
}

static void p3_034_p3_037_quit_answers_when_the_removal_is_durable(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    world_begin(&w);
    world_chat(&w, "DELE 1\r\n");
    w.mute = true;
    CHAT(&w, "QUIT\r\n", "");
    ASKED(&w, "COMMIT(1)");
    assert_true(pf_marks_has(w.open_ask.remove, 0));
    assert_false(pf_marks_has(w.open_ask.seen, 0));
    assert_false(pf_pop3_server_in_transaction(w.engine));
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK bye\r\n");
    ASKED(&w, "CLOSE");
    assert_true(pf_pop3_server_stats(w.engine)->committed);
    world_end(&w);
}

static void p3_034_a_removal_that_fails_is_an_error(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    world_begin(&w);
    world_chat(&w, "DELE 1\r\n");
    w.commit = PF_IO;
    CHAT(&w, "QUIT\r\n", "-ERR [SYS/TEMP] some deleted messages not removed\r\n");
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    assert_false(pf_pop3_server_stats(w.engine)->committed);
    world_end(&w);
}

static void p3_038_w_021_nothing_is_carried_out_behind_quit(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    world_begin(&w);
    CHAT(&w, "QUIT and more\r\nDELE 1\r\nSTAT\r\n", "+OK bye\r\n");
    ASKED(&w, "COMMIT(0) CLOSE");
    world_end(&w);
}

static void cap_032_p3_048_with_expire_0_what_retr_sent_is_removed(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    w.messages[1].stored = "x\n\ny\n";
    w.messages[2].stored = "x\n\nz\n";
    w.expire_days = 0;
    world_begin(&w);
    world_chat(&w, "RETR 1\r\nTOP 2 99\r\nRSET\r\n");
    CHAT(&w, "STAT\r\n", "+OK 3 24\r\n");
    world_say(&w, "QUIT\r\n");
    ASKED(&w, "BODY(0) BODY(1) COMMIT(1) CLOSE");
    assert_int_equal(pf_pop3_server_stats(w.engine)->marked, 1);
    world_end(&w);
}

/* What a client did not take yet, it does not have. */
static void cap_032_with_expire_0_commit_waits_for_the_message_to_leave(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    w.expire_days = 0;
    world_begin(&w);
    w.deaf = true;
    world_say(&w, "RETR 1\r\nQUIT\r\n");
    ASKED(&w, "BODY(0)");
    world_wait(&w, w.settings.stall_time);
    ASKED(&w, "CLOSE");
    assert_int_equal(w.why, PF_CLOSE_STALL);
    world_end(&w);
}

static void tls_002_tls_004_tls_014_stls_only_where_it_can_be(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    w.settings.stls = true;
    CHAT(&w, "STLS\r\n", "-ERR command is not valid now\r\n");
    w.settings.stls = false;
    CHAT(&w, "STLS\r\n", "-ERR command is not offered here\r\n");
    world_end(&w);
    fresh(&w);
    w.tls = false;
    w.settings.stls = w.settings.plaintext_login = true;
    greeted(&w);
    CHAT(&w, "STLS now\r\n", "-ERR command not understood\r\n");
    world_login(&w);
    CHAT(&w, "STLS\r\n", "-ERR command is not valid now\r\n");
    ASKED(&w, "");
    world_end(&w);
}

static void plain_with_stls(struct world *w)
{
    fresh(w);
    w->tls = false;
    w->settings.stls = w->settings.plaintext_login = true;
    greeted(w);
}

static void tls_003_tls_008_tls_009_after_stls_the_name_is_forgotten(void **state)
{
    struct world w;

    (void)state;
    plain_with_stls(&w);
    CHAT(&w, "USER alice\r\n", SEND);
    CHAT(&w, "STLS\r\n", "+OK begin TLS\r\n");
    ASKED(&w, "TLS");
    CHAT(&w, "PASS secret\r\n", "-ERR command is not valid now\r\n");
    CHAT(&w, "STLS\r\n", "-ERR command is not valid now\r\n");
    CHAT(&w, "USER alice\r\nPASS secret\r\n", SEND IN);
    world_end(&w);
}

static void tls_005_input_behind_stls_ends_the_session(void **state)
{
    struct world w;

    (void)state;
    plain_with_stls(&w);
    CHAT(&w, "STLS\r\nUSER alice\r\n", "-ERR nothing may follow STLS before its answer\r\n");
    ASKED(&w, "CLOSE");
    assert_int_equal(w.why, PF_CLOSE_SMUGGLE);
    world_end(&w);
}

static void tls_012_a_failed_handshake_is_the_end(void **state)
{
    struct world w;

    (void)state;
    plain_with_stls(&w);
    w.handshake = PF_IO;
    CHAT(&w, "STLS\r\n", "+OK begin TLS\r\n");
    ASKED(&w, "TLS CLOSE");
    assert_int_equal(w.why, PF_CLOSE_TLS);
    world_end(&w);
}

static void the_answer_to_a_question_that_is_moot_changes_nothing(void **state)
{
    struct pf_tell tell = {.kind = PF_TELL_BODY};
    struct world w;

    (void)state;
    fresh(&w);
    w.lent = PF_POP3_OUT_MIN;
    world_begin(&w);
    world_say(&w, "LIST\r\n");
    w.deaf = w.mute = true;
    world_say(&w, "UIDL\r\nRETR 1\r\n");
    world_wait(&w, w.settings.stall_time);
    assert_int_equal(w.why, PF_CLOSE_STALL);
    assert_int_equal(pf_pop3_server_body(w.engine, PF_LIT("a"), false), 0);
    pf_pop3_server_tell(w.engine, &tell, w.now);
    assert_int_equal(pf_pop3_server_out(w.engine).len, 0);
    world_end(&w);
}

static void rc_010_no_maildrop_is_asked_for_with_wrong_credentials(void **state)
{
    struct world w;

    (void)state;
    fresh(&w);
    w.open = PF_IN_USE;
    greeted(&w);
    CHAT(&w, "USER alice\r\nPASS wrong\r\n", SEND WRONG);
    ASKED(&w, "PASS(alice,wrong)");
    world_end(&w);
}

static void w_005_p3_064_lines_of_255_octets_are_taken(void **state)
{
    char line[256] = "USER ";
    struct world w;

    (void)state;
    fresh(&w);
    greeted(&w);
    w.settings.line_max = 255;
    memset(line + 5, 'u', 255 - 5 - 2);
    memcpy(line + 253, "\r\n", 3);
    CHAT(&w, line, SEND);
    line[0] = 'x';
    CHAT(&w, line, "-ERR command not understood\r\n");
    world_say(&w, "y");
    CHAT(&w, line, "-ERR line too long\r\n");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(p3_008_ok_comes_after_the_lock), T(p3_010_a_maildrop_that_cannot_be_had_leaves_authorization),
        T(p3_057_user_says_ok_to_every_name), T(p3_059_a_second_user_replaces_the_first),
        T(p3_060_dec_005_only_capa_may_stand_between_user_and_pass),
        T(p3_061_p3_062_the_password_reaches_the_question_whole),
        T(p3_058_rc_011_tls_022_plaintext_is_refused_before_the_secret),
        T(tls_019_plaintext_may_be_allowed), T(cap_030_a_burst_goes_on_behind_a_failed_pass),
        T(mx_003_p3_012_the_tenth_failed_login_is_the_last),
        T(rc_007_only_credentials_count_as_failed_logins), T(p3_033_quit_before_login_is_no_update),
        T(p3_034_p3_037_quit_answers_when_the_removal_is_durable),
        T(p3_034_a_removal_that_fails_is_an_error), T(p3_038_w_021_nothing_is_carried_out_behind_quit),
        T(cap_032_p3_048_with_expire_0_what_retr_sent_is_removed),
        T(cap_032_with_expire_0_commit_waits_for_the_message_to_leave),
        T(tls_002_tls_004_tls_014_stls_only_where_it_can_be),
        T(tls_003_tls_008_tls_009_after_stls_the_name_is_forgotten),
        T(tls_005_input_behind_stls_ends_the_session), T(tls_012_a_failed_handshake_is_the_end),
        T(the_answer_to_a_question_that_is_moot_changes_nothing),
        T(rc_010_no_maildrop_is_asked_for_with_wrong_credentials),
        T(w_005_p3_064_lines_of_255_octets_are_taken),
    };

    return RUN(tests);
}
