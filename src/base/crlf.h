/* CRLF: how large stored mail becomes on the wire, without making it.
 *
 * POP3's size of a message is what RETR sends without stuffed dots: each line
 * end counts as two octets (RFC 1939 section 11). A store must know it for
 * each message before the first one is sent, so it counts in the same way as
 * the encoder in <postfach/dot.h> would: an LF that no CR precedes costs one
 * octet more, a last line without an end gets CRLF (two more), a lone CR and
 * NUL are octets like others. It is one pass over the octets, in blocks of
 * sixteen where the processor can. */
#ifndef POSTFACH_BASE_CRLF_H
#define POSTFACH_BASE_CRLF_H

#include <postfach/bytes.h>

struct pf_crlf {
    uint64_t octets; /* so far, without the CRLF of an unfinished last line */
    bool after_cr;   /* the last octet was a CR */
    bool mid_line;   /* the last octet was no LF */
};

/* Counts one more piece; a cut may be anywhere, also between CR and LF. */
void pf_crlf_add(struct pf_crlf *, struct pf_bytes);

/* The wire size if the message ends here. An empty message has 0. */
static inline uint64_t pf_crlf_total(const struct pf_crlf *c)
{
    return c->octets + (c->mid_line ? 2 : 0);
}

/* LFs at 1 <= i < len that no CR stands before: the block way, and its oracle. */
uint64_t pf_crlf_bare(const unsigned char *at, size_t len);
uint64_t pf_crlf_bare_scalar(const unsigned char *at, size_t len);

#endif
