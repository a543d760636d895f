#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/client_desk.h"

/* The first words of a server, in every cutting. */
static void greets(struct pf_bytes said, const char *heard, const char *timestamp)
{
    for (size_t cut = 0; cut < 4; cut++) {
        struct pf_bytes stamp;
        struct desk d;

        desk_init(&d);
        d.cut = cut == 3 ? SIZE_MAX : cut;
        desk_start(&d);
        IS(desk_hear(&d, said), heard);
        stamp = pf_pop3_client_timestamp(d.engine);
        assert_int_equal(stamp.len, strlen(timestamp));
        assert_memory_equal(stamp.len ? stamp.at : (const void *)"", timestamp, stamp.len);
        desk_end(&d);
    }
}

#define GREETS(said, heard, stamp) greets(PF_LIT(said), heard, stamp)

static void w_015_p3_001_greeting(void **state)
{
    (void)state;
    GREETS("+OK POP3 ready\r\n", "GREETING \"POP3 ready\"\n", "");
    GREETS("+OK\r\n", "GREETING\n", "");
    GREETS("+OK \r\n", "GREETING\n", "");
    GREETS("+OK [XCLIENT] hello\r\n", "GREETING \"hello\" [XCLIENT]\n", "");
    GREETS("+ok hello\n", "GREETING \"hello\" odd lf status\n", "");
    GREETS("+ POP2 host\r\n", "GREETING \"POP2 host\" odd status\n", "");
    GREETS("+OKhello\r\n", "GREETING \"hello\" odd status\n", "");
    GREETS("+OK a\0b\x1b[c\r\n", "GREETING \"a?b?[c\" odd control\n", "");
    GREETS("+OK gr\xfc\xdf\r\n", "GREETING \"gr\\xfc\\xdf\" odd eight\n", "");
    GREETS("+OK a\rb\r\n", "GREETING \"a?b\" odd control\n", "");
}

static void p3_071_qs_001_apop_timestamps(void **state)
{
#define STAMP "<1896.697170952@dbc.mtview.ca.us>"
    (void)state;
    GREETS("+OK POP3 server ready " STAMP "\r\n", "GREETING \"POP3 server ready " STAMP "\"\n", STAMP);
    GREETS("+OK <a> <1@b> <c>\r\n", "GREETING \"<a> <1@b> <c>\"\n", "<1@b>");
    GREETS("+OK <a@b> " STAMP "\r\n", "GREETING \"<a@b> " STAMP "\"\n", STAMP);
    GREETS("+OK <<a@b>\r\n", "GREETING \"<<a@b>\"\n", "<a@b>");
    GREETS("+OK <a @b>\r\n", "GREETING \"<a @b>\"\n", "");
    GREETS("+OK <@b> <a@> <a@@b> <> <\r\n", "GREETING \"<@b> <a@> <a@@b> <> <\"\n", "");
    GREETS("+OK <a@b\xe9>\r\n", "GREETING \"<a@b\\xe9>\" odd eight\n", "");
    GREETS("+OK <a\0@b>\r\n", "GREETING \"<a?@b>\" odd control\n", "");
    GREETS("-ERR <a@b>\r\n", "GREETING \"<a@b>\" ~TEMP\nLOST refused\n", "");
}

static void p3_002_refused_at_the_door(void **state)
{
    (void)state;
    GREETS("-ERR [SYS/TEMP] busy\r\n", "GREETING \"busy\" [SYS/TEMP] TEMP\nLOST refused\n", "");
    GREETS("-ERR [SYS/PERM] never\r\n", "GREETING \"never\" [SYS/PERM] PERM\nLOST refused\n", "");
}

static void garbage_before_the_greeting(void **state)
{
    (void)state;
    GREETS("* OK IMAP4rev1\r\n", "LOST garbage \"* OK IMAP4rev1\"\n", "");
    GREETS("220 smtp\r\n+OK\r\n", "LOST garbage \"220 smtp\"\n", "");
    GREETS("\r\n", "LOST garbage\n", "");
    GREETS("\n", "LOST garbage odd lf\n", "");
    GREETS("\0\0\n", "LOST garbage \"??\" odd lf control\n", "");
}

/* A port that begins with the handshake, or one that was told so wrongly (lessons of others: hours
 * lost). */
static void tls_where_plain_text_was_expected(void **state)
{
    (void)state;
    GREETS("\x15\x03\x01\x00\x02\x02\x0a", "LOST tls-record\n", "");
    GREETS("\x16\x03\x03\x00\x7a\x02", "LOST tls-record\n", "");
}

static void an_endless_line_ends_the_session(void **state)
{
    static unsigned char line[70000];
    struct desk d;

    (void)state;
    memset(line, 'x', sizeof line);
    for (int greeted = 0; greeted < 2; greeted++) {
        desk_init(&d);
        d.cut = 1000;
        if (greeted) {
            desk_login(&d);
            desk_say(&d, PF_VERB_UIDL);
            desk_out(&d);
            HEAR(&d, "+OK\r\n1 ");
        } else {
            desk_start(&d);
            HEAR(&d, "+OK ");
        }
        desk_hear(&d, pf_bytes_from(line, sizeof line));
        assert_int_equal(d.last.lost, PF_LOST_LINE);
        assert_true(d.not_taken > 0);
        desk_end(&d);
    }
}

/* Over 512, over 998, and over the piece: heard, cut, and told. */
static void w_010_lines_over_512_octets(void **state)
{
    static const size_t lengths[] = {505, 506, 507, 998, 20000};
    static unsigned char line[20000];
    struct desk d;

    (void)state;
    memset(line, 'x', sizeof line);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        desk_init(&d);
        d.cut = 777;
        d.quiet = true;
        desk_start(&d);
        HEAR(&d, "+OK ");
        desk_hear(&d, pf_bytes_from(line, lengths[i]));
        HEAR(&d, "\r\n");
        assert_int_equal(d.last.kind, PF_HEARD_GREETING);
        assert_int_equal(d.last.odd, lengths[i] > 506 ? PF_ODD_LONG : 0);
        assert_int_equal(d.last.text.len, lengths[i] < 16380 ? lengths[i] : 16380);
        desk_end(&d);
    }
}

static void who_speaks_unasked_is_not_heard(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 3; cut++) {
        desk_init(&d);
        d.cut = cut;
        desk_login(&d);
        IS(HEAR(&d, "-ERR [SYS/TEMP] idle too long\r\n"),
           "LOST unasked \"-ERR [SYS/TEMP] idle too long\"\n");
        assert_int_equal(desk_say(&d, PF_VERB_NOOP), PF_STATE);
        desk_end(&d);
        /* Two answers to one command (FTGate): the second may not become that of the next. */
        desk_init(&d);
        d.cut = cut;
        desk_login(&d);
        desk_say(&d, PF_VERB_NOOP);
        desk_say_number(&d, PF_VERB_DELE, 1);
        IS(desk_out(&d), "NOOP\r\n");
        IS(HEAR(&d, "+OK one\r\n+OK two\r\n"),
           "END NOOP whole \"one\"\nEND DELE unsent ~TEMP\nLOST unasked \"+OK two\"\n");
        desk_end(&d);
    }
}

/* Stray line ends are no answers (jstedfast/MailKit 560), in small numbers. */
static void empty_lines_between_answers(void **state)
{
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 3; cut++) {
        desk_init(&d);
        d.cut = cut;
        desk_login(&d);
        IS(HEAR(&d, "\r\n\n"), "");
        desk_say(&d, PF_VERB_NOOP);
        desk_say(&d, PF_VERB_NOOP);
        desk_out(&d);
        IS(HEAR(&d, "\r\n+OK\r\n"), "END NOOP whole odd blank\n");
        desk_out(&d);
        IS(HEAR(&d, "+OK\r\n"), "END NOOP whole\n");
        IS(HEAR(&d, "\n\n\n\n\n\n\n\n"), "");
        IS(HEAR(&d, "\n"), "LOST unasked odd lf blank\n");
        desk_end(&d);
    }
}

static void the_answer_comes_behind_the_whole_command(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_STAT);
    assert_int_equal(pf_pop3_client_out(d.engine).len, 6);
    pf_pop3_client_sent(d.engine, 5, d.now);
    IS(HEAR(&d, "+OK 1 2\r\n"), "END STAT cut ~TEMP\nLOST unasked \"+OK 1 2\"\n");
    desk_end(&d);
}

static void what_never_left_is_unsent(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login_pipelined(&d);
    desk_say_number(&d, PF_VERB_DELE, 1);
    desk_say_number(&d, PF_VERB_DELE, 2);
    desk_say(&d, PF_VERB_QUIT);
    desk_say(&d, PF_VERB_QUIT); /* refused: no END */
    pf_pop3_client_sent(d.engine, 8 + 3, d.now);
    HEAR(&d, "+O");
    pf_pop3_client_eof(d.engine, d.now);
    IS(desk_events(&d), "END DELE cut ~TEMP\nEND DELE cut ~TEMP\nEND QUIT unsent ~TEMP\nLOST eof\n");
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight_lost, 3);
    IS(desk_events(&d), "");
    assert_int_equal(pf_pop3_client_feed(d.engine, PF_LIT("+OK\r\n"), d.now), 0);
    assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER);
    desk_end(&d);
}

static void tls_029_p3_034_quit(void **state)
{
    struct desk d;

    (void)state;
    for (int good = 0; good < 2; good++) {
        desk_init(&d);
        desk_login(&d);
        assert_int_equal(desk_say(&d, PF_VERB_QUIT), PF_OK);
        assert_int_equal(desk_say(&d, PF_VERB_NOOP), PF_STATE);
        IS(desk_out(&d), "QUIT\r\n");
        IS(good ? HEAR(&d, "+OK bye\r\n") : HEAR(&d, "-ERR some deleted messages not removed\r\n"),
           good ? "END QUIT whole \"bye\"\nLOST quit\n"
                : "END QUIT refused \"some deleted messages not removed\" ~PARTIAL\nLOST quit\n");
        pf_pop3_client_eof(d.engine, d.now); /* TLS-029: nothing more to lose */
        IS(desk_events(&d), "");
        desk_end(&d);
    }
}

static void qs_015_quit_without_an_answer_is_cut(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_QUIT);
    desk_out(&d);
    d.now = pf_pop3_client_deadline(d.engine);
    assert_int_equal(d.now, 1000 + 600 * 1000);
    pf_pop3_client_feed(d.engine, PF_LIT(""), d.now);
    IS(desk_events(&d), "END QUIT cut ~TEMP\nLOST time\n");
    desk_end(&d);
}

static void given_up_by_the_caller(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_NOOP);
    pf_pop3_client_give_up(d.engine);
    assert_int_equal(pf_pop3_client_out(d.engine).len, 0);
    IS(desk_events(&d), "END NOOP unsent ~CANCELLED\nLOST given-up\n");
    pf_pop3_client_sent(d.engine, 6, d.now); /* a write that was under way */
    pf_pop3_client_tls(d.engine, true, d.now);
    assert_int_equal(pf_pop3_client_respond(d.engine, PF_LIT(""), d.now), PF_STATE);
    desk_end(&d);
}

/* While an event waits no input is taken. */
static void one_event_at_a_time(void **state)
{
    struct pf_bytes in = PF_LIT("+OK\r\n1 1\r\n2 2\r\n.\r\n");
    struct pf_heard h;
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_LIST);
    desk_out(&d);
    for (int i = 0; i < 4; i++) {
        size_t taken = pf_pop3_client_feed(d.engine, in, d.now);

        assert_int_equal(taken, i == 3 ? 3 : 5);
        in = pf_bytes_skip(in, taken);
        assert_int_equal(pf_pop3_client_feed(d.engine, in, d.now), 0);
        assert_true(pf_pop3_client_event(d.engine, &h));
        assert_false(pf_pop3_client_event(d.engine, &h));
    }
    assert_int_equal(h.end, PF_END_WHOLE);
    desk_end(&d);
}

static void memory_may_be_given(void **state)
{
    struct pf_pop3_client_settings s;
    struct pf_pop3_client *e;
    unsigned char *memory;
    size_t size;

    (void)state;
    pf_pop3_client_settings_init(&s);
    s.queue = 3;
    s.out = 520;
    s.piece = PF_PIECE_MIN;
    size = pf_pop3_client_size(&s);
    assert_true(size < 4096);
    memory = malloc(size);
    assert_non_null(memory);
    e = pf_pop3_client_init(memory, &s, true, 1);
    assert_int_equal(pf_pop3_client_room(e), 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pf_pop3_client_say(e, &(struct pf_pop3_command){.verb = PF_VERB_CAPA}, 1),
                         i < 3 ? PF_OK : PF_AGAIN);
    pf_pop3_client_done(e);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(memory[i], 0);
    free(memory);
    pf_pop3_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_015_p3_001_greeting),
        T(p3_071_qs_001_apop_timestamps),
        T(p3_002_refused_at_the_door),
        T(garbage_before_the_greeting),
        T(tls_where_plain_text_was_expected),
        T(an_endless_line_ends_the_session),
        T(w_010_lines_over_512_octets),
        T(who_speaks_unasked_is_not_heard),
        T(empty_lines_between_answers),
        T(the_answer_comes_behind_the_whole_command),
        T(what_never_left_is_unsent),
        T(tls_029_p3_034_quit),
        T(qs_015_quit_without_an_answer_is_cut),
        T(given_up_by_the_caller),
        T(one_event_at_a_time),
        T(memory_may_be_given),
    };
    return RUN(tests);
}
