#include "unit/cm.h"

#include "base/log.h"

static char last[4096];

static void keep(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                 const struct pf_field *fields, size_t count)
{
    (void)log, (void)event, (void)level, (void)fields, (void)count;
    snprintf(last, sizeof last, "%s", line);
}

static void one_event_is_one_line_whatever_a_name_holds(void **state)
{
    struct pf_log log = {PF_LOG_DEBUG, keep};
    struct pf_field fields[] = {
        PF_TEXT_FIELD("user", "an na\n\"=\\"), PF_TEXT_FIELD("none", NULL),
        PF_NUMBER_FIELD("octets", UINT64_MAX), PF_BYTES_FIELD("raw", PF_LIT("\0\xff")),
        PF_TEXT_FIELD("empty", ""), PF_TEXT_FIELD("plain", "192.0.2.1"),
    };

    (void)state;
    pf_log_event(&log, PF_EVENT_session, fields, 6);
    assert_string_equal(last, "event=session user=\"an na\\x0a\\\"=\\\\\" octets=18446744073709551615 "
                              "raw=\"\\x00\\xff\" empty=\"\" plain=192.0.2.1");
}

static void levels_are_kept(void **state)
{
    struct pf_log log = {PF_LOG_ERROR, keep};

    (void)state;
    last[0] = 0;
    pf_log_event(&log, PF_EVENT_session, NULL, 0);
    assert_string_equal(last, "");
    pf_log_event(&log, PF_EVENT_reload_failed, NULL, 0);
    assert_string_equal(last, "event=reload_failed");
    pf_log_event(NULL, PF_EVENT_reload_failed, NULL, 0);
}

static void too_long_a_line_says_so(void **state)
{
    struct pf_log log = {PF_LOG_DEBUG, keep};
    static char name[3000];
    struct pf_field field = PF_TEXT_FIELD("user", name);

    (void)state;
    memset(name, 'a', sizeof name - 1);
    pf_log_event(&log, PF_EVENT_session, &field, 1);
    assert_true(strlen(last) <= 2000);
    assert_string_equal(last + strlen(last) - 3, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_event_is_one_line_whatever_a_name_holds), T(levels_are_kept),
        T(too_long_a_line_says_so),
    };

    return RUN(tests);
}
