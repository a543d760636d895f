/* What `postfach explore` shows: a frame of lines, made from the list, a text and some words about the
 * server.
 *
 * This room knows neither terminal nor server, so that a test can read what a person would see. Every
 * line of a frame is safe text (explore_text.h), whatever went in, and no wider than the frame. */
#ifndef POSTFACH_TOOL_EXPLORE_VIEW_H
#define POSTFACH_TOOL_EXPLORE_VIEW_H

#include "tool/explore_list.h"
#include "tool/explore_text.h"

enum {
    PF_EXPLORE_ROWS_MAX = 300, /* a frame's; a larger terminal stays empty below */
    PF_EXPLORE_COLUMNS_MAX = 500,
    PF_EXPLORE_LINE_MAX =
        PF_EXPLORE_COLUMNS_MAX * 8, /* octets of a line: combining characters take no column */
    PF_EXPLORE_WORDS = 256          /* of a note, a question, an answer */
};

enum pf_explore_style {
    PF_EXPLORE_PLAIN,
    PF_EXPLORE_BOLD,
    PF_EXPLORE_TITLES,
    PF_EXPLORE_CHOSEN,
    PF_EXPLORE_BAR
};

struct pf_explore_frame {
    unsigned rows, columns;
    char *text[PF_EXPLORE_ROWS_MAX]; /* owned; NULL: an empty line */
    unsigned char style[PF_EXPLORE_ROWS_MAX];
    bool asks; /* the cursor is shown behind the last line */
    unsigned cursor;
};

/* A text that is looked at in pieces. The text is lent. */
struct pf_explore_pane {
    const char *text; /* NULL: it is not there yet */
    struct pf_explore_lines lines;
    unsigned columns; /* that `lines` are for; 0: they are to be made */
    size_t top;       /* the line that is shown first */
};
void pf_explore_pane_set(struct pf_explore_pane *, const char *text);
/* By so many lines; stays within the text when `height` are shown. */
void pf_explore_pane_scroll(struct pf_explore_pane *, long lines, size_t height);
/* Brings the next line with needle to the top, from the one behind the top on (step 1) or before it
 * (-1), around the end; false: none. */
bool pf_explore_pane_search(struct pf_explore_pane *, const char *needle, int step);

enum pf_explore_mode { PF_EXPLORE_LISTS, PF_EXPLORE_READS };

struct pf_explore_view {
    struct pf_explore_list list;
    size_t first; /* of what is shown of the list, the uppermost row on the screen */
    enum pf_explore_mode mode;
    bool preview; /* the pane below the list is open */
    struct pf_explore_pane below, reader;
    char title[PF_EXPLORE_WORDS];    /* of what the reader shows */
    char who[PF_EXPLORE_WORDS];      /* whose maildrop */
    char server[PF_EXPLORE_WORDS];   /* address, TLS, mechanism */
    char state[PF_EXPLORE_WORDS];    /* what goes on, or "" */
    char note[PF_EXPLORE_WORDS];     /* of the last lines, instead of the keys, or "" */
    char question[PF_EXPLORE_WORDS]; /* "" : none is asked */
    char typed[PF_EXPLORE_WORDS];
    bool types;   /* the answer is typed, not one key */
    bool letter;  /* the reader shows a letter, and no page of ours */
    bool deletes; /* messages are being deleted: no key but one does anything */
};

/* All lines anew, for rows and columns of the frame. */
void pf_explore_view_draw(struct pf_explore_view *, struct pf_explore_frame *);
/* Rows of the list, or lines of the reader, for which a frame of so many rows has room. */
size_t pf_explore_view_height(const struct pf_explore_view *, unsigned rows);
void pf_explore_view_done(struct pf_explore_view *);
void pf_explore_frame_done(struct pf_explore_frame *);

const char *pf_explore_sort_name(enum pf_explore_sort);
/* The text of the help page. */
const char *pf_explore_help(void);

#endif
