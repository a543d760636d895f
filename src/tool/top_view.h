/* What `postfach top` shows: lines of text, made from one page and the one before.
 *
 * This room knows neither terminal nor socket: what stands in a line is the same
 * on a screen and in a file, and never wider than `columns`. */
#ifndef POSTFACH_TOOL_TOP_VIEW_H
#define POSTFACH_TOOL_TOP_VIEW_H

#include "tool/top_page.h"
#include <postfach/err.h>

enum {
    PF_TOP_LINE = 512,   /* the widest line, with its NUL */
    PF_TOP_FILTER = 64,
    PF_TOP_HEAD_LINES = 5,
    PF_TOP_WIDTHS = 3    /* columns as wide as what is in them: id, user, address */
};

enum pf_top_sort {
    PF_TOP_BY_AGE, PF_TOP_BY_IDLE, PF_TOP_BY_USER, PF_TOP_BY_ADDRESS, PF_TOP_BY_MESSAGES, PF_TOP_BY_RECEIVED,
    PF_TOP_BY_SENT, PF_TOP_SORTS
};

struct pf_top_view {
    struct pf_top_page page;
    struct pf_top_figures before;
    size_t widest[PF_TOP_WIDTHS];    /* of the page, with the titles */
    pf_time page_at, before_at;      /* when they were read, ms; 0: never */
    enum pf_top_sort sort;
    bool turned;                     /* the other way round */
    char filter[PF_TOP_FILTER];      /* what user or address must have in it, or "" */
    const struct pf_top_row **shown; /* those that pass, in order */
    size_t count;
    char chosen[48];                 /* the id of the row that the cursor is on, or "" */
    size_t cursor;                   /* where that row is now */
    double interval;                 /* seconds */
    const char *trouble;             /* why there is no new page, or NULL */
    const char *socket;
};

/* Takes a page over; false without memory. */
bool pf_top_view_take(struct pf_top_view *, struct pf_top_page *, pf_time now);
/* Sorts and sifts anew, for another filter or order; the cursor stays on its row. False without memory. */
bool pf_top_view_order(struct pf_top_view *);
/* Puts the cursor on a row, or on the nearest that there is. */
void pf_top_view_move(struct pf_top_view *, size_t to);
void pf_top_view_done(struct pf_top_view *);

const char *pf_top_sort_name(enum pf_top_sort);

/* Lines of the head, from 0; `now` is the time of day in seconds. */
void pf_top_view_head(const struct pf_top_view *, unsigned line, int64_t now, char out[PF_TOP_LINE]);
/* The titles of the table, and a row of it. */
void pf_top_view_titles(const struct pf_top_view *, size_t columns, char out[PF_TOP_LINE]);
void pf_top_view_row(const struct pf_top_view *, size_t index, size_t columns, char out[PF_TOP_LINE]);

/* "4711", "12.3k", "1.2M"; at most 5 octets. */
void pf_top_number(double number, char *out, size_t cap);
/* "5s", "12m", "3h", "2d" */
void pf_top_time(uint64_t seconds, char *out, size_t cap);

#endif
