/* The journal over a border between processes: what arrives, what waits, and who is dropped. */
#include "unit/cm.h"

#include "sys/journal_remote.h"
#include "sys/journal_serve.h"

#include <unistd.h>

enum { KIND = 77 };
#define NOW 1763812800000

struct desk {
    struct pf_journal_sink sink;
    struct pf_journal_tray tray;
    struct pf_ipc *ipc;
    unsigned notices, gone;
    const char *why;
};

static struct pf_loop *loop;
static struct desk desk;
static struct pf_ipc *gate;
static struct pf_journal_remote *remote;

static int64_t clock_of_test(void)
{
    return NOW;
}

static void keep(struct pf_journal_sink *sink, struct pf_bytes line)
{
    pf_journal_tray_put(&((struct desk *)(void *)sink)->tray, line);
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct desk *d = self;

    assert_int_equal(frame->kind, KIND);
    d->notices++;
    d->why = pf_journal_serve(&d->sink, 3, frame->payload, NOW);
    if (d->why)
        pf_ipc_drop(d->ipc, d->why);
}

static void gone(void *self, const struct pf_err *err)
{
    (void)err;
    ((struct desk *)self)->gone++;
}

static void nobody(void *self, const struct pf_err *err)
{
    (void)self, (void)err;
}

static void dial(void)
{
    static const struct pf_ipc_calls desk_calls = {.notice = notice, .gone = gone}, gate_calls = {.gone = nobody};
    struct pf_ipc_settings s = {.calls = &desk_calls, .self = &desk, .any_uid = true};
    int fds[2];

    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    desk.ipc = pf_ipc_new(loop, fds[0], &s, NULL);
    s.calls = &gate_calls;
    gate = pf_ipc_new(loop, fds[1], &s, NULL);
    assert_true(desk.ipc && gate);
}

static int up(void **state)
{
    const struct pf_journal_remote_settings s = {KIND, 3, 1 << 20, clock_of_test};

    (void)state;
    alarm(60);
    loop = pf_loop_new(NULL);
    assert_non_null(loop);
    memset(&desk, 0, sizeof desk);
    desk.sink.put = keep;
    desk.tray.most = 1 << 22;
    remote = pf_journal_remote_new(loop, &s, NULL);
    assert_non_null(remote);
    dial();
    return 0;
}

static int down(void **state)
{
    (void)state;
    pf_journal_remote_free(remote);
    pf_ipc_close(desk.ipc);
    pf_ipc_close(gate);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
    pf_journal_tray_done(&desk.tray);
    alarm(0);
    return 0;
}

static void say(uint64_t session)
{
    struct pf_journal_record r = {.event = PF_JOURNAL_fetched, .at = NOW};

    r.number[PF_JOURNAL_SESSION] = session;
    r.text[PF_JOURNAL_UIDL] = PF_LIT("some-uidl-of-a-common-length.M1P1.mx");
    pf_journal_put(pf_journal_remote_sink(remote), &r);
}

static uint64_t session_of(struct pf_bytes line, enum pf_journal_event event)
{
    static unsigned char room_at[PF_JOURNAL_LINE_MAX];
    struct pf_span room = {room_at, 0, sizeof room_at};
    struct pf_journal_record r;

    assert_int_equal(pf_journal_read(line, &room, &r), PF_JOURNAL_GOOD);
    assert_int_equal(r.number[PF_JOURNAL_PROCESS], 3);
    assert_int_equal(r.event, event);
    return event == PF_JOURNAL_lost ? r.number[PF_JOURNAL_COUNT] : r.number[PF_JOURNAL_SESSION];
}

static void turn_until_has(const char *text)
{
    while (!desk.tray.len || !memmem(desk.tray.at, desk.tray.len, text, strlen(text)))
        pf_loop_turn(loop, true);
}

static void all_lines_arrive_in_order_and_a_turns_lines_together(void **state)
{
    struct pf_bytes rest;

    (void)state;
    pf_journal_remote_to(remote, gate);
    for (uint64_t i = 1; i <= 5000; i++)
        say(i);
    turn_until_has(" session=5000 ");
    assert_in_range(desk.notices, 5, 10);
    rest = pf_bytes_from(desk.tray.at, desk.tray.len);
    for (uint64_t i = 1; i <= 5000; i++) {
        const unsigned char *end = memchr(rest.at, '\n', rest.len);

        assert_int_equal(session_of(pf_bytes_head(rest, (size_t)(end - rest.at)), PF_JOURNAL_fetched), i);
        rest = pf_bytes_skip(rest, (size_t)(end - rest.at) + 1);
    }
    assert_int_equal(rest.len, 0);
}

static void lines_wait_for_the_other_side_and_the_oldest_go(void **state)
{
    struct pf_bytes rest;
    uint64_t first, lost = 0, seen = 0;

    (void)state;
    for (uint64_t i = 1; i <= 20000; i++)
        say(i);
    pf_loop_turn(loop, false);
    assert_int_equal(desk.notices, 0);
    pf_journal_remote_to(remote, gate);
    turn_until_has(" lost ");
    rest = pf_bytes_from(desk.tray.at, desk.tray.len);
    first = session_of(pf_bytes_head(rest, (size_t)((unsigned char *)memchr(rest.at, '\n', rest.len) - rest.at)),
                       PF_JOURNAL_fetched);
    while (rest.len) {
        size_t len = (size_t)((const unsigned char *)memchr(rest.at, '\n', rest.len) - rest.at);

        if (len + 1 == rest.len)
            lost = session_of(pf_bytes_head(rest, len), PF_JOURNAL_lost);
        else
            seen++;
        rest = pf_bytes_skip(rest, len + 1);
    }
    assert_int_equal(lost, first - 1);
    assert_int_equal(lost + seen, 20000);
}

static void a_socket_that_is_full_is_tried_again(void **state)
{
    (void)state;
    pf_journal_remote_to(remote, gate);
    for (int round = 0; round < 200; round++) { /* more frames than may wait, with nobody reading between them */
        for (uint64_t i = 0; i < 100; i++)
            say(1);
        pf_journal_remote_to(remote, gate);
    }
    say(424242);
    turn_until_has(" session=424242 ");
    assert_int_equal(desk.gone, 0);
}

static void who_speaks_for_another_or_nonsense_is_dropped(void **state)
{
    static unsigned char at[PF_JOURNAL_LINE_MAX];
    struct pf_journal_record r = {.event = PF_JOURNAL_deleted, .at = NOW};
    struct pf_span span = {at, 0, sizeof at};

    (void)state;
    r.number[PF_JOURNAL_PROCESS] = 3;
    assert_true(pf_journal_write(&span, &r));
    assert_null(pf_journal_serve(&desk.sink, 3, pf_span_bytes(&span), NOW));
    assert_null(pf_journal_serve(&desk.sink, 3, pf_span_bytes(&span), NOW + PF_JOURNAL_SERVE_OLD));
    assert_int_equal(desk.tray.len, 2 * span.len);
    assert_non_null(pf_journal_serve(&desk.sink, 4, pf_span_bytes(&span), NOW));
    assert_non_null(pf_journal_serve(&desk.sink, 3, pf_span_bytes(&span), NOW + PF_JOURNAL_SERVE_OLD + 1));
    assert_non_null(pf_journal_serve(&desk.sink, 3, pf_span_bytes(&span), NOW - PF_JOURNAL_SERVE_AHEAD - 1));
    assert_non_null(pf_journal_serve(&desk.sink, 3, pf_bytes_head(pf_span_bytes(&span), span.len - 1), NOW));
    assert_non_null(pf_journal_serve(&desk.sink, 3, PF_LIT("\n"), NOW));
    at[span.len - 2] ^= 1;
    assert_non_null(pf_journal_serve(&desk.sink, 3, pf_span_bytes(&span), NOW));
    assert_int_equal(desk.tray.len, 2 * span.len);
}

static void a_gate_that_lies_loses_its_connection(void **state)
{
    struct pf_ipc_frame frame = {.kind = KIND, .payload = PF_LIT("J1 00000000 1 deleted\n")};

    (void)state;
    assert_int_equal(pf_ipc_notice(gate, &frame), PF_OK);
    while (!desk.gone)
        pf_loop_turn(loop, true);
    assert_non_null(desk.why);
    assert_int_equal(desk.tray.len, 0);
}

#define J(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        J(all_lines_arrive_in_order_and_a_turns_lines_together), J(lines_wait_for_the_other_side_and_the_oldest_go),
        J(a_socket_that_is_full_is_tried_again), J(who_speaks_for_another_or_nonsense_is_dropped),
        J(a_gate_that_lies_loses_its_connection),
    };

    return RUN(tests);
}
