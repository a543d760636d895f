/* What the explorer shows, without a terminal. */
#include "unit/cm.h"

#include "tool/explore_view.h"

#include <locale.h>
#include <stdlib.h>

static struct pf_explore_view view_of(unsigned n)
{
    struct pf_explore_view v = {.who = "anna@localhost", .server = "127.0.0.1:995 TLSv1.3 PLAIN"};
    char subject[40], uid[20];

    for (unsigned i = 1; i <= n; i++) {
        snprintf(subject, sizeof subject, "Subject %u", i);
        snprintf(uid, sizeof uid, "u%u", i);
        pf_explore_list_add(&v.list, i, 1000 * i);
        pf_explore_list_uid(&v.list, i, pf_bytes_of(uid));
        pf_explore_list_head(&v.list, i, "Somebody", subject, 1700000000 + i * 86400);
    }
    pf_explore_list_order(&v.list);
    return v;
}

static struct pf_explore_frame drawn(struct pf_explore_view *v, unsigned columns, unsigned rows)
{
    struct pf_explore_frame frame = {.rows = rows, .columns = columns};

    pf_explore_view_draw(v, &frame);
    return frame;
}

static const char *line(const struct pf_explore_frame *frame, unsigned row)
{
    return frame->text[row] ? frame->text[row] : "";
}

static bool shows(const struct pf_explore_frame *frame, const char *text)
{
    for (unsigned i = 0; i < frame->rows; i++)
        if (strstr(line(frame, i), text))
            return true;
    return false;
}

static void a_list_has_head_rows_and_foot(void **state)
{
    struct pf_explore_view v = view_of(3);
    struct pf_explore_frame frame;

    (void)state;
    pf_explore_list_mark(&v.list, &v.list.rows[1], true);
    memcpy(v.state, "heads: 1 of 3", 14);
    frame = drawn(&v, 100, 10);
    assert_non_null(strstr(line(&frame, 0), "anna@localhost "));
    assert_non_null(strstr(line(&frame, 0), " 127.0.0.1:995 TLSv1.3 PLAIN"));
    assert_int_equal(pf_explore_width(line(&frame, 0)), 100);
    assert_non_null(strstr(line(&frame, 1), "3 messages, 6000 octets; by number; 1 marked, 2000 "));
    assert_non_null(strstr(line(&frame, 1), " heads: 1 of 3"));
    assert_non_null(strstr(line(&frame, 2), "   No. Date              Size From"));
    assert_non_null(strstr(line(&frame, 3), "      3 2023-11-17 22:13  3000 Somebody"));
    assert_int_equal(frame.style[3], PF_EXPLORE_CHOSEN);
    assert_true(strncmp(line(&frame, 4), "D     2 ", 8) == 0);
    assert_int_equal(frame.style[4], PF_EXPLORE_BOLD);
    assert_string_equal(line(&frame, 6), "");
    assert_non_null(strstr(line(&frame, 9), "q leave"));
    pf_explore_frame_done(&frame);
    pf_explore_view_done(&v);
}

static void the_cursor_is_always_shown(void **state)
{
    struct pf_explore_view v = view_of(100);
    static const size_t places[] = {0, 99, 50, 49, 7, 8, 6, 99, 0};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        for (unsigned rows = 5; rows < 30; rows += 3) {
            struct pf_explore_frame frame;
            unsigned chosen = 0;

            v.preview = rows % 2;
            pf_explore_list_move(&v.list, places[i]);
            frame = drawn(&v, 80, rows);
            for (unsigned row = 0; row < rows; row++)
                chosen += frame.style[row] == PF_EXPLORE_CHOSEN;
            assert_int_equal(chosen, 1);
            pf_explore_frame_done(&frame);
        }
    pf_explore_view_done(&v);
}

static void no_line_is_wider_than_the_screen(void **state)
{
    static const char wide[] =
        "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0 x";
    struct pf_explore_view v = view_of(20);

    (void)state;
    for (unsigned i = 1; i <= 20; i++)
        pf_explore_list_head(&v.list, i, wide, wide, 1);
    pf_explore_pane_set(&v.below, wide);
    pf_explore_pane_set(&v.reader, wide);
    snprintf(v.title, sizeof v.title, "%s", wide);
    v.preview = true;
    for (unsigned mode = 0; mode < 2; mode++)
        for (unsigned columns = 1; columns < 120; columns++) {
            struct pf_explore_frame frame;

            v.mode = (enum pf_explore_mode)mode;
            frame = drawn(&v, columns, columns % 25);
            for (unsigned row = 0; row < frame.rows; row++)
                assert_true(pf_explore_width(line(&frame, row)) <= columns || columns < 2);
            pf_explore_frame_done(&frame);
        }
    pf_explore_view_done(&v);
}

static void nothing_sent_moves_the_terminal(void **state)
{
    static const char evil[] = "\033]0;owned\007\033[2J\xc2\x9b"
                               "31m\r\n\t\x9b\xe2\x80\xae\x7f";
    struct pf_explore_view v = view_of(2);

    (void)state;
    /* As if nobody had made them safe before. */
    pf_explore_list_head(&v.list, 1, evil, evil, INT64_MAX);
    pf_explore_list_head(&v.list, 2, evil, evil, INT64_MIN);
    snprintf(v.who, sizeof v.who, "%s", evil);
    snprintf(v.server, sizeof v.server, "%s", evil);
    snprintf(v.state, sizeof v.state, "%s", evil);
    snprintf(v.list.filter, sizeof v.list.filter, "%s", evil);
    snprintf(v.title, sizeof v.title, "%s", evil);
    snprintf(v.note, sizeof v.note, "%s", evil);
    pf_explore_pane_set(&v.below, evil);
    pf_explore_pane_set(&v.reader, evil);
    v.preview = true;
    for (unsigned step = 0; step < 3; step++) {
        struct pf_explore_frame frame;

        v.mode = step == 1 ? PF_EXPLORE_READS : PF_EXPLORE_LISTS;
        if (step == 2) {
            snprintf(v.question, sizeof v.question, "%s", evil);
            snprintf(v.typed, sizeof v.typed, "%s", evil);
            v.types = true;
        }
        frame = drawn(&v, 100, 24);
        assert_true(shows(&frame, "?]0;owned??[2J?31m"));
        for (unsigned row = 0; row < frame.rows; row++)
            for (const unsigned char *c = (const unsigned char *)line(&frame, row); *c; c++)
                assert_true(*c >= ' ' && *c <= '~');
        pf_explore_frame_done(&frame);
    }
    pf_explore_view_done(&v);
}

static void a_text_is_read_in_pieces(void **state)
{
    struct pf_explore_view v = {.mode = PF_EXPLORE_READS, .title = "7  Hello"};
    char text[2000];
    struct pf_explore_frame frame;
    size_t n = 0;

    (void)state;
    for (int i = 1; i <= 100; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "line %d\n", i);
    frame = drawn(&v, 40, 12);
    assert_true(shows(&frame, "..."));
    pf_explore_frame_done(&frame);
    pf_explore_pane_set(&v.reader, text);
    frame = drawn(&v, 40, 12);
    assert_non_null(strstr(line(&frame, 0), "7  Hello"));
    assert_non_null(strstr(line(&frame, 0), "1-10/100"));
    assert_string_equal(line(&frame, 10), "line 10");
    pf_explore_frame_done(&frame);
    pf_explore_pane_scroll(&v.reader, 1000, 10);
    frame = drawn(&v, 40, 12);
    assert_string_equal(line(&frame, 10), "line 100");
    pf_explore_frame_done(&frame);
    assert_true(pf_explore_pane_search(&v.reader, "LINE 42", 1));
    frame = drawn(&v, 40, 12);
    assert_string_equal(line(&frame, 1), "line 42");
    pf_explore_frame_done(&frame);
    frame = drawn(&v, 5, 12); /* narrower: the same text stays on top */
    assert_string_equal(line(&frame, 1), "line");
    assert_string_equal(line(&frame, 2), "42");
    pf_explore_frame_done(&frame);
    assert_false(pf_explore_pane_search(&v.reader, "nowhere", -1));
    pf_explore_view_done(&v);
}

static void a_question_shows_its_end(void **state)
{
    struct pf_explore_view v = view_of(1);
    struct pf_explore_frame frame;

    (void)state;
    memcpy(v.question, "Save as: ", 10);
    v.types = true;
    memset(v.typed, 'x', 100);
    memcpy(v.typed + 100, "END", 4);
    frame = drawn(&v, 30, 10);
    assert_true(frame.asks);
    assert_non_null(strstr(line(&frame, 9), "xEND"));
    assert_int_equal(frame.cursor, 29);
    pf_explore_frame_done(&frame);
    pf_explore_view_done(&v);
}

static void a_long_note_is_shown_whole(void **state)
{
    struct pf_explore_view v = view_of(1);
    struct pf_explore_frame frame;

    (void)state;
    snprintf(v.note, sizeof v.note, "the line is gone: nobody serves that port there: is it right?");
    frame = drawn(&v, 30, 10);
    assert_string_equal(line(&frame, 7), "the line is gone: nobody");
    assert_string_equal(line(&frame, 8), "serves that port there: is it");
    assert_string_equal(line(&frame, 9), "right?");
    pf_explore_frame_done(&frame);
    frame = drawn(&v, 80, 10);
    assert_string_equal(line(&frame, 9), v.note);
    pf_explore_frame_done(&frame);
    frame = drawn(&v, 10, 2); /* more lines than there are */
    assert_non_null(line(&frame, 1));
    pf_explore_frame_done(&frame);
    pf_explore_view_done(&v);
}

static void keys_are_told_whole(void **state)
{
    static const struct {
        unsigned columns;
        const char *keys;
    } cases[] = {{80, "q leave  ? help  Enter read  p preview  d/u mark  / search  f filter  <> sort"},
                 {40, "q leave  ? help  Enter read  p preview"},
                 {20, "q leave  ? help"},
                 {8, "q leave"},
                 {3, ""}};
    struct pf_explore_view v = view_of(1);
    struct pf_explore_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        frame = drawn(&v, cases[i].columns, 10);
        assert_string_equal(line(&frame, 9), cases[i].keys);
        pf_explore_frame_done(&frame);
    }
    v.mode = PF_EXPLORE_READS;
    frame = drawn(&v, 80, 10);
    assert_string_equal(line(&frame, 9), "q back  / search");
    pf_explore_frame_done(&frame);
    v.letter = true;
    frame = drawn(&v, 80, 10);
    assert_non_null(strstr(line(&frame, 9), "s save attachment"));
    pf_explore_frame_done(&frame);
    pf_explore_view_done(&v);
}

static void german_is_spoken(void **state)
{
    struct pf_explore_view v = view_of(2);
    struct pf_explore_frame frame;

    (void)state;
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    frame = drawn(&v, 120, 10);
    assert_true(shows(&frame, "2 Nachrichten, 3000 Oktette; nach Nummer"));
    assert_true(shows(&frame, "Größe Von"));
    assert_true(shows(&frame, "q Ende"));
    assert_non_null(strstr(pf_explore_help(), "zum Löschen vormerken"));
    pf_explore_frame_done(&frame);
    setenv("LC_ALL", "C", 1);
    assert_non_null(strstr(pf_explore_help(), "mark for deletion"));
    pf_explore_view_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_list_has_head_rows_and_foot),    T(the_cursor_is_always_shown),
        T(no_line_is_wider_than_the_screen), T(nothing_sent_moves_the_terminal),
        T(a_text_is_read_in_pieces),         T(a_question_shows_its_end),
        T(a_long_note_is_shown_whole), T(keys_are_told_whole),       T(german_is_spoken),
    };

    setenv("TZ", "UTC", 1);
    setenv("LC_ALL", "C", 1); /* of what is said; letters come from here: */
    setlocale(LC_CTYPE, "C.UTF-8");
    return RUN(tests);
}
