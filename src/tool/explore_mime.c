#include "tool/explore_mime.h"

#include "base/text.h"
#include "tool/explore_html.h"
#include "tool/explore_text.h"
#include "tool/speech.h"

#include <errno.h>
#include <fcntl.h>
#include <gmime/gmime.h>
#include <stdlib.h>

enum {
    FIELD_MAX = 4000, /* octets of a line of the head that are shown */
    DEPTH_MAX = 30,   /* of parts in parts: what is deeper was made to hurt */
    NAME_MAX_SHOWN = 200,
    RAW_HEAD_MAX = 16384 /* octets of a field that are decoded for a row */
};

struct part {
    GMimeObject *object; /* lent by the message */
    char *name, *type;
};

struct pf_explore_letter {
    GMimeMessage *message;
    GMimeStream *stream;
    char *text;
    GString *body;
    struct part parts[PF_EXPLORE_PARTS_MAX];
    size_t count;
    bool cut; /* there is more text than is shown */
};

void pf_explore_mime_begin(void)
{
    static const char *charsets[] = {"utf-8", "windows-1252", NULL};
    GMimeParserOptions *options;

    g_mime_init();
    options = g_mime_parser_options_get_default();
    g_mime_parser_options_set_fallback_charsets(options, charsets);
}

static char *clean(const char *text, enum pf_explore_clean how, size_t cap)
{
    return text ? pf_explore_clean(pf_bytes_of(text), how, cap) : NULL;
}

/* Rows */

/* A copy without line ends (RFC 5322 section 2.2.3). What is not to be there, NUL and a CR alone, ends
 * nothing. */
static char *unfolded(struct pf_bytes value)
{
    char *text = g_malloc(value.len + 1), *to = text;

    for (size_t i = 0; i < value.len; i++) {
        char c = (char)value.at[i];
        bool ends = c == '\n' || (c == '\r' && (i + 1 == value.len || value.at[i + 1] == '\n'));

        if (!ends)
            *to++ = (char)(c == 0 || c == '\r' ? '?' : c);
    }
    *to = 0;
    return text;
}

/* The value of a field of the header, its folding undone; NULL: it is not there. */
static char *field(struct pf_bytes head, const char *name)
{
    size_t len = strlen(name);

    while (head.len) {
        size_t end = pf_find(head, '\n');
        bool is_it = end > len && head.at[len] == ':' &&
                     pf_equal_nocase(pf_bytes_head(head, len), pf_bytes_of(name));

        if (end == 0 || (end == 1 && head.at[0] == '\r'))
            return NULL;
        while (end + 1 < head.len && (head.at[end + 1] == ' ' || head.at[end + 1] == '\t'))
            end += 1 + pf_find(pf_bytes_skip(head, end + 1), '\n');
        if (is_it)
            return g_strstrip(
                unfolded(pf_bytes_head(pf_bytes_skip(pf_bytes_head(head, end), len + 1), RAW_HEAD_MAX)));
        head = pf_bytes_skip(head, end + 1);
    }
    return NULL;
}

/* The name of whom it is from, else the address. */
static char *sender(const char *value)
{
    InternetAddressList *list = internet_address_list_parse(NULL, value);
    InternetAddress *first = list && internet_address_list_length(list) > 0
                                 ? internet_address_list_get_address(list, 0)
                                 : NULL;
    const char *name = first ? internet_address_get_name(first) : NULL;
    char *text = NULL;

    if (name && name[0])
        text = clean(name, PF_EXPLORE_LINE, PF_EXPLORE_TEXT_MAX);
    else if (first && INTERNET_ADDRESS_IS_MAILBOX(first))
        text = clean(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(first)), PF_EXPLORE_LINE,
                     PF_EXPLORE_TEXT_MAX);
    if (list)
        g_object_unref(list);
    return text ? text : clean(value, PF_EXPLORE_LINE, PF_EXPLORE_TEXT_MAX);
}

void pf_explore_mime_head(struct pf_bytes head, struct pf_explore_mime_head *out)
{
    char *from = field(head, "From"), *subject = field(head, "Subject"), *date = field(head, "Date");
    char *decoded = subject ? g_mime_utils_header_decode_text(NULL, subject) : NULL;
    GDateTime *when = date ? g_mime_utils_header_decode_date(date) : NULL;

    out->from = from ? sender(from) : NULL;
    out->subject = clean(decoded, PF_EXPLORE_LINE, PF_EXPLORE_TEXT_MAX);
    out->date = when ? g_date_time_to_unix(when) : 0;
    if (when)
        g_date_time_unref(when);
    g_free(decoded);
    g_free(from);
    g_free(subject);
    g_free(date);
}

/* Letters */

/* A NUL ends no mail. */
static void no_nul(char *text, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (!text[i])
            text[i] = '?';
}

/* In UTF-8, as far as the charset is known; takes `text`. */
static char *in_utf8(char *text, gsize len, const char *charset)
{
    bool is_utf8 = charset && g_ascii_strcasecmp(charset, "utf-8") == 0;
    char *other = NULL;
    gsize wrote = 0;

    if (charset && !is_utf8 && g_ascii_strcasecmp(charset, "us-ascii") != 0)
        other = g_convert_with_fallback(text, (gssize)len, "UTF-8", g_mime_charset_iconv_name(charset),
                                        "?", NULL, &wrote, NULL);
    if (!other)
        no_nul(text, len);
    if (!other && !is_utf8 && !g_utf8_validate(text, (gssize)len, NULL))
        other = g_convert(text, (gssize)len, "UTF-8", "WINDOWS-1252", NULL, &wrote, NULL);
    if (!other)
        return text;
    no_nul(other, wrote);
    g_free(text);
    return other;
}

/* Decoded; at most so many octets. */
static char *read_text(GMimePart *part, bool *out_cut)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *raw = content ? g_mime_data_wrapper_get_stream(content) : NULL;
    char *text = g_malloc(PF_EXPLORE_TEXT_MAX + 1);
    gssize got, len = 0;
    GMimeStream *stream;
    GMimeFilter *filter;

    if (raw) {
        g_mime_stream_reset(raw);
        stream = g_mime_stream_filter_new(raw);
        filter = g_mime_filter_basic_new(g_mime_part_get_content_encoding(part), FALSE);
        g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), filter);
        g_object_unref(filter);
        while (len < PF_EXPLORE_TEXT_MAX &&
               (got = g_mime_stream_read(stream, text + len, (size_t)(PF_EXPLORE_TEXT_MAX - len))) > 0)
            len += got;
        g_object_unref(stream);
    }
    *out_cut = len == PF_EXPLORE_TEXT_MAX;
    text[len] = 0;
    return in_utf8(text, (gsize)len,
                   g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset"));
}

static void add_text(struct pf_explore_letter *l, GMimePart *part, bool html)
{
    bool cut;
    char *text = read_text(part, &cut), *plain = html ? pf_explore_html(text) : NULL;
    char *safe = clean(plain ? plain : text, PF_EXPLORE_TEXT, PF_EXPLORE_TEXT_MAX);

    if (l->body->len)
        g_string_append_c(l->body, '\n');
    if (html)
        g_string_append(l->body, pf_say("[HTML as plain text]\n\n", "[HTML als reiner Text]\n\n"));
    if (safe && l->body->len < PF_EXPLORE_TEXT_MAX)
        g_string_append(l->body, safe);
    l->cut |= cut;
    free(safe);
    g_free(plain);
    g_free(text);
}

static void add_part(struct pf_explore_letter *l, GMimeObject *object)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    const char *name = GMIME_IS_PART(object) ? g_mime_part_get_filename(GMIME_PART(object)) : NULL;
    char *mime = type ? g_mime_content_type_get_mime_type(type) : NULL;

    if (l->count < PF_EXPLORE_PARTS_MAX)
        l->parts[l->count++] =
            (struct part){.object = object,
                          .name = clean(name ? name : "", PF_EXPLORE_LINE, NAME_MAX_SHOWN),
                          .type = clean(mime ? mime : "?", PF_EXPLORE_LINE, NAME_MAX_SHOWN)};
    g_free(mime);
}

static bool is_type(GMimeObject *object, const char *type, const char *subtype)
{
    GMimeContentType *t = g_mime_object_get_content_type(object);

    return t ? g_mime_content_type_is_type(t, type, subtype) : strcmp(subtype, "plain") == 0;
}

static bool is_shown(GMimeObject *object, bool html)
{
    const char *how = g_mime_object_get_disposition(object);

    return GMIME_IS_PART(object) && !(how && g_ascii_strcasecmp(how, "attachment") == 0) &&
           (html ? is_type(object, "text", "html")
                 : is_type(object, "text", "plain") || is_type(object, "message", "delivery-status"));
}

/* Whether a text of that kind is in it. */
static bool has_text(GMimeObject *object, bool html, unsigned depth)
{
    if (!GMIME_IS_MULTIPART(object) || depth > DEPTH_MAX)
        return is_shown(object, html);
    for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(object)); i++)
        if (has_text(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), html, depth + 1))
            return true;
    return false;
}

/* `plain`: the same text is there as plain text, so HTML is only listed. */
static void walk(struct pf_explore_letter *l, GMimeObject *object, bool plain, unsigned depth)
{
    if (!object || depth > DEPTH_MAX)
        return;
    if (GMIME_IS_MULTIPART(object)) {
        bool either = is_type(object, "multipart", "alternative") && has_text(object, false, depth);

        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(object)); i++)
            walk(l, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), plain || either, depth + 1);
        return;
    }
    if (is_shown(object, false))
        add_text(l, GMIME_PART(object), false);
    else if (is_shown(object, true) && !plain)
        add_text(l, GMIME_PART(object), true);
    else
        add_part(l, object);
}

/* As it came: GMime's value ends at a NUL. */
static char *header(struct pf_explore_letter *l, const char *name)
{
    GMimeHeader *header =
        g_mime_header_list_get_header(g_mime_object_get_header_list(GMIME_OBJECT(l->message)), name);
    gint64 at = header ? g_mime_header_get_offset(header) : -1;
    GMimeStream *piece = at < 0 ? NULL : g_mime_stream_substream(l->stream, at, -1);
    char *raw = piece ? g_malloc(RAW_HEAD_MAX) : NULL, *value;
    gssize got, len = 0;

    while (piece && len < RAW_HEAD_MAX &&
           (got = g_mime_stream_read(piece, raw + len, (size_t)(RAW_HEAD_MAX - len))) > 0)
        len += got;
    value = field(pf_bytes_from(raw, (size_t)len), name);
    if (!value && header)
        value = g_strdup(g_mime_header_get_value(header));
    if (piece)
        g_object_unref(piece);
    g_free(raw);
    return value;
}

static GString *head_of(struct pf_explore_letter *l)
{
    static const char *const names[] = {"From", "Reply-To", "To", "Cc", "Date", "Subject"};
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *raw = header(l, names[i]);
        char *decoded = raw ? g_mime_utils_header_decode_text(NULL, raw) : NULL;
        char *safe = clean(decoded, PF_EXPLORE_LINE, FIELD_MAX);

        if (safe)
            g_string_append_printf(out, "%s: %s\n", names[i], safe);
        free(safe);
        g_free(decoded);
        g_free(raw);
    }
    return out;
}

/* Octets of what is in it: counted without decoding, so about. */
static uint64_t octets_of(GMimeObject *object)
{
    GMimeDataWrapper *content =
        GMIME_IS_PART(object) ? g_mime_part_get_content(GMIME_PART(object)) : NULL;
    gint64 len = content ? g_mime_stream_length(g_mime_data_wrapper_get_stream(content)) : 0;

    if (len > 0 && g_mime_part_get_content_encoding(GMIME_PART(object)) == GMIME_CONTENT_ENCODING_BASE64)
        len = (len - len / 77) / 4 * 3;
    return len > 0 ? (uint64_t)len : 0;
}

static void compose(struct pf_explore_letter *l)
{
    GString *out = head_of(l);
    char size[8];

    l->body = g_string_new(NULL);
    walk(l, g_mime_message_get_mime_part(l->message), false, 0);
    for (size_t i = 0; i < l->count; i++) {
        pf_explore_size(octets_of(l->parts[i].object), size);
        g_string_append_printf(out, pf_say("Attachment %zu: %s (%s, %s)\n", "Anhang %zu: %s (%s, %s)\n"),
                               i + 1, l->parts[i].name && l->parts[i].name[0] ? l->parts[i].name : "-",
                               l->parts[i].type ? l->parts[i].type : "?", size);
    }
    g_string_append_c(out, '\n');
    if (!l->body->len && !l->count && GMIME_IS_MULTIPART(g_mime_message_get_mime_part(l->message)))
        g_string_append(out, pf_say("[no part of it can be shown]\n", "[kein Teil davon ist zu zeigen]\n"));
    g_string_append_len(out, l->body->str, (gssize)l->body->len);
    if (l->cut)
        g_string_append(out, pf_say("\n[more follows, which is not shown]\n",
                                    "\n[mehr folgt, das hier nicht steht]\n"));
    g_string_free(l->body, TRUE);
    l->body = NULL;
    l->text = g_string_free(out, FALSE);
}

static struct pf_explore_letter *take(GMimeStream *stream)
{
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    struct pf_explore_letter *l = calloc(1, sizeof *l);

    g_mime_parser_set_persist_stream(parser, TRUE);
    if (l)
        l->message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    if (!l || !l->message) {
        g_object_unref(stream);
        free(l);
        return NULL;
    }
    l->stream = stream;
    compose(l);
    return l;
}

struct pf_explore_letter *pf_explore_letter_of(struct pf_bytes octets)
{
    return take(g_mime_stream_mem_new_with_buffer((const char *)octets.at, octets.len));
}

struct pf_explore_letter *pf_explore_letter_open(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return NULL;
    return take(g_mime_stream_fs_new_with_bounds(copy, 0, -1));
}

void pf_explore_letter_free(struct pf_explore_letter *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->count; i++) {
        free(l->parts[i].name);
        free(l->parts[i].type);
    }
    g_object_unref(l->message);
    g_object_unref(l->stream);
    g_free(l->text);
    free(l);
}

const char *pf_explore_letter_text(struct pf_explore_letter *l)
{
    return l->text;
}

size_t pf_explore_letter_parts(const struct pf_explore_letter *l)
{
    return l->count;
}

const char *pf_explore_letter_part_name(const struct pf_explore_letter *l, size_t part)
{
    return l->parts[part].name ? l->parts[part].name : "";
}

const char *pf_explore_letter_part_type(const struct pf_explore_letter *l, size_t part)
{
    return l->parts[part].type ? l->parts[part].type : "";
}

enum pf_code pf_explore_letter_write(const struct pf_explore_letter *l, size_t part, int fd,
                                     struct pf_err *err)
{
    GMimeObject *object = l->parts[part].object;
    GMimeStream *out = g_mime_stream_fs_new(fd);
    gssize wrote = -1;
    int sys;

    g_mime_stream_fs_set_owner(GMIME_STREAM_FS(out), FALSE);
    errno = 0;
    if (GMIME_IS_PART(object) && g_mime_part_get_content(GMIME_PART(object)))
        wrote = g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(object)), out);
    else if (GMIME_IS_MESSAGE_PART(object) &&
             g_mime_message_part_get_message(GMIME_MESSAGE_PART(object)))
        wrote = g_mime_object_write_to_stream(
            GMIME_OBJECT(g_mime_message_part_get_message(GMIME_MESSAGE_PART(object))), NULL, out);
    sys = wrote < 0 ? errno : 0;
    g_object_unref(out);
    if (wrote < 0)
        return pf_fail(err, sys ? pf_code_of_errno(sys) : PF_IO, sys, "explore_write",
                       "the attachment cannot be written");
    return PF_OK;
}
