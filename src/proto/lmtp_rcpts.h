/* Recipients of one message: their addresses, and what became of each.
 *
 * Addresses lie one behind the other in one block, which grows; 1000 recipients with common addresses
 * take 60 KB, and the limits on recipients and addresses bound it. Results may come in any order;
 * replies go out in that of RCPT (RFC 2033 section 4.2). */
#ifndef POSTFACH_PROTO_LMTP_RCPTS_H
#define POSTFACH_PROTO_LMTP_RCPTS_H

#include <postfach/bytes.h>

#include "proto/lmtp_reply.h"

struct pf_lmtp_rcpt {
    size_t at;
    size_t len;
    char *say; /* the world's own words for a failure, or NULL */
    enum pf_code code;
    bool known;
};

struct pf_lmtp_rcpts {
    struct pf_lmtp_rcpt *rows;
    unsigned count, cap;
    unsigned char *text;
    size_t text_len, text_cap;
    size_t asked; /* octets behind text_len of the address that is not accepted yet */
};

/* Keeps an address that may become the next one; false without memory. Room for it is made now, so
 * that accepting cannot fail. */
bool pf_lmtp_rcpts_try(struct pf_lmtp_rcpts *, struct pf_bytes address);
struct pf_bytes pf_lmtp_rcpts_tried(const struct pf_lmtp_rcpts *);
void pf_lmtp_rcpts_accept(struct pf_lmtp_rcpts *);

struct pf_bytes pf_lmtp_rcpts_address(const struct pf_lmtp_rcpts *, unsigned index);
/* Each once. Without memory the verdict's words stand for err->say. */
void pf_lmtp_rcpts_settle(struct pf_lmtp_rcpts *, unsigned index, const struct pf_err *);
/* Of one that is settled. */
struct pf_lmtp_answer pf_lmtp_rcpts_answer(const struct pf_lmtp_rcpts *, unsigned index);
/* One answer for all, all settled: a temporary failure before a permanent one, so that nobody's
 * message bounces who would get it at the next try. */
struct pf_lmtp_answer pf_lmtp_rcpts_worst(const struct pf_lmtp_rcpts *);
void pf_lmtp_rcpts_drop(struct pf_lmtp_rcpts *);

#endif
