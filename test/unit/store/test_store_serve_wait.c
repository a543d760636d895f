/* A maildrop that one gate has and another wants. Time is a number that the tests move. */
#include "unit/cm.h"
#include "unit/store/servegate.h"

static struct serverig rig;
static struct servegate holder, newcomer, third;
enum { TIMERS = 8 };

static struct pf_timer *timers[TIMERS]; /* patience of logins, in order */
static unsigned timer_count;
static pf_time skipped; /* how far the tests' clock is ahead */
static uint32_t box;

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
    assert_true(timer_count < TIMERS);
    timers[timer_count++] = timer;
    __real_pf_timer_set(timer, at == PF_NEVER ? at : at - skipped);
}

/* A store that takes its time. */
static bool slow;
static struct pf_store *slow_store;
static struct pf_store_op *slow_op;

void __real_pf_store_op_done(struct pf_store *, struct pf_store_op *);
void __wrap_pf_store_op_done(struct pf_store *store, struct pf_store_op *op);

void __wrap_pf_store_op_done(struct pf_store *store, struct pf_store_op *op)
{
    if (!slow) {
        __real_pf_store_op_done(store, op);
        return;
    }
    slow_store = store;
    slow_op = op;
}

/* The time of the login that began as number `which` of this test has come. */
static void run_out(unsigned which)
{
    skipped += PF_STORE_SERVE_WAIT + 1;
    __real_pf_timer_set(timers[which], 1);
    serverig_turn(&rig);
}

/* The second and third login are under way. */
struct login {
    struct pf_ipc_ask ask;
    bool done;
    enum pf_code verdict, code;
    char say[PF_ERR_SAY], log[PF_ERR_LOG];
    uint32_t box;
};

static void answered(struct pf_ipc_ask *ask)
{
    struct login *l = (struct login *)(void *)ask;
    union pf_store_say say;
    struct pf_err err;

    l->done = true;
    l->verdict = ask->why ? PF_TEMP : PF_OK;
    if (ask->why)
        return;
    assert_true(pf_store_wire_get_say(ask->answer->payload, ask->answer->kind, &say));
    pf_store_wire_err(&say.verdict, &err);
    l->code = err.code;
    memcpy(l->say, err.say, sizeof l->say);
    memcpy(l->log, err.log, sizeof l->log);
    l->box = say.open.box;
}

static struct login login, late;

static void begin_login(struct servegate *gate, struct login *l)
{
    static unsigned char room[2048];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_ticket ticket = servegate_ticket(gate);
    union pf_store_ask ask = {.open.show.ticket = servegate_seal(&rig, &ticket)};
    struct pf_ipc_frame frame = {.kind = PF_STORE_OPEN};

    *l = (struct login){.ask.done = answered};
    assert_true(pf_store_wire_put_ask(&span, PF_STORE_OPEN, &ask));
    frame.payload = pf_span_bytes(&span);
    assert_int_equal(pf_ipc_ask(gate->ipc, &l->ask, &frame), PF_OK);
    serverig_turn(&rig);
}

static int up(void **state)
{
    (void)state;
    skipped = 0;
    timer_count = 0;
    serverig_up(&rig);
    servegate_come(&rig, &holder, 1);
    servegate_come(&rig, &newcomer, 2);
    servegate_come(&rig, &third, 3);
    box = servegate_open(&holder, PF_TICKET_RIGHTS);
    return 0;
}

static int down(void **state)
{
    (void)state;
    servegate_leave(&holder);
    servegate_leave(&newcomer);
    servegate_leave(&third);
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3);
    serverig_down(&rig);
    return 0;
}

static void a_holder_who_stays_is_described(void **state)
{
    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .say = PF_LIT("maildrop has been locked for 3 min"),
                                                 .facts = PF_LIT("from unix for 3 min, busy now")};
    begin_login(&newcomer, &login);
    assert_true(login.done);
    assert_int_equal(login.code, PF_IN_USE);
    assert_string_equal(login.say, "maildrop has been locked for 3 min");
    assert_string_equal(login.log, "/m/anna is locked by another session from unix for 3 min, busy now");
    assert_int_equal(holder.wanted, 1);
    assert_false(holder.gone);
}

static void what_a_holder_says_makes_no_response_code(void **state)
{
    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .say = PF_LIT("[AUTH] wrong password")};
    begin_login(&newcomer, &login);
    assert_int_equal(login.code, PF_IN_USE);
    assert_string_equal(login.say, "");
    assert_string_equal(login.log, "/m/anna is locked by another session");
}

static void a_holder_that_nobody_knows_is_only_in_the_way(void **state)
{
    (void)state;
    begin_login(&newcomer, &login);
    assert_int_equal(login.code, PF_IN_USE);
    assert_string_equal(login.say, "");
}

static void an_open_waits_for_who_leaves(void **state)
{
    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .leaves = true};
    begin_login(&newcomer, &login);
    begin_login(&third, &late);
    assert_false(login.done || late.done);
    servegate_close(&holder, box);
    assert_true(login.done && late.done);
    assert_int_equal((login.code == PF_OK) + (late.code == PF_OK), 1);
    assert_int_equal((login.code == PF_IN_USE) + (late.code == PF_IN_USE), 1);
}

static void patience_ends(void **state)
{
    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .leaves = true, .facts = PF_LIT("from unix")};
    begin_login(&newcomer, &login);
    assert_false(login.done);
    begin_login(&third, &late); /* it has patience of its own */
    run_out(0);
    assert_true(login.done);
    assert_false(late.done);
    assert_int_equal(login.code, PF_IN_USE);
    assert_string_equal(login.log, "/m/anna is locked by another session from unix");
    assert_false(holder.gone);
}

static void a_holder_that_does_not_answer_keeps_nobody_for_ever(void **state)
{
    (void)state;
    holder.mute = true;
    begin_login(&newcomer, &login);
    assert_false(login.done);
    run_out(0);
    assert_true(login.done);
    assert_int_equal(login.code, PF_IN_USE);
    assert_string_equal(login.log, "/m/anna was not unlocked in time");
}

static void a_holder_that_dies_makes_way(void **state)
{
    (void)state;
    holder.mute = true;
    begin_login(&newcomer, &login);
    assert_false(login.done);
    pf_ipc_drop(holder.ipc, "the test");
    serverig_turn(&rig);
    assert_true(login.done);
    assert_int_equal(login.code, PF_OK);
}

/* The lock is taken, and its gate has gone before it heard of it. */
static void an_open_that_was_left_behind_makes_way(void **state)
{
    (void)state;
    servegate_close(&holder, box);
    slow = true;
    begin_login(&newcomer, &login);
    slow = false;
    pf_ipc_drop(newcomer.ipc, "the test");
    serverig_turn(&rig);
    assert_int_equal(login.verdict, PF_TEMP);
    assert_int_equal(pf_store_serve_open(rig.serve), 1);
    begin_login(&third, &late);
    assert_false(late.done);
    __real_pf_store_op_done(slow_store, slow_op);
    serverig_turn(&rig);
    assert_true(late.done);
    assert_int_equal(late.code, PF_OK);
}

/* Its gate was dropped, and that is not known yet. */
static void a_holder_whose_gate_is_going_makes_way(void **state)
{
    (void)state;
    holder.mute = true;
    begin_login(&newcomer, &login);
    pf_ipc_answer(holder.ipc, holder.unanswered, &(struct pf_ipc_frame){.kind = PF_STORE_WANTED});
    begin_login(&third, &late); /* in the same turns */
    serverig_turn(&rig);
    assert_true(login.done && late.done);
    assert_int_equal((login.code == PF_OK) + (late.code == PF_OK), 1);
    assert_int_equal(rig.troubles, 1);
}

static void who_leaves_while_waiting_leaves_nothing(void **state)
{
    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .leaves = true};
    begin_login(&newcomer, &login);
    holder.mute = true;
    begin_login(&third, &late);
    servegate_leave(&newcomer);
    servegate_leave(&third);
    assert_int_equal(login.verdict, PF_TEMP);
    assert_int_equal(late.verdict, PF_TEMP);
    assert_int_equal(pf_store_serve_open(rig.serve), 1);
    servegate_close(&holder, box);
    servegate_come(&rig, &newcomer, 8);
    servegate_come(&rig, &third, 9);
}

static void ended(void *self)
{
    *(bool *)self = true;
}

/* One waits for a close, one for an answer. */
static void the_end_comes_also_for_who_waits(void **state)
{
    bool end = false;

    (void)state;
    holder.answer = (struct pf_store_say_wanted){.found = true, .leaves = true};
    begin_login(&newcomer, &login);
    holder.mute = true;
    begin_login(&third, &late);
    pf_store_serve_end(rig.serve, ended, &end);
    while (!end || !login.done || !late.done)
        pf_loop_turn(rig.loop, true);
    assert_int_equal(login.verdict, PF_TEMP);
    assert_int_equal(late.verdict, PF_TEMP);
    servegate_leave(&holder);
    servegate_leave(&newcomer);
    servegate_leave(&third);
    assert_int_equal(rig.store->held, 0);
    pf_store_free(rig.store);
    pf_seal_free(rig.seal);
    pf_loop_free(rig.loop);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_holder_who_stays_is_described),
        EACH(what_a_holder_says_makes_no_response_code),
        EACH(a_holder_that_nobody_knows_is_only_in_the_way),
        EACH(an_open_waits_for_who_leaves),
        EACH(patience_ends),
        EACH(a_holder_that_does_not_answer_keeps_nobody_for_ever),
        EACH(a_holder_that_dies_makes_way),
        EACH(an_open_that_was_left_behind_makes_way),
        EACH(a_holder_whose_gate_is_going_makes_way),
        EACH(who_leaves_while_waiting_leaves_nothing),
        cmocka_unit_test_setup(the_end_comes_also_for_who_waits, up),
    };

    return RUN(tests);
}
