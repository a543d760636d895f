/* Parameters behind the paths of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC
 * 6531). What is not offered is refused with 555 (RFC 5321 section 4.1.1.11). */
#ifndef POSTFACH_PROTO_LMTP_PARAMS_H
#define POSTFACH_PROTO_LMTP_PARAMS_H

#include <postfach/bytes.h>

#include "proto/lmtp_reply.h"

struct pf_lmtp_params {
    uint64_t size; /* 0: not given; UINT64_MAX also for what is larger */
    bool utf8;
    bool sized, bodied; /* the parameter was there */
};

/* `rest` is what stands behind the '>': empty, or parameters with a space before each. An answer
 * with code 0 when all is well; else it refuses the command. */
struct pf_lmtp_answer pf_lmtp_params_mail(struct pf_bytes rest, struct pf_lmtp_params *out_params);
/* RCPT has none here. */
struct pf_lmtp_answer pf_lmtp_params_rcpt(struct pf_bytes rest);

#endif
