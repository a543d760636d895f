/* POP URLs: where a maildrop is and whose, in one word.
 *
 * Three forms, for people who name a server on a command line or in their settings:
 *
 *   pop://[USER[;AUTH=MECH]@]HOST[:PORT]    RFC 2384; the connection starts in plain text
 *   pops://…                                the same with TLS from the first octet (common practice)
 *   USER@DOMAIN                             the server is to be found (RFC 6186)
 *
 * MECH is a SASL mechanism, `*` for any, or `+APOP`. A user without AUTH means any mechanism (RFC 2384 section 4).
 * There is no room for a password, on purpose. The reader is strict, since a URL that is guessed about sends a secret
 * to the wrong place: what is special is percent-encoded (joe%40example.org), an IPv6 address stands in brackets,
 * nothing follows the port. A mistake is told with its column, from one, in octets. */
#ifndef POSTFACH_PROTO_POP_URL_H
#define POSTFACH_PROTO_POP_URL_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_POP_URL_USER = 256, /* an address has at most 254 octets (RFC 5321 section 4.5.3.1.3) */
    PF_POP_URL_AUTH = 24,  /* a SASL name has at most 20 octets (RFC 4422 section 3.1), and `+` */
    PF_POP_URL_HOST = 256, /* RFC 1035 section 2.3.4 */
    PF_POP_URL_MAX = 2048  /* each octet encoded, and more; a longer one is no URL of a maildrop */
};

enum pf_pop_url_kind { PF_POP_URL_POP, PF_POP_URL_POPS, PF_POP_URL_ADDRESS };

struct pf_pop_url {
    enum pf_pop_url_kind kind;
    char user[PF_POP_URL_USER]; /* decoded; "" when there is none. ADDRESS: all of USER@DOMAIN */
    char auth[PF_POP_URL_AUTH]; /* in upper case: "*", "+APOP", "SCRAM-SHA-256"; "" without a user */
    char host[PF_POP_URL_HOST]; /* in lower case, an IPv6 address without brackets. ADDRESS: the domain */
    unsigned port;              /* 0: none is said */
};

/* PF_OK, or PF_SYNTAX with "column N: what is wrong". */
enum pf_code pf_pop_url_parse(struct pf_bytes text, struct pf_pop_url *out, struct pf_err *err);
/* The one spelling of it, which reads back the same; false when it does not fit. */
bool pf_pop_url_print(const struct pf_pop_url *, struct pf_span *);
/* Whether it is an IPv6 address as RFC 4291 section 2.2 writes them; a zone is none of it. */
bool pf_pop_url_is_six(struct pf_bytes);
/* Whether a connection could be made to that: labels of letters, digits, inner hyphens and underscores. */
bool pf_pop_url_is_host(struct pf_bytes);

#endif
