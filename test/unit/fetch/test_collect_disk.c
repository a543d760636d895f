/* What a run does with a place that is slow, full or broken. */
#include "collectrig.h"

#include "fetch/place.h"

#include <stdlib.h>

static struct collectrig r;

static int up(void **state)
{
    (void)state;
    collectrig_up(&r);
    r.account.keep_days = 0;
    return 0;
}

static int down(void **state)
{
    (void)state;
    collectrig_disk_full(false);
    collectrig_disk_waits(false);
    collectrig_down(&r);
    return 0;
}

/* Turns enough for thousands of messages, if nobody held them up. */
static void turn_long(void)
{
    for (int i = 0; i < 3000; i++)
        collectrig_turn(&r);
}

static void a_slow_disk_holds_the_line(void **state)
{
    (void)state;
    collectrig_fill(&r, 1000);
    collectrig_begin(&r);
    while (r.begun == 0)
        collectrig_turn(&r);
    collectrig_disk_waits(true);
    turn_long();
    assert_in_range(r.begun, r.taken + 1, r.taken + PF_PLACE_MOST + 1);
    assert_int_equal(r.fake.deles, 0);
    collectrig_disk_waits(false);
    collectrig_end(&r);
    assert_int_equal(r.gone.code, PF_OK);
    assert_int_equal(collectrig_mails(&r, NULL), 1000);
    assert_int_equal(collectrig_on_server(&r), 0);
}

static void nothing_is_deleted_before_it_is_on_disk(void **state)
{
    (void)state;
    collectrig_fill(&r, 3);
    collectrig_begin(&r);
    while (r.listed == 0)
        collectrig_turn(&r);
    collectrig_disk_waits(true);
    turn_long();
    assert_int_equal(r.begun, 3);
    assert_int_equal(r.taken, 0);
    assert_int_equal(r.fake.deles + r.fake.quits, 0);
    collectrig_disk_waits(false);
    collectrig_end(&r);
    assert_int_equal(r.gone.code, PF_OK);
    assert_int_equal(r.deleted, 3);
}

static void a_stop_does_not_hang_on_a_held_line(void **state)
{
    (void)state;
    collectrig_fill(&r, 1000);
    collectrig_begin(&r);
    while (r.begun == 0)
        collectrig_turn(&r);
    collectrig_disk_waits(true);
    turn_long();
    pf_collect_stop(r.collect);
    turn_long();
    assert_int_equal(r.gones, 0);
    collectrig_disk_waits(false);
    collectrig_end(&r);
    assert_int_equal(r.gone.code, PF_CANCELLED);
    assert_int_equal(r.deleted, r.taken);
    assert_int_equal(collectrig_mails(&r, NULL), r.taken);
    assert_int_equal(collectrig_on_server(&r), 1000 - r.taken);
}

static void a_full_disk_ends_the_run_and_what_is_done_is_deleted(void **state)
{
    (void)state;
    collectrig_fill(&r, 1000);
    collectrig_begin(&r);
    while (r.taken == 0)
        collectrig_turn(&r);
    collectrig_disk_full(true);
    collectrig_end(&r);
    assert_int_equal(r.gone.code, PF_NO_SPACE);
    assert_int_equal(r.left, 1); /* told once, not for each letter that waited */
    assert_in_range(r.taken, 1, 999);
    assert_int_equal(r.fake.quits, 1);
    assert_int_equal(r.deleted, r.taken);
    assert_int_equal(collectrig_mails(&r, NULL), r.taken);
    collectrig_disk_full(false);
    collectrig_run(&r);
    assert_int_equal(r.gone.code, PF_OK);
    assert_int_equal(collectrig_mails(&r, NULL), 1000);
    assert_int_equal(collectrig_on_server(&r), 0);
}

/* Nobody waits for a gigabyte that nobody will take. */
static void a_full_disk_and_a_large_message_end_at_once(void **state)
{
    enum { LARGE = 40 * 1024 * 1024 };
    char *text = malloc(LARGE + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', LARGE);
    memcpy(text, "Subject: x\r\n\r\n", 14);
    text[LARGE] = 0;
    memcpy(text + LARGE - 2, "\r\n", 2);
    collectrig_fill(&r, 1);
    free(r.fake.at[0].text);
    r.fake.at[0].text = text;
    collectrig_disk_full(true);
    collectrig_run(&r);
    assert_int_equal(r.gone.code, PF_NO_SPACE);
    assert_true(r.out_at < r.out_len); /* it was not sent to its end */
    assert_int_equal(collectrig_mails(&r, NULL), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_slow_disk_holds_the_line),
        CASE(nothing_is_deleted_before_it_is_on_disk),
        CASE(a_stop_does_not_hang_on_a_held_line),
        CASE(a_full_disk_ends_the_run_and_what_is_done_is_deleted),
        CASE(a_full_disk_and_a_large_message_end_at_once),
    };

    return RUN(tests);
}
