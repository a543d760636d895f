/* Times as an administrator writes them. */
#include "unit/cm.h"

#include "tool/why_parts.h"

#include <stdlib.h>
#include <time.h>

#define NOW 1763812800000 /* 2025-11-22 12:00 UTC */

static int64_t read_time(const char *text)
{
    int64_t ms = -1;

    assert_true(pf_why_time_read(text, NOW, &ms));
    return ms;
}

static void times_ago_and_dates_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_time("0m"), NOW);
    assert_int_equal(read_time("90m"), NOW - 90 * 60000);
    assert_int_equal(read_time("12h"), NOW - 12 * 3600000);
    assert_int_equal(read_time("7d"), NOW - 7LL * 86400000);
    assert_int_equal(read_time("999999d"), 0);
    assert_int_equal(read_time("2025-11-22"), NOW - 12 * 3600000);
    assert_int_equal(read_time("2025-11-22T12:00"), NOW);
    assert_int_equal(read_time("2025-11-22T12:00:01"), NOW + 1000);
}

static void the_machines_zone_counts(void **state)
{
    char room[PF_WHY_TIME];

    (void)state;
    setenv("TZ", "XYZ-3", 1);
    tzset();
    assert_int_equal(read_time("2025-11-22T15:00"), NOW);
    assert_string_equal(pf_why_time(NOW + 999, room), "2025-11-22 15:00:00 +0300");
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(pf_why_time(0, room), "1970-01-01 00:00:00 +0000");
}

static void nothing_else_is_a_time(void **state)
{
    static const char *const bad[] = {"", "d", "7", "7w", "-7d", "7d ", " 7d", "99999999999999d", "yesterday",
                                      "2025-13-01", "2025-11-22T", "2025-11-22T25:00", "2025-11-22x", "1960-01-01"};
    int64_t ms = 42;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pf_why_time_read(bad[i], NOW, &ms))
            fail_msg("%s is a time", bad[i]);
    assert_int_equal(ms, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(times_ago_and_dates_are_read), T(the_machines_zone_counts), T(nothing_else_is_a_time),
    };

    setenv("TZ", "UTC", 1);
    return RUN(tests);
}
