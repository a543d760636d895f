/* What `postfach top` reads and shows, without terminal and server. */
#include "unit/cm.h"

#include "tool/top_view.h"

#include <stdio.h>
#include <stdlib.h>

static const char answer[] =
    "+sessions\n"
    "3.2\tanna\t192.0.2.1\tnone\ttransaction\t100\t5\t7\t500\t2\t30\t4000\tRETR\n"
    "3.10\tBob\t2001:db8::1\tTLSv1.3\tlogin\t300\t1\t0\t0\t0\t10\t20\t-\n"
    "12.1\tcarol\t192.0.2.7\tnone\tsending\t200\t0\t9\t100\t1\t5\t900\tTOP\n"
    ".\n"
    "+metrics\n"
    "# HELP postfach_sessions x\n"
    "postfach_start_time_seconds 1000\n"
    "postfach_processes 4\n"
    "postfach_processes_silent 0\n"
    "postfach_sessions 3\n"
    "postfach_sessions_before_login 1\n"
    "postfach_logins_total{mechanism=\"PLAIN\",verdict=\"OK\"} 10\n"
    "postfach_logins_total{mechanism=\"USER\",verdict=\"OK\"} 20\n"
    "postfach_logins_total{mechanism=\"USER\",verdict=\"AUTH\"} 5\n"
    "postfach_login_seconds_bucket{le=\"0.001\"} 99\n"
    "postfach_messages_retrieved_total 7\n"
    "postfach_sent_octets_total 400\n"
    "postfach_refused_total{protocol=\"pop3\"} 1\n"
    "postfach_tls_failures_total{protocol=\"pop3\"} 2\n"
    "postfach_disk_queue 6\n"
    ".\n";

static bool read_page(struct pf_top_page *page, const char *text)
{
    return pf_top_page_read(page, strdup(text), strlen(text));
}

static void take(struct pf_top_view *view, const char *text, pf_time at)
{
    struct pf_top_page page;

    assert_true(read_page(&page, text));
    assert_true(pf_top_view_take(view, &page, at));
}

static const char *head(const struct pf_top_view *view, unsigned line, int64_t now)
{
    static char out[PF_TOP_LINE];

    pf_top_view_head(view, line, now, out);
    return out;
}

static void a_page_is_read(void **state)
{
    struct pf_top_page page;

    (void)state;
    assert_true(read_page(&page, answer));
    assert_int_equal(page.count, 3);
    assert_string_equal(page.rows[1].text[PF_TOP_USER], "Bob");
    assert_true(page.rows[1].gate == 3 && page.rows[1].number[PF_TOP_ID] == 10);
    assert_string_equal(page.rows[2].text[PF_TOP_COMMAND], "TOP");
    assert_true(page.figures.logins > 29.9 && page.figures.logins < 30.1);
    assert_true(page.figures.refused_logins > 4.9 && page.figures.refused_logins < 5.1);
    assert_true(page.figures.messages > 9.9 && page.figures.messages < 10.1); /* with those of who is here */
    assert_true(page.figures.octets > 999.9 && page.figures.octets < 1000.1);
    assert_true(page.figures.failures > 2.9 && page.figures.failures < 3.1);
    assert_string_equal(page.missing, "");
    pf_top_page_done(&page);
}

static void what_breaks_off_is_no_page(void **state)
{
    static const char *const bad[] = {
        "", "-not understood\n.\n", "+sessions\n.\n", "+sessions\n.\n+metrics\n", "+sessions\nx\ty\n.\n+metrics\n.\n",
        "+sessions\n.\n+metrics\n.\nmore\n", "+sessions\n.\n+metrics\nword\n.\n",
        "+sessions\n1\ta\tb\tc\td\t1\t1\t1\t1\t1\t1\t1\tx\ty\n.\n+metrics\n.\n"};
    struct pf_top_page page;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(read_page(&page, bad[i]));
    for (size_t len = 0; len < strlen(answer); len++) {
        char *part = strndup(answer, len);

        assert_false(pf_top_page_read(&page, part, len));
    }
    assert_true(read_page(&page, "+sessions, without gate 3, store 1\n.\n+metrics\n.\n"));
    assert_string_equal(page.missing, "gate 3, store 1");
    pf_top_page_done(&page);
}

static void no_octet_of_a_stranger_reaches_the_terminal(void **state)
{
    static const char evil[] = "+sessions, without \033[2J\n"
                               "1\t\033]0;x\007\xc2\x9b\t\x9b\x31m\tnone\tlogin\t1\t1\t1\t1\t1\t1\t1\t\177\n.\n"
                               "+metrics\npostfach_start_time_seconds 1\n.\n";
    struct pf_top_view view = {.socket = "/\033[31m", .trouble = NULL};
    char line[PF_TOP_LINE];

    (void)state;
    take(&view, evil, 1);
    for (int trouble = 0; trouble < 2; trouble++) {
        view.trouble = trouble ? "no server listens there" : NULL;
        for (unsigned i = 0; i <= PF_TOP_HEAD_LINES; i++) {
            if (i < PF_TOP_HEAD_LINES)
                pf_top_view_head(&view, i, 5, line);
            else
                pf_top_view_row(&view, 0, 80, line);
            for (const char *c = line; *c; c++)
                assert_true(*c >= ' ' && *c <= '~');
        }
    }
    assert_non_null(strstr(line, "?]0;x???"));
    pf_top_view_done(&view);
}

static void rows_are_sorted(void **state)
{
    static const char *const order[PF_TOP_SORTS] = {
        [PF_TOP_BY_AGE] = "3.10 12.1 3.2 ",    [PF_TOP_BY_IDLE] = "3.2 3.10 12.1 ",
        [PF_TOP_BY_USER] = "3.2 3.10 12.1 ",   [PF_TOP_BY_ADDRESS] = "3.2 12.1 3.10 ",
        [PF_TOP_BY_MESSAGES] = "12.1 3.2 3.10 ", [PF_TOP_BY_RECEIVED] = "3.2 3.10 12.1 ",
        [PF_TOP_BY_SENT] = "3.2 12.1 3.10 "};
    struct pf_top_view view = {0};

    (void)state;
    take(&view, answer, 1);
    for (view.sort = 0; view.sort < PF_TOP_SORTS; view.sort++)
        for (int turned = 0; turned < 2; turned++) {
            char got[64] = "";

            view.turned = turned;
            assert_true(pf_top_view_order(&view));
            for (size_t i = 0; i < 3; i++) {
                size_t at = turned ? 2 - i : i;

                snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", view.shown[at]->text[PF_TOP_ID]);
            }
            assert_string_equal(got, order[view.sort]);
        }
    pf_top_view_done(&view);
}

static void the_cursor_stays_on_its_session(void **state)
{
    struct pf_top_view view = {0};

    (void)state;
    take(&view, answer, 1);
    assert_string_equal(view.chosen, "3.10");
    pf_top_view_move(&view, 2);
    assert_string_equal(view.chosen, "3.2");
    view.sort = PF_TOP_BY_SENT;
    pf_top_view_order(&view);
    assert_true(view.cursor == 0 && strcmp(view.chosen, "3.2") == 0);
    pf_top_view_move(&view, 99);
    assert_true(view.cursor == 2);
    snprintf(view.filter, sizeof view.filter, "192.0.2"); /* the chosen one does not pass */
    pf_top_view_order(&view);
    assert_true(view.count == 2 && view.cursor == 1);
    snprintf(view.filter, sizeof view.filter, "ANNA");
    pf_top_view_order(&view);
    assert_true(view.count == 1 && strcmp(view.chosen, "3.2") == 0);
    assert_string_equal(head(&view, 3, 0), "sorted by out; only \"ANNA\": 1 of 3");
    snprintf(view.filter, sizeof view.filter, "nobody");
    pf_top_view_order(&view);
    assert_true(view.count == 0 && view.cursor == 0 && view.chosen[0] == 0);
    pf_top_view_done(&view);
}

static void rates_are_between_two_pages(void **state)
{
    static const char later[] = "+sessions\n.\n+metrics\npostfach_start_time_seconds 1000\npostfach_processes 4\n"
                                "postfach_logins_total{mechanism=\"USER\",verdict=\"OK\"} 50\n"
                                "postfach_messages_retrieved_total 9\npostfach_sent_octets_total 2000400\n.\n";
    static const char other[] = "+sessions\n.\n+metrics\npostfach_start_time_seconds 2000\n"
                                "postfach_sent_octets_total 100\n.\n";
    struct pf_top_view view = {.interval = 2};

    (void)state;
    assert_string_equal(head(&view, 1, 1100), "");
    take(&view, answer, 10000);
    assert_string_equal(head(&view, 0, 1100),
                        "postfach top 00:18:20Z, up 100s, 4 processes, 3 sessions (1 before login)");
    assert_string_equal(head(&view, 1, 1100),
                        "on average: 0.3 logins, 0.05 refused; 0.1 messages, 10 octets sent; 0.03 failures");
    assert_string_equal(head(&view, 2, 1100),
                        "0 mail servers: 0 mails, 0 refused, 0 octets; waiting: disk 6, passwords 0");
    take(&view, later, 12000);
    assert_string_equal(head(&view, 1, 1100),
                        "per second: 10 logins, 0 refused; 0 messages, 1.0M octets sent; 0 failures");
    assert_string_equal(head(&view, 3, 0), "sorted by age; every 2 s");
    take(&view, other, 14000); /* started anew: its figures are no less than those before */
    assert_string_equal(head(&view, 1, 2010),
                        "on average: 0 logins, 0 refused; 0 messages, 10 octets sent; 0 failures");
    pf_top_view_done(&view);
}

static void a_table_is_as_wide_as_there_is_room(void **state)
{
    struct pf_top_view view = {0};
    char line[PF_TOP_LINE];

    (void)state;
    take(&view, answer, 1);
    pf_top_view_titles(&view, 120, line);
    assert_string_equal(line, "ID   USER  ADDRESS     TLS     STATE        AGE IDLE  MSGS   GOT    IN   OUT CMD");
    pf_top_view_row(&view, 0, 120, line);
    assert_string_equal(line, "3.10 Bob   2001:db8::1 TLSv1.3 login         5m   1s     0     0    10    20 -");
    for (size_t columns = 200; columns > 0; columns--)
        for (size_t i = 0; i < 4; i++) {
            if (i < 3)
                pf_top_view_row(&view, i, columns, line);
            else
                pf_top_view_titles(&view, columns, line);
            assert_true(strlen(line) <= columns);
        }
    pf_top_view_row(&view, 2, 50, line);
    assert_string_equal(line, "3.2  anna  192.0.2.1   transaction 100s   5s  4000");
    pf_top_view_done(&view);
}

static void a_long_name_is_cut(void **state)
{
    struct pf_top_view view = {0};
    char text[2000], name[260], line[PF_TOP_LINE];

    (void)state;
    memset(name, 'x', 256);
    name[256] = 0;
    snprintf(text, sizeof text, "+sessions\n1\t%s\t192.0.2.1\tnone\tlogin\t1\t1\t1\t1\t1\t1\t1\tRETR\n.\n+metrics\n.\n",
             name);
    take(&view, text, 1);
    pf_top_view_row(&view, 0, 80, line);
    assert_non_null(strstr(line, "xx~ 192.0.2.1 "));
    assert_non_null(strstr(line, " RETR"));
    assert_true(strlen(line) <= 80);
    pf_top_view_row(&view, 0, PF_TOP_LINE - 1, line);
    assert_non_null(strstr(line, name));
    pf_top_view_done(&view);
}

static void numbers_have_five_places(void **state)
{
    static const struct {
        double number;
        const char *text;
    } rows[] = {{0, "0"}, {9999, "9999"}, {9999.6, "10.0k"}, {12345, "12.3k"}, {99949, "99.9k"}, {99951, "100k"},
                {999499, "999k"}, {999501, "1.0M"}, {1.5e9, "1.5G"}, {1.8e19, "18.0E"}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pf_top_number(rows[i].number, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
    for (double n = 1; n < 1.8e19; n *= 1.07) {
        pf_top_number(n, text, sizeof text);
        assert_true(strlen(text) <= 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_page_is_read),           T(what_breaks_off_is_no_page), T(no_octet_of_a_stranger_reaches_the_terminal),
        T(rows_are_sorted),          T(the_cursor_stays_on_its_session), T(rates_are_between_two_pages),
        T(a_table_is_as_wide_as_there_is_room), T(a_long_name_is_cut), T(numbers_have_five_places)};

    return RUN(tests);
}
