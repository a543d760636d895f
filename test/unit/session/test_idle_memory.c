/* What a session holds of the heap while its client says nothing. TLS, libuv and the kernel's sockets are not in it. */
#include "unit/cm.h"

#include "hallrig.h"
#include "unit/held.h"

enum {
    STRANGER = 3200, /* octets: the guest, its engine, its connection, two timers */
    GUEST = 4600     /* with its maildrop in the rig's store of two layers and their referees */
};

static struct rig rig;
static struct client client;

static long rest(void)
{
    for (int i = 0; i < 20; i++)
        pf_loop_turn(rig.loop, false);
    return held;
}

static void an_idle_session_holds_little(void **state)
{
    long before, greeted, logged_in;

    (void)state;
    rig_up(&rig, "");
    rig_add(&rig, "Subject: a\n\nbody\n", "u1");
    client_come(&rig, &client); /* what is kept for all */
    client_login(&client);
    client_send(&client, "RETR 1\r\n");
    client_until(&client, "\r\n.\r\n");
    client_ask(&client, "QUIT");
    client_leave(&client);
    before = rest();
    client_come(&rig, &client);
    client_until(&client, "\r\n");
    greeted = rest();
    client_ask(&client, "USER anna");
    client_ask(&client, "PASS secret");
    client_send(&client, "RETR 1\r\n");
    client_until(&client, "\r\n.\r\n");
    logged_in = rest();
    print_message("# %ld octets when greeted, %ld when logged in\n", greeted - before, logged_in - before);
    assert_true(greeted - before > 500 && greeted - before <= STRANGER);
    assert_true(logged_in - before > greeted - before && logged_in - before <= GUEST);
    client_leave(&client);
    assert_true(rest() <= before);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(an_idle_session_holds_little)};

    return RUN(tests);
}
