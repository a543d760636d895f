/* Text of strangers for a terminal of character cells: made harmless, measured, cut, wrapped.
 *
 * What pf_explore_clean returns is UTF-8 in which every character is printable and has a width
 * (wcwidth): no control character, C0 or C1, none that turns the direction of writing round, no pile of
 * more than four combining marks; so nothing that was sent can move a cursor or hide a part of a name.
 * Where the locale is not UTF-8, what is not ASCII becomes '?'. All functions below take such text. */
#ifndef POSTFACH_TOOL_EXPLORE_TEXT_H
#define POSTFACH_TOOL_EXPLORE_TEXT_H

#include <postfach/bytes.h>

enum pf_explore_clean {
    PF_EXPLORE_LINE, /* one line: line ends and tabs become blanks, one for many */
    PF_EXPLORE_TEXT, /* lines stay, a tab becomes blanks to the next eighth column */
    PF_EXPLORE_RAW   /* the same, and what is no text is shown: ^[, <9b>, <U+202E> */
};

/* From malloc; NULL without memory. At most `cap` octets without the NUL. */
char *pf_explore_clean(struct pf_bytes, enum pf_explore_clean, size_t cap);

/* Columns of the text; of the one character at its beginning, with its octets in *out_len. */
size_t pf_explore_width(const char *text);
unsigned pf_explore_cell(const char *text, size_t *out_len);
/* As much of the text as `columns` hold, "~" for its last column where it was cut; with `pad`, blanks up
 * to there. Returns the octets written, without the NUL. */
size_t pf_explore_fit(char *out, size_t cap, const char *text, size_t columns, bool pad);
/* Whether needle is in text, whatever the case; "" is in all. */
bool pf_explore_has(const char *text, const char *needle);
/* Less, equal, greater, whatever the case. */
int pf_explore_compare(const char *a, const char *b);
/* "4711", "12.3k", "1.2M": octets in at most 5 columns. */
void pf_explore_size(uint64_t octets, char out[8]);

/* Lines of a text in so many columns: broken at blanks where that can be done. */
struct pf_explore_lines {
    struct pf_explore_piece {
        uint32_t at, len;
    } * list;
    size_t count, room;
};
/* Anew for these columns; false without memory. */
bool pf_explore_wrap(struct pf_explore_lines *, const char *text, size_t columns);
void pf_explore_lines_done(struct pf_explore_lines *);

#endif
