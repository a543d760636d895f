/* The terminal of `postfach top`: ncurses is named here only.
 *
 * What is shown are lines of top_view.h, which are printable ASCII; so nothing
 * that a stranger sent can move a cursor. A question stands in the last line, and
 * the table goes on moving above it. */
#ifndef POSTFACH_TOOL_TOP_SCREEN_H
#define POSTFACH_TOOL_TOP_SCREEN_H

#include "tool/top_view.h"

/* False when this is no terminal that can be used. */
bool pf_top_screen_begin(void);
void pf_top_screen_end(void);

enum pf_top_key {
    PF_TOP_KEY_NONE, /* nothing more is there */
    PF_TOP_KEY_TEXT, /* *out_letter */
    PF_TOP_KEY_UP, PF_TOP_KEY_DOWN, PF_TOP_KEY_PAGE_UP, PF_TOP_KEY_PAGE_DOWN, PF_TOP_KEY_HOME, PF_TOP_KEY_END,
    PF_TOP_KEY_ENTER, PF_TOP_KEY_ERASE, PF_TOP_KEY_CLEAR, PF_TOP_KEY_ESCAPE,
    PF_TOP_KEY_RESIZE,
    PF_TOP_KEY_OTHER
};
enum pf_top_key pf_top_screen_key(char *out_letter);
/* How many rows of the table there is room for. */
size_t pf_top_screen_rows(void);

/* Draws all; `foot` is the last line, with the cursor behind it when `asks`; `help`: the table gives way to it. */
void pf_top_screen_draw(const struct pf_top_view *, int64_t now, const char *foot, bool asks, bool help);

#endif
