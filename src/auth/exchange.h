/* The exchange: SASL mechanisms, server side, through GNU SASL, named in exchange.c only.
 *
 * An exchange takes decoded responses and gives decoded challenges, or ends in
 * a name and a secret that auth.h checks. Nothing blocks here. In this house
 * PLAIN is spoken (RFC 4616); further mechanisms are rows of the same table. */
#ifndef POSTFACH_AUTH_EXCHANGE_H
#define POSTFACH_AUTH_EXCHANGE_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/pop3_server.h>

/* What this build can do, in the order of CAPA. */
const struct pf_pop3_mechanism *pf_exchange_mechanisms(size_t *out_count);

enum {
    PF_EXCHANGE_PART_MAX = 1024,   /* each of two names; RFC 4616 section 2 asks for at least 255 octets */
    PF_EXCHANGE_MESSAGE_MAX = 8192 /* a response with all parts at their longest */
};

struct pf_exchange;

struct pf_exchange *pf_exchange_new(const char *mechanism, struct pf_err *err);
void pf_exchange_free(struct pf_exchange *); /* wipes; NULL is allowed */

enum pf_exchange_step {
    PF_EXCHANGE_CHALLENGE, /* send out_challenge, come back with the response */
    PF_EXCHANGE_CHECK,     /* check name and secret through auth.h: that decides */
    PF_EXCHANGE_FAILED     /* err says why (PF_AUTH or PF_SYNTAX) */
};

/* What a step gives; views live until the next call. */
struct pf_exchange_told {
    struct pf_bytes challenge;    /* CHALLENGE */
    struct pf_bytes name, secret; /* CHECK */
};

/* `has_response` false: the first step without an initial response. */
enum pf_exchange_step pf_exchange_step(struct pf_exchange *, struct pf_bytes response,
                                       bool has_response, struct pf_exchange_told *out_told,
                                       struct pf_err *err);

/* SASLprep (RFC 4013) of a name or password into out (NUL-terminated); false when it is refused or
 * does not fit. */
bool pf_saslprep(struct pf_bytes in, char *out_text, size_t cap);

#endif
