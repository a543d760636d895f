#include "sys/log_sink.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

struct sink {
    struct pf_log log;
    int facility;
};

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [PF_LOG_DEBUG] = {"debug", LOG_DEBUG},       [PF_LOG_INFO] = {"info", LOG_INFO},
    [PF_LOG_NOTICE] = {"notice", LOG_NOTICE},    [PF_LOG_WARNING] = {"warning", LOG_WARNING},
    [PF_LOG_ERROR] = {"error", LOG_ERR},
};

static struct pf_log *make(enum pf_level from,
                           void (*write)(struct pf_log *, enum pf_event, enum pf_level, const char *,
                                         const struct pf_field *, size_t),
                           struct pf_err *err)
{
    struct sink *sink = calloc(1, sizeof *sink);

    if (!sink) {
        pf_fail(err, PF_NO_MEMORY, 0, "log", "no memory");
        return NULL;
    }
    sink->log = (struct pf_log){from, write};
    return &sink->log;
}

static void to_stderr(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                      const struct pf_field *fields, size_t count)
{
    char head[64], text[2200];
    struct timespec now;
    struct tm utc;
    int len;

    (void)log, (void)event, (void)fields, (void)count;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &utc);
    len = snprintf(text, sizeof text, "%s.%03ldZ %s %s\n", head, now.tv_nsec / 1000000,
                   levels[level].name, line);
    if (len >= (int)sizeof text)
        len = (int)sizeof text - 1;
    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
        return; /* a log that cannot be written has nowhere to say so */
}

struct pf_log *pf_log_stderr(enum pf_level from)
{
    return make(from, to_stderr, NULL);
}

static void to_syslog(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                      const struct pf_field *fields, size_t count)
{
    struct sink *sink = (struct sink *)(void *)log;

    (void)event, (void)fields, (void)count;
    syslog(sink->facility | levels[level].priority, "%s", line);
}

struct pf_log *pf_log_syslog(enum pf_level from, const char *facility, struct pf_err *err)
{
    static const struct {
        const char *name;
        int number;
    } facilities[] = {
        {"mail", LOG_MAIL},     {"daemon", LOG_DAEMON}, {"user", LOG_USER},     {"local0", LOG_LOCAL0},
        {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
        {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };

    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++)
        if (strcmp(facilities[i].name, facility) == 0) {
            struct pf_log *log = make(from, to_syslog, err);

            if (log) {
                ((struct sink *)(void *)log)->facility = facilities[i].number;
                openlog("postfachd", LOG_PID | LOG_NDELAY, facilities[i].number);
            }
            return log;
        }
    pf_fail(err, PF_CONFIG, 0, "log", "unknown syslog facility %s: mail, daemon, user, local0 to local7",
            facility);
    return NULL;
}

/* A field of the journal: POSTFACH_KEY=value, where keys are upper case and have no dash. */
static bool put_journal(struct pf_span *out, const struct pf_field *field)
{
    bool ok = pf_span_put(out, PF_LIT("POSTFACH_"));

    for (const char *c = field->key; ok && *c; c++) {
        unsigned char upper = (unsigned char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c == '-' ? '_' : *c);

        ok = pf_span_put(out, pf_bytes_from(&upper, 1));
    }
    ok = ok && pf_span_put(out, PF_LIT("="));
    switch (field->type) {
    case PF_FIELD_TEXT:
        return ok && pf_span_put(out, pf_bytes_of(field->text));
    case PF_FIELD_BYTES:
        return ok && pf_span_put(out, field->bytes);
    case PF_FIELD_NUMBER:
        return ok && pf_span_decimal(out, field->number);
    }
    return false;
}

enum { JOURNAL_FIELDS = 32 }; /* more than any event has */

static void to_journald(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                        const struct pf_field *fields, size_t count)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};
    struct iovec parts[JOURNAL_FIELDS + 4];
    char priority[] = "PRIORITY=0";
    char message[2200], name[64];
    int n = 0;

    (void)log;
    priority[sizeof priority - 2] = (char)('0' + levels[level].priority);
    snprintf(message, sizeof message, "MESSAGE=%s", line);
    snprintf(name, sizeof name, "POSTFACH_EVENT=%s", pf_event_name(event));
    parts[n++] = (struct iovec){priority, strlen(priority)};
    parts[n++] = (struct iovec){message, strlen(message)};
    parts[n++] = (struct iovec){name, strlen(name)};
    parts[n++] = (struct iovec){(char[]){"SYSLOG_IDENTIFIER=postfachd"}, strlen("SYSLOG_IDENTIFIER=postfachd")};
    for (size_t i = 0; i < count && i < JOURNAL_FIELDS; i++) {
        size_t from = out.len;

        if (fields[i].type == PF_FIELD_TEXT && !fields[i].text)
            continue;
        if (!put_journal(&out, &fields[i]))
            break; /* the line has it all the same */
        parts[n++] = (struct iovec){room + from, out.len - from};
    }
    sd_journal_sendv(parts, n);
}

struct pf_log *pf_log_journald(enum pf_level from, struct pf_err *err)
{
    return make(from, to_journald, err);
}

void pf_log_free(struct pf_log *log)
{
    free(log);
}
