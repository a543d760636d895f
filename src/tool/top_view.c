#include "tool/top_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const sort_names[PF_TOP_SORTS] = {"age", "idle", "user", "address", "messages", "in", "out"};

const char *pf_top_sort_name(enum pf_top_sort sort)
{
    return sort_names[sort];
}

static int by_number(uint64_t x, uint64_t y)
{
    return x < y ? -1 : x > y;
}

static int by_id(const struct pf_top_row *x, const struct pf_top_row *y)
{
    int order = by_number(x->gate, y->gate);

    return order ? order : by_number(x->number[PF_TOP_ID], y->number[PF_TOP_ID]);
}

/* Numbers begin with the greatest, texts with the first. */
static int by_sort(const struct pf_top_row *x, const struct pf_top_row *y, enum pf_top_sort sort)
{
    switch (sort) {
    case PF_TOP_BY_USER:
        return strcasecmp(x->text[PF_TOP_USER], y->text[PF_TOP_USER]);
    case PF_TOP_BY_ADDRESS:
        return strcmp(x->text[PF_TOP_ADDRESS], y->text[PF_TOP_ADDRESS]);
    case PF_TOP_BY_IDLE:
        return by_number(y->number[PF_TOP_IDLE], x->number[PF_TOP_IDLE]);
    case PF_TOP_BY_MESSAGES:
        return by_number(y->number[PF_TOP_MESSAGES], x->number[PF_TOP_MESSAGES]);
    case PF_TOP_BY_RECEIVED:
        return by_number(y->number[PF_TOP_RECEIVED], x->number[PF_TOP_RECEIVED]);
    case PF_TOP_BY_SENT:
        return by_number(y->number[PF_TOP_SENT], x->number[PF_TOP_SENT]);
    case PF_TOP_BY_AGE:
    case PF_TOP_SORTS:
        break;
    }
    return by_number(y->number[PF_TOP_AGE], x->number[PF_TOP_AGE]);
}

/* Of rows that are the same by that, the lower id comes first either way: no row jumps without reason. */
static int compare(const void *a, const void *b, void *self)
{
    const struct pf_top_row *x = *(const struct pf_top_row *const *)a, *y = *(const struct pf_top_row *const *)b;
    const struct pf_top_view *view = self;
    int order = by_sort(x, y, view->sort);

    if (order)
        return view->turned ? -order : order;
    return by_id(x, y);
}

static bool passes(const struct pf_top_row *row, const char *filter)
{
    return !filter[0] || strcasestr(row->text[PF_TOP_USER], filter) || strcasestr(row->text[PF_TOP_ADDRESS], filter);
}

bool pf_top_view_order(struct pf_top_view *view)
{
    const struct pf_top_row **shown = reallocarray(view->shown, view->page.count + 1, sizeof shown[0]);

    if (!shown)
        return false;
    view->shown = shown;
    view->count = 0;
    for (size_t i = 0; i < view->page.count; i++)
        if (passes(&view->page.rows[i], view->filter))
            shown[view->count++] = &view->page.rows[i];
    qsort_r(shown, view->count, sizeof shown[0], compare, view);
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(shown[i]->text[PF_TOP_ID], view->chosen) == 0) {
            view->cursor = i;
            return true;
        }
    pf_top_view_move(view, view->cursor);
    return true;
}

void pf_top_view_move(struct pf_top_view *view, size_t to)
{
    view->cursor = to < view->count ? to : view->count ? view->count - 1 : 0;
    snprintf(view->chosen, sizeof view->chosen, "%s", view->count ? view->shown[view->cursor]->text[PF_TOP_ID] : "");
}

static void measure(struct pf_top_view *view)
{
    static const char *const titles[PF_TOP_WIDTHS] = {"ID", "USER", "ADDRESS"};

    for (size_t i = 0; i < PF_TOP_WIDTHS; i++) {
        view->widest[i] = strlen(titles[i]);
        for (size_t k = 0; k < view->page.count; k++) {
            size_t len = strlen(view->page.rows[k].text[i]);

            if (len > view->widest[i])
                view->widest[i] = len;
        }
    }
}

bool pf_top_view_take(struct pf_top_view *view, struct pf_top_page *page, pf_time now)
{
    /* Of the page before only its figures are wanted. */
    view->before = view->page.figures;
    view->before_at = view->page_at;
    view->count = 0;
    pf_top_page_done(&view->page);
    view->page = *page;
    view->page_at = now;
    if (view->page.figures.start > view->before.start) /* another server, and nothing to compare with */
        view->before_at = 0;
    measure(view);
    return pf_top_view_order(view);
}

void pf_top_view_done(struct pf_top_view *view)
{
    pf_top_page_done(&view->page);
    free(view->shown);
    *view = (struct pf_top_view){0};
}

void pf_top_number(double number, char *out, size_t cap)
{
    static const char units[] = "kMGTPE";
    size_t unit = 0;

    if (number < 9999.5) {
        snprintf(out, cap, "%.0f", number);
        return;
    }
    for (number /= 1000; number >= 999.5 && unit + 2 < sizeof units; number /= 1000)
        unit++;
    snprintf(out, cap, number < 99.95 ? "%.1f%c" : "%.0f%c", number, units[unit]);
}

void pf_top_time(uint64_t seconds, char *out, size_t cap)
{
    unsigned long long n = seconds;

    if (n < 120)
        snprintf(out, cap, "%llus", n);
    else if (n < 7200)
        snprintf(out, cap, "%llum", n / 60);
    else if (n < 172800)
        snprintf(out, cap, "%lluh", n / 3600);
    else
        snprintf(out, cap, "%llud", n / 86400);
}
