#include "tool/look_parts.h"

#include "base/text.h"

#include <gmime/gmime.h>
#include <stdlib.h>

enum { VALUE_MAX = 16384 /* octets of a field that are decoded */ };

static struct pf_bytes line_of(struct pf_bytes text)
{
    size_t end = pf_find(text, '\n');

    text = pf_bytes_head(text, end);
    if (text.len && text.at[text.len - 1] == '\r')
        text.len--;
    return text;
}

static struct pf_bytes behind_line(struct pf_bytes text)
{
    size_t end = pf_find(text, '\n');

    return pf_bytes_skip(text, end < text.len ? end + 1 : end);
}

static bool is_folded(struct pf_bytes text)
{
    return text.len && (text.at[0] == ' ' || text.at[0] == '\t');
}

/* The first field of that name, unfolded, in a string of g_malloc; NULL: there is none. */
static char *field(struct pf_bytes head, const char *name)
{
    size_t len = strlen(name);

    for (; head.len && line_of(head).len; head = behind_line(head)) {
        struct pf_bytes line = line_of(head);
        GString *value;

        if (line.len <= len || line.at[len] != ':' ||
            !pf_equal_nocase(pf_bytes_head(line, len), pf_bytes_of(name)))
            continue;
        line = pf_bytes_skip(line, len + 1);
        value = g_string_new_len((const char *)line.at, (gssize)line.len);
        for (head = behind_line(head); is_folded(head) && value->len < VALUE_MAX;
             head = behind_line(head))
            g_string_append_len(value, (const char *)line_of(head).at, (gssize)line_of(head).len);
        for (size_t i = 0; i < value->len; i++) /* GMime takes C strings */
            if (!value->str[i])
                value->str[i] = '?';
        return g_strstrip(g_string_free(value, FALSE));
    }
    return NULL;
}

/* Into memory of malloc, as valid UTF-8. */
static char *keep(char *text)
{
    char *valid = text ? g_utf8_make_valid(text, -1) : NULL;
    char *kept = valid ? strdup(valid) : NULL;

    g_free(valid);
    g_free(text);
    return kept;
}

static char *people(const char *raw)
{
    InternetAddressList *list = internet_address_list_parse(NULL, raw);
    char *text = list && internet_address_list_length(list)
                     ? internet_address_list_to_string(list, NULL, FALSE)
                     : NULL;

    if (list)
        g_object_unref(list);
    return text ? text : g_mime_utils_header_decode_text(NULL, raw);
}

void pf_look_head_free(struct pf_look_row *row)
{
    free(row->from);
    free(row->subject);
    row->from = row->subject = NULL;
}

void pf_look_head(struct pf_bytes head, struct pf_look_row *row)
{
    char *from = field(head, "From"), *subject = field(head, "Subject"), *date = field(head, "Date");
    GDateTime *when = date ? g_mime_utils_header_decode_date(date) : NULL;

    pf_look_head_free(row);
    row->from = from ? keep(people(from)) : NULL;
    row->subject = subject ? keep(g_mime_utils_header_decode_text(NULL, subject)) : NULL;
    row->date = when ? g_date_time_to_unix(when) : 0;
    if (when)
        g_date_time_unref(when);
    g_free(from);
    g_free(subject);
    g_free(date);
}
