/* Text: the octets of a message, from the wire into a buffer of the world's, in one pass.
 *
 * Two ways in: DATA is un-stuffed up to CRLF . CRLF and nothing else (RFC 5321 section 2.3.8: who
 * takes LF . LF for an end lets a stranger's text speak commands), BDAT is counted off (RFC 3030).
 * Both count the octets of the text, stuffed dots not among them (RFC 1870 section 5), and look for
 * an LF without CR or a CR without LF, also across pieces and chunks. A text that is found bad or
 * too large stays so: what is taken from then on only leads to its end, and goes nowhere. */
#ifndef POSTFACH_PROTO_LMTP_TEXT_H
#define POSTFACH_PROTO_LMTP_TEXT_H

#include <postfach/dot.h>

enum pf_lmtp_text_fault { PF_LMTP_TEXT_GOOD, PF_LMTP_TEXT_BARE, PF_LMTP_TEXT_TOO_LARGE };

struct pf_lmtp_text {
    struct pf_undot undo;
    uint64_t octets;   /* of the text so far */
    uint64_t size_max; /* 0: no limit */
    uint64_t left;     /* of the BDAT chunk */
    bool bare_ends;    /* they are taken */
    bool after_cr;
    enum pf_lmtp_text_fault fault;
};

void pf_lmtp_text_begin(struct pf_lmtp_text *, uint64_t size_max, bool bare_ends);

/* Takes of `in` what belongs to the text and fits into `into`, returns how much. With a fault found
 * `into` is as it was. */
size_t pf_lmtp_text_data(struct pf_lmtp_text *, struct pf_bytes in, struct pf_span *into);
size_t pf_lmtp_text_chunk(struct pf_lmtp_text *, struct pf_bytes in, struct pf_span *into);
/* The same to nowhere. */
size_t pf_lmtp_text_data_away(struct pf_lmtp_text *, struct pf_bytes in);
size_t pf_lmtp_text_chunk_away(struct pf_lmtp_text *, struct pf_bytes in);

/* The last octet came: a CR there is one without LF. */
void pf_lmtp_text_end(struct pf_lmtp_text *);

#endif
