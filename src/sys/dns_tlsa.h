/* TLSA records: what DNSSEC says about a server's certificate (DANE: RFC 6698, RFC 7671).
 *
 * `_PORT._tcp.HOST` is asked. Where HOST is an alias, the records of the name to which it leads count
 * before its own, if the whole way is vouched for (RFC 7671 section 7); `base` is the name that had
 * them, which is also the one to send and to look for in the certificate.
 *
 * Records mean something only where the resolver vouches for them: without `vouched` anybody on the way
 * may have written them. That no records were found and that it could not be found out whether there are
 * some are two things: who can suppress answers must not be able to suppress DANE (RFC 7672
 * section 2.1). So the first is PF_OK and an empty list, the second PF_TEMP, and then the server is not
 * to be called.
 *
 * Asking blocks: it is for a thread of a pool. */
#ifndef POSTFACH_SYS_DNS_TLSA_H
#define POSTFACH_SYS_DNS_TLSA_H

#include "sys/dns_srv.h"
#include "sys/tls_client.h"

enum { PF_TLSA_MOST = 64 /* a change of keys needs four or so; what is beyond is left out */ };

/* Not to be copied: records point into `room`. */
struct pf_tlsa_list {
    struct pf_tls_tlsa at[PF_TLSA_MOST];
    size_t count;
    bool vouched;           /* the resolver checked them by DNSSEC (resolv.conf: trust-ad) */
    char base[PF_SRV_NAME]; /* whose they are; the host itself where there are none */
    size_t used;            /* private */
    unsigned char room[PF_SRV_ANSWER];
};

/* Asks. PF_TEMP: not to be found out; PF_SYNTAX: the host is no name. resolver NULL: the machine's. */
enum pf_code pf_tlsa_find(const char *host, unsigned port, const struct pf_srv_resolver *,
                          struct pf_tlsa_list *out, struct pf_err *);

/* The records of an answer to a question for `name`; PF_TEMP when it is no good answer, and then the
 * list is empty. */
enum pf_code pf_tlsa_answer(struct pf_bytes answer, const char *name, struct pf_tlsa_list *out,
                            struct pf_err *);

#endif
