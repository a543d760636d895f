/* What the journal is told of a session: what the client's machine has taken, and no more. */
#include "unit/cm.h"

#include "hallrig.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 4 << 20, MOST = 64 };

struct told {
    struct pf_journal_sink sink;
    unsigned count;
    struct pf_journal_record records[MOST];
    unsigned char rooms[MOST][PF_JOURNAL_LINE_MAX], lines[MOST][PF_JOURNAL_LINE_MAX];
    uint64_t octets, all;
};

static struct rig rig;
static struct client client;
static struct told told;
static char large[LARGE + 1];

static bool no_memory; /* for what grows */

void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_realloc(void *at, size_t size)
{
    return no_memory ? NULL : __real_realloc(at, size);
}

static void take(struct pf_journal_sink *sink, struct pf_bytes line)
{
    struct told *t = (struct told *)(void *)sink;
    struct pf_span room = {t->rooms[t->count], 0, PF_JOURNAL_LINE_MAX};

    t->all++;
    t->octets += line.len;
    if (t->count == MOST)
        return;
    memcpy(t->lines[t->count], line.at, line.len);
    assert_int_equal(pf_journal_read(pf_bytes_from(t->lines[t->count], line.len - 1), &room,
                                     &t->records[t->count]), PF_JOURNAL_GOOD);
    t->count++;
}

static void up_with(const char *settings)
{
    rig_up(&rig, settings);
    memset(&told, 0, sizeof told);
    told.sink = (struct pf_journal_sink){take, 42};
    pf_hall_journal(rig.hall, &told.sink);
}

static int up(void **state)
{
    (void)state;
    up_with("");
    rig_add(&rig, "Subject: one\n\nbody\n", "u1");
    rig_add(&rig, "Subject: two\n\n.dot\n", "u2");
    rig_add(&rig, "Subject: three\n\n", "u3");
    return 0;
}

static int down(void **state)
{
    (void)state;
    client_leave(&client);
    rig_down(&rig);
    return 0;
}

static void text_is(unsigned i, enum pf_journal_text text, const char *want)
{
    assert_true(pf_bytes_equal(told.records[i].text[text], pf_bytes_of(want)));
}

static void record_is(unsigned i, enum pf_journal_event event, const char *uidl)
{
    assert_true(i < told.count);
    assert_string_equal(pf_journal_event_name(told.records[i].event), pf_journal_event_name(event));
    text_is(i, PF_JOURNAL_UIDL, uidl);
    text_is(i, PF_JOURNAL_USER, "anna");
    text_is(i, PF_JOURNAL_MAILDROP, "/m/anna");
    text_is(i, PF_JOURNAL_ADDRESS, "unix");
    text_is(i, PF_JOURNAL_MECHANISM, "USER");
    assert_int_equal(told.records[i].number[PF_JOURNAL_PROCESS], 42);
    assert_int_equal(told.records[i].number[PF_JOURNAL_SESSION], 1);
    assert_true(told.records[i].at > 0);
}

static void come(void)
{
    client_come(&rig, &client);
    client_login(&client);
}

static void quit(void)
{
    client_ask(&client, "QUIT");
    client_eof(&client);
}

static void a_fetch_is_told_when_the_client_has_it(void **state)
{
    (void)state;
    come();
    client_send(&client, "RETR 1\r\n");
    for (int i = 0; i < 20; i++)
        pf_loop_turn(rig.loop, false);
    assert_int_equal(told.count, 0); /* nobody has read it */
    client_until(&client, "\r\n.\r\n");
    assert_int_equal(told.count, 0);
    client_ask(&client, "NOOP");
    assert_int_equal(told.count, 1);
    record_is(0, PF_JOURNAL_fetched, "u1");
    assert_int_equal(told.records[0].number[PF_JOURNAL_OCTETS], 22);
    assert_int_equal(told.records[0].number[PF_JOURNAL_UNCONFIRMED], 0);
    quit();
    assert_int_equal(told.count, 2);
    record_is(1, PF_JOURNAL_session, "");
    text_is(1, PF_JOURNAL_END, "quit");
    assert_int_equal(told.records[1].number[PF_JOURNAL_COUNT], 3);
    assert_int_equal(told.records[1].number[PF_JOURNAL_FETCHED], 1);
    assert_true(told.records[1].number[PF_JOURNAL_OPENED] > 0);
}

static void pipelined_fetches_are_told_one_by_one(void **state)
{
    (void)state;
    come();
    client_send(&client, "RETR 3\r\nRETR 1\r\nRETR 1\r\nTOP 2 0\r\nQUIT\r\n");
    client_eof(&client);
    assert_int_equal(told.count, 5);
    record_is(0, PF_JOURNAL_fetched, "u3");
    record_is(1, PF_JOURNAL_fetched, "u1");
    record_is(2, PF_JOURNAL_fetched, "u1");
    record_is(3, PF_JOURNAL_topped, "u2");
    record_is(4, PF_JOURNAL_session, "");
    assert_int_equal(told.records[4].number[PF_JOURNAL_FETCHED], 2);
    assert_int_equal(told.records[4].number[PF_JOURNAL_TOPPED], 1);
}

static void a_hundred_answers_on_their_way_are_all_told(void **state)
{
    (void)state;
    come();
    for (int i = 0; i < 50; i++)
        client_send(&client, "RETR 1\r\n");
    for (int i = 0; i < 200; i++)
        pf_loop_turn(rig.loop, false);
    assert_int_equal(told.count, 0);
    client_send(&client, "RETR 3\r\n");
    client_until(&client, "three\r\n\r\n.\r\n");
    quit();
    assert_int_equal(told.count, 52);
    record_is(49, PF_JOURNAL_fetched, "u1");
    record_is(50, PF_JOURNAL_fetched, "u3");
}

static void without_memory_a_fetch_is_told_at_once_and_unconfirmed(void **state)
{
    (void)state;
    come();
    no_memory = true;
    client_send(&client, "RETR 1\r\n");
    client_until(&client, "\r\n.\r\n");
    no_memory = false;
    assert_int_equal(told.count, 1);
    record_is(0, PF_JOURNAL_fetched, "u1");
    assert_int_equal(told.records[0].number[PF_JOURNAL_UNCONFIRMED], 22);
    quit();
    assert_int_equal(told.count, 2);
}

static void fill_large(void)
{
    memset(large, 'x', LARGE);
    for (size_t i = 70; i < LARGE; i += 71)
        large[i] = '\n';
    rig_add(&rig, large, "large");
}

static void who_hangs_up_in_the_middle_has_a_part(void **state)
{
    uint64_t sent, octets;

    (void)state;
    fill_large();
    come();
    client_send(&client, "RETR 4\r\n");
    while (client.len < 100000) {
        ssize_t n = read(client.fd, client.got + client.len, 4096);

        client.len += n > 0 ? (size_t)n : 0;
        pf_loop_turn(rig.loop, false);
    }
    client_leave(&client);
    while (told.count < 2)
        pf_loop_turn(rig.loop, true);
    record_is(0, PF_JOURNAL_cut, "large");
    text_is(0, PF_JOURNAL_END, "eof");
    sent = told.records[0].number[PF_JOURNAL_SENT];
    octets = told.records[0].number[PF_JOURNAL_OCTETS];
    assert_true(octets > LARGE && sent < octets);
    record_is(1, PF_JOURNAL_session, "");
    assert_int_equal(told.records[1].number[PF_JOURNAL_FETCHED], 0);
}

static void a_small_message_that_nobody_read_is_not_whole_for_sure(void **state)
{
    (void)state;
    come();
    client_send(&client, "RETR 1\r\n");
    for (int i = 0; i < 20; i++)
        pf_loop_turn(rig.loop, false);
    pf_hall_close(rig.hall, 0, NULL, NULL); /* cuts all */
    assert_int_equal(told.count, 2);
    record_is(0, PF_JOURNAL_cut, "u1");
    assert_int_equal(told.records[0].number[PF_JOURNAL_SENT], 0);
    text_is(0, PF_JOURNAL_END, "shutdown");
}

static void a_store_that_fails_is_the_reason(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 1, .index = -1, .code = PF_IO};

    (void)state;
    pf_faulty_add(rig.store, &fault);
    come();
    assert_memory_equal(client_ask(&client, "RETR 1"), "-ERR", 4);
    assert_int_equal(told.count, 1);
    record_is(0, PF_JOURNAL_cut, "u1");
    text_is(0, PF_JOURNAL_CODE, "IO");
    assert_int_equal(told.records[0].number[PF_JOURNAL_SENT], 0);
    quit();
    assert_int_equal(told.count, 2);
}

static void a_disk_that_lies_is_found_out(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 1, .index = -1, .after = 5, .silent = true};

    (void)state;
    pf_faulty_add(rig.store, &fault);
    come();
    assert_memory_equal(client_ask(&client, "RETR 1"), "-ERR", 4);
    client_ask(&client, "NOOP");
    assert_int_equal(told.count, 1);
    record_is(0, PF_JOURNAL_cut, "u1");
    text_is(0, PF_JOURNAL_CODE, "CHANGED");
    quit();
}

static void deleted_is_told_when_it_is_durable(void **state)
{
    (void)state;
    come();
    client_ask(&client, "DELE 1");
    client_ask(&client, "DELE 3");
    assert_int_equal(told.count, 0);
    quit();
    assert_int_equal(told.count, 3);
    record_is(0, PF_JOURNAL_deleted, "u1");
    record_is(1, PF_JOURNAL_deleted, "u3");
    text_is(1, PF_JOURNAL_VIA, "");
    assert_int_equal(told.records[2].number[PF_JOURNAL_DELETED], 2);
}

static void what_could_not_be_deleted_is_kept(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_EXPUNGE, .number = 1, .code = PF_NO_SPACE};

    (void)state;
    pf_faulty_add(rig.store, &fault);
    come();
    client_ask(&client, "DELE 2");
    assert_memory_equal(client_ask(&client, "QUIT"), "-ERR", 4);
    client_eof(&client);
    record_is(0, PF_JOURNAL_kept, "u2");
    text_is(0, PF_JOURNAL_CODE, "NO_SPACE");
    assert_int_equal(told.records[1].number[PF_JOURNAL_DELETED], 0);
}

static void nothing_is_deleted_without_quit(void **state)
{
    (void)state;
    come();
    client_ask(&client, "DELE 1");
    client_leave(&client);
    while (told.count < 1)
        pf_loop_turn(rig.loop, true);
    record_is(0, PF_JOURNAL_session, "");
    text_is(0, PF_JOURNAL_END, "eof");
}

static void a_login_that_failed_is_no_session(void **state)
{
    (void)state;
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_ask(&client, "USER anna");
    assert_memory_equal(client_ask(&client, "PASS wrong"), "-ERR", 4);
    quit();
    assert_int_equal(told.all, 0);
}

static void idle_sessions_may_be_left_out(void **state)
{
    (void)state;
    up_with("journal { folder /j; sessions busy }");
    rig_add(&rig, "x\n", "u1");
    come();
    quit();
    client_leave(&client);
    assert_int_equal(told.all, 0);
    come();
    client_send(&client, "RETR 1\r\n");
    client_until(&client, "\r\n.\r\n");
    quit();
    assert_int_equal(told.all, 2);
    client_leave(&client);
    rig_down(&rig);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A session that fetches 1,000 messages of 4 kB, one by one; CPU of client and server. */
static double fetch_thousand(void)
{
    double began = seconds();

    come();
    for (int i = 0; i < 1000; i++) {
        client_send(&client, "RETR 1\r\n");
        client_until(&client, "\r\n.\r\n");
    }
    quit();
    client_leave(&client);
    return seconds() - began;
}

static void what_it_costs(void **state)
{
    static char mail[4097];
    double with = 1e9, without = 1e9, took;

    (void)state;
    up_with("");
    memset(mail, 'y', sizeof mail - 1);
    for (size_t i = 70; i < sizeof mail; i += 71)
        mail[i] = '\n';
    mail[sizeof mail - 2] = '\n';
    rig_add(&rig, mail, "1763814182.M1P1.mx");
    for (int round = 0; round < 5; round++) { /* the best of five: what else the machine does counts least */
        pf_hall_journal(rig.hall, NULL);
        took = fetch_thousand();
        without = took < without ? took : without;
        told.all = told.octets = 0;
        pf_hall_journal(rig.hall, &told.sink);
        told.count = MOST; /* lines are counted and not kept */
        took = fetch_thousand();
        with = took < with ? took : with;
        assert_int_equal(told.all, 1001);
    }
    print_message("# RETR of 4 kB, 1000 times: %.2f us each without, %.2f us with a journal; a record has %u octets\n",
                  without * 1e3, with * 1e3, (unsigned)(told.octets / told.all));
    rig_down(&rig);
}

#define J(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        J(a_fetch_is_told_when_the_client_has_it), J(pipelined_fetches_are_told_one_by_one),
        J(a_hundred_answers_on_their_way_are_all_told), J(without_memory_a_fetch_is_told_at_once_and_unconfirmed),
        J(who_hangs_up_in_the_middle_has_a_part),
        J(a_store_that_fails_is_the_reason), J(a_disk_that_lies_is_found_out),
        J(deleted_is_told_when_it_is_durable), J(what_could_not_be_deleted_is_kept),
        J(nothing_is_deleted_without_quit), J(a_login_that_failed_is_no_session),
        J(a_small_message_that_nobody_read_is_not_whole_for_sure),
        T(idle_sessions_may_be_left_out), T(what_it_costs),
    };

    return RUN(tests);
}
