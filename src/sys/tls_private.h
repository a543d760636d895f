/* TLS settings' inside, shared by tls.c (pairs, names), tls_policy.c, tls_load.c (files), tls_clients.c
 * (certificates of clients) and tls_tickets.c. */
#ifndef POSTFACH_SYS_TLS_PRIVATE_H
#define POSTFACH_SYS_TLS_PRIVATE_H

#include "sys/tls.h"

#include <openssl/types.h>

/* Puts a pair's certificate, chain and key into ctx. */
enum pf_code pf_tls_load(SSL_CTX *ctx, const struct pf_tls_pair *, struct pf_err *err);

/* Versions, ciphers, options, ALPN, and under what sessions are resumed (tls_policy.c). */
struct pf_tls_clients;
enum pf_code pf_tls_policy_set(SSL_CTX *ctx, const struct pf_tls_settings *, const struct pf_tls_clients *,
                               struct pf_err *err);

/* A file as a whole: `what` and its path are named in an error. What is in it may be secret: forget wipes. */
struct pf_tls_file {
    unsigned char *at;
    size_t len;
};
enum pf_code pf_tls_file_read(const char *what, const char *path, struct pf_tls_file *out_file, struct pf_err *err);
void pf_tls_file_forget(struct pf_tls_file *);
/* Reading PEM failed because nothing more is there. */
bool pf_tls_file_ended(void);
/* For PEM's readers, with a bool that it sets: OpenSSL would ask at the terminal. */
int pf_tls_no_passphrase(char *buffer, int size, int writing, void *asked);

/* Who may sign certificates of clients (tls_clients.c). */
struct pf_tls_clients;
struct pf_tls_clients *pf_tls_clients_new(const char *path, struct pf_err *err);
void pf_tls_clients_free(struct pf_tls_clients *);
/* From now on ctx asks for them. */
enum pf_code pf_tls_clients_ask(const struct pf_tls_clients *, SSL_CTX *ctx, struct pf_err *err);
/* What tells sessions made under these settings from others; NULL is "nobody is asked". */
enum { PF_TLS_MARK = 32 /* SSL_MAX_SID_CTX_LENGTH */ };
size_t pf_tls_clients_mark(const struct pf_tls_clients *, unsigned char out_mark[PF_TLS_MARK]);
/* The certificates one after another; NULL when index is past the last. */
const X509 *pf_tls_clients_at(const struct pf_tls_clients *, size_t index);
/* The name in a certificate, into PF_TLS_NAME octets; "" when there is none that can be used. */
enum { PF_TLS_NAME = 256 };
void pf_tls_clients_name(const X509 *, bool common_name, char out_name[PF_TLS_NAME]);

/* The name that the connection's client has proved to have, new or resumed; "" for none. */
void pf_tls_client(const struct pf_tls *, const SSL *, char out_name[PF_TLS_NAME]);

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
