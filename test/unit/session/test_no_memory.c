/* Every allocation from a guest's arrival to its burial fails once: n = 1, 2, 3 … until a session needs fewer. What
 * the client reads must be true, and what it did not ask for must not happen. */
#include "unit/cm.h"

#include "hallrig.h"

#include "unit/scarce.h"

static struct rig rig;
static struct client client;

/* One session that deletes message 2 of 2; true when one failed. */
static bool session_with_failure(unsigned long n)
{
    const char *got;
    uint32_t left;

    rig_up(&rig, "");
    rig_add(&rig, "Subject: a\n\n.\nbody\n", "u1");
    rig_add(&rig, "Subject: b\n\nbody\n", "u2");
    failed = false;
    countdown = n;
    client_come(&rig, &client);
    client_send(&client, "CAPA\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\nUIDL\r\nRETR 1\r\nDELE 2\r\nQUIT\r\n");
    got = client_eof(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, false);
    countdown = 0;
    client_leave(&client);
    left = pf_memory_count(rig.memory, "/m/anna");
    if (strstr(got, "+OK bye"))
        assert_int_equal(left, strstr(got, "+OK marked") ? 1 : 2);
    else
        assert_true(left == 2 || (left == 1 && strstr(got, "+OK marked"))); /* removed, but the answer was lost */
    if (strstr(got, "octets\r\nSubject: a"))
        assert_true(strstr(got, "Subject: a\r\n\r\n..\r\nbody\r\n.\r\n") || !strstr(got, "body\r\n.\r\n"));
    client_come(&rig, &client); /* the next one is served as if nothing had been */
    client_login(&client);
    client_leave(&client);
    rig_down(&rig);
    return failed;
}

static void every_allocation_fails_once(void **state)
{
    unsigned long n = 1;

    (void)state;
    while (session_with_failure(n))
        n++;
    assert_true(n > 8); /* a session does allocate */
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(every_allocation_fails_once)};

    return RUN(tests);
}
