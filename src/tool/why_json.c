#include "tool/why_parts.h"

#include "conf/utf8.h"

#include <inttypes.h>
#include <time.h>

static void put_text(struct pf_bytes text, FILE *to)
{
    fputc('"', to);
    while (text.len) {
        size_t n = pf_conf_utf8(text);

        if (n == 0)
            fputs("\\ufffd", to);
        else if (pf_conf_is_control(text))
            fprintf(to, "\\u%04x", n == 1 ? text.at[0] : 0x80u | (text.at[1] & 0x3fu)); /* C1 begins with C2 */
        else if (text.at[0] == '"' || text.at[0] == '\\')
            fprintf(to, "\\%c", text.at[0]);
        else
            fwrite(text.at, 1, n, to);
        text = pf_bytes_skip(text, n ? n : 1);
    }
    fputc('"', to);
}

static void put_time(const char *name, int64_t ms, FILE *to)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    if (gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
        fprintf(to, "\"%s\":\"%s.%03dZ\"", name, text, (int)(ms % 1000));
    else
        fprintf(to, "\"%s\":null", name);
}

void pf_why_json(const struct pf_journal_record *r, FILE *to)
{
    fputc('{', to);
    put_time("at", r->at, to);
    fprintf(to, ",\"event\":\"%s\"", pf_journal_event_name(r->event));
    for (unsigned i = 0; i < PF_JOURNAL_NUMBERS; i++)
        if (r->number[i] && i == PF_JOURNAL_OPENED && r->number[i] <= INT64_MAX)
            fputc(',', to), put_time(pf_journal_number_name((enum pf_journal_number)i), (int64_t)r->number[i], to);
        else if (r->number[i])
            fprintf(to, ",\"%s\":%" PRIu64, pf_journal_number_name((enum pf_journal_number)i), r->number[i]);
    for (unsigned i = 0; i < PF_JOURNAL_TEXTS; i++)
        if (r->text[i].len) {
            fprintf(to, ",\"%s\":", pf_journal_text_name((enum pf_journal_text)i));
            put_text(r->text[i], to);
        }
    fputs("}\n", to);
}
