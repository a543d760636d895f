/* SRV records: which servers a domain names for POP3 (RFC 6186, RFC 2782).
 *
 * `_pop3s._tcp.DOMAIN` is asked for servers that speak TLS at once and, where that is wished, `_pop3._tcp.DOMAIN` for
 * those that begin in plain text; the first come first in the list, for implicit TLS is preferred (RFC 8314
 * section 5.1). Within each, lower priorities come first, and equal ones in an order that is drawn by weight. A target
 * of `.` says that the domain has no such service: then nothing is guessed.
 *
 * Asking blocks: it is for a thread of a pool. What an answer says is anybody's word unless the resolver vouches for
 * it
 * (`vouched`); a server outside of the domain that nobody vouches for is one to ask a person about (RFC 6186 section
 * 6). */
#ifndef POSTFACH_SYS_DNS_SRV_H
#define POSTFACH_SYS_DNS_SRV_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_SRV_MOST = 32,     /* more servers than anybody tries */
    PF_SRV_NAME = 256,    /* a name as text, with its NUL */
    PF_SRV_ANSWER = 65535 /* the longest message of DNS */
};

struct pf_srv {
    char host[PF_SRV_NAME]; /* in lower case, without a dot at the end */
    unsigned port, priority, weight;
    bool implicit; /* TLS with the first octet */
    bool inside;   /* the host lies in the domain that was asked for */
    bool vouched;  /* the resolver checked it by DNSSEC (resolv.conf: trust-ad) */
};

struct pf_srv_list {
    struct pf_srv at[PF_SRV_MOST];
    size_t count;
    bool refused; /* the domain says that it has no such service */
};

/* Another resolver than the machine's, for tests: numeric IPv4 and port. */
struct pf_srv_resolver {
    const char *address;
    unsigned port;
};

/* Asks. No records are no error. `plain`: servers that begin in plain text are wanted, too. PF_TEMP where no resolver
 * answers, PF_SYNTAX where the domain is none. resolver NULL: the machine's. */
enum pf_code pf_srv_find(const char *domain, bool plain, const struct pf_srv_resolver *, struct pf_srv_list *out,
                         struct pf_err *);
/* Common names where a domain has no records: pop.DOMAIN, pop3.DOMAIN, mail.DOMAIN and DOMAIN with implicit TLS, then,
 * if `plain`, the same on port 110. False when the domain is too long for that. */
bool pf_srv_guess(const char *domain, bool plain, struct pf_srv_list *out);

/* Adds the records of an answer to a question for `name` in `domain`; PF_TEMP when it is no good answer. */
enum pf_code pf_srv_answer(struct pf_bytes answer, const char *name, const char *domain, struct pf_srv_list *out,
                           struct pf_err *);
/* Puts those from `begin` on in the order in which they are tried; `draw` gives a number below its second argument. */
void pf_srv_order(struct pf_srv_list *, size_t begin, uint32_t (*draw)(void *, uint32_t), void *self);

#endif
