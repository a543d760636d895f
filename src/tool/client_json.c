#include "tool/client_json.h"

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
            fprintf(to, "\\u%04x",
                    n == 1 ? text.at[0] : 0x80u | (text.at[1] & 0x3fu)); /* C1 begins with C2 */
        else if (text.at[0] == '"' || text.at[0] == '\\')
            fprintf(to, "\\%c", text.at[0]);
        else
            fwrite(text.at, 1, n, to);
        text = pf_bytes_skip(text, n ? n : 1);
    }
    fputc('"', to);
}

static void put_name(struct pf_client_json *j, const char *name)
{
    fprintf(j->to, "%s\"%s\":", j->more ? "," : "", name);
    j->more = true;
}

void pf_client_json_begin(struct pf_client_json *j, FILE *to)
{
    *j = (struct pf_client_json){to, false};
    fputc('{', to);
}

void pf_client_json_bytes(struct pf_client_json *j, const char *name, struct pf_bytes text)
{
    put_name(j, name);
    put_text(text, j->to);
}

void pf_client_json_text(struct pf_client_json *j, const char *name, const char *text)
{
    put_name(j, name);
    if (text)
        put_text(pf_bytes_of(text), j->to);
    else
        fputs("null", j->to);
}

void pf_client_json_number(struct pf_client_json *j, const char *name, uint64_t number)
{
    put_name(j, name);
    fprintf(j->to, "%" PRIu64, number);
}

void pf_client_json_bool(struct pf_client_json *j, const char *name, bool value)
{
    put_name(j, name);
    fputs(value ? "true" : "false", j->to);
}

/* `fraction` stands behind the seconds. */
static void put_time(struct pf_client_json *j, const char *name, time_t seconds, const char *fraction)
{
    struct tm tm;
    char text[32];

    if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)) {
        pf_client_json_text(j, name, NULL);
        return;
    }
    put_name(j, name);
    fprintf(j->to, "\"%s%sZ\"", text, fraction);
}

void pf_client_json_time(struct pf_client_json *j, const char *name, int64_t seconds)
{
    if (seconds)
        put_time(j, name, (time_t)seconds, "");
    else
        pf_client_json_text(j, name, NULL);
}

void pf_client_json_ms(struct pf_client_json *j, const char *name, int64_t ms)
{
    char fraction[16];

    snprintf(fraction, sizeof fraction, ".%03d", (int)(ms % 1000));
    put_time(j, name, (time_t)(ms / 1000), fraction);
}

void pf_client_json_list(struct pf_client_json *j, const char *name)
{
    put_name(j, name);
    fputc('[', j->to);
    j->more = false;
}

void pf_client_json_next(struct pf_client_json *j)
{
    fputs(j->more ? ",{" : "{", j->to);
    j->more = false;
}

void pf_client_json_close(struct pf_client_json *j)
{
    fputc('}', j->to);
    j->more = true;
}

void pf_client_json_list_end(struct pf_client_json *j)
{
    fputc(']', j->to);
    j->more = true;
}

void pf_client_json_end(struct pf_client_json *j)
{
    fputs("}\n", j->to);
}
