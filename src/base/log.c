#include "base/log.h"

#include "base/text.h"

/* One line fits a syslog datagram and a terminal's patience. */
enum { LINE_MAX_OCTETS = 2000 };

static const struct {
    const char *name;
    enum pf_level level;
} events[PF_EVENTS] = {
#define PF_EVENT(name, level, text) {#name, PF_LOG_##level},
#include "base/events.def"
#undef PF_EVENT
};

const char *pf_event_name(enum pf_event event)
{
    return events[event].name;
}

enum pf_level pf_event_level(enum pf_event event)
{
    return events[event].level;
}

static bool plain(struct pf_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = value.at[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return value.len > 0;
}

static bool put_octet(struct pf_span *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        return pf_span_format(out, "\\%c", c);
    if (c < 0x20 || c >= 0x7f)
        return pf_span_format(out, "\\x%02x", c);
    return pf_span_put(out, pf_bytes_from(&c, 1));
}

static bool put_value(struct pf_span *out, struct pf_bytes value)
{
    bool ok;

    if (plain(value))
        return pf_span_put(out, value);
    ok = pf_span_put(out, PF_LIT("\""));
    for (size_t i = 0; ok && i < value.len; i++)
        ok = put_octet(out, value.at[i]);
    return ok && pf_span_put(out, PF_LIT("\""));
}

static bool put_field(struct pf_span *out, const struct pf_field *field)
{
    if (field->type == PF_FIELD_TEXT && !field->text)
        return true;
    if (!pf_span_put(out, PF_LIT(" ")) || !pf_span_put(out, pf_bytes_of(field->key)) ||
        !pf_span_put(out, PF_LIT("=")))
        return false;
    switch (field->type) {
    case PF_FIELD_TEXT:
        return put_value(out, pf_bytes_of(field->text));
    case PF_FIELD_NUMBER:
        return pf_span_decimal(out, field->number);
    case PF_FIELD_BYTES:
        return put_value(out, field->bytes);
    }
    return false;
}

void pf_log_line(struct pf_span *out, enum pf_event event, const struct pf_field *fields,
                 size_t count)
{
    struct pf_span body = *out;
    bool ok;

    if (pf_span_room(out) < 4)
        return;
    body.cap -= 4; /* always room for the mark of a cut line */
    ok = pf_span_put(&body, PF_LIT("event=")) &&
         pf_span_put(&body, pf_bytes_of(pf_event_name(event)));
    for (size_t i = 0; ok && i < count; i++)
        ok = put_field(&body, &fields[i]);
    out->len = body.len;
    if (!ok)
        pf_span_put(out, PF_LIT("..."));
}

void pf_log_event(struct pf_log *log, enum pf_event event, const struct pf_field *fields,
                  size_t count)
{
    unsigned char text[LINE_MAX_OCTETS + 1];
    struct pf_span line = {text, 0, LINE_MAX_OCTETS};

    if (!log || pf_event_level(event) < log->from)
        return;
    pf_log_line(&line, event, fields, count);
    text[line.len] = 0;
    log->write(log, event, pf_event_level(event), (const char *)text, fields, count);
}
