/* The inside of a TLS client, shared by tls_client.c (making) and tls_client_check.c (judging,
 * explaining). */
#ifndef POSTFACH_SYS_TLS_CLIENT_PRIVATE_H
#define POSTFACH_SYS_TLS_CLIENT_PRIVATE_H

#include "sys/tls_client.h"

#include <openssl/types.h>

enum {
    PF_TLS_PIN = 32,      /* SHA-256 */
    PF_TLS_PIN_TEXT = 45, /* of it in base64, with NUL */
    PF_TLS_PINS_MAX = 16, /* keys of today and of tomorrow, of a few servers behind one name */
    PF_TLS_NAMES = 160    /* names of a certificate that are shown: the hint must fit beside them */
};

enum pf_tls_way { PF_TLS_BY_CA, PF_TLS_BY_PIN, PF_TLS_BY_DANE, PF_TLS_UNCHECKED };

struct pf_tls_client {
    SSL_CTX *ctx;
    SSL *ssl; /* until a connection has it */
    enum pf_tls_way way;
    char name[256];
    unsigned char pins[PF_TLS_PINS_MAX][PF_TLS_PIN];
    size_t pin_count;

    bool seen; /* the server's certificate was judged */
    bool refused;
    int verdict; /* X509_V_ */
    const char *checked;
    char pin[PF_TLS_PIN_TEXT];
    char names[PF_TLS_NAMES];
    char issuer[80];
    char ends[32]; /* the day */
    BIO *chain;
};

/* OpenSSL's cert_verify_callback; `self` is the client. */
int pf_tls_client_judge(X509_STORE_CTX *, void *self);

#endif
