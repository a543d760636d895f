/* Replies: a code, an enhanced status and words (RFC 5321 section 4.2, RFC 2034, RFC 3463).
 *
 * The status always has the class of the code (RFC 2034 section 4), for the code of a verdict is
 * chosen by its status. Text is made printable; an address in front of it was parsed, so it holds
 * nothing but what its grammar lets pass, and octets beyond ASCII only with SMTPUTF8 (RFC 6531
 * section 3.7.4.2). */
#ifndef POSTFACH_PROTO_LMTP_REPLY_H
#define POSTFACH_PROTO_LMTP_REPLY_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_LMTP_REPLY_MAX = 512,        /* a line with CRLF (RFC 5321 section 4.5.3.1.5) */
    PF_LMTP_REPLY_ADDRESS_MAX = 300 /* a longer address is left out, not cut */
};

struct pf_lmtp_answer {
    unsigned code;      /* 0: none */
    const char *status; /* "2.1.5", or "" for a reply without one */
    const char *text;
};

/* The answer for a verdict: the code follows from its enhanced status. `say` is the text for the
 * client, or "" for the verdict's own; it must live as long as the answer. */
struct pf_lmtp_answer pf_lmtp_answer_of(enum pf_code, const char *say);

/* The span has room for PF_LMTP_REPLY_MAX octets; a text that is too long is cut. `address` may be
 * empty. */
void pf_lmtp_reply(struct pf_span *, const struct pf_lmtp_answer *, struct pf_bytes address);

#endif
