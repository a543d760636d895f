/* Line: finds command lines in the input, across any cut of it.
 *
 * A line that lies whole in the input is not copied: it is shown where it
 * lies. Only a line that the input ends in the middle of is collected, in a
 * few octets of the engine itself (every command after login fits) or on the
 * heap. LF ends a line, CRLF does; a lone CR never does.
 *
 * A line over its limit is swallowed to its end and reported once, so that
 * its tail is never taken for a command. Lines that begin with AUTH have a
 * limit of their own: OAuth tokens are long. */
#ifndef POSTFACH_PROTO_LINE_H
#define POSTFACH_PROTO_LINE_H

#include <postfach/bytes.h>

enum {
    PF_LINE_HEAD = 4,   /* octets that tell PASS and AUTH from others */
    PF_LINE_SMALL = 48, /* more than "TOP 4294967295 18446744073709551615" CRLF */
    PF_LINE_FIRST = 256 /* first heap buffer: a line of RFC 2449 */
};

struct pf_line_limits { /* octets with the line end */
    size_t plain;
    size_t auth;
};

enum pf_line_end { PF_LINE_PART, PF_LINE_WHOLE, PF_LINE_TOO_LONG, PF_LINE_NO_MEMORY };

struct pf_line {
    unsigned char head[PF_LINE_HEAD]; /* the first octets of the line under way */
    unsigned char head_len;
    bool swallow;
    unsigned char *heap; /* NULL: `small` holds it */
    size_t len, cap;
    unsigned char small[PF_LINE_SMALL];
};

struct pf_line_got {
    enum pf_line_end end;
    size_t taken;         /* octets of the input */
    struct pf_bytes line; /* WHOLE: without its end; lives as long as the input, and until _done */
    bool secret;          /* what was taken belongs to a line that begins with PASS or AUTH */
};

void pf_line_init(struct pf_line *);
/* `in` is not empty. After WHOLE and TOO_LONG call pf_line_done before the next. */
void pf_line_take(struct pf_line *, struct pf_bytes in, const struct pf_line_limits *,
                  struct pf_line_got *out_got);
/* The line was carried out: wipes what was collected of it. Also good for a partial line. */
void pf_line_done(struct pf_line *);

#endif
