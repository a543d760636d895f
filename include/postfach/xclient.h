/* XCLIENT: what a mail proxy in front says of the client whose session it hands on.
 *
 * Postfix made it for SMTP (XCLIENT_README): names and values, in xtext (RFC 3461 section 4). Dovecot's proxies say
 * the same to POP3 and LMTP servers that trust them, with names of their own. An engine reads the words; whom to
 * believe, and how far, is its caller's affair. */
#ifndef POSTFACH_XCLIENT_H
#define POSTFACH_XCLIENT_H

#include <postfach/bytes.h>
#include <postfach/public.h>

PF_PUBLIC_BEGIN

/* How the client spoke with the proxy. */
enum pf_xclient_transport { PF_XCLIENT_UNSAID, PF_XCLIENT_INSECURE, PF_XCLIENT_TLS };

enum {
    PF_XCLIENT_SESSION = 64, /* octets of a session's name, as Dovecot has it */
    PF_XCLIENT_HELO = 255
};

struct pf_xclient_end {
    bool told;
    unsigned char address[16]; /* IPv6; IPv4 mapped into it */
    unsigned port;             /* 0: not said */
};

struct pf_xclient {
    struct pf_xclient_end from, to; /* the client, and where it connected to */
    enum pf_xclient_transport transport;
    char session[PF_XCLIENT_SESSION + 1]; /* the proxy's name for the session: visible ASCII, or "" */
    char helo[PF_XCLIENT_HELO + 1];       /* what an SMTP client called itself: a host's name or address, or "" */
};

PF_PUBLIC_END

#endif
