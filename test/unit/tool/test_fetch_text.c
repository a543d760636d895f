#include "unit/cm.h"

#include "tool/fetch_text.h"

#include <stdlib.h>

static char room[PF_FETCH_OCTETS], line[PF_FETCH_LINE];

static int english(void **state)
{
    (void)state;
    return setenv("LC_ALL", "C.UTF-8", 1);
}

static void sizes_are_short(void **state)
{
    assert_string_equal(pf_fetch_octets(0, room), "0 B");
    assert_string_equal(pf_fetch_octets(999, room), "999 B");
    assert_string_equal(pf_fetch_octets(1000, room), "1.0 kB");
    assert_string_equal(pf_fetch_octets(9999, room), "9.9 kB");
    assert_string_equal(pf_fetch_octets(10000, room), "10 kB");
    assert_string_equal(pf_fetch_octets(31457280, room), "31 MB");
    assert_string_equal(pf_fetch_octets(UINT64_MAX, room), "18 EB");
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    assert_string_equal(pf_fetch_octets(4711, room), "4,7 kB");
    assert_string_equal(pf_fetch_took(1260, room), "1,2 s");
    (void)state;
}

static void times_are_short(void **state)
{
    assert_string_equal(pf_fetch_time(0, room), "0:00");
    assert_string_equal(pf_fetch_time(1, room), "0:01");
    assert_string_equal(pf_fetch_time(754000, room), "12:34");
    assert_string_equal(pf_fetch_time(3723000, room), "1:02:03");
    assert_string_equal(pf_fetch_took(340, room), "0.3 s");
    assert_string_equal(pf_fetch_took(61000, room), "1:01");
    (void)state;
}

static void progress_adds_up(void **state)
{
    struct pf_fetch_progress p;

    pf_fetch_progress_begin(&p);
    assert_int_equal(pf_fetch_progress_left(&p), -1);
    pf_fetch_progress_listed(&p, 3, 3000);
    pf_fetch_progress_look(&p, 1000);
    pf_fetch_progress_message(&p, 1000);
    pf_fetch_progress_moves(&p, 400);
    assert_int_equal(p.octets, 400);
    pf_fetch_progress_message(&p, 500);
    assert_int_equal(p.octets, 1000);
    pf_fetch_progress_moves(&p, 700); /* more than LIST told */
    assert_int_equal(p.octets, 1700);
    pf_fetch_progress_look(&p, 1400); /* too soon for a sample */
    assert_true(p.rate < 0);
    pf_fetch_progress_look(&p, 2000);
    assert_true(p.rate > 1699 && p.rate < 1701);
    assert_int_equal(pf_fetch_progress_left(&p), 1300 * 1000 / 1700);
    p.messages = 2;
    pf_fetch_progress_listed(&p, 4, 800); /* the next session */
    assert_int_equal(p.of_messages, 6);
    assert_int_equal(p.of_octets, 2500);
    (void)state;
}

static void a_bar_fits_every_width(void **state)
{
    struct pf_fetch_progress p = {
        .messages = 12, .of_messages = 120, .octets = 3400000, .of_octets = 9100000, .rate = 1200000};

    for (size_t width = 0; width < 600; width++) {
        pf_fetch_bar("ein-sehr-langer-näme-von-einem-konto", &p, width % 2 ? NULL : "sehe nach …", width,
                     line);
        assert_true(pf_fetch_columns(line) <= width);
        pf_fetch_bar("k", &p, NULL, width, line);
        assert_true(pf_fetch_columns(line) <= width);
    }
    (void)state;
}

static void a_bar_has_what_fits(void **state)
{
    struct pf_fetch_progress p = {
        .messages = 12, .of_messages = 120, .octets = 4550000, .of_octets = 9100000, .rate = 1200000};

    pf_fetch_bar("work", &p, NULL, 79, line);
    assert_string_equal(
        line, "work       [#########.........]  50 %  12/120  4.5 MB of 9.1 MB  1.2 MB/s  0:04");
    pf_fetch_bar("work", &p, NULL, 60, line);
    assert_string_equal(line, "work       [#######........]  50 %  12/120  4.5 MB of 9.1 MB");
    pf_fetch_bar("work", &p, NULL, 30, line);
    assert_string_equal(line, "work       [#####......]  50 %");
    pf_fetch_bar("work", &p, "looking …", 79, line);
    assert_string_equal(line, "work       looking …");
    p = (struct pf_fetch_progress){.messages = 1, .of_messages = 4, .rate = -1}; /* no sizes */
    pf_fetch_bar("work", &p, NULL, 40, line);
    assert_non_null(strstr(line, " 25 %"));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(sizes_are_short, english),
                                       cmocka_unit_test_setup(times_are_short, english),
                                       cmocka_unit_test_setup(progress_adds_up, english),
                                       cmocka_unit_test_setup(a_bar_fits_every_width, english),
                                       cmocka_unit_test_setup(a_bar_has_what_fits, english)};

    return RUN(tests);
}
