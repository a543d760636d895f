#include "tool/top_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CELL = 80, TEXT_MIN = 8, TEXT_ENOUGH = 16 };

static void add(char out[PF_TOP_LINE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char out[PF_TOP_LINE], const char *format, ...)
{
    size_t len = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out + len, PF_TOP_LINE - len, format, arguments);
    va_end(arguments);
}

static void count(char out[PF_TOP_LINE], double number, const char *one, const char *many)
{
    char text[CELL];

    pf_top_number(number, text, sizeof text);
    add(out, "%s %s", text, number > 0.5 && number < 1.5 ? one : many);
}

static void head_state(const struct pf_top_view *view, int64_t now, char out[PF_TOP_LINE])
{
    const struct pf_top_figures *f = &view->page.figures;
    char text[CELL];
    struct tm tm;
    time_t clock = (time_t)now;

    add(out, "postfach top");
    if (gmtime_r(&clock, &tm) && strftime(text, sizeof text, "%H:%M:%SZ", &tm)) /* as in the log */
        add(out, " %s", text);
    if (!view->page_at)
        return;
    pf_top_time(f->start > 0 && (double)now > f->start ? (uint64_t)((double)now - f->start) : 0, text, sizeof text);
    add(out, ", up %s, ", text);
    count(out, f->processes, "process", "processes");
    if (f->silent > 0)
        add(out, " (%.0f silent)", f->silent);
    add(out, ", ");
    count(out, f->sessions, "session", "sessions");
    if (f->strangers > 0)
        add(out, " (%.0f before login)", f->strangers);
}

/* Per second of `seconds`. */
static double rate(double seconds, double now, double before)
{
    double grown = now - before;

    /* A session that ends between two answers is counted twice for a moment. */
    return grown > 0 && seconds > 0 ? grown / seconds : 0;
}

static void add_rate(char out[PF_TOP_LINE], double number, const char *what)
{
    char text[CELL];

    if (number > 0 && number < 9.95)
        snprintf(text, sizeof text, number < 0.0995 ? "%.2f" : "%.1f", number);
    else
        pf_top_number(number, text, sizeof text);
    add(out, "%s %s", text, what);
}

/* Between the two pages; or since the start when there is but one. */
static double seconds_of(const struct pf_top_view *view, int64_t now)
{
    return view->before_at ? (double)(view->page_at - view->before_at) / 1000 : (double)now - view->page.figures.start;
}

static const struct pf_top_figures *before(const struct pf_top_view *view)
{
    static const struct pf_top_figures none;

    return view->before_at ? &view->before : &none;
}

static void head_clients(const struct pf_top_view *view, int64_t now, char out[PF_TOP_LINE])
{
    const struct pf_top_figures *f = &view->page.figures, *b = before(view);
    double s = seconds_of(view, now);

    add(out, view->before_at ? "per second: " : "on average: ");
    add_rate(out, rate(s, f->logins, b->logins), "logins, ");
    add_rate(out, rate(s, f->refused_logins, b->refused_logins), "refused; ");
    add_rate(out, rate(s, f->messages, b->messages), "messages, ");
    add_rate(out, rate(s, f->octets, b->octets), "octets sent; ");
    add_rate(out, rate(s, f->failures, b->failures), "failures");
}

static void head_mail(const struct pf_top_view *view, int64_t now, char out[PF_TOP_LINE])
{
    const struct pf_top_figures *f = &view->page.figures, *b = before(view);
    double s = seconds_of(view, now);

    count(out, f->carriers, "mail server: ", "mail servers: ");
    add_rate(out, rate(s, f->deliveries, b->deliveries), "mails, ");
    add_rate(out, rate(s, f->refused_mail, b->refused_mail), "refused, ");
    add_rate(out, rate(s, f->delivered, b->delivered), "octets; ");
    add(out, "waiting: disk %.0f, passwords %.0f", f->disk_queue, f->hash_queue);
}

static void head_order(const struct pf_top_view *view, char out[PF_TOP_LINE])
{
    add(out, "sorted by %s%s", pf_top_sort_name(view->sort), view->turned ? ", turned" : "");
    if (view->interval > 0)
        add(out, "; every %g s", view->interval);
    if (view->filter[0])
        add(out, "; only \"%s\": %zu of %zu", view->filter, view->count, view->page.count);
}

static void head_trouble(const struct pf_top_view *view, char out[PF_TOP_LINE])
{
    if (view->trouble)
        add(out, "! %s: %.200s%s", view->trouble, view->socket, view->page_at ? "; what is shown is old" : "");
    else if (view->page.missing && view->page.missing[0])
        add(out, "! not all is told: without %.400s", view->page.missing);
}

void pf_top_view_head(const struct pf_top_view *view, unsigned line, int64_t now, char out[PF_TOP_LINE])
{
    out[0] = 0;
    if (line == 0)
        head_state(view, now, out);
    else if (line == 1 && view->page_at)
        head_clients(view, now, out);
    else if (line == 2 && view->page_at)
        head_mail(view, now, out);
    else if (line == 3)
        head_order(view, out);
    else if (line == 4)
        head_trouble(view, out);
    for (char *c = out; *c; c++) /* whatever the path of the socket has in it */
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* Columns from left to right. The first to go when there is no room are those with the highest `spare`; user and
 * address share what is left. */
static const struct column {
    const char *title;
    enum pf_top_field field;
    enum { TEXT, WORD, TIME, NUMBER } kind;
    size_t width; /* 0: of its content (struct pf_top_view) */
    unsigned spare;
} table[] = {
    {"ID", PF_TOP_ID, WORD, 0, 0},
    {"USER", PF_TOP_USER, TEXT, 0, 0},
    {"ADDRESS", PF_TOP_ADDRESS, TEXT, 0, 0},
    {"TLS", PF_TOP_TLS, WORD, 7, 3},
    {"STATE", PF_TOP_STATE, WORD, 11, 1},
    {"AGE", PF_TOP_AGE, TIME, 4, 0},
    {"IDLE", PF_TOP_IDLE, TIME, 4, 2},
    {"MSGS", PF_TOP_MESSAGES, NUMBER, 5, 4},
    {"GOT", PF_TOP_FETCHED, NUMBER, 5, 6},
    {"IN", PF_TOP_RECEIVED, NUMBER, 5, 5},
    {"OUT", PF_TOP_SENT, NUMBER, 5, 0},
    {"CMD", PF_TOP_COMMAND, WORD, 7, 2},
};

enum { USER = 1, ADDRESS = 2, COLUMNS = sizeof table / sizeof table[0], SPARE_MAX = 6 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Widths of all columns, 0 for those that have no place. */
static void lay_out(const struct pf_top_view *view, size_t columns, size_t width[COLUMNS])
{
    const size_t user = view->widest[USER], address = view->widest[ADDRESS];
    /* Short names keep all columns; long ones are cut before columns go. */
    const size_t texts = least(user, TEXT_ENOUGH) + least(address, TEXT_ENOUGH);
    size_t sum = 0, left;

    for (size_t i = 0; i < COLUMNS; i++) {
        width[i] = i < PF_TOP_WIDTHS ? view->widest[i] : table[i].width;
        sum += i == USER || i == ADDRESS ? 1 : width[i] + 1;
    }
    for (unsigned spare = SPARE_MAX; spare > 0; spare--)
        for (size_t i = COLUMNS; i-- > 0;)
            if (table[i].spare == spare && sum + texts > columns + 1) {
                sum -= width[i] + 1;
                width[i] = 0;
            }
    left = columns + 1 > sum + 2 * TEXT_MIN ? columns + 1 - sum : 2 * TEXT_MIN;
    if (user + address <= left)
        return;
    width[USER] = user <= left / 2 ? user : address <= left / 2 ? left - address : left / 2;
    width[ADDRESS] = left - width[USER];
}

static void put_cell(char out[PF_TOP_LINE], const struct column *column, size_t width, const char *text)
{
    int columns = (int)width;

    if (!width)
        return;
    if (column->kind == TEXT && strlen(text) > width)
        add(out, "%.*s~ ", columns - 1, text);
    else if (column->kind == TEXT || column->kind == WORD)
        add(out, "%-*.*s ", columns, columns, text);
    else
        add(out, "%*.*s ", columns, columns, text);
}

static void cut(char out[PF_TOP_LINE], size_t columns)
{
    size_t len = strlen(out);

    if (len > columns)
        len = columns;
    while (len && out[len - 1] == ' ')
        len--;
    out[len] = 0;
}

void pf_top_view_titles(const struct pf_top_view *view, size_t columns, char out[PF_TOP_LINE])
{
    size_t width[COLUMNS];

    lay_out(view, columns, width);
    out[0] = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        put_cell(out, &table[i], width[i], table[i].title);
    cut(out, columns);
}

void pf_top_view_row(const struct pf_top_view *view, size_t index, size_t columns, char out[PF_TOP_LINE])
{
    const struct pf_top_row *row = view->shown[index];
    size_t width[COLUMNS];
    char text[CELL];

    lay_out(view, columns, width);
    out[0] = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct column *c = &table[i];

        if (c->kind == TIME)
            pf_top_time(row->number[c->field], text, sizeof text);
        else if (c->kind == NUMBER)
            pf_top_number((double)row->number[c->field], text, sizeof text);
        put_cell(out, c, width[i], c->kind == TIME || c->kind == NUMBER ? text : row->text[c->field]);
    }
    cut(out, columns);
}
