/* A run against our own server. */
#include "collectrig.h"

#include "../session/hallrig.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct collectrig r;
static struct rig hall;

/* The hall has a loop of its own, which takes turns with the collect's. */
static void serve(void)
{
    int fd = accept4(r.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        pf_hall_guest(hall.hall, fd, 0);
    pf_loop_turn(hall.loop, false);
}

static void run(enum pf_code code)
{
    collectrig_begin(&r);
    while (r.collect && !r.gones) {
        serve();
        collectrig_turn(&r);
    }
    if (r.gone.code != code)
        fail_msg("%s: %s", pf_verdict(r.gone.code)->name, r.gone.log);
    while (pf_hall_count(hall.hall))
        serve();
}

static int up(void **state)
{
    (void)state;
    rig_up(&hall, "");
    collectrig_up(&r);
    r.own_server = true;
    return 0;
}

static int down(void **state)
{
    (void)state;
    collectrig_down(&r);
    rig_down(&hall);
    return 0;
}

static void add(unsigned from, unsigned to)
{
    char text[200], uid[32];

    for (unsigned i = from; i <= to; i++) {
        snprintf(text, sizeof text, "From: a\nSubject: number %u\n\nbody %u\n.\n..\nend of %u", i, i, i);
        snprintf(uid, sizeof uid, "uid%u", i);
        rig_add(&hall, text, uid);
    }
}

static void all_mail_comes_as_it_is_and_once(void **state)
{
    (void)state;
    add(1, 500);
    run(PF_OK);
    assert_int_equal(r.taken, 500);
    assert_int_equal(r.notices, 0);
    assert_int_equal(collectrig_mails_with(&r, "\nbody 77\n.\n..\nend of 77\n"), 1);
    assert_true(pf_collect_facts(r.collect)->logged_in > 0);
    add(501, 510);
    run(PF_OK);
    assert_int_equal(r.taken, 10);
    r.account.keep_days = 0;
    run(PF_OK);
    assert_int_equal(r.taken, 0);
    assert_int_equal(r.deleted, 510);
    run(PF_OK);
    assert_int_equal(r.messages, 0);
    assert_int_equal(collectrig_mails(&r, NULL), 510);
}

static void headers_are_looked_at_by_top(void **state)
{
    (void)state;
    r.filters[0] = (struct pf_account_filter){"Subject", "number ?", PF_ACCOUNT_SKIP, NULL};
    r.filters[1] = (struct pf_account_filter){"Subject", "number 1?", PF_ACCOUNT_DELETE, NULL};
    r.filters[2] = (struct pf_account_filter){"Subject", "number 2?", PF_ACCOUNT_FOLDER, "Twenties"};
    r.account.filter_count = 3;
    add(1, 40);
    run(PF_OK);
    assert_int_equal(r.taken, 21);
    assert_int_equal(r.deleted, 10);
    assert_int_equal(collectrig_mails(&r, ".Twenties"), 10);
    assert_int_equal(collectrig_mails(&r, NULL), 11);
    run(PF_OK);
    assert_int_equal(r.taken, 0);
    assert_int_equal(r.messages, 30);
}

static void a_wrong_password_is_told(void **state)
{
    (void)state;
    r.account.user = "nobody";
    run(PF_AUTH);
    assert_int_equal(collectrig_mails(&r, NULL), 0);
}

static void a_server_that_cannot_read_a_message_gives_the_others(void **state)
{
    (void)state;
    r.account.keep_days = 0;
    add(1, 5);
    pf_faulty_add(hall.store,
                  &(struct pf_fault){.at = PF_FAULT_READ, .number = 1, .index = 2, .code = PF_IO});
    collectrig_begin(&r);
    while (r.collect && !r.gones) {
        serve();
        collectrig_turn(&r);
    }
    assert_true(r.gone.code == PF_IO || r.gone.code == PF_TEMP);
    while (pf_hall_count(hall.hall))
        serve();
    run(PF_OK);
    assert_int_equal(collectrig_mails(&r, NULL), 5);
    run(PF_OK);
    assert_int_equal(r.messages, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_mail_comes_as_it_is_and_once),
        CASE(headers_are_looked_at_by_top),
        CASE(a_wrong_password_is_told),
        CASE(a_server_that_cannot_read_a_message_gives_the_others),
    };

    return RUN(tests);
}
