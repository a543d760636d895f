#include "unit/cm.h"
#include "unit/proto/client_desk.h"

enum { BEGINNING = 1000, GREETING = 60 * 1000, ANSWER = 180 * 1000, STALL = 180 * 1000 };

/* Nothing happens before the deadline; at it the session ends so. */
static void ends(struct desk *d, pf_time deadline, const char *heard)
{
    assert_int_equal(pf_pop3_client_deadline(d->engine), deadline);
    d->now = deadline - 1;
    assert_int_equal(pf_pop3_client_feed(d->engine, PF_LIT(""), d->now), 0);
    IS(desk_events(d), "");
    assert_int_equal(pf_pop3_client_deadline(d->engine), deadline);
    d->now = deadline;
    assert_int_equal(pf_pop3_client_feed(d->engine, PF_LIT(""), d->now), 0);
    IS(desk_events(d), heard);
    assert_int_equal(pf_pop3_client_deadline(d->engine), PF_NEVER);
    desk_end(d);
}

static void a_greeting_that_does_not_come(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_start(&d);
    d.now += 5000;
    HEAR(&d, "+OK half a line"); /* does not buy time */
    ends(&d, BEGINNING + GREETING, "LOST time\n");
}

static void cap_003_an_answer_that_does_not_come(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER); /* nothing is awaited */
    d.now += 10000000;
    desk_say(&d, PF_VERB_CAPA);
    d.now += 7;
    desk_out(&d);
    ends(&d, BEGINNING + 10000007 + ANSWER, "END CAPA cut ~TEMP\nLOST time\n");
}

static void octets_of_an_answer_buy_time(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say_number(&d, PF_VERB_RETR, 1);
    desk_out(&d);
    for (int i = 0; i < 10; i++) {
        d.now += ANSWER - 1;
        desk_hear(&d, i ? PF_LIT("x") : PF_LIT("+OK\r\n"));
    }
    ends(&d, d.now + ANSWER, "END RETR cut 1 9 ~TEMP\nLOST time\n");
}

static void w_036_a_server_that_takes_no_output(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.settings.answer_time = 2 * STALL;
    desk_login(&d);
    d.now += 1000;
    desk_say(&d, PF_VERB_NOOP);
    d.now += 1000;
    pf_pop3_client_sent(d.engine, 2, d.now);
    ends(&d, d.now + STALL, "END NOOP cut ~TEMP\nLOST stall\n");
}

static void after_a_long_rest_the_clock_begins_anew(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.settings.stall_time = 0;
    desk_login(&d);
    d.now += 100 * ANSWER;
    desk_say(&d, PF_VERB_NOOP); /* and is not sent */
    ends(&d, d.now + ANSWER, "END NOOP unsent ~TEMP\nLOST time\n");
}

/* The clock of a command begins when its turn comes, not when it was queued. */
static void a_queue_does_not_age(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_NOOP);
    desk_say(&d, PF_VERB_RSET);
    desk_out(&d);
    d.now += ANSWER - 1;
    HEAR(&d, "+OK\r\n");
    assert_int_equal(pf_pop3_client_deadline(d.engine), d.now + ANSWER);
    d.now += 500;
    desk_out(&d);
    ends(&d, d.now + ANSWER, "END RSET cut ~TEMP\nLOST time\n");
}

static void cap_029_pipelining_that_was_only_announced(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login_pipelined(&d);
    desk_say(&d, PF_VERB_STAT);
    desk_say(&d, PF_VERB_UIDL);
    desk_out(&d);
    HEAR(&d, "+OK 0 0\r\n");
    d.now = pf_pop3_client_deadline(d.engine);
    pf_pop3_client_feed(d.engine, PF_LIT(""), d.now);
    IS(desk_events(&d), "END UIDL cut ~TEMP\nLOST time\n");
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight_most, 2);
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight_lost, 1);
    desk_end(&d);
}

static void an_answer_in_time_counts_however_late_it_is_looked_at(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_NOOP);
    desk_out(&d);
    d.now += 2 * ANSWER;
    IS(HEAR(&d, "+OK\r\n"), "END NOOP whole\n");
    desk_end(&d);
}

static void times_of_zero_never_come(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.settings.greeting_time = d.settings.answer_time = d.settings.stall_time = 0;
    desk_start(&d);
    assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER);
    HEAR(&d, "+OK\r\n");
    desk_say(&d, PF_VERB_CAPA);
    assert_int_equal(pf_pop3_client_deadline(d.engine), PF_NEVER);
    d.now = INT64_MAX;
    pf_pop3_client_feed(d.engine, PF_LIT(""), d.now);
    IS(desk_events(&d), "");
    desk_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_greeting_that_does_not_come),
        T(cap_003_an_answer_that_does_not_come),
        T(octets_of_an_answer_buy_time),
        T(w_036_a_server_that_takes_no_output),
        T(after_a_long_rest_the_clock_begins_anew),
        T(a_queue_does_not_age),
        T(cap_029_pipelining_that_was_only_announced),
        T(an_answer_in_time_counts_however_late_it_is_looked_at),
        T(times_of_zero_never_come),
    };
    return RUN(tests);
}
