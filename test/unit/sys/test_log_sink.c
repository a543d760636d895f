#include "unit/cm.h"

#include "sys/log_sink.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

/* The machine's own log is no place for a test: what would go there is caught at the last call. */
static char said[4096];
static int said_at;
static int entries, closed;

void __wrap_syslog(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void __wrap_closelog(void);

void __wrap_closelog(void)
{
    closed++;
}

static void caught(int priority, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void caught(int priority, const char *format, va_list arguments)
{
    entries++;
    said_at = priority;
    vsnprintf(said, sizeof said, format, arguments);
}

void __wrap_syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    caught(priority, format, arguments);
    va_end(arguments);
}

void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;

    (void)flag;
    va_start(arguments, format);
    caught(priority, format, arguments);
    va_end(arguments);
}

static const struct pf_field fields[] = {
    {.key = "user", .type = PF_FIELD_TEXT, .text = "anna b"},
    {.key = "left-out", .type = PF_FIELD_TEXT, .text = NULL},
    {.key = "octets", .type = PF_FIELD_NUMBER, .number = 4711},
    {.key = "raw-name", .type = PF_FIELD_BYTES, .bytes = {(const unsigned char *)"a\nb%s", 5}},
};

static void log_all(struct pf_log *log)
{
    said[0] = 0;
    entries = 0;
    assert_non_null(log);
    pf_log_event(log, PF_EVENT_session, fields, sizeof fields / sizeof fields[0]);
}

/* Runs with stderr into a pipe; what came out of it stands in `said`. */
static void with_stderr(enum pf_level from)
{
    struct pf_log *log = pf_log_stderr(from);
    int ends[2], before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    ssize_t n;

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    pf_log_event(log, PF_EVENT_session, fields, 3);
    dup2(before, STDERR_FILENO);
    n = read(ends[0], said, sizeof said - 1);
    said[n > 0 ? n : 0] = 0;
    close(before);
    close(ends[0]);
    close(ends[1]);
    pf_log_free(log);
}

static void stderr_gets_time_level_and_line(void **state)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ info event=session user=\"anna b\" octets=4711\n";

    (void)state;
    with_stderr(PF_LOG_INFO);
    assert_int_equal(strlen(said), strlen(shape));
    for (size_t i = 0; i < 24; i++)
        assert_true(shape[i] == 'd' ? said[i] >= '0' && said[i] <= '9' : said[i] == shape[i]);
    assert_string_equal(said + 24, shape + 24);
    with_stderr(PF_LOG_NOTICE); /* a session is INFO */
    assert_string_equal(said, "");
}

static void a_very_long_line_stays_one_line(void **state)
{
    struct pf_log *log = pf_log_stderr(PF_LOG_DEBUG);
    char *line = malloc(5000);
    int ends[2], before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    ssize_t n;

    (void)state;
    memset(line, 'x', 4999);
    line[4999] = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    log->write(log, PF_EVENT_session, PF_LOG_INFO, line, NULL, 0);
    dup2(before, STDERR_FILENO);
    n = read(ends[0], said, sizeof said);
    assert_true(n > 2000);
    assert_ptr_equal(memchr(said, '\n', (size_t)n), said + n - 1);
    close(before);
    close(ends[0]);
    close(ends[1]);
    free(line);
    pf_log_free(log);
}

static void syslog_gets_the_line_and_never_a_format(void **state)
{
    struct pf_log *log = pf_log_syslog(PF_LOG_INFO, "local3", NULL);

    (void)state;
    log_all(log);
    assert_int_equal(entries, 1);
    assert_int_equal(said_at, LOG_INFO);
    assert_string_equal(said, "event=session user=\"anna b\" octets=4711 raw-name=\"a\\x0ab%s\"");
    pf_log_event(log, PF_EVENT_trouble, NULL, 0);
    assert_int_equal(said_at, LOG_ERR);
    pf_log_free(log);
}

/* A reload makes the new log first; our name there is lost with closelog(). */
static void syslog_stays_open_for_the_log_that_is_left(void **state)
{
    struct pf_log *old = pf_log_syslog(PF_LOG_INFO, "local3", NULL);
    struct pf_log *new = pf_log_syslog(PF_LOG_INFO, "local4", NULL);

    (void)state;
    closed = 0;
    pf_log_free(old);
    assert_int_equal(closed, 0);
    pf_log_free(new);
    assert_int_equal(closed, 1);
}

static void an_unknown_facility_is_told(void **state)
{
    struct pf_err err = {.code = PF_OK};

    (void)state;
    assert_null(pf_log_syslog(PF_LOG_INFO, "male", &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_non_null(strstr(err.log, "male"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stderr_gets_time_level_and_line),
        T(a_very_long_line_stays_one_line),
        T(syslog_gets_the_line_and_never_a_format),
        T(syslog_stays_open_for_the_log_that_is_left),
        T(an_unknown_facility_is_told),
    };

    return RUN(tests);
}
