#include "tool/look_parts.h"

#include "base/text.h"
#include "tool/explore_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    FROM = 24,
    SUBJECT = 36,
    FIXED = 5 + 1 + 10 + 1 + 16 + 1 + FROM + 1 + 1, /* all but subject and UID */
    CELL = 512
};

struct pf_look_row *pf_look_row_add(struct pf_look *l, uint64_t number, uint64_t octets)
{
    if (l->count == l->room) {
        size_t room = l->room * 2 + 256;
        struct pf_look_row *rows = reallocarray(l->rows, room, sizeof *rows);

        if (!rows)
            return NULL;
        l->rows = rows;
        l->room = room;
    }
    l->rows[l->count] = (struct pf_look_row){.number = number, .octets = octets};
    return &l->rows[l->count++];
}

static int by_number(const void *left, const void *right)
{
    const struct pf_look_row *a = left, *b = right;

    return (a->number > b->number) - (a->number < b->number);
}

void pf_look_rows_sort(struct pf_look *l)
{
    size_t kept = 0;

    if (l->count)
        qsort(l->rows, l->count, sizeof *l->rows, by_number);
    for (size_t i = 0; i < l->count; i++)
        if (kept == 0 || l->rows[kept - 1].number != l->rows[i].number)
            l->rows[kept++] = l->rows[i];
        else
            free(l->rows[i].uid);
    l->count = l->sorted = kept;
}

struct pf_look_row *pf_look_row_find(struct pf_look *l, uint64_t number)
{
    struct pf_look_row key = {.number = number};

    return l->sorted ? bsearch(&key, l->rows, l->sorted, sizeof *l->rows, by_number) : NULL;
}

void pf_look_rows_free(struct pf_look *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->rows[i].uid);
        pf_look_head_free(&l->rows[i]);
    }
    free(l->rows);
    l->rows = NULL;
    l->count = l->sorted = l->room = 0;
}

/* Choosing */

static int tell_unknown(const struct pf_look *l, const char *what)
{
    struct pf_err err = {0};

    pf_fail(&err, PF_NO_MESSAGE, 0, "look",
            pf_say("there is no message %.100s; `postfach ls` shows numbers and UIDs",
                   "es gibt keine Nachricht %.100s; `postfach ls` zeigt Nummern und UIDs"),
            what);
    return pf_look_complain(l, &err);
}

static int tell_several(const struct pf_look *l, const char *what)
{
    struct pf_err err = {0};

    pf_fail(&err, PF_PERM, 0, "look",
            pf_say("the server gives the UID %.100s to several messages: name a number",
                   "der Server gibt die UID %.100s mehreren Nachrichten: eine Nummer nennen"),
            what);
    return pf_look_complain(l, &err);
}

/* By number, unless there is `uid:` before it or so many messages are not there. */
static int choose_one(struct pf_look *l, const char *what)
{
    bool uid_only = strncmp(what, "uid:", 4) == 0;
    struct pf_bytes text = pf_bytes_of(what + (uid_only ? 4 : 0));
    struct pf_look_row *found = NULL;
    uint64_t number;

    if (!uid_only && pf_parse_u64(text, &number))
        found = pf_look_row_find(l, number);
    for (size_t i = 0; !found && i < l->count; i++) {
        struct pf_look_row *row = &l->rows[i];

        if (!row->uid || !pf_bytes_equal(pf_bytes_of(row->uid), text))
            continue;
        for (size_t k = i + 1; k < l->count; k++)
            if (l->rows[k].uid && strcmp(l->rows[k].uid, row->uid) == 0)
                return tell_several(l, what);
        found = row;
    }
    if (!found)
        return tell_unknown(l, what);
    found->chosen = true;
    return 0;
}

int pf_look_choose(struct pf_look *l)
{
    int status = 0;

    for (size_t i = 0; i < l->wanted_count; i++) {
        int one = choose_one(l, l->wanted[i]);

        status = status ? status : one;
    }
    return status;
}

/* The table */

static void print_cell(const char *text, size_t columns)
{
    char *safe = text ? pf_explore_clean(pf_bytes_of(text), PF_EXPLORE_LINE, CELL) : NULL;
    char cell[2 * CELL];

    pf_explore_fit(cell, sizeof cell, safe ? safe : "", columns, true);
    fputs(cell, stdout);
    putchar(' ');
    free(safe);
}

static void print_date(int64_t date)
{
    time_t seconds = (time_t)date;
    struct tm day;
    char text[32] = "-";

    if (date && localtime_r(&seconds, &day))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &day);
    printf("%-16s ", text);
}

/* What a terminal has over for the subject; elsewhere always the same. */
static size_t subject_columns(const struct pf_look *l)
{
    struct winsize window;
    size_t uid = 0, rest;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        return SUBJECT;
    for (size_t i = 0; i < l->count; i++)
        if (l->rows[i].uid && strlen(l->rows[i].uid) > uid)
            uid = strlen(l->rows[i].uid);
    rest = window.ws_col > FIXED + uid ? window.ws_col - FIXED - uid : 0;
    return rest < 20 ? 20 : rest > 80 ? 80 : rest;
}

static void print_row(const struct pf_look_row *row, size_t columns)
{
    char *uid = row->uid ? pf_explore_clean(pf_bytes_of(row->uid), PF_EXPLORE_LINE, CELL) : NULL;

    if (row->octets == PF_OCTETS_UNKNOWN)
        printf("%5" PRIu64 " %10s ", row->number, "?");
    else
        printf("%5" PRIu64 " %10" PRIu64 " ", row->number, row->octets);
    print_date(row->date);
    print_cell(row->from, FROM);
    print_cell(row->subject, columns);
    puts(uid ? uid : "-");
    free(uid);
}

void pf_look_print(const struct pf_look *l, bool chosen)
{
    size_t columns = subject_columns(l);

    printf("%5s %10s %-16s ", "", pf_say("octets", "Oktette"), pf_say("date", "Datum"));
    print_cell(pf_say("from", "von"), FROM);
    print_cell(pf_say("subject", "Betreff"), columns);
    puts("UID");
    for (size_t i = 0; i < l->count; i++)
        if (!chosen || l->rows[i].chosen)
            print_row(&l->rows[i], columns);
}
