#include "sys/log_sink.h"

#include "base/text.h"
#include "sys/log_private.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    STAMP_OCTETS = 32,
    LINE_OCTETS = 2200    /* the longest line of base/log.c, with stamp and level */
};

const char pf_log_own_name[] = "postfachd";

static const int priorities[] = {
    [PF_LOG_DEBUG] = LOG_DEBUG,     [PF_LOG_INFO] = LOG_INFO,   [PF_LOG_NOTICE] = LOG_NOTICE,
    [PF_LOG_WARNING] = LOG_WARNING, [PF_LOG_ERROR] = LOG_ERR,
};

int pf_log_priority(enum pf_level level)
{
    return priorities[level];
}

static const char *const level_names[] = {
    [PF_LOG_DEBUG] = "debug",     [PF_LOG_INFO] = "info",   [PF_LOG_NOTICE] = "notice",
    [PF_LOG_WARNING] = "warning", [PF_LOG_ERROR] = "error",
};

static const struct facility {
    const char *name;
    int number;
} facilities[] = {
    {"mail", LOG_MAIL},     {"daemon", LOG_DAEMON}, {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV},
    {"user", LOG_USER},     {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

static struct pf_log *new_log(enum pf_level from,
                              void (*write_it)(struct pf_log *, enum pf_event, enum pf_level, const char *,
                                               const struct pf_field *, size_t),
                              struct pf_err *err)
{
    struct pf_log *log = malloc(sizeof *log);

    if (log)
        *log = (struct pf_log){from, write_it};
    else
        pf_fail(err, PF_NO_MEMORY, 0, "pf_log", "no memory for a log");
    return log;
}

static void put_stamp(struct pf_span *out)
{
    struct timespec now;
    struct tm tm;
    char text[STAMP_OCTETS] = "";

    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm))
        strftime(text, sizeof text, "%FT%T", &tm);
    pf_span_format(out, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

/* A line that stderr does not take now is lost: a log must not hold up mail. */
static void write_once(struct pf_bytes line)
{
    ssize_t n;

    do
        n = write(STDERR_FILENO, line.at, line.len);
    while (n < 0 && errno == EINTR);
}

static void write_stderr(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                         const struct pf_field *fields, size_t count)
{
    unsigned char text[LINE_OCTETS];
    struct pf_span out = {text, 0, sizeof text - 1};

    (void)log;
    (void)event;
    (void)fields;
    (void)count;
    put_stamp(&out);
    pf_span_format(&out, " %s ", level_names[level]);
    pf_span_put(&out, pf_bytes_head(pf_bytes_of(line), pf_span_room(&out)));
    out.cap = sizeof text;
    pf_span_put(&out, PF_LIT("\n"));
    write_once(pf_span_bytes(&out));
}

struct pf_log *pf_log_stderr(enum pf_level from)
{
    return new_log(from, write_stderr, NULL);
}

static void write_syslog(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                         const struct pf_field *fields, size_t count)
{
    (void)log;
    (void)event;
    (void)fields;
    (void)count;
    syslog(priorities[level], "%s", line);
}

/* Logs that go to syslog. Its connection and our name there are one thing of the process, which a log of
 * earlier settings must not close for the one that is in use. */
static unsigned syslogs;

void pf_log_free(struct pf_log *log)
{
    if (log && log->write == write_syslog && --syslogs == 0)
        closelog();
    if (log)
        pf_log_journald_done(log);
    free(log);
}

static const struct facility *find_facility(const char *name)
{
    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++)
        if (strcmp(facilities[i].name, name) == 0)
            return &facilities[i];
    return NULL;
}

struct pf_log *pf_log_syslog(enum pf_level from, const char *facility, struct pf_err *err)
{
    const struct facility *found = find_facility(facility);
    struct pf_log *log;

    if (!found) {
        pf_fail(err, PF_CONFIG, 0, __func__, "unknown syslog facility \"%s\": mail, daemon, local0 … local7 are known",
                facility);
        return NULL;
    }
    log = new_log(from, write_syslog, err);
    if (log) {
        syslogs++;
        openlog(pf_log_own_name, LOG_PID | LOG_NDELAY, found->number);
    }
    return log;
}
