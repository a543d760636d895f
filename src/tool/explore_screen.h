/* The terminal of `postfach explore`: ncurses is named here only.
 *
 * It shows frames (explore_view.h), which are safe text, and hears keys. */
#ifndef POSTFACH_TOOL_EXPLORE_SCREEN_H
#define POSTFACH_TOOL_EXPLORE_SCREEN_H

#include "tool/explore_view.h"

/* Whether this is a terminal that can be used, as far as can be told before. */
bool pf_explore_screen_can(void);
bool pf_explore_screen_begin(void);
void pf_explore_screen_end(void);
/* Rows and columns as they are now. */
void pf_explore_screen_size(struct pf_explore_frame *);
/* The terminal may have another size, or was another program's meanwhile: asks it, and sets it up again.
 */
void pf_explore_screen_resize(void);
void pf_explore_screen_draw(const struct pf_explore_frame *);

enum pf_explore_key {
    PF_EXPLORE_KEY_NONE, /* nothing more is there */
    PF_EXPLORE_KEY_TEXT, /* a character, in out */
    PF_EXPLORE_KEY_UP,
    PF_EXPLORE_KEY_DOWN,
    PF_EXPLORE_KEY_PAGE_UP,
    PF_EXPLORE_KEY_PAGE_DOWN,
    PF_EXPLORE_KEY_HOME,
    PF_EXPLORE_KEY_END,
    PF_EXPLORE_KEY_ENTER,
    PF_EXPLORE_KEY_ERASE,
    PF_EXPLORE_KEY_CLEAR, /* a line that is typed: Control-U */
    PF_EXPLORE_KEY_ESCAPE,
    PF_EXPLORE_KEY_OTHER
};
enum pf_explore_key pf_explore_screen_key(char out[8]); /* UTF-8, with a NUL */

#endif
