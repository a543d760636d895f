/* Dots: from stored mail to the wire (RFC 1939 section 3), in one pass.
 *
 * On the wire each line ends with CRLF, a line that begins with a dot gets one
 * more in front, and the message ends with a line that is one dot. Stored mail
 * has LF, CRLF, or a mixture, and perhaps no line end at its end. The encoder
 * makes the first of the second while it copies: line ends and dots in the
 * same pass, in blocks of 16 octets where the processor can, with a scalar
 * twin that is the oracle of its tests.
 *
 * Rules: a bare LF becomes CRLF, CRLF stays, a lone CR passes as it is
 * (W-030), NUL passes (W-031). `octets` counts what POP3 calls the size: the
 * wire octets without stuffed dots (P3-018). The state carries over any cut
 * of the input and of the output. The encoder never writes the final dot. */
#ifndef POSTFACH_DOT_H
#define POSTFACH_DOT_H

#include <postfach/bytes.h>
#include <postfach/public.h>

PF_PUBLIC_BEGIN

struct pf_dot {
    uint64_t octets;  /* wire octets so far without stuffed dots */
    bool mid_line;    /* the last octet written was not a line's end */
    bool after_cr;    /* the last octet of input was a CR */
};

/* A new message: the first octet is at the start of a line. */
static inline void pf_dot_init(struct pf_dot *d)
{
    memset(d, 0, sizeof *d);
}

/* Encodes from `in` into `out` until one of them ends; returns input octets
 * taken. An input octet is taken only when all it needs (up to two octets of
 * output) fits. */
size_t pf_dot_encode(struct pf_dot *, struct pf_bytes in, struct pf_span *out);
/* The same, octet by octet: the oracle. */
size_t pf_dot_encode_scalar(struct pf_dot *, struct pf_bytes in, struct pf_span *out);

/* Ends the body: writes CRLF, and counts it, when the last line lacks its end
 * (W-029). An empty message gets none. False, and nothing is written, when
 * there is no room. */
bool pf_dot_finish(struct pf_dot *, struct pf_span *out);

/* The wire size of a stored body, in pieces: add what pf_dot_encode would
 * count. pf_dot_measure_end adds the CRLF of an unfinished last line. */
void pf_dot_measure(struct pf_dot *, struct pf_bytes in);
void pf_dot_measure_end(struct pf_dot *);

/* The way back, for clients and LMTP: wire to text. */
struct pf_undot {
    unsigned char state; /* private */
    bool done;           /* the final dot line was seen */
};

static inline void pf_undot_init(struct pf_undot *u)
{
    memset(u, 0, sizeof *u);
}

/* Copies from `in` to `out` without stuffing; stops behind the final dot line
 * (u->done). Line ends are copied as they came. Returns input octets taken. */
size_t pf_undot(struct pf_undot *, struct pf_bytes in, struct pf_span *out);

PF_PUBLIC_END

#endif
