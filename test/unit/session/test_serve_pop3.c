#include "unit/cm.h"

#include "hallrig.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct client client, second;

static void scene(const char *extra)
{
    rig_up(&rig, extra);
    rig_add(&rig, "Subject: a\n\n.\n..x\nend", "u1");
    rig_add(&rig, "Subject: b\n\nbody\n", "u2");
}

static void a_whole_session(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    assert_string_equal(client_until(&client, "\r\n"), "+OK POP3 test.example ready\r\n");
    client_ask(&client, "USER anna");
    client_ask(&client, "PASS secret");
    assert_string_equal(client_ask(&client, "STAT"), "+OK 2 47\r\n");
    client_send(&client, "RETR 1\r\n");
    assert_string_equal(client_until(&client, "\r\n.\r\n"),
                        "+OK 27 octets\r\nSubject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n");
    assert_memory_equal(client_ask(&client, "DELE 1"), "+OK", 3);
    client_send(&client, "QUIT\r\n");
    assert_memory_equal(client_eof(&client), "+OK", 3);
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 1);
    assert_non_null(strstr(rig.logged, "event=session user=anna"));
    assert_non_null(strstr(rig.logged, "fetched=1"));
    assert_non_null(strstr(rig.logged, "deleted=1"));
    assert_non_null(strstr(rig.logged, "end=quit"));
    rig_down(&rig);
}

/* RFC 1939 section 6: only QUIT removes. */
static void p3_039_eof_without_quit_removes_nothing(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_login(&client);
    client_ask(&client, "DELE 1");
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 2);
    assert_non_null(strstr(rig.logged, "end=eof"));
    rig_down(&rig);
}

static void rc_010_second_session_is_in_use_and_frees_nothing(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_login(&client);
    for (int i = 0; i < 2; i++) { /* a refused login must not free the first one's lock */
        client_come(&rig, &second);
        client_until(&second, "\r\n");
        client_ask(&second, "USER anna");
        assert_memory_equal(client_ask(&second, "PASS secret"), "-ERR [IN-USE] ", 14);
        client_leave(&second);
    }
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    client_come(&rig, &second);
    client_login(&second);
    client_leave(&second);
    rig_down(&rig);
}

/* The lock is free when +OK to QUIT can be read. */
static void q317945_login_straight_after_quit(void **state)
{
    (void)state;
    scene("");
    for (int i = 0; i < 3; i++) {
        client_come(&rig, &client);
        client_login(&client);
        client_send(&client, "QUIT\r\n");
        assert_memory_equal(client_until(&client, "\r\n"), "+OK", 3);
        client_leave(&client);
    }
    rig_down(&rig);
}

static void p3_028_a_short_message_that_fails_is_refused_and_cannot_be_deleted(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_READ, .number = 1, .index = 0, .after = 5, .code = PF_IO};

    (void)state;
    scene("");
    client_come(&rig, &client);
    client_login(&client);
    pf_faulty_add(rig.store, &fault);
    assert_memory_equal(client_ask(&client, "RETR 1"), "-ERR [SYS/TEMP] ", 16);
    assert_memory_equal(client_ask(&client, "DELE 1"), "-ERR", 4);
    assert_memory_equal(client_ask(&client, "DELE 2"), "+OK", 3);
    client_send(&client, "QUIT\r\n");
    assert_memory_equal(client_eof(&client), "+OK", 3);
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 1);
    assert_non_null(strstr(rig.logged, "event=trouble"));
    rig_down(&rig);
}

static void p3_028_a_long_message_that_is_cut_ends_without_a_dot(void **state)
{
    enum { SIZE = 500000 };
    const struct pf_fault lie = {.at = PF_FAULT_READ, .number = 1, .index = 2, .after = 300000, .silent = true};
    char *message = malloc(SIZE + 1);
    const char *got;

    (void)state;
    for (int i = 0; i < SIZE; i++)
        message[i] = i % 70 == 69 ? '\n' : 'x';
    message[SIZE] = 0;
    scene("");
    rig_add(&rig, message, "u3");
    client_come(&rig, &client);
    client_login(&client);
    pf_faulty_add(rig.store, &lie);
    client_send(&client, "DELE 2\r\nRETR 3\r\n");
    got = client_eof(&client);
    assert_memory_equal(got, "+OK", 3);
    assert_memory_not_equal(got + strlen(got) - 3, ".\r\n", 3);
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3); /* nor is anything removed */
    assert_non_null(strstr(rig.logged, "end=body-failed"));
    free(message);
    rig_down(&rig);
}

static void p3_034_quit_tells_the_truth_when_removal_fails(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_EXPUNGE, .number = 1, .index = -1, .code = PF_PARTIAL};

    (void)state;
    scene("");
    client_come(&rig, &client);
    client_login(&client);
    client_ask(&client, "DELE 1");
    pf_faulty_add(rig.store, &fault);
    client_send(&client, "QUIT\r\n");
    assert_string_equal(client_eof(&client), "-ERR [SYS/TEMP] some deleted messages not removed\r\n");
    client_leave(&client);
    rig_down(&rig);
}

static void open_failures_are_told_by_their_verdict(void **state)
{
    static const struct {
        enum pf_code code;
        const char *answer;
    } table[] = {{PF_IO, "-ERR [SYS/TEMP] "}, {PF_NO_BOX, "-ERR [SYS/PERM] "}, {PF_BUSY, "-ERR [SYS/TEMP] "}};

    (void)state;
    scene("");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    for (size_t i = 0; i < 3; i++) {
        const struct pf_fault fault = {.at = PF_FAULT_OPEN, .number = 1, .index = -1, .code = table[i].code};

        pf_faulty_add(rig.store, &fault);
        client_ask(&client, "USER anna");
        assert_memory_equal(client_ask(&client, "PASS secret"), table[i].answer, 16);
    }
    client_ask(&client, "USER anna");
    assert_memory_equal(client_ask(&client, "PASS secret"), "+OK", 3);
    client_leave(&client);
    rig_down(&rig);
}

static void wrong_password_and_unknown_user_read_alike(void **state)
{
    char first[600];

    (void)state;
    scene("");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_ask(&client, "USER anna");
    snprintf(first, sizeof first, "%s", client_ask(&client, "PASS wrong"));
    assert_memory_equal(first, "-ERR [AUTH] ", 12);
    client_ask(&client, "USER nobody");
    assert_string_equal(client_ask(&client, "PASS wrong"), first);
    assert_non_null(strstr(rig.logged, "event=login_failed user=anna"));
    assert_null(strstr(rig.logged, "wrong\"")); /* no secret in the log */
    client_leave(&client);
    rig_down(&rig);
}

static void plain_007_sasl_plain_in_one_and_two_lines(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    assert_string_equal(client_ask(&client, "AUTH PLAIN"), "+ \r\n");
    assert_memory_equal(client_ask(&client, "*"), "-ERR", 4);
    assert_memory_equal(client_ask(&client, "AUTH PLAIN AGFubmEAc2VjcmV0"), "+OK", 3); /* NUL anna NUL secret */
    client_send(&client, "QUIT\r\n");
    client_eof(&client);
    client_leave(&client);
    assert_non_null(strstr(rig.logged, "mech=PLAIN"));
    rig_down(&rig);
}

static void cap_019_login_delay_counts_from_the_last_good_login(void **state)
{
    (void)state;
    scene("policy { login-delay 60s }");
    client_come(&rig, &client);
    client_login(&client);
    client_send(&client, "QUIT\r\n");
    client_eof(&client);
    client_leave(&client);
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_ask(&client, "USER anna");
    assert_memory_equal(client_ask(&client, "PASS secret"), "-ERR [LOGIN-DELAY] ", 19);
    client_leave(&client);
    rig_down(&rig);
}

static void cap_032_expire_0_of_a_user_removes_what_was_fetched(void **state)
{
    (void)state;
    scene("policy { expire-min 0 }");
    assert_int_equal(pf_memory_add(rig.memory, "/m/zero", PF_LIT("a\n"), NULL, NULL), PF_OK);
    assert_int_equal(pf_memory_add(rig.memory, "/m/zero", PF_LIT("b\n"), NULL, NULL), PF_OK);
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_ask(&client, "USER zero");
    assert_memory_equal(client_ask(&client, "PASS secret"), "+OK", 3);
    client_send(&client, "RETR 2\r\n");
    client_until(&client, "\r\n.\r\n");
    client_send(&client, "QUIT\r\n");
    assert_memory_equal(client_eof(&client), "+OK", 3);
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/zero"), 1);
    rig_down(&rig);
}

static void p3_002_too_many_connections_are_told_so(void **state)
{
    (void)state;
    scene("limits { connections-per-address 1 }");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_come(&rig, &second);
    assert_memory_equal(client_eof(&second), "-ERR [SYS/TEMP] ", 16);
    client_leave(&second);
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    client_come(&rig, &second);
    assert_memory_equal(client_until(&second, "\r\n"), "+OK", 3);
    client_leave(&second);
    assert_non_null(strstr(rig.logged, "event=refused"));
    rig_down(&rig);
}

static void strangers_memory_is_bounded(void **state)
{
    static struct client many[32];
    int welcome = 0;

    (void)state;
    scene("limits { memory-before-login 1m }"); /* about a dozen strangers, each may hold a 64 KiB line */
    for (int i = 0; i < 32; i++) {
        client_come(&rig, &many[i]);
        welcome += memcmp(client_until(&many[i], "\r\n"), "+OK", 3) == 0;
    }
    assert_in_range(welcome, 8, 16);
    for (int i = 0; i < 32; i++)
        client_leave(&many[i]);
    rig_down(&rig);
}

/* A burst behind PASS waits its turn and loses nothing. */
static void cap_023_pipelined_session(void **state)
{
    const char *got;

    (void)state;
    scene("");
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    client_send(&client, "USER anna\r\nPASS secret\r\nSTAT\r\nRETR 2\r\nDELE 2\r\nNOOP\r\nQUIT\r\nSTAT\r\n");
    got = client_eof(&client);
    assert_non_null(strstr(got, "+OK 2 47\r\n+OK 20 octets\r\nSubject: b\r\n\r\nbody\r\n.\r\n+OK"));
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 1);
    rig_down(&rig);
}

static void nothing(void *self)
{
    (void)self;
}

static void shutdown_is_told_in_pop3(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_login(&client);
    client_ask(&client, "DELE 1");
    pf_hall_close(rig.hall, 10000, nothing, NULL);
    assert_memory_equal(client_eof(&client), "-ERR [SYS/TEMP] ", 16);
    client_leave(&client);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 2);
    rig_down(&rig);
}

/* Guests who leave while the store or a hash works for them. */
static void leaving_in_the_middle_of_anything(void **state)
{
    static const char *const words[] = {
        "", "USER anna\r\n", "USER anna\r\nPASS secret\r\n", "USER anna\r\nPASS secret\r\nRETR 1\r\n",
        "USER anna\r\nPASS secret\r\nDELE 1\r\nQUI", "AUTH PLAIN\r\n", "AUTH PLAIN AGFubmEAc2VjcmV0\r\nRETR 1\r\n",
    };

    (void)state;
    scene("");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int turns = 0; turns < 12; turns++) {
            client_come(&rig, &client);
            client_send(&client, words[i]);
            for (int t = 0; t < turns; t++)
                pf_loop_turn(rig.loop, false);
            client_leave(&client);
        }
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 2);
    client_come(&rig, &client); /* and the lock is free */
    client_login(&client);
    client_leave(&client);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_whole_session), T(p3_039_eof_without_quit_removes_nothing),
        T(rc_010_second_session_is_in_use_and_frees_nothing), T(q317945_login_straight_after_quit),
        T(p3_028_a_short_message_that_fails_is_refused_and_cannot_be_deleted),
        T(p3_028_a_long_message_that_is_cut_ends_without_a_dot),
        T(p3_034_quit_tells_the_truth_when_removal_fails), T(open_failures_are_told_by_their_verdict),
        T(wrong_password_and_unknown_user_read_alike), T(plain_007_sasl_plain_in_one_and_two_lines),
        T(cap_019_login_delay_counts_from_the_last_good_login),
        T(cap_032_expire_0_of_a_user_removes_what_was_fetched), T(p3_002_too_many_connections_are_told_so),
        T(strangers_memory_is_bounded), T(cap_023_pipelined_session), T(shutdown_is_told_in_pop3),
        T(leaving_in_the_middle_of_anything),
    };

    return RUN(tests);
}
