#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/world.h"

static const char vector[] = "Subject: a\n\n.\n..x\nend";

static const char dialogue[] =
    "AUTH\r\nCAPA\r\nuser  alice\r\nPASS wrong\r\nNOOP\r\nAUTH PLAIN =\r\nAUTH PLAIN\r\n*\r\n"
    "USER alice\r\nCAPA\r\nPASS secret\r\nCAPA\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 3\r\nTOP 1 0\r\n"
    "TOP 1 1\r\nTOP 1 99\r\nTOP 3 2\nDELE 2\r\nLIST 2\r\nUIDL 001\r\nfoo\r\nDELE 3\r\nRSET\r\nRETR 2\r\n"
    "STAT \r\nLAST\r\nDELE 1\r\nUIDL\r\nRETR 4\r\nDELE 4\r\nQUIT\r\nSTAT\r\n";

static void setup(struct world *w, const char *big)
{
    world_init(w);
    w->messages[0].stored = vector;
    w->messages[1].stored = "a\n\nb\n";
    w->messages[2].stored = big;
    w->messages[3] = (struct world_message){.stored = vector, .fails = PF_IO, .fails_at = 9};
}

static char *played(const char *big, size_t cut, size_t body, size_t take, size_t lent)
{
    struct world w;
    char *heard;

    setup(&w, big);
    w.cut = cut;
    w.body = body;
    w.take = take;
    w.lent = lent;
    w.borrow = cut != 0;
    w.dice += (uint32_t)(cut + body + lent);
    world_start(&w);
    world_say(&w, dialogue);
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    heard = w.out;
    w.out = NULL;
    world_end(&w);
    return heard;
}

static void a_dialogue_is_the_same_at_any_cut(void **state)
{
    static const size_t rules[] = {0, 1, SIZE_MAX};
    char big[9001];
    char *whole;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof big; i++)
        big[i] = (i % 61 == 60) ? '\n' : i % 17 == 0 ? '.' : 'x';
    big[sizeof big - 1] = 0;
    whole = played(big, 0, 0, 0, 65536);
    assert_non_null(strstr(whole, "\r\n+OK 4 messages ("));
    for (size_t c = 0; c < 3; c++)
        for (size_t b = 0; b < 3; b++)
            for (size_t t = 0; t < 3; t++)
                for (size_t lent = 4096; lent <= 30000; lent += 5001) {
                    char *again = played(big, rules[c], rules[b], rules[t], lent);

                    assert_string_equal(again, whole);
                    free(again);
                }
    free(whole);
}

static void p3_001_p3_003_p3_004_p3_068_the_server_speaks_first(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.settings.greeting = "mail.example <1@x> ready";
    world_start(&w);
    assert_string_equal(world_heard(&w), "+OK POP3 mail.example (1@x) ready\r\n");
    world_end(&w);
}

static void p3_002_a_refused_client_hears_why(void **state)
{
    struct pf_err why = {.code = PF_BUSY, .say = "too many connections"};
    unsigned char room[PF_POP3_OUT_MIN];
    struct pf_pop3_server *e;
    struct pf_bytes out;
    struct pf_ask ask;
    struct world w;

    (void)state;
    world_init(&w);
    e = pf_pop3_server_new(&w.settings, false, 0);
    pf_pop3_server_refuse(e, &why);
    assert_false(pf_pop3_server_ask(e, &ask));
    pf_pop3_server_lend(e, room, sizeof room);
    out = pf_pop3_server_out(e);
    assert_true(pf_bytes_equal(out, PF_LIT("-ERR [SYS/TEMP] too many connections\r\n")));
    assert_true(pf_pop3_server_ask(e, &ask));
    assert_int_equal(ask.close, PF_CLOSE_REFUSED);
    assert_int_equal(pf_pop3_server_feed(e, PF_LIT("QUIT\r\n"), 1), 0);
    assert_false(pf_pop3_server_unlend(e));
    pf_pop3_server_sent(e, out.len, 1);
    assert_true(pf_pop3_server_unlend(e));
    pf_pop3_server_free(e);
}

static void mx_002_the_last_error_in_a_row_ends_the_session(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    w.settings.bad_before_login = 3;
    w.settings.bad_after_login = 4;
    world_begin(&w);
    for (int i = 0; i < 3; i++)
        assert_string_equal(world_chat(&w, "FOO\r\nRETR 99\r\n\r\nNOOP\r\n"),
                            "-ERR command not understood\r\n-ERR no such message\r\n"
                            "-ERR command not understood\r\n+OK still here\r\n");
    assert_false(w.closed);
    assert_string_equal(world_chat(&w, "A\r\nB\r\nC\r\nD\r\nSTAT\r\n"),
                        "-ERR command not understood\r\n-ERR command not understood\r\n"
                        "-ERR command not understood\r\n-ERR [SYS/PERM] too many errors\r\n");
    assert_int_equal(w.why, PF_CLOSE_BAD);
    world_end(&w);
    setup(&w, "x\n");
    w.settings.bad_before_login = 2;
    world_start(&w);
    world_heard(&w);
    assert_string_equal(world_chat(&w, "A\r\nB\r\n"),
                        "-ERR command not understood\r\n-ERR [SYS/PERM] too many errors\r\n");
    assert_true(w.closed);
    world_end(&w);
}

static void p3_039_an_end_of_input_removes_nothing(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    world_say(&w, "DELE 1\r\n");
    world_eof(&w);
    assert_string_equal(world_asked(&w), "CLOSE");
    assert_int_equal(w.why, PF_CLOSE_EOF);
    world_end(&w);
}

static void p3_040_a_half_close_behind_quit_still_gets_the_answer(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    w.mute = true;
    world_say(&w, "DELE 1\r\nQUIT\r\n");
    world_eof(&w);
    assert_false(w.closed);
    world_heard(&w);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK bye\r\n");
    assert_string_equal(world_asked(&w), "COMMIT(1) CLOSE");
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    world_end(&w);
}

static void p3_040_a_message_under_way_is_finished(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    w.mute = true;
    world_say(&w, "RETR 3\r\n");
    world_eof(&w);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK 3 octets\r\nx\r\n.\r\n");
    assert_int_equal(w.why, PF_CLOSE_EOF);
    world_end(&w);
}

static void p3_041_quit_without_a_line_end_is_none(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    world_say(&w, "DELE 1\r\nQUIT");
    world_eof(&w);
    assert_string_equal(world_asked(&w), "CLOSE");
    assert_int_equal(w.why, PF_CLOSE_EOF);
    world_end(&w);
}

static void w_038_a_shutdown_speaks_between_answers(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    w.mute = true;
    world_say(&w, "DELE 1\r\nRETR 3\r\n");
    pf_pop3_server_shutdown(w.engine, w.now);
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK marked for removal\r\n");
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK 3 octets\r\nx\r\n.\r\n"
                                         "-ERR [SYS/TEMP] server is going down, try again later\r\n");
    assert_string_equal(world_asked(&w), "BODY(2) CLOSE");
    assert_int_equal(w.why, PF_CLOSE_SHUTDOWN);
    world_end(&w);
}

static void a_shutdown_waits_for_quit_and_needs_no_buffer(void **state)
{
    struct pf_pop3_server *e;
    struct pf_ask ask;
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_begin(&w);
    w.mute = true;
    world_say(&w, "DELE 1\r\nQUIT\r\n");
    pf_pop3_server_shutdown(w.engine, w.now);
    world_heard(&w);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK bye\r\n");
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    world_end(&w);
    e = pf_pop3_server_new(&w.settings, true, 0);
    pf_pop3_server_shutdown(e, 5);
    assert_true(pf_pop3_server_ask(e, &ask));
    assert_int_equal(ask.close, PF_CLOSE_SHUTDOWN);
    pf_pop3_server_free(e);
}

static void tls_on_a_plain_port_is_told_so(void **state)
{
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\n\r\nQUIT\r\n";

    (void)state;
    for (size_t cut = 0; cut < 4; cut++) {
        struct world w;

        setup(&w, "x\n");
        w.tls = false;
        w.cut = cut;
        world_start(&w);
        world_heard(&w);
        world_say_octets(&w, pf_bytes_from(hello, sizeof hello - 1));
        assert_string_equal(world_heard(&w), "-ERR [SYS/PERM] this port begins in plain text: use STLS, "
                                             "or TLS on port 995\r\n");
        assert_int_equal(w.why, PF_CLOSE_TLS_ON_PLAIN);
        world_end(&w);
    }
}

static void other_control_octets_are_a_bad_command(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    w.tls = false;
    world_start(&w);
    world_heard(&w);
    assert_string_equal(world_chat(&w, "\x16\x02\r\n\x16\x03\r\n"),
                        "-ERR command not understood\r\n-ERR command not understood\r\n");
    world_end(&w);
}

static void qc_046_w_017_input_waits_while_a_question_is_open(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    w.tls = true;
    w.mute = true;
    world_start(&w);
    world_heard(&w);
    assert_int_equal(world_say(&w, "USER alice\nPASS secret\nSTAT\n"), 23);
    assert_string_equal(world_heard(&w), "+OK send your password\r\n");
    world_end(&w);
}

static bool spilled(struct world *w, const char *text)
{
    w->spilled = false;
    world_chat(w, text);
    return w->spilled;
}

static void the_caller_learns_which_input_held_a_secret(void **state)
{
    struct world w;

    (void)state;
    setup(&w, "x\n");
    world_start(&w);
    assert_false(spilled(&w, "CAPA\r\nUSER alice\r\n"));
    assert_true(spilled(&w, "PASS wr"));
    assert_true(spilled(&w, "ong\r\n"));
    assert_false(pf_pop3_server_secret_taken(w.engine));
    assert_true(spilled(&w, "AUTH PLAIN\r\n"));
    assert_true(spilled(&w, "AGFs"));
    assert_true(spilled(&w, "\r\n"));
    assert_true(spilled(&w, "AGFsaWNlAHNlY3JldA==\r\n"));
    world_login(&w);
    assert_false(spilled(&w, "STAT\r\nRET"));
    assert_false(spilled(&w, "R 3\r\n"));
    assert_true(spilled(&w, "PASS secret\r\n"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dialogue_is_the_same_at_any_cut), T(p3_001_p3_003_p3_004_p3_068_the_server_speaks_first),
        T(p3_002_a_refused_client_hears_why), T(mx_002_the_last_error_in_a_row_ends_the_session),
        T(p3_039_an_end_of_input_removes_nothing),
        T(p3_040_a_half_close_behind_quit_still_gets_the_answer),
        T(p3_040_a_message_under_way_is_finished), T(p3_041_quit_without_a_line_end_is_none),
        T(w_038_a_shutdown_speaks_between_answers), T(a_shutdown_waits_for_quit_and_needs_no_buffer),
        T(tls_on_a_plain_port_is_told_so), T(other_control_octets_are_a_bad_command),
        T(qc_046_w_017_input_waits_while_a_question_is_open),
        T(the_caller_learns_which_input_held_a_secret),
    };

    return RUN(tests);
}
