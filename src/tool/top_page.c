#include "tool/top_page.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Where a line of figures is added: all series of `name` whose labels have `with` and not `without`. */
static const struct wanted {
    const char *name, *with, *without;
    size_t at;
} wanted[] = {
#define AT(member) offsetof(struct pf_top_figures, member)
    {"postfach_start_time_seconds", NULL, NULL, AT(start)},
    {"postfach_processes", NULL, NULL, AT(processes)},
    {"postfach_processes_silent", NULL, NULL, AT(silent)},
    {"postfach_sessions", NULL, NULL, AT(sessions)},
    {"postfach_sessions_before_login", NULL, NULL, AT(strangers)},
    {"postfach_delivery_connections", NULL, NULL, AT(carriers)},
    {"postfach_disk_queue", NULL, NULL, AT(disk_queue)},
    {"postfach_hash_queue", NULL, NULL, AT(hash_queue)},
    {"postfach_logins_total", "verdict=\"OK\"", NULL, AT(logins)},
    {"postfach_logins_total", NULL, "verdict=\"OK\"", AT(refused_logins)},
    {"postfach_messages_retrieved_total", NULL, NULL, AT(messages)},
    {"postfach_sent_octets_total", NULL, NULL, AT(octets)},
    {"postfach_deliveries_total", "verdict=\"OK\"", NULL, AT(deliveries)},
    {"postfach_deliveries_total", NULL, "verdict=\"OK\"", AT(refused_mail)},
    {"postfach_delivered_octets_total", NULL, NULL, AT(delivered)},
    {"postfach_refused_total", NULL, NULL, AT(failures)},
    {"postfach_tls_failures_total", NULL, NULL, AT(failures)},
    {"postfach_store_failures_total", NULL, NULL, AT(failures)},
#undef AT
};

/* The next line of *rest, cut off; NULL when there is none with an end. */
static char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');

    if (!end)
        return NULL;
    *end = 0;
    *rest = end + 1;
    return line;
}

static bool split(char *line, struct pf_top_row *row)
{
    for (size_t i = 0; i < PF_TOP_FIELDS; i++) {
        char *end = strchr(line, '\t');

        if (!end != (i + 1 == PF_TOP_FIELDS))
            return false;
        if (end)
            *end = 0;
        row->text[i] = line;
        row->number[i] = strtoull(line, NULL, 10);
        line = end + 1;
    }
    return true;
}

static bool take_session(struct pf_top_page *page, char *line, size_t *room)
{
    size_t more = *room ? *room * 2 : 64;
    struct pf_top_row *rows = page->rows, *row;
    const char *dot;

    if (page->count == *room) {
        rows = reallocarray(page->rows, more, sizeof rows[0]);
        if (!rows)
            return false;
        page->rows = rows;
        *room = more;
    }
    row = &page->rows[page->count];
    *row = (struct pf_top_row){0};
    if (!split(line, row))
        return false;
    page->count++;
    dot = strchr(row->text[PF_TOP_ID], '.');
    if (dot) {
        row->gate = row->number[PF_TOP_ID];
        row->number[PF_TOP_ID] = strtoull(dot + 1, NULL, 10);
    }
    return true;
}

static bool take_figure(struct pf_top_page *page, char *line)
{
    char *value = strrchr(line, ' '), *labels;

    if (line[0] == '#')
        return true;
    if (!value)
        return false;
    *value++ = 0;
    labels = strchr(line, '{');
    if (labels)
        *labels++ = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct wanted *w = &wanted[i];
        double *at = (double *)(void *)((char *)&page->figures + w->at);

        if (strcmp(line, w->name) == 0 && (!w->with || (labels && strstr(labels, w->with))) &&
            (!w->without || !labels || !strstr(labels, w->without)))
            *at += strtod(value, NULL);
    }
    return true;
}

/* The first line of an answer: "+word", and perhaps who is missing. */
static bool take_head(struct pf_top_page *page, char **rest, const char *word)
{
    static const char without[] = ", without ";
    char *line = next_line(rest);
    size_t len = strlen(word);

    if (!line || strncmp(line, word, len) != 0)
        return false;
    line += len;
    if (strncmp(line, without, sizeof without - 1) == 0)
        page->missing = line + sizeof without - 1;
    return true;
}

static bool take_all(struct pf_top_page *page)
{
    char *rest = page->text, *line;
    size_t room = 0;

    if (!take_head(page, &rest, "+sessions"))
        return false;
    while ((line = next_line(&rest)) && strcmp(line, ".") != 0)
        if (!take_session(page, line, &room))
            return false;
    if (!line || !take_head(page, &rest, "+metrics"))
        return false;
    while ((line = next_line(&rest)) && strcmp(line, ".") != 0)
        if (!take_figure(page, line))
            return false;
    return line && !rest[0];
}

static void clean(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n' && text[i] != '\t')
            text[i] = '?';
}

bool pf_top_page_read(struct pf_top_page *page, char *text, size_t len)
{
    *page = (struct pf_top_page){.text = text, .missing = ""};
    clean(text, len);
    if (!take_all(page)) {
        pf_top_page_done(page);
        return false;
    }
    for (size_t i = 0; i < page->count; i++) {
        page->figures.messages += (double)page->rows[i].number[PF_TOP_FETCHED];
        page->figures.octets += (double)page->rows[i].number[PF_TOP_OCTETS];
    }
    return true;
}

void pf_top_page_done(struct pf_top_page *page)
{
    free(page->rows);
    free(page->text);
    *page = (struct pf_top_page){.missing = ""};
}
