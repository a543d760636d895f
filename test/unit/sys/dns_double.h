/* A resolver in a test: a process that answers from a table, on a port of its own. */
#ifndef POSTFACH_TEST_DNS_DOUBLE_H
#define POSTFACH_TEST_DNS_DOUBLE_H

#include "sys/dns_srv.h"

#include <stddef.h>
#include <sys/types.h>

enum { DNS_A = 1, DNS_CNAME = 5, DNS_SRV = 33, DNS_TLSA = 52, DNS_FAILS = 1000 /* of every type */ };

struct dns_record {
    const char *name; /* in lower case; NULL ends the table */
    unsigned type;
    unsigned numbers[3]; /* SRV: priority, weight, port; TLSA: usage, selector, matching */
    const char *target;  /* CNAME, SRV */
    const void *data;    /* TLSA */
    size_t len;
    bool insecure; /* an answer with that is not vouched for */
};

struct dns_double {
    pid_t pid;
    struct pf_srv_resolver resolver;
};

void dns_start(struct dns_double *, const struct dns_record *table);
void dns_stop(struct dns_double *);
/* The resolver is trusted: what it vouches for, it vouches for. Before the first look-up of the program.
 */
void dns_trust(void);

#endif
