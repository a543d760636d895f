/* The list of the explorer: order, marks, search, and what goes over to another connection. */
#include "unit/cm.h"

#include "tool/explore_list.h"

#include <locale.h>
#include <stdlib.h>
#include <time.h>

/* Rows 1 to n with UIDs "u1" ... */
static struct pf_explore_list make(unsigned n)
{
    struct pf_explore_list list = {0};
    char uid[16];

    for (unsigned i = 1; i <= n; i++) {
        snprintf(uid, sizeof uid, "u%u", i);
        assert_true(pf_explore_list_add(&list, i, 100 * i));
        assert_true(pf_explore_list_uid(&list, i, pf_bytes_of(uid)));
    }
    assert_true(pf_explore_list_order(&list));
    return list;
}

static void assert_order(const struct pf_explore_list *list, const char *expected)
{
    char out[200] = "";
    size_t n = 0;

    for (size_t i = 0; i < list->shown_count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%u ",
                              (unsigned)list->rows[list->shown[i]].number);
    assert_string_equal(out, expected);
}

static void fill(struct pf_explore_list *list)
{
    assert_true(pf_explore_list_head(list, 1, "Bob", "zebra", 300));
    assert_true(pf_explore_list_head(list, 2, "anna", "\xc3\x84pfel", 100));
    assert_true(pf_explore_list_head(list, 3, "Carol", "Apple", 200));
}

static void rows_are_sorted(void **state)
{
    struct pf_explore_list list = make(4);

    (void)state;
    fill(&list); /* 4 has no head yet */
    assert_order(&list, "4 3 2 1 ");
    list.sort = PF_EXPLORE_BY_DATE;
    pf_explore_list_order(&list);
    assert_order(&list, "1 3 2 4 ");
    list.turned = true;
    pf_explore_list_order(&list);
    assert_order(&list, "4 2 3 1 ");
    list.turned = false;
    list.sort = PF_EXPLORE_BY_SIZE;
    pf_explore_list_order(&list);
    assert_order(&list, "4 3 2 1 ");
    list.sort = PF_EXPLORE_BY_FROM;
    pf_explore_list_order(&list);
    assert_order(&list, "2 1 3 4 ");
    list.sort = PF_EXPLORE_BY_SUBJECT;
    pf_explore_list_order(&list);
    assert_order(&list, "3 1 2 4 ");
    pf_explore_list_done(&list);
}

static void the_cursor_stays_on_its_row(void **state)
{
    struct pf_explore_list list = make(5);

    (void)state;
    pf_explore_list_move(&list, 1);
    assert_int_equal(pf_explore_list_at(&list)->number, 4);
    list.turned = true;
    pf_explore_list_order(&list);
    assert_int_equal(pf_explore_list_at(&list)->number, 4);
    memcpy(list.filter, "u2", 3);
    pf_explore_list_order(&list);
    assert_order(&list, "2 ");
    assert_int_equal(list.cursor, 0);
    memcpy(list.filter, "none", 5);
    pf_explore_list_order(&list);
    assert_null(pf_explore_list_at(&list));
    list.filter[0] = 0;
    pf_explore_list_order(&list);
    assert_non_null(pf_explore_list_at(&list));
    pf_explore_list_move(&list, 99);
    assert_int_equal(list.cursor, 4);
    pf_explore_list_done(&list);
}

static void marks_are_counted_and_taken_back(void **state)
{
    struct pf_explore_list list = make(5);

    (void)state;
    pf_explore_list_mark(&list, &list.rows[1], true);
    pf_explore_list_mark(&list, &list.rows[1], true);
    pf_explore_list_mark(&list, &list.rows[4], true);
    assert_true(list.marked == 2 && list.marked_octets == 700);
    pf_explore_list_mark(&list, &list.rows[1], false);
    assert_true(list.marked == 1 && list.marked_octets == 500);
    memcpy(list.filter, "u3", 3);
    pf_explore_list_order(&list);
    pf_explore_list_mark_all(&list, true); /* of those that are shown */
    assert_true(list.marked == 2 && list.rows[2].marked && list.rows[4].marked && !list.rows[0].marked);
    pf_explore_list_mark_all(&list, false); /* of all */
    assert_true(list.marked == 0 && list.marked_octets == 0 && !list.rows[4].marked);
    pf_explore_list_done(&list);
}

static void search_goes_around(void **state)
{
    struct pf_explore_list list = make(5);

    (void)state;
    fill(&list);
    memcpy(list.needle, "\xc3\xa4PF", 5);
    assert_true(pf_explore_list_search(&list, 1));
    assert_int_equal(pf_explore_list_at(&list)->number, 2);
    assert_true(pf_explore_list_search(&list, 1)); /* the same, once around */
    assert_int_equal(pf_explore_list_at(&list)->number, 2);
    memcpy(list.needle, "u", 2);
    assert_true(pf_explore_list_search(&list, 1));
    assert_int_equal(pf_explore_list_at(&list)->number, 1);
    assert_true(pf_explore_list_search(&list, 1));
    assert_int_equal(pf_explore_list_at(&list)->number, 5);
    assert_true(pf_explore_list_search(&list, -1));
    assert_int_equal(pf_explore_list_at(&list)->number, 1);
    memcpy(list.needle, "nobody", 7);
    assert_false(pf_explore_list_search(&list, 1));
    pf_explore_list_done(&list);
}

static void heads_on_the_screen_come_first(void **state)
{
    struct pf_explore_list list = make(6);
    static const unsigned expected[] = {4, 3, 6, 5, 2, 1};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct pf_explore_row *row = pf_explore_list_next(&list, 2, 2); /* of 6 5 [4 3] 2 1 */

        assert_non_null(row);
        assert_int_equal(row->number, expected[i]);
        row->head = PF_EXPLORE_HEAD_ASKED;
    }
    assert_null(pf_explore_list_next(&list, 2, 2));
    fill(&list);
    pf_explore_list_headless(&list, 4);
    assert_int_equal(list.heads, 4);
    pf_explore_list_unask(&list); /* the line broke: 6 and 5 are to be had again */
    assert_int_equal(pf_explore_list_next(&list, 2, 2)->number, 6);
    pf_explore_list_done(&list);
}

static void texts_are_cut_between_characters(void **state)
{
    struct pf_explore_list list = make(1);
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 1] = 0;
    assert_true(pf_explore_list_head(&list, 1, text, text, 1));
    assert_int_equal(strlen(list.rows[0].from), PF_EXPLORE_FROM_MAX - 1);
    assert_int_equal(strlen(list.rows[0].subject), PF_EXPLORE_SUBJECT_MAX - 1);
    assert_true(pf_explore_list_head(&list, 1, NULL, NULL, 1)); /* again, and with nothing in it */
    assert_string_equal(list.rows[0].subject, "");
    assert_int_equal(list.heads, 1);
    pf_explore_list_done(&list);
}

static void what_servers_get_wrong_is_refused(void **state)
{
    struct pf_explore_list list = make(3);
    char uid[300];

    (void)state;
    assert_false(pf_explore_list_add(&list, 3, 1)); /* twice the same */
    assert_false(pf_explore_list_add(&list, 1, 1));
    assert_true(pf_explore_list_add(&list, 7, UINT64_MAX)); /* a hole; a sum that does not fit */
    assert_true(list.octets == UINT64_MAX);
    assert_int_equal(pf_explore_list_find(&list, 7)->number, 7);
    assert_null(pf_explore_list_find(&list, 4));
    assert_true(pf_explore_list_add(&list, 5, 0)); /* not in order */
    assert_false(pf_explore_list_add(&list, 5, 0));
    assert_true(list.count == 5 && list.rows[3].number == 5 && list.rows[4].number == 7);
    assert_null(pf_explore_list_find(&list, 0));
    assert_null(pf_explore_list_find(&list, UINT64_MAX));
    assert_false(pf_explore_list_uid(&list, 1, PF_LIT("again")));
    memset(uid, 'u', sizeof uid);
    assert_false(pf_explore_list_uid(&list, 7, pf_bytes_from(uid, sizeof uid)));
    assert_false(pf_explore_list_uid(&list, 7, pf_bytes_from("a\0b", 3)));
    assert_false(pf_explore_list_uid(&list, 9, PF_LIT("x")));
    assert_false(pf_explore_list_head(&list, 9, "x", "y", 1));
    pf_explore_list_done(&list);
}

static void marks_go_over_by_uid(void **state)
{
    struct pf_explore_list old = make(5), fresh = {0};
    static const char longer[] = "0123456789abcdef";
    static const struct {
        const char *uid;
        uint64_t octets;
    } rows[] = {{"u5", 500}, {"new", 1}, {"u2", 201}, {"u1", 100}, {"u3", 300}, {"u3", 300}, {longer, 700}};

    (void)state;
    fill(&old);
    pf_explore_list_add(&old, 6, 600);
    pf_explore_list_uid(&old, 6, pf_bytes_of(longer));
    pf_explore_list_order(&old);
    pf_explore_list_mark_all(&old, true);
    old.sort = PF_EXPLORE_BY_SIZE;
    memcpy(old.needle, "x", 2);
    pf_explore_list_order(&old);
    pf_explore_list_move(&old, 5);
    assert_int_equal(pf_explore_list_at(&old)->number, 1);
    for (size_t i = 0; i < 7; i++) {
        pf_explore_list_add(&fresh, i + 1, rows[i].octets);
        pf_explore_list_uid(&fresh, i + 1, pf_bytes_of(rows[i].uid));
    }
    /* u4 is gone, u2 has another size, u3 is there twice: three marks are lost, and never set elsewhere.
     */
    assert_int_equal(pf_explore_list_inherit(&fresh, &old), 3);
    assert_true(fresh.marked == 3 && fresh.rows[0].marked && fresh.rows[3].marked && fresh.rows[6].marked);
    assert_string_equal(fresh.rows[3].subject, "zebra");
    assert_true(fresh.heads == 1 && !fresh.rows[2].from);
    assert_int_equal(pf_explore_list_at(&fresh)->number, 4);
    assert_true(fresh.sort == PF_EXPLORE_BY_SIZE && strcmp(fresh.needle, "x") == 0);
    assert_null(old.rows);
    pf_explore_list_done(&fresh);
}

static void without_uids_no_mark_goes_over(void **state)
{
    struct pf_explore_list old = {0}, fresh = {0};

    (void)state;
    pf_explore_list_add(&old, 1, 100);
    pf_explore_list_order(&old);
    pf_explore_list_mark_all(&old, true);
    pf_explore_list_add(&fresh, 1, 100);
    assert_int_equal(pf_explore_list_inherit(&fresh, &old), 1);
    assert_int_equal(fresh.marked, 0);
    pf_explore_list_done(&fresh);
}

static void a_hundred_thousand_rows_are_no_trouble(void **state)
{
    struct pf_explore_list list = make(100000);
    char subject[32];
    clock_t begin = clock();

    (void)state;
    for (unsigned i = 1; i <= 100000; i++) {
        snprintf(subject, sizeof subject, "s %u", (i * 7919u) % 100003u);
        assert_true(pf_explore_list_head(&list, i, "x", subject, i));
        assert_true((pf_explore_list_next(&list, 0, 0) != NULL) == (i < 100000));
    }
    list.sort = PF_EXPLORE_BY_SUBJECT;
    assert_true(pf_explore_list_order(&list));
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 20); /* not quadratic, also with sanitizers */
    for (size_t i = 1; i < list.shown_count; i++)
        assert_true(strcmp(list.rows[list.shown[i - 1]].subject, list.rows[list.shown[i]].subject) <= 0);
    pf_explore_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_are_sorted),
        T(the_cursor_stays_on_its_row),
        T(marks_are_counted_and_taken_back),
        T(search_goes_around),
        T(heads_on_the_screen_come_first),
        T(texts_are_cut_between_characters),
        T(what_servers_get_wrong_is_refused),
        T(marks_go_over_by_uid),
        T(without_uids_no_mark_goes_over),
        T(a_hundred_thousand_rows_are_no_trouble),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return RUN(tests);
}
