#include "unit/cm.h"

#include "sys/log_sink.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

/* The machine's own log is no place for a test: what would go there is caught at the last call. */
static char said[4096];
static int said_at;
static int entries, closed;
static bool journal_there;

int __wrap_sd_journal_sendv(const struct iovec *parts, int count);
int __wrap_access(const char *path, int mode);
void __wrap_syslog(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int __wrap_sd_journal_sendv(const struct iovec *parts, int count)
{
    size_t len = 0;

    entries++;
    for (int i = 0; i < count; i++) {
        assert_true(len + parts[i].iov_len + 1 < sizeof said);
        memcpy(said + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
        said[len++] = '|';
    }
    said[len] = 0;
    return 0;
}

int __wrap_access(const char *path, int mode)
{
    assert_string_equal(path, "/run/systemd/journal/socket");
    assert_int_equal(mode, W_OK);
    return journal_there ? 0 : -1;
}

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

static void the_journal_gets_fields(void **state)
{
    struct pf_log *log;
    struct pf_err err = {.code = PF_OK};

    (void)state;
    journal_there = true;
    log = pf_log_journald(PF_LOG_INFO, NULL);
    log_all(log);
    assert_int_equal(entries, 1);
    assert_string_equal(said, "MESSAGE=event=session user=\"anna b\" octets=4711 raw-name=\"a\\x0ab%s\"|"
                              "PRIORITY=6|SYSLOG_IDENTIFIER=postfachd|POSTFACH_EVENT=session|"
                              "POSTFACH_USER=anna b|POSTFACH_OCTETS=4711|POSTFACH_RAW_NAME=a\nb%s|");
    pf_log_free(log);
    journal_there = false;
    assert_null(pf_log_journald(PF_LOG_INFO, &err));
    assert_int_equal(err.code, PF_CONFIG);
    pf_log_free(NULL);
}

/* More and longer fields than there is room for: cut, never overrun. */
static void journal_fields_are_bounded(void **state)
{
    struct pf_field many[40];
    char *text = malloc(3000);
    struct pf_log *log;

    (void)state;
    memset(text, 'y', 2999);
    text[2999] = 0;
    for (size_t i = 0; i < 40; i++)
        many[i] = i < 30 ? PF_NUMBER_FIELD("n", i) : PF_TEXT_FIELD("t", text);
    journal_there = true;
    log = pf_log_journald(PF_LOG_INFO, NULL);
    entries = 0;
    pf_log_event(log, PF_EVENT_session, many, 40);
    assert_int_equal(entries, 1);
    assert_non_null(strstr(said, "POSTFACH_N=19|"));
    assert_null(strstr(said, "POSTFACH_N=20|"));
    pf_log_event(log, PF_EVENT_session, many + 29, 2);
    assert_non_null(strstr(said, "POSTFACH_T=yyy"));
    pf_log_free(log);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stderr_gets_time_level_and_line),
        T(a_very_long_line_stays_one_line),
        T(syslog_gets_the_line_and_never_a_format),
        T(syslog_stays_open_for_the_log_that_is_left),
        T(an_unknown_facility_is_told),
        T(the_journal_gets_fields),
        T(journal_fields_are_bounded),
    };

    return RUN(tests);
}
