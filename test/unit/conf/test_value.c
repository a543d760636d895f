#include "unit/conf/told.h"

#include "conf/number.h"
#include "conf/settings.h"
#include "conf/value.h"

/* A block's head, with an argument that it takes. */
static const char *head_of(const struct pf_conf_row *row)
{
    return row->block == PF_CONF_BLOCK_userdb   ? "userdb pam"
           : row->block == PF_CONF_BLOCK_domain ? "domain example.org"
           : row->block == PF_CONF_BLOCK_listen ? "listen 127.0.0.1:0"
                                                : pf_conf_blocks[row->block].name;
}

/* "block { name value }", so that one row can be tried alone. */
static const char *text_for(const struct pf_conf_row *row, const char *value)
{
    static char text[8192];

    if (row->block == PF_CONF_BLOCK_top)
        snprintf(text, sizeof text, "%s %s", row->name, value);
    else
        snprintf(text, sizeof text, "%s { %s %s%s }", head_of(row), row->name, value,
                 row->block == PF_CONF_BLOCK_listen ? "; tls none" : "");
    return text;
}

static bool is_number(const struct pf_conf_row *row)
{
    return row->type == PF_CONF_NUMBER || row->type == PF_CONF_SIZE || row->type == PF_CONF_DURATION ||
           row->type == PF_CONF_DAYS;
}

/* A number of the row's own unit, as text that needs no rounding. */
static const char *raw(const struct pf_conf_row *row, int64_t value)
{
    static char text[40];

    snprintf(text, sizeof text, "%lld%s", (long long)value,
             row->type == PF_CONF_DURATION ? row->unit : "");
    return text;
}

static void expect_range(const struct pf_conf_row *row, int64_t value)
{
    char expected[512], least[PF_CONF_NUMBER_TEXT], most[PF_CONF_NUMBER_TEXT];
    const char *reason = pf_conf_row_reason(row);
    size_t column =
        1 + (row->block ? strlen(head_of(row)) + 3 : 0) + strlen(row->name) + 1;

    pf_conf_number_text(row, row->type == PF_CONF_DAYS ? 0 : row->min, least);
    pf_conf_number_text(row, row->max, most);
    snprintf(expected, sizeof expected, "1:%zu: `%s` goes from %s to %s%s, not %s%s%s%s\n", column,
             row->name, least, most, row->type == PF_CONF_DAYS ? " or never" : "", raw(row, value),
             *reason ? " (" : "", reason, *reason ? ")" : "");
    told_bad(text_for(row, raw(row, value)), expected);
}

/* At the edges a value may still be refused for what its neighbour says, but not for its range. */
static void expect_no_range(const struct pf_conf_row *row, int64_t value)
{
    struct told told = {0};

    pf_conf_free(pf_conf_parse("x", pf_bytes_of(text_for(row, raw(row, value))), told_report, &told));
    assert_null(strstr(told.text, "goes from"));
    assert_in_range(told.count, 0, 1);
}

static void every_range_is_kept_at_both_ends_and_named(void **state)
{
    int tried = 0;

    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];

        if (!is_number(row))
            continue;
        tried++;
        expect_range(row, row->max + 1);
        expect_no_range(row, row->max);
        expect_no_range(row, row->min < 0 ? 0 : row->min);
        if (row->min > 0)
            expect_range(row, row->min - 1);
    }
    assert_in_range(tried, 20, 100);
}

static void every_default_is_in_its_own_grammar_and_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];

        if (!row->initial[0] || row->initial[0] == '=' || row->block == PF_CONF_BLOCK_listen ||
            (row->block == PF_CONF_BLOCK_userdb && !is_number(row))) /* not every kind has a use for it */
            continue;
        pf_conf_free(told_good(text_for(row, row->initial)));
    }
}

static void every_text_has_a_limit(void **state)
{
    char value[5000], expected[300];

    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];
        struct told told = {0};

        if (!pf_conf_is_text(row->type) || row->type == PF_CONF_CHOICE ||
            row->block == PF_CONF_BLOCK_pair)
            continue;
        snprintf(value, sizeof value, "/%%u%0*d", row->max > 2 ? (int)row->max - 2 : 0, 1);
        snprintf(expected, sizeof expected, "`%s` has at most %d octets, not %d\n", row->name,
                 (int)row->max, (int)row->max + 1);
        assert_null(pf_conf_parse("x", pf_bytes_of(text_for(row, value)), told_report, &told));
        assert_non_null(strstr(told.text, expected));
    }
}

/* W-032 */
static void w_032_idle_below_ten_minutes_is_a_mistake(void **state)
{
    (void)state;
    told_bad("times { idle 5m }",
             "1:14: `idle` goes from 10m to 7d, not 5m (RFC 1939 section 3 asks for at least 10 "
             "minutes)\n");
    told_bad("times { idle 599999ms }",
             "1:14: `idle` goes from 10m to 7d, not 599999ms (RFC 1939 section 3 asks for "
             "at least 10 minutes)\n");
    pf_conf_free(told_good("times { idle 600s }"));
}

static void numbers_of_each_kind_say_what_they_want(void **state)
{
    (void)state;
    told_bad(
        "users { hashes-at-once ten; failure-delay soon; failure-delay-max 15 }\n",
        "1:24: `ten` is not a number (write one from 1 to 64)\n"
        "1:43: `soon` is not a time (write a whole number and ms, s, m, h or d, as 10m)\n"
        "1:67: `15` has no unit (if these are seconds, write 15s; the units are ms, s, m, h and d)\n");
    told_bad("limits { line -1; sasl-line 5x; connections 5k; memory-before-login 1.5g }\n",
             "1:15: `-1` is not a size (write octets, or a whole number and k, m or g, as 64k)\n"
             "1:29: `5x` is not a size (write octets, or a whole number and k, m or g, as 64k)\n"
             "1:45: `5k` is not a number (write one from 1 to 1000000)\n"
             "1:69: `1.5g` is not a size (write octets, or a whole number and k, m or g, as 64k)\n");
    told_bad("policy { expire soon; expire-min -1; login-delay 1500ms }\n",
             "1:17: `soon` is not a number of days (write never, or days as 30d)\n"
             "1:34: `-1` is not a number of days (write never, or days as 30d)\n"
             "1:50: `1500ms` is not a whole number of seconds\n");
    told_bad("limits { line 99999999999999999999; sasl-line 9223372036854775807g }\n",
             "1:15: `line` goes from 255 to 64k, not 99999999999999999999 (RFC 2449 section 4 asks for "
             "at least "
             "255 octets)\n"
             "1:47: `sasl-line` goes from 1k to 1m, not 9223372036854775807g\n");
}

static void words_of_a_list_are_named(void **state)
{
    (void)state;
    told_bad(
        "log { to sylsog; debug maybe; facility \"\" }\ntls { minimum 1.1; ktls \"\" }\n",
        "1:10: `to` cannot be `sylsog` (did you mean `syslog`? It can be stderr, syslog or journald)\n"
        "1:24: `maybe` is neither yes nor no\n"
        "1:40: `facility` must not be empty\n"
        "2:15: `minimum` cannot be `1.1` (older ones are for single "
        "listeners, as in: listen 192.0.2.1:2110 { tls-minimum 1.0 })\n"
        "2:25: `ktls` must not be empty\n");
    told_bad("log { to file }", "1:10: `to` cannot be `file` (it can be stderr, syslog or journald)\n");
}

static void texts_have_forms(void **state)
{
    (void)state;
    told_bad("hostname -a\nrun-as a:b\npid-file relative\nport-file \"\"\ntls { ciphers \"a\\nb\" }\n",
             "1:10: `-a` is not a host name (letters, digits, hyphens and dots, as mail.example.org)\n"
             "2:8: `a:b` is not a user of this machine (write its name, as vmail)\n"
             "3:10: `relative` is not an absolute path (begin with /)\n"
             "4:11: `port-file` must not be empty\n"
             "5:15: `a?b` has a control character in it\n");
}

static void a_template_must_tell_users_apart(void **state)
{
    (void)state;
    told_bad("mail { path /var/%x/%u }", "1:13: `/var/%x/%u` has a `%` that means nothing (%u is the "
                                         "whole name, %n what stands before the @, %d "
                                         "behind it, %% a percent sign)\n");
    told_bad("mail { path /var/%u% }", "1:13: `/var/%u%` has a `%` that means nothing (%u is the whole "
                                       "name, %n what stands before the @, %d "
                                       "behind it, %% a percent sign)\n");
    told_bad(
        "mail { path /var/%d/%%u }",
        "1:13: `/var/%d/%%u` is the same for every user (put %u or %n where the user's name belongs)\n");
    told_bad("mail { path %u }", "1:13: `%u` is not an absolute path (begin with /, maildir:/ or mbox:/)\n");
    told_bad("mail { path mbox:%u }", "1:13: `mbox:%u` is not an absolute path (begin with /, maildir:/ or mbox:/)\n");
    told_bad("mail { path imap:/%u }",
             "1:13: `imap:/%u` is not an absolute path (begin with /, maildir:/ or mbox:/)\n");
    told_bad("mail { state-folder mbox:/a }", "1:21: `mbox:/a` is not an absolute path (begin with /)\n");
    pf_conf_free(told_good("mail { path mbox:/var/mail/%n }"));
    pf_conf_free(told_good("mail { path maildir:/var/mail/%n }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_range_is_kept_at_both_ends_and_named),
        T(every_default_is_in_its_own_grammar_and_range),
        T(every_text_has_a_limit),
        T(w_032_idle_below_ten_minutes_is_a_mistake),
        T(numbers_of_each_kind_say_what_they_want),
        T(words_of_a_list_are_named),
        T(texts_have_forms),
        T(a_template_must_tell_users_apart),
    };

    return RUN(tests);
}
