#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)

static pf_time deadline(const struct world *w)
{
    return pf_pop3_server_deadline(w->engine);
}

static void begun(struct world *w)
{
    world_init(w);
    w->now = 1000;
    w->messages[0].stored = "a\n\nb\n";
    world_start(w);
    world_heard(w);
}

static void w_034_dec_004_an_idle_client_hears_nothing(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    CHAT(&w, "DELE 1\r\n", "+OK marked for removal\r\n");
    assert_int_equal(deadline(&w), 1000 + 600000);
    world_wait(&w, 599999);
    assert_false(w.closed);
    world_wait(&w, 1);
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_IDLE);
    assert_string_equal(world_heard(&w), "");
    assert_string_equal(world_asked(&w), "CLOSE");
    assert_int_equal(deadline(&w), PF_NEVER);
    world_end(&w);
}

static void w_032_w_033_each_command_restarts_ten_minutes(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    for (int i = 0; i < 5; i++) {
        world_wait(&w, 599000);
        world_chat(&w, i % 2 ? "NOOP\r\n" : "XYZ\r\n");
        assert_int_equal(deadline(&w), w.now + 600000);
    }
    assert_false(w.closed);
    world_end(&w);
}

static void w_033_a_part_of_a_command_is_none(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    world_wait(&w, 400000);
    world_say(&w, "NO");
    assert_int_equal(deadline(&w), 1000 + 600000);
    world_wait(&w, 200000);
    assert_int_equal(w.why, PF_CLOSE_IDLE);
    world_end(&w);
}

static void a_command_that_came_in_time_counts_when_it_is_looked_at_late(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    w.now += 600500;
    CHAT(&w, "NOOP\r\n", "+OK still here\r\n");
    assert_false(w.closed);
    world_end(&w);
}

static void w_035_the_first_command_and_the_login_have_times_of_their_own(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    assert_int_equal(deadline(&w), 1000 + 60000);
    world_wait(&w, 60000);
    assert_int_equal(w.why, PF_CLOSE_IDLE);
    world_end(&w);
    begun(&w);
    world_chat(&w, "CAPA\r\n");
    assert_int_equal(deadline(&w), 1000 + 180000);
    world_wait(&w, 100000);
    world_chat(&w, "USER alice\r\n");
    assert_int_equal(deadline(&w), 1000 + 180000);
    world_wait(&w, 80000);
    assert_int_equal(w.why, PF_CLOSE_LOGIN_TIME);
    assert_string_equal(world_heard(&w), "");
    world_end(&w);
}

static void auth_035_an_exchange_has_a_time_limit(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
    world_wait(&w, 180000);
    assert_int_equal(w.why, PF_CLOSE_LOGIN_TIME);
    world_end(&w);
}

static void no_deadline_while_the_world_owes_an_answer(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_chat(&w, "USER alice\r\n");
    w.mute = true;
    world_say(&w, "PASS secret\r\n");
    assert_int_equal(deadline(&w), PF_NEVER);
    world_wait(&w, 10000000);
    assert_false(w.closed);
    w.mute = false;
    world_pump(&w);
    assert_non_null(strstr(world_heard(&w), "+OK 1 messages"));
    assert_int_equal(deadline(&w), w.now + 600000);
    w.mute = true;
    world_say(&w, "RETR 1\r\n");
    assert_int_equal(deadline(&w), PF_NEVER); /* the store is slow: not the client's fault */
    w.mute = false;
    world_pump(&w);
    w.mute = true;
    world_say(&w, "QUIT\r\n");
    assert_int_equal(deadline(&w), PF_NEVER);
    world_end(&w);
}

static void w_036_a_client_that_takes_no_output_is_dropped(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    w.deaf = true;
    world_wait(&w, 1000);
    world_say(&w, "RETR 1\r\n");
    assert_int_equal(deadline(&w), 2000 + 600000);
    world_wait(&w, 599000);
    pf_pop3_server_sent(w.engine, 1, w.now);
    assert_int_equal(deadline(&w), w.now + 600000);
    world_wait(&w, 600000);
    assert_int_equal(w.why, PF_CLOSE_STALL);
    assert_int_equal(pf_pop3_server_out(w.engine).len, 0);
    assert_string_equal(world_asked(&w), "BODY(0) CLOSE");
    world_end(&w);
}

static void w_036_the_stall_timer_runs_while_a_body_is_sent(void **state)
{
    static char big[20000];
    struct world w;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    world_init(&w);
    w.lent = PF_POP3_OUT_MIN;
    w.messages[0].stored = big;
    world_begin(&w);
    w.deaf = true;
    world_say(&w, "RETR 1\r\n");
    assert_true(pf_pop3_server_out(w.engine).len > 0);
    /* The engine was not told when the octets became visible: the next feed counts from its own. */
    world_wait(&w, 700000);
    assert_false(w.closed);
    assert_int_equal(deadline(&w), w.now + 600000);
    world_wait(&w, 600000);
    assert_int_equal(w.why, PF_CLOSE_STALL);
    world_end(&w);
}

static void reading_a_long_answer_is_not_idling(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    world_login(&w);
    w.deaf = true;
    world_say(&w, "UIDL\r\n");
    for (int i = 0; i < 10; i++) {
        world_wait(&w, 300000);
        assert_false(w.closed);
        pf_pop3_server_sent(w.engine, 1, w.now);
    }
    w.deaf = false;
    world_pump(&w);
    assert_int_equal(deadline(&w), w.now + 600000);
    world_end(&w);
}

static void the_last_answer_may_stall_too(void **state)
{
    struct world w;

    (void)state;
    begun(&w);
    w.deaf = true;
    world_say(&w, "QUIT\r\n");
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    assert_int_equal(deadline(&w), w.now + 600000);
    world_wait(&w, 600000);
    assert_int_equal(w.why, PF_CLOSE_STALL);
    assert_int_equal(deadline(&w), PF_NEVER);
    world_wait(&w, 600000);
    assert_string_equal(world_asked(&w), "CLOSE CLOSE");
    world_end(&w);
}

static void times_that_are_not_set_never_come(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.settings.first_command_time = w.settings.login_time = w.settings.idle_time = 0;
    w.settings.stall_time = INT64_MAX - 1;
    w.now = 1000;
    world_start(&w);
    assert_int_equal(deadline(&w), PF_NEVER);
    world_login(&w);
    assert_int_equal(deadline(&w), PF_NEVER);
    w.deaf = true;
    world_say(&w, "STAT\r\n");
    assert_int_equal(deadline(&w), PF_NEVER);
    world_end(&w);
}

static void timers_run_without_a_buffer(void **state)
{
    struct pf_pop3_server *e;
    struct pf_ask ask;
    struct world w;

    (void)state;
    world_init(&w);
    e = pf_pop3_server_new(&w.settings, true, 7);
    assert_int_equal(pf_pop3_server_feed(e, PF_LIT("QUIT\r\n"), 7), 0);
    assert_int_equal(pf_pop3_server_deadline(e), 60007);
    assert_int_equal(pf_pop3_server_feed(e, (struct pf_bytes){0}, 60007), 0);
    assert_true(pf_pop3_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_ASK_CLOSE);
    assert_int_equal(ask.close, PF_CLOSE_IDLE);
    pf_pop3_server_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_034_dec_004_an_idle_client_hears_nothing), T(w_032_w_033_each_command_restarts_ten_minutes),
        T(w_033_a_part_of_a_command_is_none),
        T(a_command_that_came_in_time_counts_when_it_is_looked_at_late),
        T(w_035_the_first_command_and_the_login_have_times_of_their_own),
        T(auth_035_an_exchange_has_a_time_limit), T(no_deadline_while_the_world_owes_an_answer),
        T(w_036_a_client_that_takes_no_output_is_dropped),
        T(w_036_the_stall_timer_runs_while_a_body_is_sent), T(reading_a_long_answer_is_not_idling),
        T(the_last_answer_may_stall_too), T(times_that_are_not_set_never_come),
        T(timers_run_without_a_buffer),
    };

    return RUN(tests);
}
