/* XCLIENT's arguments (postfach/xclient.h says what they are for). Strict in what counts: an address, a port, a
 * number is that or a mistake, and nothing is said twice. Attributes that nobody here has a use for may be there. */
#ifndef POSTFACH_PROTO_XCLIENT_H
#define POSTFACH_PROTO_XCLIENT_H

#include <postfach/xclient.h>

/* How values are written: with LMTP in xtext, with POP3 as they are (a session's name may have a '+'). */
enum pf_xclient_form { PF_XCLIENT_AS_IS, PF_XCLIENT_XTEXT };

/* `arguments` has no control octets. NULL when they are good; else what is wrong, and *out is nobody knows what. */
const char *pf_xclient_read(struct pf_bytes arguments, enum pf_xclient_form, struct pf_xclient *out);

/* What may stand for a host in a trace line: no space, nothing that ends a comment, 1 to 255 octets of ASCII. */
bool pf_xclient_host(struct pf_bytes name);

#endif
