/* The probe's line to a server: a connection of which every octet is known.
 *
 * The engine says the words (tool/probe_talk.h); this carries them, waits with an end to every wait, and
 * remembers how the conversation went since the last mark, as proof for what is found. TLS goes on top
 * when asked: the probe shakes hands with anybody, so that it can say what is wrong, and therefore never
 * sends a secret over it. */
#ifndef POSTFACH_TOOL_PROBE_LINK_H
#define POSTFACH_TOOL_PROBE_LINK_H

#include "sys/loop.h"
#include <postfach/bytes.h>

#include <openssl/ssl.h>

enum { PF_PROBE_TRACE = 480 /* octets of proof: two or three lines */ };

struct pf_probe_link {
    int fd;
    pf_time wait; /* ms for each step */
    SSL_CTX *context;
    SSL *ssl;
    char trace[PF_PROBE_TRACE]; /* "> sent\r\n < heard\r\n", escaped, since the mark */
    size_t trace_len;
    char trace_side;
};

struct pf_tlsa_list;

struct pf_probe_tls_wish {
    const char *name;                /* sent and checked; NULL or numeric: not sent */
    int lowest, highest;             /* TLS1_VERSION ...; 0: any */
    const struct pf_tlsa_list *tlsa; /* DANE decides, and pf_probe_dane tells; or NULL */
};

/* Printable ASCII for anybody's octets: others as \r, \n, \t, \\ and \xNN; cut where it does not fit.
 * Returns the length. */
size_t pf_probe_escape(char *out_text, size_t cap, struct pf_bytes b);

bool pf_probe_numeric(const char *name);

/* `address` is numeric or the path of a unix socket. NULL: err says why. */
struct pf_probe_link *pf_probe_connect(struct pf_loop *, const char *address, unsigned port,
                                       pf_time wait, struct pf_err *err);
void pf_probe_close(struct pf_probe_link *); /* NULL is allowed */

/* Whether anything came, be it the end, within so many ms. */
bool pf_probe_hears(struct pf_probe_link *, pf_time ms);
/* PF_TEMP: not in time; PF_GONE: closed or broken. */
enum pf_code pf_probe_send(struct pf_probe_link *, struct pf_bytes, struct pf_err *err);
/* At least one octet, until the time has come. */
enum pf_code pf_probe_receive(struct pf_probe_link *, struct pf_span *to, pf_time until,
                              struct pf_err *err);
enum pf_code pf_probe_handshake(struct pf_probe_link *, const struct pf_probe_tls_wish *,
                                struct pf_err *err);

/* After such a handshake: whether a record fits. */
bool pf_probe_dane(const struct pf_probe_link *);

void pf_probe_mark(struct pf_probe_link *);
/* Milliseconds on a clock that never goes back. */
double pf_probe_clock(void);

#endif
