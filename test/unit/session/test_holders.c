/* Who holds a maildrop, what a second login is told of it, and when an idle holder gives way. Time is
 * a number that the tests move; nothing here sleeps. */
#include "unit/cm.h"

#include "hallrig.h"
#include "session/guest.h"

#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct client holder, newcomer, third;
static pf_time skipped; /* how far the tests' clock is ahead */

/* Linked with --wrap: what the session's rooms call. */
pf_time __real_pf_loop_now(const struct pf_loop *);
void __real_pf_timer_set(struct pf_timer *, pf_time);
pf_time __wrap_pf_loop_now(const struct pf_loop *loop);
void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at);

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    return __real_pf_loop_now(loop) + skipped;
}

void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    __real_pf_timer_set(timer, at == PF_NEVER ? at : at - skipped);
}

static void scene(const char *extra)
{
    skipped = 0;
    rig_up(&rig, extra);
    rig_add(&rig, "Subject: a\n\nbody\n", "u1");
    rig_add(&rig, "Subject: b\n\nbody\n", "u2");
    client_come(&rig, &holder);
    client_login(&holder);
}

static void end(void)
{
    client_leave(&holder);
    client_leave(&newcomer);
    rig_down(&rig);
}

/* The answer to PASS of somebody new. */
static const char *come(struct client *client)
{
    client_come(&rig, client);
    client_until(client, "\r\n");
    client_ask(client, "USER anna");
    return client_ask(client, "PASS secret");
}

/* RFC 2449 section 8.1.2, and RC-013: the word that old clients look for is in it. */
static void rc_013_in_use_tells_age_idle_time_and_where_from(void **state)
{
    (void)state;
    scene("");
    skipped += 60000;
    client_ask(&holder, "NOOP");
    skipped += 180000;
    assert_string_equal(come(&newcomer), "-ERR [IN-USE] maildrop has been locked for 4 min by a session from unix, "
                                         "idle for 3 min\r\n");
    assert_non_null(strstr(rig.logged, "code=IN_USE err=\"/m/anna is locked by another session from unix for 4 min, "
                                       "idle for 3 min\""));
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

/* RC-010: code and text only behind a right password. */
static void rc_010_who_does_not_know_the_password_learns_nothing(void **state)
{
    (void)state;
    scene("policy { idle-yield 2m }");
    skipped += 300000;
    client_come(&rig, &newcomer);
    client_until(&newcomer, "\r\n");
    client_ask(&newcomer, "USER anna");
    assert_memory_equal(client_ask(&newcomer, "PASS wrong"), "-ERR [AUTH] ", 12);
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

/* RFC 1939 section 3: what was not ended by QUIT removes nothing. */
static void p3_039_an_idle_holder_yields_and_loses_nothing(void **state)
{
    (void)state;
    scene("policy { idle-yield 2m }");
    client_ask(&holder, "DELE 1");
    skipped += 120000;
    assert_memory_equal(come(&newcomer), "+OK 2 messages", 14);
    assert_string_equal(client_eof(&holder), "-ERR [SYS/TEMP] this session was idle, and another one of its user "
                                             "needed the maildrop; nothing was removed\r\n");
    assert_string_equal(client_ask(&newcomer, "STAT"), "+OK 2 40\r\n");
    assert_non_null(strstr(rig.logged, "event=yielded user=anna address=unix holder=unix held=120"));
    assert_non_null(strstr(rig.logged, "end=yielded"));
    assert_null(strstr(rig.logged, "login_failed"));
    end();
}

static void who_is_idle_for_less_does_not_yield(void **state)
{
    (void)state;
    scene("policy { idle-yield 2m }");
    skipped += 110000;
    assert_memory_equal(come(&newcomer), "-ERR [IN-USE] ", 14);
    assert_memory_equal(client_ask(&holder, "NOOP"), "+OK", 3);
    skipped += 110000; /* since the login more than two minutes, since the last command less */
    client_leave(&newcomer);
    assert_memory_equal(come(&newcomer), "-ERR [IN-USE] ", 14);
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

static void nobody_yields_where_that_is_not_set(void **state)
{
    (void)state;
    scene("");
    skipped += 599000;
    assert_memory_equal(come(&newcomer), "-ERR [IN-USE] ", 14);
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

/* It came before anybody looked, so the holder is not idle. */
static void a_command_that_is_here_already_counts(void **state)
{
    (void)state;
    scene("policy { idle-yield 2m }");
    client_come(&rig, &newcomer);
    client_until(&newcomer, "\r\n");
    client_ask(&newcomer, "USER anna");
    skipped += 300000;
    client_send(&newcomer, "PASS secret\r\n");
    client_send(&holder, "NOOP\r\n");
    assert_memory_equal(client_until(&newcomer, "\r\n"), "-ERR [IN-USE] ", 14);
    assert_memory_equal(client_until(&holder, "\r\n"), "+OK", 3);
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

/* Whoever has not taken what it asked for is not idle, be it with us or in the kernel. */
static void a_message_on_its_way_does_not_yield(size_t octets)
{
    static char message[2000001];

    memset(message, 'x', octets);
    for (size_t i = 69; i < octets; i += 70)
        message[i] = '\n';
    message[octets] = 0;
    skipped = 0;
    rig_up(&rig, "policy { idle-yield 1s }");
    rig_add(&rig, message, "u1");
    client_come(&rig, &holder);
    client_login(&holder);
    client_send(&holder, "RETR 1\r\n");
    for (int i = 0; i < 200; i++)
        pf_loop_turn(rig.loop, false);
    skipped += 300000;
    assert_memory_equal(come(&newcomer), "-ERR [IN-USE] ", 14);
    end();
}

static void who_reads_slowly_does_not_yield(void **state)
{
    (void)state;
    a_message_on_its_way_does_not_yield(2000000); /* most of it waits in the store */
    a_message_on_its_way_does_not_yield(2000);    /* all of it is in the kernel */
}

/* The client has gone, the store is not through with the box yet. */
static void a_login_waits_for_who_is_leaving(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &newcomer);
    client_until(&newcomer, "\r\n");
    client_ask(&newcomer, "USER anna");
    for (int i = 0; i < 20; i++) { /* each time one turn more or less between the two */
        client_leave(&holder);
        for (int turn = 0; turn < i; turn++)
            pf_loop_turn(rig.loop, false);
        assert_memory_equal(client_ask(&newcomer, "PASS secret"), "+OK", 3);
        holder = newcomer;
        client_come(&rig, &newcomer);
        client_until(&newcomer, "\r\n");
        client_ask(&newcomer, "USER anna");
    }
    end();
}

/* Where a box is closed, all who wait are gone through: thousands of holders must not be among them. */
static struct pf_guest_session *guest_of_hall(enum pf_hold_kind kind)
{
    struct pf_guest_session *list = kind == PF_HOLD_BOX ? rig.hall->holds : rig.hall->waits;

    for (struct pf_guest_session *g = list; g; g = g->hold.next)
        assert_int_equal(g->hold.kind, kind);
    return list;
}

/* Until somebody waits for the lock; the close of the box is kept from happening meanwhile. */
static struct pf_guest_session *until_waiting(struct pf_guest_session *h)
{
    struct pf_guest_session *w;

    while (!(w = guest_of_hall(PF_HOLD_WAITING)))
        pf_loop_turn(rig.loop, false);
    assert_true(h->stage == PF_STAGE_GONE && !h->op_busy); /* its box is closed on a later turn */
    h->op_busy = true;
    return w;
}

static void let_go(struct pf_guest_session *h)
{
    h->op_busy = false;
    pf_guest_release(h);
}

/* A store that takes long to close. */
static void patience_with_a_lock_ends(void **state)
{
    struct pf_guest_session *h;

    (void)state;
    scene("policy { idle-yield 1s }");
    h = guest_of_hall(PF_HOLD_BOX);
    client_come(&rig, &newcomer);
    client_until(&newcomer, "\r\n");
    client_ask(&newcomer, "USER anna");
    skipped += 2000;
    client_send(&newcomer, "PASS secret\r\n");
    until_waiting(h);
    __real_pf_timer_set(guest_of_hall(PF_HOLD_WAITING)->hold.patience, 1);
    assert_memory_equal(client_until(&newcomer, "\r\n"), "-ERR [IN-USE] maildrop has been locked for 2 s by ", 50);
    assert_null(guest_of_hall(PF_HOLD_WAITING));
    let_go(h);
    client_ask(&newcomer, "USER anna");
    assert_memory_equal(client_ask(&newcomer, "PASS secret"), "+OK", 3); /* a new try has its own patience */
    end();
}

static void who_leaves_while_waiting_leaves_nothing(void **state)
{
    struct pf_guest_session *h;

    (void)state;
    scene("policy { idle-yield 1s }");
    h = guest_of_hall(PF_HOLD_BOX);
    client_come(&rig, &newcomer);
    client_until(&newcomer, "\r\n");
    client_ask(&newcomer, "USER anna");
    skipped += 2000;
    client_send(&newcomer, "PASS secret\r\n");
    pf_guest_depart(until_waiting(h), PF_CLOSE_EOF, true);
    assert_null(guest_of_hall(PF_HOLD_WAITING));
    let_go(h);
    assert_memory_equal(come(&third), "+OK", 3);
    client_leave(&third);
    end();
}

/* Two wait for one lock: one gets it, the other is told who. */
static void only_one_of_two_gets_it(void **state)
{
    struct client *two[] = {&newcomer, &third};
    unsigned in = 0;

    (void)state;
    scene("policy { idle-yield 1m }");
    for (int i = 0; i < 2; i++) {
        client_come(&rig, two[i]);
        client_until(two[i], "\r\n");
        client_ask(two[i], "USER anna");
    }
    skipped += 60000;
    for (int i = 0; i < 2; i++)
        client_send(two[i], "PASS secret\r\n");
    for (int i = 0; i < 2; i++) {
        const char *got = client_until(two[i], "\r\n");

        in += memcmp(got, "+OK", 3) == 0;
        assert_true(memcmp(got, "+OK", 3) == 0 || memcmp(got, "-ERR [IN-USE] ", 14) == 0);
    }
    assert_int_equal(in, 1);
    client_leave(&third);
    end();
}

/* The session that has a box in this rig: the first of the process or any later one. */
static uint64_t number_of_holder(void)
{
    const struct pf_guest_session *g = guest_of_hall(PF_HOLD_BOX);

    return g ? g->id : 0;
}

static struct pf_store_wanted ask_hall(uint64_t session, const char *user)
{
    struct pf_store_wanted wanted = {.session = session, .user = user};

    pf_hall_wanted(rig.hall, &wanted);
    return wanted;
}

static void another_process_is_told_who_holds_it(void **state)
{
    struct pf_store_wanted told;

    (void)state;
    scene("");
    skipped += 180000;
    told = ask_hall(number_of_holder(), "anna");
    assert_true(told.found && !told.leaves);
    assert_string_equal(told.say, "maildrop has been locked for 3 min by a session from unix, idle for 3 min");
    assert_string_equal(told.facts, "from unix for 3 min, idle for 3 min");
    told = ask_hall(number_of_holder(), "berta"); /* who may look, and is not told where he is */
    assert_true(told.found && !told.leaves);
    assert_string_equal(told.say, "maildrop has been locked for 3 min by a session, idle for 3 min");
    assert_false(ask_hall(number_of_holder() + 1, "anna").found);
    assert_string_equal(client_ask(&holder, "STAT"), "+OK 2 40\r\n");
    end();
}

static void an_idle_holder_yields_to_another_process(void **state)
{
    struct pf_store_wanted told;

    (void)state;
    scene("policy { idle-yield 2m }");
    skipped += 119000;
    told = ask_hall(number_of_holder(), "anna");
    assert_true(told.found && !told.leaves);
    skipped += 1000;
    told = ask_hall(number_of_holder(), "anna");
    assert_true(told.found && told.leaves);
    assert_memory_equal(client_eof(&holder), "-ERR [SYS/TEMP] this session was idle", 37);
    assert_non_null(strstr(rig.logged, "event=yielded user=anna holder=unix held=120"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rc_013_in_use_tells_age_idle_time_and_where_from),
        T(rc_010_who_does_not_know_the_password_learns_nothing),
        T(p3_039_an_idle_holder_yields_and_loses_nothing), T(who_is_idle_for_less_does_not_yield),
        T(nobody_yields_where_that_is_not_set), T(a_command_that_is_here_already_counts),
        T(who_reads_slowly_does_not_yield), T(a_login_waits_for_who_is_leaving), T(patience_with_a_lock_ends),
        T(who_leaves_while_waiting_leaves_nothing), T(only_one_of_two_gets_it),
        T(another_process_is_told_who_holds_it), T(an_idle_holder_yields_to_another_process),
    };

    return RUN(tests);
}
