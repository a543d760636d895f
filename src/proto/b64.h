/* Base64 as RFC 4648 section 4 and RFC 5034 section 4 want it: no white
 * space, no foreign octet, full groups, padding only at the end, and no bits
 * set that stand for nothing. */
#ifndef POSTFACH_PROTO_B64_H
#define POSTFACH_PROTO_B64_H

#include <postfach/bytes.h>

/* Octets that base64 of len octets takes at most when decoded. */
static inline size_t pf_b64_room(size_t len)
{
    return len / 4 * 3;
}

/* Decodes into `out`, which has room for pf_b64_room(in.len). False when it is not base64; `out`
 * then holds nobody knows what beyond its old length. */
bool pf_b64_decode(struct pf_bytes in, struct pf_span *out);

/* Encodes with padding; all or nothing. */
bool pf_b64_encode(struct pf_bytes in, struct pf_span *out);

#endif
