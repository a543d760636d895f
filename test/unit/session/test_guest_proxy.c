#include "unit/cm.h"

#include "hallrig.h"

#include <stdlib.h>
#include <sys/socket.h>

static struct rig rig;
static struct client client, second;
static const char line[] = "PROXY TCP4 192.0.2.7 198.51.100.1 40001 110\r\n";

/* Clients come on socket pairs, so that the listener is a unix socket here. */
static void scene(const char *extra)
{
    rig_up(&rig, extra);
    rig.conf->listens[0].address = "/proxied";
    rig.conf->listens[0].proxy = true;
}

static void px_003_nothing_is_said_before_the_whole_header(void **state)
{
    char octet;

    (void)state;
    scene("");
    client_come(&rig, &client);
    for (size_t i = 0; line[i]; i++) {
        assert_int_equal(recv(client.fd, &octet, 1, MSG_DONTWAIT), -1);
        assert_int_equal(send(client.fd, line + i, 1, MSG_NOSIGNAL), 1);
        for (int turn = 0; turn < 3; turn++)
            pf_loop_turn(rig.loop, false);
        assert_int_equal(pf_guests_count(rig.guests), line[i + 1] ? 0 : 1);
    }
    assert_string_equal(client_until(&client, "\r\n"), "+OK POP3 test.example ready\r\n");
    client_send(&client, "QUIT\r\n");
    client_eof(&client);
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    assert_int_equal(pf_guests_count(rig.guests), 0);
    assert_non_null(strstr(rig.logged, "event=session address=192.0.2.7 port=110 "));
    rig_down(&rig);
}

static void what_comes_behind_the_header_is_kept(void **state)
{
    (void)state;
    scene("");
    rig_add(&rig, "Subject: a\n\nbody\n", "u1");
    client_come(&rig, &client);
    client_send(&client, line);
    client_send(&client, "USER anna\r\nPASS secret\r\nQUIT\r\n");
    client_eof(&client);
    client_leave(&client);
    assert_non_null(strstr(rig.logged, "event=session user=anna address=192.0.2.7 "));
    rig_down(&rig);
}

static void px_002_a_peer_that_is_no_proxy_of_ours_is_refused(void **state)
{
    (void)state;
    scene("");
    rig.conf->listens[0].address = "127.0.0.1"; /* a socket pair's peer is in no network */
    rig.conf->listens[0].proxy_from = "127.0.0.1";
    client_come(&rig, &client);
    assert_int_equal(pf_hall_count(rig.hall), 0);
    client_eof(&client);
    assert_int_equal(client.len, 0);
    client_leave(&client);
    assert_non_null(strstr(rig.logged, "event=refused address=unix why=proxy"));
    assert_null(strstr(rig.logged, "event=session"));
    rig_down(&rig);
}

static void px_008_a_bad_header_ends_without_a_word(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_send(&client, "USER anna\r\n");
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    client_leave(&client);
    assert_non_null(strstr(rig.logged, "event=trouble what=\"PROXY header\" address=unix err=\"there is none\""));
    assert_null(strstr(rig.logged, "event=session"));
    assert_int_equal(pf_guests_count(rig.guests), 0);
    rig_down(&rig);
}

static void px_004_a_header_has_its_time(void **state)
{
    (void)state;
    scene("times { first-command 100ms }");
    client_come(&rig, &client);
    client_send(&client, "PROXY");
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    client_leave(&client);
    assert_non_null(strstr(rig.logged, "err=\"it did not come in time\""));
    rig_down(&rig);
}

static void an_end_before_the_header_is_no_event(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_send(&client, "PROXY");
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    assert_string_equal(rig.logged, "");
    rig_down(&rig);
}

static void the_told_address_has_its_limit(void **state)
{
    (void)state;
    scene("limits { connections-per-address 1 }");
    client_come(&rig, &client);
    client_send(&client, line);
    client_until(&client, "\r\n");
    client_come(&rig, &second);
    client_send(&second, line);
    assert_memory_equal(client_until(&second, "\r\n"), "-ERR", 4);
    client_eof(&second);
    client_leave(&second);
    assert_non_null(strstr(rig.logged, "event=refused address=192.0.2.7 why=connections-per-address"));
    for (int i = 0; i < 2; i++) { /* who is not told has none */
        client_come(&rig, &second);
        client_send(&second, "PROXY UNKNOWN\r\n");
        assert_memory_equal(client_until(&second, "\r\n"), "+OK", 3);
        if (i == 0)
            client_leave(&second);
    }
    client_leave(&second);
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, true);
    assert_int_equal(pf_guests_count(rig.guests), 0);
    rig_down(&rig);
}

static void a_hall_that_closes_waits_for_no_header(void **state)
{
    (void)state;
    scene("");
    client_come(&rig, &client);
    client_send(&client, "PROXY");
    pf_loop_turn(rig.loop, false);
    rig_down(&rig);
    client_leave(&client);
    assert_null(strstr(rig.logged, "event=session"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(px_002_a_peer_that_is_no_proxy_of_ours_is_refused),
        T(px_003_nothing_is_said_before_the_whole_header),
        T(px_004_a_header_has_its_time),
        T(px_008_a_bad_header_ends_without_a_word),
        T(what_comes_behind_the_header_is_kept),
        T(an_end_before_the_header_is_no_event),
        T(the_told_address_has_its_limit),
        T(a_hall_that_closes_waits_for_no_header),
    };

    return RUN(tests);
}
