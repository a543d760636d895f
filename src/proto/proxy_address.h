/* Addresses as text, for the PROXY protocol's line. Strict: one spelling for a number, no zone. */
#ifndef POSTFACH_PROTO_PROXY_ADDRESS_H
#define POSTFACH_PROTO_PROXY_ADDRESS_H

#include <postfach/bytes.h>

/* "192.0.2.7", without leading zeros. */
bool pf_proxy_ipv4(struct pf_bytes text, unsigned char out[4]);
/* RFC 4291 section 2.2: "2001:db8::7", also "::ffff:192.0.2.7". */
bool pf_proxy_ipv6(struct pf_bytes text, unsigned char out[16]);
/* A decimal number without leading zeros, up to `max`. */
bool pf_proxy_number(struct pf_bytes text, unsigned max, unsigned *out);

#endif
