/* Words: the file's text cut into words, braces and ends.
 *
 * A word is a run of octets without blanks, braces, `;`, `#` and `"`, or a string in double quotes.
 * `#` begins a comment where a word could begin. Each line is looked through before its first word is
 * given out: NUL, control characters, invalid UTF-8 and lines without end are mistakes of the line,
 * and words from there on are marked so that nothing more is said about them. */
#ifndef POSTFACH_CONF_LEX_H
#define POSTFACH_CONF_LEX_H

#include "conf/memory.h"
#include "conf/mistake.h"

enum pf_conf_kind { PF_CONF_WORD, PF_CONF_OPEN, PF_CONF_CLOSE, PF_CONF_END, PF_CONF_EOF };

enum { PF_CONF_LINE_MAX = 8192 }; /* the longest value, every octet escaped, and its name */

struct pf_conf_token {
    enum pf_conf_kind kind;
    bool bad;   /* a mistake was told already */
    bool leads; /* first on its line */
    struct pf_bytes text;
    struct pf_conf_place place;
};

struct pf_conf_lex {
    const struct pf_conf_source *source;
    struct pf_conf_mistakes *mistakes; /* NULL: silent */
    struct pf_conf_memory **memory;    /* for strings with escapes */
    size_t at, line_end, line_next;    /* line_next is the line feed or the text's end */
    size_t bad_at;                     /* the line's first octet that is wrong, or SIZE_MAX */
    unsigned line;
    bool leads;
};

void pf_conf_lex_init(struct pf_conf_lex *, const struct pf_conf_source *, struct pf_conf_mistakes *,
                      struct pf_conf_memory **);
struct pf_conf_token pf_conf_lex_next(struct pf_conf_lex *);
/* How many `{` the text has more than `}`. */
long pf_conf_lex_open(const struct pf_conf_source *);

#endif
