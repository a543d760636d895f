/* Reply: one answer line, at most 512 octets with its CRLF (RFC 2449 section 4).
 *
 * Always "+OK " or "-ERR " with the space, also before nothing: clients cut
 * the first four or five octets off blindly (RFC 1957). A response code comes
 * from the verdict only; text is made printable, does not begin with '[', and
 * holds no ']' that a client could take for the end of a code. */
#ifndef POSTFACH_PROTO_REPLY_H
#define POSTFACH_PROTO_REPLY_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_REPLY_MAX = 512,
    PF_TIMESTAMP_MAX = 255 /* of APOP: as long as a host name may be, and leaves room for a text */
};

/* The span has room for PF_REPLY_MAX octets; a text that is too long is cut. */

/* The text is the engine's own (a UIDL may be in it, and must stay as it is): printable, and does
 * not begin with '['. */
void pf_reply_ok(struct pf_span *, struct pf_bytes text);
/* "+OK POP3 text timestamp": some clients look for the word. Behind +OK stands the code with its space ("[XCLIENT] "),
 * or nothing. The text has no '<': it would offer APOP, as the timestamp does (RFC 1939 section 7); that is never
 * cut, and empty for none. */
void pf_reply_greeting(struct pf_span *, struct pf_bytes code, struct pf_bytes text, struct pf_bytes timestamp);
/* With the response code of the verdict, when it has one. */
void pf_reply_err(struct pf_span *, enum pf_code code, struct pf_bytes text);

#endif
