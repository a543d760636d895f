#include "tool/box.h"

#include "base/text.h"

#include <gmime/gmime.h>
#include <inttypes.h>
#include <time.h>

/* Heads of more than that are no mail that a person wrote; ls need not read further. */
enum { HEAD_MAX = 65536 };

static void to_stdout(void *self, struct pf_bytes piece)
{
    (void)self;
    if (piece.len)
        fwrite(piece.at, 1, piece.len, stdout);
}

static void to_array(void *self, struct pf_bytes piece)
{
    if (piece.len)
        g_byte_array_append(self, piece.at, (guint)piece.len);
}

static int failed(uint32_t index, const struct pf_err *err)
{
    fprintf(stderr, "postfach box: message %" PRIu32 ": %s\n", index + 1, err->log);
    return pf_verdict(err->code)->exit_status;
}

static GMimeMessage *parse(GByteArray *octets)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(octets);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message;

    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

static void print_field(const char *text, int width)
{
    char *cut = g_utf8_make_valid(text ? text : "", -1);
    char *fit = g_utf8_substring(cut, 0, MIN((glong)width, g_utf8_strlen(cut, -1)));

    pf_tool_print_safe(stdout, fit, false);
    printf("%*s", width - (int)g_utf8_strlen(fit, -1), "");
    g_free(fit);
    g_free(cut);
}

static void print_date(GMimeMessage *message, int64_t arrival)
{
    GDateTime *date = message ? g_mime_message_get_date(message) : NULL;
    GDateTime *utc = date      ? g_date_time_to_utc(date)
                     : arrival ? g_date_time_new_from_unix_utc(arrival)
                               : NULL;
    char *text = utc ? g_date_time_format(utc, "%Y-%m-%d %H:%M") : NULL;

    printf("%-16s ", text ? text : "-");
    g_free(text);
    if (utc)
        g_date_time_unref(utc);
}

static void print_row(struct pf_tool_box *b, uint32_t index, GMimeMessage *message)
{
    struct pf_bytes uidl = pf_listing_uidl(&b->listing, index);
    struct pf_maildir_entry entry = {0};
    InternetAddressList *from = message ? g_mime_message_get_from(message) : NULL;
    char *names = from ? internet_address_list_to_string(from, NULL, FALSE) : NULL;

    pf_tool_box_entry(b, index, &entry);
    printf("%5" PRIu32 " %10" PRIu64 " ", index + 1, b->listing.rows[index].octets);
    print_date(message, entry.arrival);
    print_field(names, 24);
    printf(" ");
    print_field(message ? g_mime_message_get_subject(message) : NULL, 36);
    printf(" %.*s\n", (int)uidl.len, (const char *)uidl.at);
    g_free(names);
}

/* The head of a message is its first piece: one read, not the whole. */
static GMimeMessage *head(struct pf_tool_box *b, uint32_t index)
{
    static unsigned char buffer[HEAD_MAX];
    struct pf_box_read read = {.index = index, .at = buffer, .cap = sizeof buffer};
    GByteArray *octets;
    GMimeMessage *message;

    if (b->twin->kind->box_read(b->box, &read, true, NULL) != PF_OK)
        return NULL;
    octets = g_byte_array_new();
    g_byte_array_append(octets, buffer, (guint)read.got);
    message = parse(octets);
    g_byte_array_free(octets, TRUE);
    return message;
}

int pf_tool_box_ls(struct pf_tool_box *b)
{
    g_mime_init();
    printf("%5s %10s %-16s %-24s %-36s %s\n", "", "octets", "date (UTC)", "from", "subject", "UIDL");
    for (uint32_t i = 0; i < b->listing.count; i++) {
        GMimeMessage *message = head(b, i);

        print_row(b, i, message);
        if (message)
            g_object_unref(message);
    }
    printf("%" PRIu32 " message%s, %" PRIu64 " octets\n", b->listing.count,
           b->listing.count == 1 ? "" : "s", b->listing.octets);
    pf_tool_box_quota_line(b);
    g_mime_shutdown();
    return 0;
}

static bool find(const struct pf_tool_box *b, const char *which, uint32_t *out_index)
{
    uint64_t number;

    if (pf_parse_u64(pf_bytes_of(which), &number) && number >= 1 && number <= b->listing.count) {
        *out_index = (uint32_t)(number - 1);
        return true;
    }
    for (uint32_t i = 0; i < b->listing.count; i++)
        if (pf_bytes_equal(pf_listing_uidl(&b->listing, i), pf_bytes_of(which))) {
            *out_index = i;
            return true;
        }
    return false;
}

static void print_part(GMimeObject *parent, GMimeObject *part, gpointer data)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    bool *shown = data;
    char *text;

    (void)parent;
    if (GMIME_IS_MULTIPART(part))
        return;
    if (GMIME_IS_TEXT_PART(part) && g_mime_content_type_is_type(type, "text", "plain")) {
        text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        if (text)
            pf_tool_print_safe(stdout, text, true);
        g_free(text);
        *shown = true;
        return;
    }
    text = g_mime_content_type_get_mime_type(type);
    printf("[%s", text);
    if (GMIME_IS_PART(part) && g_mime_part_get_filename(GMIME_PART(part))) {
        fputs(", ", stdout);
        pf_tool_print_safe(stdout, g_mime_part_get_filename(GMIME_PART(part)), false);
    }
    puts("]");
    g_free(text);
}

static void print_head(GMimeMessage *message)
{
    static const char *const names[] = {"From", "To", "Cc", "Date", "Subject", "Message-ID"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *raw = g_mime_object_get_header(GMIME_OBJECT(message), names[i]);
        char *decoded = raw ? g_mime_utils_header_decode_text(NULL, raw) : NULL;

        if (decoded) {
            printf("%s: ", names[i]);
            pf_tool_print_safe(stdout, decoded, false);
            putchar('\n');
        }
        g_free(decoded);
    }
    putchar('\n');
}

static int show_decoded(struct pf_tool_box *b, uint32_t index)
{
    GByteArray *octets = g_byte_array_new();
    GMimeMessage *message;
    struct pf_err err;
    bool shown = false;
    int status = 0;

    if (pf_tool_box_read(b, index, to_array, octets, &err) != PF_OK) {
        status = failed(index, &err);
    } else {
        g_mime_init();
        message = parse(octets);
        if (message) {
            print_head(message);
            g_mime_message_foreach(message, print_part, &shown);
            g_object_unref(message);
        }
        g_mime_shutdown();
    }
    g_byte_array_free(octets, TRUE);
    return status;
}

int pf_tool_box_show(struct pf_tool_box *b)
{
    uint32_t index;
    struct pf_err err;

    if (!find(b, b->which, &index)) {
        fprintf(stderr, "postfach box: no message `%s`; `postfach box ls %s` shows numbers and UIDLs\n",
                b->which, b->word);
        return pf_verdict(PF_NO_MESSAGE)->exit_status;
    }
    if (!b->raw)
        return show_decoded(b, index);
    return pf_tool_box_read(b, index, to_stdout, NULL, &err) == PF_OK ? 0 : failed(index, &err);
}
