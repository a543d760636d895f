/* The desk and what joins it, on one loop: gates with people of their own, gates that say nothing, and gates that
 * lie; every allocation fails once. */
#include "unit/cm.h"

#include "session/desk_remote.h"
#include "session/desk_serve.h"
#include "session/desk_wire.h"
#include "sys/ipc.h"
#include "unit/scarce.h"

#include <stdio.h>
#include <unistd.h>

/* The seconds of the desk's patience pass in a moment where a test wants that. */
static bool hurry;
void __real_pf_timer_set(struct pf_timer *timer, pf_time at);
void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at);

static struct pf_loop *loop;

void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    enum { MOMENT = 300 /* ms: enough for who answers at all */ };
    bool patience = at - pf_loop_now(loop) >= PF_DESK_ANSWER_WITHIN;

    __real_pf_timer_set(timer, patience && hurry ? pf_loop_now(loop) + MOMENT : at);
}

/* A process that has `count` sessions, numbers 1 to count; the n-th is `age` + n ms old. */
struct office {
    struct pf_desk_serve *serve;
    struct pf_stats *stats;
    unsigned count, age, kicked, gone;
    uint64_t kicked_number;
};

static struct pf_ctl_source *desk;
static struct pf_stats *own;
static unsigned reloads, left, lost;

static void begin_reload(void *self)
{
    (void)self;
    reloads++;
}

static void desk_gone(void *self, const char *who, const struct pf_err *why, bool expected)
{
    (void)self;
    assert_true(who[0] && why->code != PF_OK);
    left++;
    lost += !expected;
}

static void walk(void *self, uint64_t before, bool (*see)(void *to, const struct pf_ctl_session *), void *to)
{
    const struct office *o = self;

    for (uint64_t n = o->count; n > 0; n--) {
        struct pf_ctl_session s = {.number = n, .age = o->age + n, .user = "anna", .address = "192.0.2.1",
                                   .tls = "none", .command = "-", .received = 11};

        if (n < before && !see(to, &s))
            return;
    }
}

static uint32_t kick(void *self, const struct pf_ctl_who *who)
{
    struct office *o = self;
    bool here = who->number ? who->number <= o->count : strcmp(who->name, "anna") == 0;

    o->kicked_number = who->number;
    o->kicked += here;
    return here;
}

static void look(void *self, struct pf_stats *stats)
{
    pf_stats_gauge(stats, PF_STAT_sessions, ((struct office *)self)->count);
}

static const struct pf_ctl_people people = {walk, kick, look};

static void office_gone(void *self, const struct pf_err *err)
{
    assert_true(err->code != PF_OK);
    ((struct office *)self)->gone++;
}

static void queue(void *self, struct pf_stats *stats)
{
    (void)self;
    pf_stats_gauge(stats, PF_STAT_disk_queue, 5);
}

/* False without memory. */
static bool join(struct office *o, char role, uint32_t number)
{
    struct pf_desk_serve_parts parts = {
        .loop = loop, .role = role, .gone = office_gone, .self = o, .people_self = o};
    int fds[2];

    parts.people = role == 'g' ? &people : NULL;
    parts.look = role == 's' ? queue : NULL;
    o->stats = parts.stats = pf_stats_new(NULL);
    if (!o->stats)
        return false;
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    o->serve = pf_desk_serve_new(&parts, fds[0], NULL);
    return pf_desk_remote_join(desk, role, number, fds[1], NULL) == PF_OK && o->serve;
}

static void leave(struct office *o)
{
    pf_desk_serve_free(o->serve);
    pf_stats_free(o->stats);
    *o = (struct office){0};
}

static bool up(void)
{
    struct pf_desk_remote_parts parts = {.loop = NULL, .reload = begin_reload, .gone = desk_gone};

    reloads = left = lost = 0;
    hurry = false;
    loop = parts.loop = pf_loop_new(NULL);
    own = parts.stats = pf_stats_new(NULL);
    desk = loop && own ? pf_desk_remote_new(&parts, NULL) : NULL;
    return desk;
}

static void down(void)
{
    pf_ctl_source_free(desk);
    pf_stats_free(own);
    if (loop) {
        while (pf_loop_turn(loop, true))
            ;
        pf_loop_free(loop);
    }
}

static struct pf_ctl_ask ask;
static unsigned answers;

static void answered(struct pf_ctl_ask *it)
{
    assert_ptr_equal(it, &ask);
    answers++;
}

static void begin(enum pf_ctl_wish wish)
{
    pf_ctl_ask_done(&ask);
    ask = (struct pf_ctl_ask){.done = answered, .wish = wish, .all = ask.all, .who = ask.who};
    answers = 0;
    pf_ctl_ask(desk, &ask);
    assert_int_equal(answers, 0);
}

static const char *text_of(struct pf_ctl_text *text)
{
    pf_ctl_put_bytes(text, PF_LIT("\0"));
    return text->at;
}

/* What was answered; the lines of SESSIONS. */
static const char *get(enum pf_ctl_wish wish)
{
    begin(wish);
    while (!answers)
        pf_loop_turn(loop, true);
    assert_int_equal(answers, 1);
    return text_of(&ask.text);
}

static uint64_t figure(enum pf_stat stat)
{
    return pf_stats_value(ask.stats, stat, NULL, NULL);
}

static void sessions_of_all_gates_are_one_list(void **state)
{
    struct office a = {.count = 2, .age = 5000}, b = {.count = 1, .age = 5500}, auth = {0};

    (void)state;
    assert_true(up() && join(&a, 'g', 3) && join(&b, 'g', 4294967295) && join(&auth, 'a', 1));
    assert_string_equal(get(PF_CTL_WISH_SESSIONS), "4294967295.1\tanna\t192.0.2.1\tnone\tearly\t5\t0\t0\t0\n"
                                                   "3.2\tanna\t192.0.2.1\tnone\tearly\t5\t0\t0\t0\n"
                                                   "3.1\tanna\t192.0.2.1\tnone\tearly\t5\t0\t0\t0\n");
    assert_int_equal(ask.missing.len, 0);
    ask.all = true;
    assert_non_null(strstr(get(PF_CTL_WISH_SESSIONS), "3.1\tanna\t192.0.2.1\tnone\tearly\t5\t0\t0\t0\t0\t11\t0\t-\n"));
    ask.all = false;
    a.count = 5000; /* many pages */
    get(PF_CTL_WISH_SESSIONS);
    assert_int_equal(ask.missing.len, 0);
    assert_int_equal(strncmp(ask.text.at, "3.5000\t", 7), 0);
    for (size_t i = 0, lines = 0; ask.text.at[i]; i++) {
        lines += ask.text.at[i] == '\n';
        if (!ask.text.at[i + 1])
            assert_int_equal(lines, 5001);
    }
    leave(&a), leave(&b), leave(&auth);
    down();
}

static void who_is_kicked(void **state)
{
    struct office a = {.count = 2}, b = {.count = 9};

    (void)state;
    assert_true(up() && join(&a, 'g', 1) && join(&b, 'g', 2));
    ask.who = (struct pf_ctl_who){.gate = 2, .number = 9};
    get(PF_CTL_WISH_KICK);
    assert_true(ask.kicked == 1 && a.kicked == 0 && b.kicked == 1 && b.kicked_number == 9);
    ask.who = (struct pf_ctl_who){.number = 1}; /* of no gate */
    get(PF_CTL_WISH_KICK);
    assert_true(ask.kicked == 0 && a.kicked == 0 && b.kicked == 1);
    ask.who = (struct pf_ctl_who){.name = "anna"};
    get(PF_CTL_WISH_KICK);
    assert_true(ask.kicked == 2 && a.kicked == 1 && b.kicked == 2);
    ask.who = (struct pf_ctl_who){0};
    leave(&a), leave(&b);
    down();
}

static void figures_are_added_and_do_not_go_back(void **state)
{
    struct office a = {.count = 2}, b = {.count = 1}, store = {0};

    (void)state;
    assert_true(up() && join(&a, 'g', 1) && join(&b, 'g', 2) && join(&store, 's', 1));
    pf_stats_gauge(own, PF_STAT_start_time_seconds, 1000);
    pf_stats_count(a.stats, PF_STAT_commands_total, NULL, NULL, 10);
    pf_stats_count(b.stats, PF_STAT_commands_total, NULL, NULL, 5);
    pf_stats_gauge(a.stats, PF_STAT_disk_queue, 99); /* none of its business */
    get(PF_CTL_WISH_STATS);
    assert_true(figure(PF_STAT_sessions) == 3 && figure(PF_STAT_commands_total) == 15);
    assert_true(figure(PF_STAT_disk_queue) == 5 && figure(PF_STAT_start_time_seconds) == 1000);
    assert_true(figure(PF_STAT_processes) == 5 && figure(PF_STAT_processes_silent) == 0);
    pf_stats_count(a.stats, PF_STAT_commands_total, NULL, NULL, 1); /* told with the end */
    pf_desk_serve_bye(a.serve);
    leave(&a);
    leave(&b); /* a death */
    get(PF_CTL_WISH_STATS);
    while (left < 2)
        pf_loop_turn(loop, true);
    get(PF_CTL_WISH_STATS);
    assert_true(figure(PF_STAT_sessions) == 0 && figure(PF_STAT_commands_total) == 16);
    assert_true(figure(PF_STAT_processes) == 3 && figure(PF_STAT_processes_lost_total) == 1 && lost == 1);
    assert_int_equal(pf_desk_remote_count(desk), 1);
    leave(&store);
    down();
}

static void who_does_not_answer_is_named(void **state)
{
    struct office a = {.count = 1};
    int fds[2];

    (void)state;
    assert_true(up() && join(&a, 'g', 1));
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    assert_int_equal(pf_desk_remote_join(desk, 'g', 2, fds[1], NULL), PF_OK);
    hurry = true;
    assert_non_null(strstr(get(PF_CTL_WISH_SESSIONS), "1.1\tanna\t"));
    assert_string_equal(text_of(&ask.missing), "gate 2");
    get(PF_CTL_WISH_STATS);
    assert_string_equal(text_of(&ask.missing), "gate 2");
    assert_true(figure(PF_STAT_processes_silent) == 1 && figure(PF_STAT_sessions) == 1);
    begin(PF_CTL_WISH_STATS);
    pf_ctl_abandon(&ask);
    close(fds[0]);
    while (!left)
        pf_loop_turn(loop, true);
    get(PF_CTL_WISH_STATS);
    assert_int_equal(ask.missing.len, 0);
    assert_int_equal(lost, 1);
    leave(&a);
    down();
}

/* A gate in the hands of a stranger: answers with what it is told to. */
static struct {
    struct pf_ipc *ipc;
    unsigned char room[PF_DESK_PAYLOAD_MAX];
    struct pf_span say;
    bool endless;
    unsigned asked, gone;
} liar;

static void lie(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct pf_ctl_session s = {.age = UINT64_MAX, .user = "x", .address = "x", .tls = "x", .command = "x"};
    uint64_t before;

    (void)self;
    liar.asked++;
    if (liar.endless && pf_desk_get_before(frame->payload, &before)) {
        liar.say.len = 0;
        pf_span_put(&liar.say, PF_LIT("\1"));
        for (s.number = before - 1; pf_desk_put_session(&liar.say, &s); s.number--)
            ;
    }
    frame->payload = pf_span_bytes(&liar.say);
    pf_ipc_answer(liar.ipc, id, frame);
}

static void lie_gone(void *self, const struct pf_err *err)
{
    (void)self;
    (void)err;
    liar.gone++;
    pf_ipc_close(liar.ipc);
}

static void liar_joins(void)
{
    static const struct pf_ipc_calls lies = {.request = lie, .gone = lie_gone};
    struct pf_ipc_settings settings = {.calls = &lies, .any_uid = true};
    int fds[2];

    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    liar.ipc = pf_ipc_new(loop, fds[0], &settings, NULL);
    liar.say = (struct pf_span){liar.room, 0, sizeof liar.room};
    liar.endless = false;
    liar.gone = liar.asked = 0;
    assert_int_equal(pf_desk_remote_join(desk, 'g', 66, fds[1], NULL), PF_OK);
}

static void a_gate_that_lies_gets_its_own_lines_wrong(void **state)
{
    static const struct {
        enum pf_ctl_wish wish;
        struct pf_bytes say;
    } lies[] = {{PF_CTL_WISH_SESSIONS, {0}},
                {PF_CTL_WISH_SESSIONS, {(const unsigned char *)"\2", 1}},
                {PF_CTL_WISH_SESSIONS, {(const unsigned char *)"\1", 1}},
                {PF_CTL_WISH_SESSIONS, {(const unsigned char *)"\0x", 2}},
                {PF_CTL_WISH_KICK, {(const unsigned char *)"\1\1\1", 3}},
                {PF_CTL_WISH_STATS, {(const unsigned char *)"postfach", 8}}};
    struct office a = {.count = 1};

    (void)state;
    assert_true(up() && join(&a, 'g', 1));
    ask.who = (struct pf_ctl_who){.name = "anna"};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        liar_joins();
        pf_span_put(&liar.say, lies[i].say);
        get(lies[i].wish);
        assert_string_equal(text_of(&ask.missing), "gate 66 (what it said makes no sense)");
        assert_true(ask.wish != PF_CTL_WISH_SESSIONS || strncmp(ask.text.at, "1.1\tanna", 8) == 0);
        assert_true(ask.wish != PF_CTL_WISH_KICK || ask.kicked == 1);
        assert_true(ask.wish != PF_CTL_WISH_STATS || figure(PF_STAT_sessions) == 1);
        while (!liar.gone || pf_desk_remote_count(desk) > 1)
            pf_loop_turn(loop, true);
    }
    ask.who = (struct pf_ctl_who){0};
    leave(&a);
    down();
}

static void a_gate_that_never_ends_is_cut(void **state)
{
    struct office a = {.count = 1};

    (void)state;
    assert_true(up() && join(&a, 'g', 1));
    liar_joins();
    liar.endless = true;
    get(PF_CTL_WISH_SESSIONS);
    assert_int_equal(strncmp(text_of(&ask.missing), "gate 66", 7), 0); /* in part, or too late */
    assert_true(ask.text.len < PF_CTL_TEXT_MAX / 2 && liar.asked < 10000);
    assert_non_null(strstr(ask.text.at, "\n1.1\tanna\t"));
    pf_ipc_close(liar.ipc);
    leave(&a);
    down();
}

static void reloads_come_one_after_the_other(void **state)
{
    struct pf_ctl_ask second = {.done = answered, .wish = PF_CTL_WISH_RELOAD};

    (void)state;
    assert_true(up());
    begin(PF_CTL_WISH_RELOAD);
    second.done = ask.done;
    assert_int_equal(reloads, 1);
    pf_ctl_ask(desk, &second); /* may have seen other settings than the first */
    assert_int_equal(reloads, 1);
    pf_desk_remote_reloaded(desk, false, PF_LIT("x:1:1: wrong\n"));
    assert_int_equal(reloads, 2);
    while (!answers)
        pf_loop_turn(loop, true);
    assert_false(ask.good);
    assert_string_equal(text_of(&ask.text), "x:1:1: wrong\n");
    pf_ctl_abandon(&second);
    pf_desk_remote_reloaded(desk, true, (struct pf_bytes){0});
    hurry = true;
    get(PF_CTL_WISH_RELOAD); /* and the keeper is silent */
    hurry = false;
    assert_int_equal(reloads, 3);
    assert_false(ask.good);
    assert_non_null(strstr(ask.text.at, "has not answered in time"));
    begin(PF_CTL_WISH_RELOAD); /* behind the late one */
    pf_desk_remote_reloaded(desk, true, (struct pf_bytes){0});
    assert_int_equal(reloads, 4);
    pf_desk_remote_reloaded(desk, true, (struct pf_bytes){0});
    while (!answers)
        pf_loop_turn(loop, true);
    assert_true(ask.good);
    assert_int_equal(pf_stats_value(own, PF_STAT_reloads_total, "good", NULL), 3);
    assert_int_equal(pf_stats_value(own, PF_STAT_reloads_total, "bad", NULL), 1);
    pf_ctl_ask_done(&ask);
    down();
}

static bool with_failure(unsigned long n)
{
    struct office a = {.count = 300}, b = {.count = 1};

    failed = false;
    countdown = n;
    if (up() && join(&a, 'g', 1) && join(&b, 'g', 2)) {
        begin(PF_CTL_WISH_SESSIONS);
        while (!answers)
            pf_loop_turn(loop, true);
        assert_true(ask.text.failed || ask.missing.len || failed || ask.text.len > 300 * 20);
        begin(PF_CTL_WISH_STATS);
        while (!answers)
            pf_loop_turn(loop, true);
        assert_true(failed || figure(PF_STAT_sessions) == 301);
    }
    countdown = 0;
    pf_ctl_ask_done(&ask);
    leave(&a), leave(&b);
    down();
    return failed;
}

static void every_allocation_fails_once(void **state)
{
    unsigned long n = 1;

    (void)state;
    while (with_failure(n))
        n++;
    assert_true(n > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sessions_of_all_gates_are_one_list),    T(who_is_kicked),
        T(figures_are_added_and_do_not_go_back),  T(who_does_not_answer_is_named),
        T(a_gate_that_lies_gets_its_own_lines_wrong), T(a_gate_that_never_ends_is_cut),
        T(reloads_come_one_after_the_other),      T(every_allocation_fails_once)};

    return RUN(tests);
}
