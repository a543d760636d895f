/* The PROXY protocol: what a proxy in front says of the client, before the client's first octet.
 *
 * Two forms, told apart by their first octet: a line of text (version 1, "PROXY TCP4 192.0.2.7 198.51.100.1
 * 40001 110") and a binary block (version 2: signature, command, addresses, then optional fields, among
 * them what the proxy knows of the client's TLS). Both are in haproxy's proxy-protocol.txt; sections named
 * here are its.
 *
 * The reader keeps nothing: it is shown all octets from the connection's first one on, and says whether
 * more are needed, where the header ends, or that it is none. As long as it says MORE, all that it was
 * shown belongs to the header; so whoever reads from a socket never takes an octet of what comes behind
 * it, which may be TLS. Whom to believe is not decided here. */
#ifndef POSTFACH_PROTO_PROXY_H
#define POSTFACH_PROTO_PROXY_H

#include <postfach/bytes.h>

enum {
    PF_PROXY_LINE_MAX = 107,   /* section 2.1: with CRLF */
    PF_PROXY_HEADER_MAX = 4096 /* longer ones are refused: nothing that we want to know takes so much */
};

enum pf_proxy_state {
    PF_PROXY_MORE,
    PF_PROXY_DONE, /* the first `len` octets are the header */
    PF_PROXY_BAD   /* `wrong` says why */
};

struct pf_proxy_end {
    unsigned char address[16]; /* IPv6; IPv4 mapped into it */
    unsigned port;
};

/* Views point into what was read. Meant for when it is DONE; `wrong` for when it is BAD. */
struct pf_proxy {
    size_t len;
    bool told;                   /* `from` and `to` are known; else the connection's own ends count */
    struct pf_proxy_end from, to;
    bool tls;                    /* the client spoke TLS with the proxy; of it: */
    struct pf_bytes tls_version; /* "TLSv1.3", or empty */
    struct pf_bytes tls_cipher;  /* or empty */
    struct pf_bytes tls_name;    /* the common name of a client's certificate that the proxy has verified, or empty */
    const char *wrong;
};

enum pf_proxy_state pf_proxy_read(struct pf_bytes seen, struct pf_proxy *out);

#endif
