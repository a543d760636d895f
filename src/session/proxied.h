/* Connections that a proxy hands on: the header of the PROXY protocol (proto/proxy.h), read from a connection.
 *
 * Who may speak it is a setting of the listener; of anybody else not an octet is read. What the header says
 * then stands in the connection's info, as if the client had come by itself. */
#ifndef POSTFACH_SESSION_PROXIED_H
#define POSTFACH_SESSION_PROXIED_H

#include "conf/conf.h"
#include "proto/proxy.h"
#include <postfach/xclient.h>
#include "sys/conn.h"

/* What has been read of the header so far; at has room for PF_PROXY_HEADER_MAX octets. */
struct pf_proxied {
    unsigned char *at;
    size_t len;
    bool told;       /* DONE: the client's address is known; else the proxy speaks for itself, or does not know */
    const char *why; /* BAD */
};

enum pf_proxied_state { PF_PROXIED_MORE, PF_PROXIED_DONE, PF_PROXIED_BAD, PF_PROXIED_GONE /* the connection ended */ };

/* Whether the peer may tell the addresses of others at this listener. */
bool pf_proxied_trusts(const struct pf_conf_listen *, const struct pf_conn_info *);
/* Takes what has come of the header, and no octet of what comes behind it. */
enum pf_proxied_state pf_proxied_read(struct pf_proxied *, struct pf_conn *, const struct pf_conf_listen *);

/* Whether the peer may say by XCLIENT who its client is. */
bool pf_proxied_hands_on(const struct pf_conf_listen *, const struct pf_conn_info *);
/* The connection's ends, and what is known of the client's TLS, are what XCLIENT says from now on; a TLS that
 * nobody here saw only where the listener believes it. Returns what counts. */
enum pf_xclient_transport pf_proxied_xclient(struct pf_conn *, const struct pf_xclient *,
                                             const struct pf_conf_listen *);

/* Whether the client's octets are encrypted as far as is known: by us, or by a proxy that is believed; and no
 * proxy says that they were not on their way to it. */
bool pf_proxied_encrypted(const struct pf_conn_info *);
const char *pf_proxied_version(const struct pf_conn_info *); /* or NULL */
const char *pf_proxied_cipher(const struct pf_conn_info *);  /* or NULL */

/* Whether that version is broken (RFC 8996). */
bool pf_proxied_old(const struct pf_conn_info *);

struct pf_proxied_text {
    char text[32];
};
/* For the log: "TLSv1.3", "TLSv1.3 (proxy)", "none (proxy)" or "none". */
const char *pf_proxied_tls(const struct pf_conn_info *, struct pf_proxied_text *room);

#endif
