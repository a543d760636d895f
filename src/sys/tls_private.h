/* TLS settings' inside, shared by tls.c (policy, names), tls_load.c (files) and tls_tickets.c. */
#ifndef POSTFACH_SYS_TLS_PRIVATE_H
#define POSTFACH_SYS_TLS_PRIVATE_H

#include "sys/tls.h"

#include <openssl/types.h>

/* Puts a pair's certificate, chain and key into ctx. */
enum pf_code pf_tls_load(SSL_CTX *ctx, const struct pf_tls_pair *, struct pf_err *err);

struct pf_tls_tickets *pf_tls_tickets_hold(struct pf_tls_tickets *);
/* What OpenSSL's ticket key callback is given, and what it returns (see
 * SSL_CTX_set_tlsext_ticket_key_evp_cb(3)). */
struct pf_tls_ticket {
    unsigned char *name, *iv;
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
};
int pf_tls_tickets_use(struct pf_tls_tickets *, SSL *, struct pf_tls_ticket *, bool encrypt);
/* Seconds for which a ticket given now can surely be used. */
long pf_tls_tickets_life(const struct pf_tls_tickets *);

/* The oldest error of OpenSSL's queue in words; empties the queue. */
const char *pf_tls_reason(void);

#endif
