#include "unit/cm.h"

#include "base/stats.h"

#include <stdio.h>
#include <stdlib.h>

struct text {
    char at[65536];
    size_t len, lines;
};

static void add(void *self, const char *line)
{
    struct text *t = self;

    t->len += (size_t)snprintf(t->at + t->len, sizeof t->at - t->len, "%s\n", line);
    t->lines++;
    assert_true(t->len < sizeof t->at);
    assert_true(strlen(line) + 1 < PF_STATS_LINE);
}

static struct text text;

static const char *written(const struct pf_stats *stats)
{
    text = (struct text){0};
    pf_stats_write(stats, add, &text);
    return text.at;
}

static void a_counter_grows_where_its_labels_say(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);

    (void)state;
    pf_stats_count(s, PF_STAT_logins_total, "PLAIN", "OK", 1);
    pf_stats_count(s, PF_STAT_logins_total, "PLAIN", "OK", 2);
    pf_stats_count(s, PF_STAT_logins_total, "XOAUTH2", "AUTH", 4);
    assert_int_equal(pf_stats_value(s, PF_STAT_logins_total, "PLAIN", "OK"), 3);
    assert_int_equal(pf_stats_value(s, PF_STAT_logins_total, "XOAUTH2", "AUTH"), 4);
    assert_int_equal(pf_stats_value(s, PF_STAT_logins_total, "PLAIN", "AUTH"), 0);
    assert_non_null(strstr(written(s), "\npostfach_logins_total{mechanism=\"PLAIN\",verdict=\"OK\"} 3\n"));
    assert_null(strstr(text.at, "mechanism=\"LOGIN\""));
    pf_stats_free(s);
}

static void words_of_strangers_make_no_series(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);
    size_t lines;

    (void)state;
    pf_stats_count(s, PF_STAT_tls_sessions_total, "none", NULL, 1);
    written(s);
    lines = text.lines;
    pf_stats_count(s, PF_STAT_tls_sessions_total, "x\"} 1\n", NULL, 1);
    pf_stats_count(s, PF_STAT_tls_sessions_total, "", NULL, 1);
    pf_stats_count(s, PF_STAT_tls_sessions_total, NULL, NULL, 1);
    assert_int_equal(pf_stats_value(s, PF_STAT_tls_sessions_total, "other", NULL), 3);
    assert_non_null(strstr(written(s), "\npostfach_tls_sessions_total{version=\"other\"} 3\n"));
    assert_int_equal(text.lines, lines);
    pf_stats_free(s);
}

static void all_verdicts_are_words(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);

    (void)state;
    for (unsigned code = 0; code < PF_CODES; code++)
        pf_stats_count(s, PF_STAT_deliveries_total, pf_verdict(code)->name, NULL, code + 1);
    for (unsigned code = 0; code < PF_CODES; code++)
        assert_int_equal(pf_stats_value(s, PF_STAT_deliveries_total, pf_verdict(code)->name, NULL), code + 1);
    assert_int_equal(pf_stats_value(s, PF_STAT_deliveries_total, "other", NULL), 0);
    pf_stats_free(s);
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    static const char want[] = "postfach_login_seconds_bucket{le=\"0.001\"} 2\n"
                               "postfach_login_seconds_bucket{le=\"0.005\"} 3\n"
                               "postfach_login_seconds_bucket{le=\"0.02\"} 3\n";
    struct pf_stats *s = pf_stats_new(NULL);

    (void)state;
    pf_stats_took(s, PF_STAT_login_seconds, NULL, 0);
    pf_stats_took(s, PF_STAT_login_seconds, NULL, 1);
    pf_stats_took(s, PF_STAT_login_seconds, NULL, 2);
    pf_stats_took(s, PF_STAT_login_seconds, NULL, 3600001);
    assert_int_equal(pf_stats_value(s, PF_STAT_login_seconds, NULL, NULL), 4);
    assert_non_null(strstr(written(s), want));
    assert_non_null(strstr(text.at, "\npostfach_login_seconds_bucket{le=\"3600.0\"} 3\n"
                                    "postfach_login_seconds_bucket{le=\"+Inf\"} 4\n"
                                    "postfach_login_seconds_sum 3600.004\npostfach_login_seconds_count 4\n"));
    pf_stats_free(s);
}

static void a_histogram_with_a_label(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);

    (void)state;
    pf_stats_took(s, PF_STAT_store_seconds, "read", 7);
    assert_non_null(strstr(written(s), "\npostfach_store_seconds_bucket{operation=\"read\",le=\"0.02\"} 1\n"));
    assert_non_null(strstr(text.at, "\npostfach_store_seconds_count{operation=\"open\"} 0\n"));
    assert_int_equal(pf_stats_value(s, PF_STAT_store_seconds, "read", NULL), 1);
    pf_stats_free(s);
}

static void people_see_what_is_not_zero(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);

    (void)state;
    pf_stats_gauge(s, PF_STAT_sessions, 5);
    pf_stats_gauge(s, PF_STAT_sessions, 3);
    pf_stats_took(s, PF_STAT_session_seconds, NULL, 1000);
    pf_stats_took(s, PF_STAT_session_seconds, NULL, 2000);
    text = (struct text){0};
    pf_stats_tell(s, add, &text);
    assert_string_equal(text.at, "postfach_sessions 3\npostfach_session_seconds 2, 1.500 on average\n");
    pf_stats_free(s);
}

static void silence_is_allowed(void **state)
{
    (void)state;
    pf_stats_count(NULL, PF_STAT_commands_total, NULL, NULL, 1);
    pf_stats_gauge(NULL, PF_STAT_sessions, 1);
    pf_stats_took(NULL, PF_STAT_login_seconds, NULL, 1);
    pf_stats_free(NULL);
    assert_int_equal(PF_OK, 0);
}

/* The grammar of the text, for every line: HELP, TYPE, then series of that name. */
static void each_line_has_the_form_that_prometheus_reads(void **state)
{
    struct pf_stats *s = pf_stats_new(NULL);
    char name[100] = "", kind[20] = "", *rest = NULL;
    unsigned heads = 0;

    (void)state;
    pf_stats_count(s, PF_STAT_logins_total, "APOP", "AUTH", 1);
    written(s);
    for (char *line = strtok_r(text.at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "# TYPE %99s %19s", name, kind) == 2) {
            heads++;
            assert_true(strcmp(kind, "counter") != 0 || strstr(name, "_total"));
        } else if (line[0] != '#') {
            size_t len = strlen(name), tail;

            assert_int_equal(strncmp(line, name, len), 0);
            tail = strspn(line + len, "_bucketsmno");
            assert_true(line[len + tail] == ' ' || line[len + tail] == '{');
            assert_true(tail == 0 || strcmp(kind, "histogram") == 0);
            assert_int_equal(strspn(strrchr(line, ' ') + 1, "0123456789."), strlen(strrchr(line, ' ') + 1));
        }
    }
    assert_int_equal(heads, PF_STATS);
    pf_stats_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_counter_grows_where_its_labels_say),
        T(words_of_strangers_make_no_series),
        T(all_verdicts_are_words),
        T(a_histogram_counts_up_to_each_bound),
        T(a_histogram_with_a_label),
        T(people_see_what_is_not_zero),
        T(silence_is_allowed),
        T(each_line_has_the_form_that_prometheus_reads),
    };

    return RUN(tests);
}
