#include "conf/mistake.h"

#include "base/words.h"
#include "conf/utf8.h"

#include <stdarg.h>

size_t pf_conf_text_begin(const struct pf_conf_source *source)
{
    struct pf_bytes mark = PF_LIT("\xef\xbb\xbf");

    return pf_bytes_equal(pf_bytes_head(source->text, mark.len), mark) ? mark.len : 0;
}

static size_t line_begin(const struct pf_conf_place *place)
{
    const unsigned char *text = place->source->text.at;
    size_t at = place->at, begin = pf_conf_text_begin(place->source);

    while (at > begin && text[at - 1] != '\n')
        at--;
    return at;
}

static struct pf_bytes line_of(const struct pf_conf_place *place)
{
    struct pf_bytes line = pf_bytes_skip(place->source->text, line_begin(place));
    const unsigned char *end = line.len ? memchr(line.at, '\n', line.len) : NULL;

    if (end)
        line.len = (size_t)(end - line.at);
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

unsigned pf_conf_column(const struct pf_conf_place *place)
{
    size_t begin = line_begin(place);
    struct pf_bytes before = pf_bytes_head(pf_bytes_skip(place->source->text, begin), place->at - begin);
    unsigned column = 1;

    while (before.len) {
        size_t len = pf_conf_utf8(before);

        before = pf_bytes_skip(before, len ? len : 1);
        column++;
    }
    return column;
}

/* The record's slot in file order, behind those of the same place; NULL when it comes too late. */
static struct pf_conf_record *make_room(struct pf_conf_mistakes *m, uint64_t order)
{
    size_t at = m->count;

    while (at > 0 && m->list[at - 1].order > order)
        at--;
    if (at == PF_CONF_MISTAKES)
        return NULL;
    if (m->count < PF_CONF_MISTAKES)
        m->count++;
    memmove(&m->list[at + 1], &m->list[at], (m->count - at - 1) * sizeof m->list[0]);
    return &m->list[at];
}

static void __attribute__((format(printf, 2, 0)))
print_clean(char *out_text, const char *format, va_list arguments)
{
    char raw[2 * PF_CONF_MISTAKE_TEXT];

    vsnprintf(raw, sizeof raw, pf_words(format), arguments);
    pf_conf_clean(out_text, PF_CONF_MISTAKE_TEXT, pf_bytes_of(raw));
}

struct pf_conf_record *pf_conf_wrong(struct pf_conf_mistakes *m, const struct pf_conf_place *place,
                                     const char *format, ...)
{
    struct pf_conf_record *record = make_room(m, place->order);
    va_list arguments;

    if (!record)
        return NULL;
    record->order = place->order;
    record->file = place->source->name;
    record->line = place->line;
    record->column = pf_conf_column(place);
    record->hint[0] = 0;
    pf_conf_clean(record->source, sizeof record->source, line_of(place));
    va_start(arguments, format);
    print_clean(record->text, format, arguments);
    va_end(arguments);
    return record;
}

void pf_conf_hint(struct pf_conf_record *record, const char *format, ...)
{
    va_list arguments;

    if (!record)
        return;
    va_start(arguments, format);
    print_clean(record->hint, format, arguments);
    va_end(arguments);
}

void pf_conf_no_memory(struct pf_conf_mistakes *m, const struct pf_conf_place *place)
{
    if (m->no_memory)
        return;
    m->no_memory = true;
    /* The one mistake that must not be lost: it takes the last one's place in a full list. */
    if (m->count == PF_CONF_MISTAKES)
        m->count--;
    pf_conf_hint(pf_conf_wrong(m, place, "out of memory"), "nothing is wrong with the file here");
}

void pf_conf_tell(const struct pf_conf_mistakes *mistakes, const struct pf_conf_listener *to)
{
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct pf_conf_record *m = &mistakes->list[i];

        to->report(to->self, &(struct pf_conf_mistake){m->file, m->line, m->column, m->text, m->hint, m->source});
    }
}

struct pf_conf_shown pf_conf_shown(struct pf_bytes word)
{
    struct pf_conf_shown shown;

    pf_conf_clean(shown.text, sizeof shown.text, word);
    return shown;
}

static size_t characters(const char *text)
{
    struct pf_bytes rest = pf_bytes_of(text);
    size_t count = 0;

    for (; rest.len; count++) {
        size_t len = pf_conf_utf8(rest);

        rest = pf_bytes_skip(rest, len ? len : 1);
    }
    return count;
}

void pf_conf_print_mistake(FILE *to, const struct pf_conf_mistake *m)
{
    char clean[PF_CONF_MISTAKE_TEXT];

    pf_conf_clean(clean, sizeof clean, pf_bytes_of(m->file));
    fprintf(to, "%s:%u:%u: ", clean, m->line, m->column);
    pf_conf_clean(clean, sizeof clean, pf_bytes_of(m->text));
    fprintf(to, "%s\n", clean);
    if (m->source[0]) {
        pf_conf_clean(clean, sizeof clean, pf_bytes_of(m->source));
        fprintf(to, "%6u | %s\n", m->line, clean);
        if (m->column <= characters(clean) + 1)
            fprintf(to, "       | %*s\n", (int)m->column, "^");
    }
    pf_conf_clean(clean, sizeof clean, pf_bytes_of(m->hint));
    if (clean[0])
        fprintf(to, "         %s\n", clean);
}
