#include "sys/log_sink.h"

#include "base/text.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* where in the source an event is logged says nothing */

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 24,      /* more than any event has */
    FIELDS_OCTETS = 4096, /* twice what a line has: here values stand without escapes, but with long keys */
    STAMP_OCTETS = 32,
    LINE_OCTETS = 2200    /* the longest line of base/log.c, with stamp and level */
};

static const char journal_socket[] = "/run/systemd/journal/socket";
static const char own_name[] = "postfachd";

static const int priorities[] = {
    [PF_LOG_DEBUG] = LOG_DEBUG,     [PF_LOG_INFO] = LOG_INFO,   [PF_LOG_NOTICE] = LOG_NOTICE,
    [PF_LOG_WARNING] = LOG_WARNING, [PF_LOG_ERROR] = LOG_ERR,
};

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
        openlog(own_name, LOG_PID | LOG_NDELAY, found->number);
    }
    return log;
}

/* The fields of one journal entry: memory for their texts, and where each stands in it. */
struct entry {
    struct pf_span text;
    struct iovec parts[FIELDS_MAX];
    int count;
};

static void put_part(struct entry *entry, struct pf_span part)
{
    if (entry->count >= FIELDS_MAX || !part.at)
        return;
    entry->parts[entry->count++] = (struct iovec){part.at, part.len};
    entry->text.len += part.len;
}

/* The field's beginning, "NAME="; nothing when there is no room. */
static struct pf_span begin(const struct entry *entry, const char *prefix, const char *key)
{
    struct pf_span part = {entry->text.at + entry->text.len, 0, pf_span_room(&entry->text)};

    if (!pf_span_put(&part, pf_bytes_of(prefix)) || !pf_span_put(&part, pf_bytes_of(key)) ||
        !pf_span_put(&part, PF_LIT("=")))
        return (struct pf_span){NULL, 0, 0};
    for (size_t i = strlen(prefix); i + 1 < part.len; i++) {
        unsigned char *c = &part.at[i];

        *c = (unsigned char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c == '-' ? '_' : *c);
    }
    return part;
}

static void put_text(struct entry *entry, const char *prefix, const char *key, struct pf_bytes value)
{
    struct pf_span part = begin(entry, prefix, key);

    if (part.at)
        pf_span_put(&part, pf_bytes_head(value, pf_span_room(&part)));
    put_part(entry, part);
}

static void put_number(struct entry *entry, const char *prefix, const char *key, uint64_t number)
{
    struct pf_span part = begin(entry, prefix, key);

    if (part.at && pf_span_decimal(&part, number))
        put_part(entry, part);
}

static void put_field(struct entry *entry, const struct pf_field *field)
{
    switch (field->type) {
    case PF_FIELD_TEXT:
        if (field->text)
            put_text(entry, "POSTFACH_", field->key, pf_bytes_of(field->text));
        return;
    case PF_FIELD_NUMBER:
        put_number(entry, "POSTFACH_", field->key, field->number);
        return;
    case PF_FIELD_BYTES:
        put_text(entry, "POSTFACH_", field->key, field->bytes);
        return;
    }
}

static void write_journald(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                           const struct pf_field *fields, size_t count)
{
    unsigned char text[FIELDS_OCTETS + LINE_OCTETS];
    struct entry entry = {.text = {text, 0, sizeof text}};

    (void)log;
    put_text(&entry, "", "MESSAGE", pf_bytes_of(line));
    put_number(&entry, "", "PRIORITY", (uint64_t)priorities[level]);
    put_text(&entry, "", "SYSLOG_IDENTIFIER", pf_bytes_of(own_name));
    put_text(&entry, "POSTFACH_", "EVENT", pf_bytes_of(pf_event_name(event)));
    for (size_t i = 0; i < count; i++)
        put_field(&entry, &fields[i]);
    sd_journal_sendv(entry.parts, entry.count);
}

struct pf_log *pf_log_journald(enum pf_level from, struct pf_err *err)
{
    if (access(journal_socket, W_OK) != 0) {
        pf_fail(err, PF_CONFIG, errno, __func__, "no journal at %s: log to stderr or syslog", journal_socket);
        return NULL;
    }
    return new_log(from, write_journald, err);
}
