/* TLS: the server's side, through OpenSSL 3, named nowhere else.
 *
 * A `struct pf_tls` is one generation of certificates and policy. It is
 * immutable and counted: connections hold the generation they began with,
 * and a reload makes a new one and swaps it in the listener, so that live
 * sessions go on. Session tickets outlive generations: their keys live in
 * a `struct pf_tls_tickets` that all generations share, and are rotated
 * by time (the newest encrypts, the ones before still decrypt, and the
 * client is given a new ticket then, so that it can keep resuming).
 *
 * A listener may have a profile of its own: another generation object that is attached to the one for all. They share
 * ticket keys, but a session is resumed only under the policy that it was made under.
 *
 * Policy: TLS 1.2 and 1.3 (RFC 8996, RFC 9325), older ones only where a profile asks for them, no renegotiation, no
 * compression, no 0-RTT (TLS-033), ALPN "pop3" with a foreign-only offer
 * refused (PORT-010), the certificate chosen by SNI with the first as
 * default (TLS-031), no client certificate asked for (TLS-024) unless the
 * settings name who may sign them. */
#ifndef POSTFACH_SYS_TLS_H
#define POSTFACH_SYS_TLS_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_tls;
struct pf_tls_tickets;

struct pf_tls_pair {          /* PEM files */
    const char *certificate;  /* leaf first, then the chain */
    const char *key;
};

enum pf_tls_min { PF_TLS_1_2, PF_TLS_1_3, PF_TLS_1_0, PF_TLS_1_1 /* these two for what knows nothing else */ };

struct pf_tls_settings {
    const struct pf_tls_pair *pairs; /* at least one; the first is the default */
    size_t pair_count;
    enum pf_tls_min minimum;
    const char *ciphers;             /* OpenSSL's TLS 1.2 list, or NULL for the built-in one */
    const char *client_ca;           /* PEM file: who may sign certificates of clients. They are asked for one
                                      * then, and need none; a bad one ends the handshake. NULL: not asked */
    bool client_common_name;         /* such a certificate's name is its subject's commonName; else the first
                                      * rfc822Name of subjectAltName */
    bool ktls;                       /* hand record encryption to the kernel where it can */
};

/* `rotate`: seconds a ticket key encrypts; it decrypts for two more such times. Thread-safe. */
struct pf_tls_tickets *pf_tls_tickets_new(unsigned rotate, struct pf_err *err);
/* The same with keys that are derived (HKDF, RFC 5869) from a seed and the number of the time of `rotate` seconds
 * since the machine was started. All processes of a machine that have the same seed and `rotate` resume each other's
 * sessions, also when one comes hours later. Who has the seed can open all tickets of its life, past ones too: it is
 * made by the keeper when it starts, and is never on disk. It is copied. */
enum { PF_TLS_SEED = 32 };
struct pf_tls_tickets *pf_tls_tickets_new_seeded(const unsigned char seed[PF_TLS_SEED], unsigned rotate,
                                                 struct pf_err *err);
void pf_tls_tickets_free(struct pf_tls_tickets *);
/* For tests: the next use acts as if `seconds` had passed. */
void pf_tls_tickets_age(struct pf_tls_tickets *, unsigned seconds);

/* Loads everything; an error names the file and what is wrong with it (missing, unreadable, no PEM,
 * key does not fit certificate). A certificate that has expired is loaded all the same: a server
 * that starts and is complained about is better than none; pf_tls_describe says EXPIRED. Names for
 * SNI are the certificates' own dNSNames, wildcards as the whole left-most label only. */
struct pf_tls *pf_tls_new(const struct pf_tls_settings *, struct pf_tls_tickets *,
                          struct pf_err *err);
struct pf_tls *pf_tls_hold(struct pf_tls *);
void pf_tls_free(struct pf_tls *); /* gives one hold back; NULL is allowed */

/* At the listener of that index another one counts, which it takes over; false without memory. Before the first
 * connection. */
bool pf_tls_attach(struct pf_tls *, size_t listen, struct pf_tls *other);
struct pf_tls *pf_tls_at(struct pf_tls *, size_t listen); /* the one that counts there; of NULL: NULL */

/* One line per certificate for `postfachd check` and the log: names, issuer, days left.
 * False when index is past the last. */
bool pf_tls_describe(const struct pf_tls *, size_t index, char *out_text, size_t cap);

/* Random octets, so that nobody else needs OpenSSL for them. */
enum pf_code pf_random(unsigned char *at, size_t len, struct pf_err *err);

/* For sys/ alone: the SSL_CTX of the default pair. */
void *pf_tls_context(const struct pf_tls *);

#endif
