/* Deadlines, and the server's own end: 421. */
#include "unit/cm.h"

#include <postfach/lmtp_server.h>

#define MAIL "LHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<p@x>\r\n"

struct stage {
    struct pf_lmtp_server_settings set;
    struct pf_lmtp_server *engine;
    struct pf_lmtp_ask ask;
    unsigned char buffer[PF_LMTP_OUT_MIN];
};

static int up(void **state)
{
    static struct stage s;

    pf_lmtp_server_settings_init(&s.set);
    s.engine = pf_lmtp_server_new(&s.set, false, 1000);
    pf_lmtp_server_lend(s.engine, s.buffer, sizeof s.buffer);
    *state = &s;
    return 0;
}

static int down(void **state)
{
    struct stage *s = *state;

    pf_lmtp_server_free(s->engine);
    return 0;
}

static void sent(struct stage *s, pf_time now)
{
    pf_lmtp_server_sent(s->engine, pf_lmtp_server_out(s->engine).len, now);
}

/* Says all of it, and answers well what is asked meanwhile. */
static void say(struct stage *s, struct pf_bytes said, pf_time now)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_RCPT};
    unsigned char text[64];

    while (said.len) {
        struct pf_span into = {text, 0, sizeof text};

        said = pf_bytes_skip(said, pf_lmtp_server_feed_text(s->engine, said, &into, now));
        if (pf_lmtp_server_ask(s->engine, &s->ask) && s->ask.kind <= PF_LMTP_ASK_BEGIN) {
            tell.kind = s->ask.kind == PF_LMTP_ASK_RCPT ? PF_LMTP_TELL_RCPT : PF_LMTP_TELL_BEGUN;
            pf_lmtp_server_tell(s->engine, &tell, now);
        }
        sent(s, now);
    }
}

static void expect_end(struct stage *s, const char *line, const char *why, bool drop)
{
    struct pf_bytes out = pf_lmtp_server_out(s->engine);

    assert_int_equal(out.len < strlen(line), 0);
    assert_memory_equal(out.at, line, strlen(line));
    if (drop) {
        assert_true(pf_lmtp_server_ask(s->engine, &s->ask));
        assert_int_equal(s->ask.kind, PF_LMTP_ASK_DROP);
    }
    assert_true(pf_lmtp_server_ask(s->engine, &s->ask));
    assert_int_equal(s->ask.kind, PF_LMTP_ASK_CLOSE);
    assert_string_equal(s->ask.close, why);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
}

static void tick(struct stage *s, pf_time now)
{
    assert_int_equal(pf_lmtp_server_feed(s->engine, (struct pf_bytes){0}, now), 0);
}

static void s_005_five_minutes_between_commands(void **state)
{
    struct stage *s = *state;

    sent(s, 1000);
    say(s, PF_LIT("NOOP\r\n"), 2000);
    assert_int_equal(pf_lmtp_server_deadline(s->engine), 302000);
    tick(s, 301999);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
    tick(s, 302000);
    expect_end(s, "421 4.4.2 ", "idle", false);
}

static void a_command_that_came_in_time_counts(void **state)
{
    struct stage *s = *state;

    sent(s, 1000);
    assert_int_equal(pf_lmtp_server_feed(s->engine, PF_LIT("NOOP\r\n"), 900000), 6);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
}

static void s_021_timeout_in_the_text_is_421_and_nothing_is_sealed(void **state)
{
    struct stage *s = *state;
    unsigned char text[64];
    struct pf_span into = {text, 0, sizeof text};

    say(s, PF_LIT(MAIL "DATA\r\nabc"), 5000);
    assert_int_equal(pf_lmtp_server_deadline(s->engine), 305000);
    assert_int_equal(pf_lmtp_server_feed_text(s->engine, PF_LIT("d"), &into, 6000), 1);
    tick(s, 305000);
    assert_true(pf_lmtp_server_wants_text(s->engine));
    tick(s, 306000);
    assert_false(pf_lmtp_server_wants_text(s->engine));
    expect_end(s, "421 4.4.2 ", "idle", true);
}

static void no_deadline_while_the_world_is_asked(void **state)
{
    struct stage *s = *state;

    sent(s, 1000);
    pf_lmtp_server_feed(s->engine, PF_LIT(MAIL), 2000);
    sent(s, 2000);
    assert_true(pf_lmtp_server_deadline(s->engine) == PF_NEVER);
    assert_true(pf_lmtp_server_ask(s->engine, &s->ask));
    tick(s, 10000000);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
}

static void a_client_that_takes_no_output_is_left(void **state)
{
    struct stage *s = *state;

    tick(s, 1000);
    assert_int_equal(pf_lmtp_server_deadline(s->engine), 301000);
    tick(s, 301000);
    assert_int_equal(pf_lmtp_server_out(s->engine).len, 0);
    expect_end(s, "", "stall", false);
    assert_true(pf_lmtp_server_unlend(s->engine));
    assert_true(pf_lmtp_server_deadline(s->engine) == PF_NEVER);
}

static void the_last_line_that_is_not_taken_is_a_stall(void **state)
{
    struct stage *s = *state;

    sent(s, 1000);
    pf_lmtp_server_shutdown(s->engine, 2000);
    expect_end(s, "421 4.3.2 ", "shutdown", false);
    tick(s, 302000);
    expect_end(s, "", "stall", false);
}

static void s_021_shutdown_is_421_at_once_between_commands(void **state)
{
    struct stage *s = *state;

    say(s, PF_LIT(MAIL), 2000);
    pf_lmtp_server_shutdown(s->engine, 3000);
    expect_end(s, "421 4.3.2 ", "shutdown", true);
    assert_int_equal(pf_lmtp_server_feed(s->engine, PF_LIT("NOOP\r\n"), 3000), 0);
}

static void shutdown_waits_for_the_text_and_its_replies(void **state)
{
    struct stage *s = *state;
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_SEALED};
    unsigned char text[64];
    struct pf_span into = {text, 0, sizeof text};

    say(s, PF_LIT(MAIL "DATA\r\nabc\r\n"), 2000);
    pf_lmtp_server_shutdown(s->engine, 3000);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
    assert_int_equal(pf_lmtp_server_feed_text(s->engine, PF_LIT(".\r\nNOOP\r\n"), &into, 3000), 3);
    assert_true(pf_lmtp_server_ask(s->engine, &s->ask));
    assert_int_equal(s->ask.kind, PF_LMTP_ASK_SEAL);
    pf_lmtp_server_tell(s->engine, &tell, 4000);
    expect_end(s, "250 2.0.0 <p@x> delivered\r\n421 4.3.2 ", "shutdown", false);
}

static void shutdown_before_the_greeting_is_its_line(void **state)
{
    struct stage *s = *state;
    struct pf_lmtp_server *e = pf_lmtp_server_new(&s->set, false, 1000);
    unsigned char buffer[PF_LMTP_OUT_MIN];

    pf_lmtp_server_shutdown(e, 1000);
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    assert_memory_equal(pf_lmtp_server_out(e).at, "421 4.3.2 ", 10);
    pf_lmtp_server_free(e);
}

static void end_of_input_behind_the_text_is_no_reason_to_drop_it(void **state)
{
    struct stage *s = *state;
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_SEALED};

    say(s, PF_LIT(MAIL "DATA\r\nabc\r\n.\r\n"), 2000);
    assert_int_equal(s->ask.kind, PF_LMTP_ASK_SEAL);
    pf_lmtp_server_eof(s->engine, 3000);
    assert_false(pf_lmtp_server_ask(s->engine, &s->ask));
    pf_lmtp_server_tell(s->engine, &tell, 4000);
    expect_end(s, "250 2.0.0 <p@x> delivered\r\n", "eof", false);
}

int main(void)
{
#define TS(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TS(s_005_five_minutes_between_commands),
        TS(a_command_that_came_in_time_counts),
        TS(s_021_timeout_in_the_text_is_421_and_nothing_is_sealed),
        TS(no_deadline_while_the_world_is_asked),
        TS(a_client_that_takes_no_output_is_left),
        TS(the_last_line_that_is_not_taken_is_a_stall),
        TS(s_021_shutdown_is_421_at_once_between_commands),
        TS(shutdown_waits_for_the_text_and_its_replies),
        TS(shutdown_before_the_greeting_is_its_line),
        TS(end_of_input_behind_the_text_is_no_reason_to_drop_it),
    };

    return RUN(tests);
}
