/* The inside of what is asked of DNS: dns_message.c (octets of an answer), dns_ask.c (the resolver),
 * dns_answer.c and dns_srv.c (servers of a domain), dns_tlsa.c (certificates of a server). */
#ifndef POSTFACH_SYS_DNS_PRIVATE_H
#define POSTFACH_SYS_DNS_PRIVATE_H

#include "sys/dns_srv.h"

struct pf_dns_message {
    struct pf_bytes all;
    size_t at;
};

bool pf_dns_take16(struct pf_dns_message *, unsigned *out_number);
/* A name, in lower case and without its last dot; the root is "". */
bool pf_dns_take_name(struct pf_dns_message *, char out_name[PF_SRV_NAME]);

/* What is wanted of an answer. */
struct pf_dns_wish {
    const char *name;
    unsigned type;
    /* A record of that type and name; its data ends at `end`, up to which it must be taken. False: it is
     * damaged. */
    bool (*take)(void *self, struct pf_dns_message *, size_t end);
    void *self;
    bool vouched;            /* out, before the first take: the resolver checked the answer by DNSSEC */
    char final[PF_SRV_NAME]; /* out: the name to which aliases lead, or the name itself */
};

/* Goes through an answer. PF_TEMP: it is none, or damaged; then records may have been taken already. */
enum pf_code pf_dns_read(struct pf_bytes answer, struct pf_dns_wish *, struct pf_err *);

enum { PF_DNS_A = 1, PF_DNS_SRV = 33, PF_DNS_TLSA = 52 };

struct __res_state;
/* Whether that can be asked for: letters, digits, hyphens, underscores, dots that part them; at most
 * that long. */
bool pf_dns_is_name(const char *name, size_t most);
/* PF_TEMP, PF_CONFIG; after PF_OK res_nclose. */
enum pf_code pf_dns_begin(struct __res_state *, const struct pf_srv_resolver *, struct pf_err *);
/* Asks. The answer is to be freed; no records are no error, and an empty one. */
enum pf_code pf_dns_ask(struct __res_state *, const char *name, unsigned type,
                        struct pf_bytes *out_answer, struct pf_err *);

#endif
