/* The connection's inside, shared by its three files and nobody else.
 *
 * conn.c has the socket, the poll handle and the waking, conn_tls.c what OpenSSL does on it,
 * conn_close.c the end. Two things decide when the session is woken: what the
 * poll handle says, and what can be done although the socket is silent (TLS
 * octets already decrypted, an end already seen, a broken socket). The second
 * goes through pf_loop_later, one wake per turn, so that both kinds are level
 * triggered and neither starves the others on the loop. */
#ifndef POSTFACH_SYS_CONN_PRIVATE_H
#define POSTFACH_SYS_CONN_PRIVATE_H

#include "sys/conn.h"

#include <openssl/types.h>

enum pf_conn_layer {
    PF_LAYER_PLAIN,
    PF_LAYER_SHAKING, /* a handshake runs */
    PF_LAYER_TLS,
    PF_LAYER_DEAD /* TLS failed; nothing more can be said or heard */
};

struct pf_conn {
    struct pf_loop *loop;
    void (*wake)(void *self, unsigned what);
    void *self;
    struct pf_later later; /* wakes without the socket */
    int fd;
    unsigned want;    /* PF_CONN_READ | PF_CONN_WRITE as the session has them */
    unsigned watched; /* the same as the poll handle has them */
    enum pf_conn_layer layer;
    bool eof;
    bool broken; /* the socket has an error that reading or writing will tell */
    bool closed; /* pf_conn_close was called: no more waking */
    bool gone;   /* the poll handle is closed */

    SSL *ssl;
    struct pf_tls *tls;
    bool read_needs_write; /* TLS must write before it can go on reading (or shaking hands) */
    bool write_needs_read;
    /* A record was sent in part: nothing else, no alert either, may be sent. Nor is anything read
     * meanwhile: to a key update that it finds, SSL_read would answer in the middle of the record,
     * which OpenSSL takes for a fault ("bad length"). */
    bool half_record;
    bool starved; /* what OpenSSL has read ahead is no whole record */
    unsigned long tls_fault; /* OpenSSL's code, or 0 */
    int tls_errno;

    bool more;   /* follows what is written */
    bool corked; /* and the kernel was told so for TLS */

    struct pf_timer *linger; /* after pf_conn_close */
    struct pf_loop_last last;
    size_t drained;

    struct pf_timer *look; /* when to see again whether the peer takes nothing, while it is sent something */
    pf_time dead, stall;   /* 0: not set */
    bool looking;
    size_t offered; /* until `room` is set */
    int room;       /* octets that may wait in the kernel to be sent; 0: as many as it likes */
    pf_time full;   /* since when there is none, while somebody waits for it; else 0 */

    struct pf_conn_info info;
};

/* Makes what is watched fit what is wanted. After every change of either. */
void pf_conn_arm(struct pf_conn *);
/* Tells the poll handle. */
void pf_conn_watch(struct pf_conn *, unsigned events);
/* Closes poll handle and socket; the memory is freed once nothing on the loop knows it any more. */
void pf_conn_end(struct pf_conn *);
/* The socket of a connection that pf_conn_close has left to linger is ready. */
void pf_conn_linger(struct pf_conn *, unsigned events);

/* TLS's part of the functions of conn.h. */
enum pf_io pf_conn_tls_read(struct pf_conn *, unsigned char *at, size_t cap, size_t *out_len,
                            struct pf_err *err);
enum pf_io pf_conn_tls_write(struct pf_conn *, struct pf_bytes b, size_t *out_len, struct pf_err *err);
bool pf_conn_tls_pending(const struct pf_conn *);
/* Takes the handshake on; true when it has ended, either way. */
bool pf_conn_tls_shake(struct pf_conn *);
/* Sends close_notify if that is possible; true when there is nothing more to send. */
bool pf_conn_tls_goodbye(struct pf_conn *);
void pf_conn_tls_drop(struct pf_conn *);
/* Whether the kernel keeps back what is no full packet. OpenSSL sends each record by itself; together, or with the FIN,
 * they go through TCP once, and wake the peer once. */
void pf_conn_cork(struct pf_conn *, bool on);

/* Octets are offered to the kernel; it took some. */
void pf_conn_peer_offered(struct pf_conn *, size_t octets);
void pf_conn_peer_sent(struct pf_conn *);
/* It took none, and does again. */
void pf_conn_peer_full(struct pf_conn *);
void pf_conn_peer_ready(struct pf_conn *);

/* For texts of `info`: a copy, or "" without memory; what was there is freed. */
void pf_conn_keep_text(const char **text, const char *value);

/* Fails with a socket's errno. */
enum pf_io pf_conn_failed(int sys, const char *where, const char *what, struct pf_err *err);

#endif
