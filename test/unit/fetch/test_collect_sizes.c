/* Which sizes are suspicious. */
#include "fetch/collect_sizes.h"
#include "unit/cm.h"

#include <postfach/pop3_client.h>

enum { MOST = 16 };

static struct pf_collect_size sizes[MOST];
static size_t count;
static bool differ;

static void add(uint64_t told, uint64_t came, uint64_t lines, uint64_t dots)
{
    sizes[count++] = (struct pf_collect_size){
        .came_whole = true, .told = told, .came = came, .lines = lines, .dots = dots};
}

/* The indexes of those that are suspect. */
static const char *suspects(void)
{
    static char text[64];
    size_t used = 0;

    differ = pf_collect_judge(sizes, count);
    text[0] = 0;
    for (size_t i = 0; i < count; i++)
        if (sizes[i].suspect)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", used ? " " : "", i);
    return text;
}

static int up(void **state)
{
    (void)state;
    memset(sizes, 0, sizeof sizes);
    count = 0;
    return 0;
}

static void right_sizes_are_right(void **state)
{
    (void)state;
    assert_string_equal(suspects(), "");
    assert_false(differ);
    add(100, 100, 5, 0);
    add(1, 1, 0, 0);
    add(PF_OCTETS_UNKNOWN, 7, 1, 0);
    assert_string_equal(suspects(), "");
    assert_false(differ);
}

static void qs_006_one_that_lacks_octets_among_right_ones(void **state)
{
    (void)state;
    add(100, 100, 5, 0);
    add(100, 60, 5, 0);
    add(300, 300, 5, 0);
    add(100, 97, 5, 0);
    assert_string_equal(suspects(), "1 3");
    assert_true(differ);
}

static void qs_006_one_alone_that_lacks_octets(void **state)
{
    (void)state;
    add(100, 60, 5, 0);
    assert_string_equal(suspects(), "0");
}

static void qs_007_longer_ones_are_only_told(void **state)
{
    (void)state;
    add(100, 160, 5, 0); /* lines that the server adds */
    add(200, 260, 9, 0);
    add(300, 290, 9, 0);
    assert_string_equal(suspects(), "2");
    count = 2;
    assert_string_equal(suspects(), "");
    assert_true(differ);
}

static void qs_007_lf_is_counted(void **state)
{
    (void)state;
    add(1000, 1020, 20, 0);
    add(2000, 2050, 50, 0);
    assert_string_equal(suspects(), "");
    add(3000, 3005, 10, 0); /* five are missing, though more came than was told */
    assert_string_equal(suspects(), "2");
}

static void stuffed_dots_are_counted(void **state)
{
    (void)state;
    add(1000, 1000, 20, 0);
    add(1003, 1000, 20, 3);
    add(1004, 1000, 20, 3);
    assert_string_equal(suspects(), "2");
}

static void qs_007_each_line_is_counted_once_too_often(void **state)
{
    (void)state;
    add(1020, 1000, 20, 0);
    add(2030, 2000, 29, 0);
    add(3040, 3000, 20, 0);
    assert_string_equal(suspects(), "2");
}

static void qs_007_whole_blocks_are_told(void **state)
{
    (void)state;
    add(1024, 700, 20, 0);
    add(2048, 1500, 20, 0);
    add(4096, 3500, 20, 0);
    assert_string_equal(suspects(), "0 1 2"); /* three say nothing about a habit */
    add(5120, 4300, 20, 0);
    add(8192, 4000, 20, 0);
    assert_string_equal(suspects(), "4");
}

static void sizes_at_the_end_of_numbers(void **state)
{
    (void)state;
    add(UINT64_MAX - 1, 10, 5, 0);
    add(0, UINT64_MAX, 5, 0);
    add(UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX, UINT64_MAX);
    assert_string_equal(suspects(), "0");
}

#define CASE(name) cmocka_unit_test_setup(name, up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(right_sizes_are_right),
        CASE(qs_006_one_that_lacks_octets_among_right_ones),
        CASE(qs_006_one_alone_that_lacks_octets),
        CASE(qs_007_longer_ones_are_only_told),
        CASE(qs_007_lf_is_counted),
        CASE(stuffed_dots_are_counted),
        CASE(qs_007_each_line_is_counted_once_too_often),
        CASE(qs_007_whole_blocks_are_told),
        CASE(sizes_at_the_end_of_numbers),
    };

    return RUN(tests);
}
