/* TLS as a client: what one connection of ours demands of the server that it meets.
 *
 * A `struct pf_tls_client` serves one handshake and is thrown away with its connection: a client makes
 * few of them, and so nothing of one account's policy (pins, certificates) can leak into another's.
 * Policy: TLS 1.2 and later, ALPN "pop3", the name sent (SNI) and checked (RFC 6125: dNSName, whole
 * left-most wildcards; the commonName only where there is no dNSName), numeric addresses against
 * iPAddress. No sessions are kept.
 *
 * A server is trusted in one of four ways, and the first that is set counts:
 *   unchecked   whoever it is
 *   pins        its key is one of those; no CA, name or date matters (RFC 8314 section 5.4 speaks of
 * such pins) tlsa        DANE (RFC 6698, RFC 7671): who gives the records vouches that DNSSEC vouches
 * for them. When none of them can be used, CAs decide otherwise   the chain leads to a CA, nothing in it
 * has expired, and the name is right One that does not pass ends the handshake before a word was said;
 * the sentence of pf_tls_client_result says what to do about it. */
#ifndef POSTFACH_SYS_TLS_CLIENT_H
#define POSTFACH_SYS_TLS_CLIENT_H

#include "sys/conn.h"

struct pf_tls_client;

struct pf_tls_tlsa {
    unsigned char usage, selector, matching;
    struct pf_bytes data;
};

struct pf_tls_client_settings {
    const char *name; /* host name or numeric address, not empty */
    const char *ca;   /* PEM file or folder of hashed ones; NULL: the system's */
    const char *pins; /* SHA-256 of SPKI, base64 or hexadecimal, blanks between; or NULL */
    bool unchecked;
    const struct pf_tls_tlsa *tlsa;
    size_t tlsa_count;
    const char *certificate, *key; /* our own, PEM files; both or none */
};

/* Texts are not needed afterwards. NULL: PF_CONFIG (a file or a pin that cannot be), PF_NO_MEMORY. */
struct pf_tls_client *pf_tls_client_new(const struct pf_tls_client_settings *, struct pf_err *err);
/* After pf_conn_close of its connection; NULL is allowed. */
void pf_tls_client_free(struct pf_tls_client *);

/* Starts the handshake as the client, once for each pf_tls_client. As with pf_conn_start_tls,
 * wake(PF_CONN_TLS) comes when it has ended. */
enum pf_code pf_conn_start_tls_client(struct pf_conn *, struct pf_tls_client *, struct pf_err *err);
/* As pf_conn_tls_result, with the reasons of a client. PF_NEED_TLS: the server is not to be trusted, or
 * its TLS is too old; PF_SYNTAX: what it says is no TLS; PF_IO: the connection. */
enum pf_code pf_tls_client_result(const struct pf_tls_client *, const struct pf_conn *,
                                  struct pf_err *err);

/* "ca", "pin", "dane", "unchecked"; "" before. */
const char *pf_tls_client_checked(const struct pf_tls_client *);
/* PEM of what the server showed, its own first, also when it was refused. Valid as long as the client.
 */
struct pf_bytes pf_tls_client_chain(const struct pf_tls_client *);
/* The pin of the key that the server showed, in base64; "" before. */
const char *pf_tls_client_pin(const struct pf_tls_client *);

#endif
