/* The other end, for tests of connections: a TCP pair with a pf_conn on one side and a plain
 * non-blocking socket, or an OpenSSL client, on the other. Everything runs in one thread:
 * `peer_turn` turns the loop once, so a test pumps both sides until what it waits for is there. */
#ifndef POSTFACH_TEST_UNIT_SYS_PEER_H
#define POSTFACH_TEST_UNIT_SYS_PEER_H

#include "sys/conn.h"
#include "sys/tls.h"
#include "unit/cm.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { PATH_CAP = 256, GIVE_UP_MS = 20000 /* a test that waits longer has failed */ };

struct spot {
    struct pf_loop *loop;
    struct pf_conn *conn; /* NULL once closed */
    int client;           /* the other end's socket, or -1 */
    unsigned woken;       /* all that wake was called for */
    int wakes;
    int tls_ends; /* how often PF_CONN_TLS came */
    bool inside;  /* the test is inside a pf_conn function: no wake may come */
    void (*react)(struct spot *, unsigned what);
    pf_time began;
};

/* A TCP connection over loopback, both ends non-blocking. */
void peer_pair(int *out_server, int *out_client);
void peer_small_buffers(int fd);
void spot_open(struct spot *);
void spot_open_on(struct spot *, int server, int client);
/* Closes what is open and frees the loop. */
void spot_done(struct spot *);
/* One turn of the loop; fails the test when the whole takes too long. */
void peer_turn(struct spot *);
/* Turns until the connection was woken for `what`. */
void peer_until(struct spot *, unsigned what);

/* Certificates, made in a directory of their own. */
struct cert {
    const char *file;  /* "a": makes a.pem and a.key */
    const char *names; /* "DNS:a.example,DNS:*.b.example", or NULL */
    long from, until;  /* seconds from now */
    const char *signer; /* made before; NULL: itself */
    const char *usage;  /* extendedKeyUsage, or NULL */
    const X509_NAME *subject; /* NULL: the file's name */
    const GENERAL_NAMES *odd; /* instead of `names`, or NULL */
    bool ca;
};
char *cert_dir(void); /* made at the first call */
void cert_make(const struct cert *);
const char *cert_path(const char *name); /* in the directory; valid for eight calls */
void cert_write(const char *name, const char *text);
void cert_dir_remove(void);

/* TLS settings with the pairs named, first the default. */
struct pf_tls *tls_with(struct pf_tls_tickets *, enum pf_tls_min, const char *first, const char *second);
/* The same for TLS 1.2 and later, with `signer` (or NULL) for certificates of clients. */
struct pf_tls *tls_asking(struct pf_tls_tickets *, const char *pair, const char *signer, bool common_name);

/* An OpenSSL client. */
struct client {
    int max_version;      /* 0: newest */
    const char *sni;      /* or NULL */
    const char *alpn;     /* wire form ("\4pop3"), or NULL */
    SSL_SESSION *session; /* to resume, or NULL */
    const char *certificate; /* "a": shows a.pem; or NULL */
    uint64_t options;     /* OpenSSL's SSL_OP_ */

    SSL_CTX *ctx;
    SSL *ssl;
    bool done, failed;
    unsigned long why;      /* OpenSSL's error, when it failed */
    SSL_SESSION *given;     /* the newest session that the server gave */
    int given_count;
    char subject[128];      /* of the server's certificate: CN */
    unsigned char selected[32];
    unsigned selected_len;
};
/* Shakes hands over the spot's connection until both sides have ended. */
void client_shake(struct spot *, struct pf_tls *, struct client *);
/* Reads once, so that tickets are taken; returns SSL_read's result. */
int client_read(struct client *, void *at, int cap);
void client_done(struct client *);

#endif
