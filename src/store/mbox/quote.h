/* Quoting: what keeps text that begins with "From " from starting a message.
 *
 * mboxo puts a `>` before lines that begin with "From ", and nobody can take it off
 * again; mboxrd puts one more before every `>*From `, and taking one off gives
 * the text back. Both ways are one machine that works through cuts anywhere, and
 * lines of any length: an octet is held back only while its meaning is open. */
#ifndef POSTFACH_STORE_MBOX_QUOTE_H
#define POSTFACH_STORE_MBOX_QUOTE_H

#include <postfach/bytes.h>

enum pf_mbox_quoting {
    PF_MBOX_AS_IS,
    PF_MBOX_QUOTE_O,   /* From -> >From */
    PF_MBOX_QUOTE_RD,  /* >*From -> >>*From */
    PF_MBOX_UNQUOTE_RD /* >>*From -> >*From */
};

struct pf_mbox_quote {
    enum pf_mbox_quoting how;
    bool mid_line;
    bool held;        /* unquoting: the first > of the line waits */
    unsigned matched; /* octets of "From " that wait */
};

/* Room that `len` octets of input may need. */
#define PF_MBOX_QUOTE_ROOM(len) (2 * (size_t)(len) + 8)

/* Takes all of `in`; out has PF_MBOX_QUOTE_ROOM(in.len). */
void pf_mbox_quote_add(struct pf_mbox_quote *, struct pf_bytes in, struct pf_span *out);
/* The text ends: what was held back comes out. Needs room for 8. */
void pf_mbox_quote_end(struct pf_mbox_quote *, struct pf_span *out);

#endif
