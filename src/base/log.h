/* The log: events with fields, one line each.
 *
 *     event=session user=anna address=192.0.2.7 tls=TLSv1.3 fetched=3 octets=4711 end=quit
 *
 * An event is a name from events.def and a few typed fields. Values with
 * spaces, quotes or foreign octets stand in double quotes with escapes, so
 * that one event is one line whatever a stranger puts into a name. There is no
 * field type for a secret. Where lines go (stderr, syslog, journald) is the
 * business of sys/log_sink; nobody below session/ logs. */
#ifndef POSTFACH_BASE_LOG_H
#define POSTFACH_BASE_LOG_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum pf_level { PF_LOG_DEBUG, PF_LOG_INFO, PF_LOG_NOTICE, PF_LOG_WARNING, PF_LOG_ERROR };

enum pf_event {
#define PF_EVENT(name, level, text) PF_EVENT_##name,
#include "base/events.def"
#undef PF_EVENT
    PF_EVENTS
};

struct pf_field {
    const char *key;
    enum { PF_FIELD_TEXT, PF_FIELD_NUMBER, PF_FIELD_BYTES } type;
    const char *text; /* NULL: the field is left out */
    struct pf_bytes bytes;
    uint64_t number;
};

#define PF_TEXT_FIELD(k, t) ((struct pf_field){.key = (k), .type = PF_FIELD_TEXT, .text = (t)})
#define PF_NUMBER_FIELD(k, n) ((struct pf_field){.key = (k), .type = PF_FIELD_NUMBER, .number = (n)})
#define PF_BYTES_FIELD(k, b) ((struct pf_field){.key = (k), .type = PF_FIELD_BYTES, .bytes = (b)})

/* A log: where lines go, and from which level on. `write` gets one event: the finished line
 * (NUL-terminated, without line end) and its parts. */
struct pf_log {
    enum pf_level from;
    void (*write)(struct pf_log *, enum pf_event, enum pf_level, const char *line,
                  const struct pf_field *fields, size_t count);
};

const char *pf_event_name(enum pf_event);
enum pf_level pf_event_level(enum pf_event);

/* Writes one event; log NULL is silence. A line that is too long ends in "...". */
void pf_log_event(struct pf_log *log, enum pf_event, const struct pf_field *fields, size_t count);

/* Formats the line alone. */
void pf_log_line(struct pf_span *out, enum pf_event, const struct pf_field *fields, size_t count);

#endif
