/* The probe's line to a server: a blocking socket with a deadline on every
 * wait, lines in and out, and TLS as a client on top when asked. */
#ifndef POSTFACH_TOOL_PROBE_LINK_H
#define POSTFACH_TOOL_PROBE_LINK_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_probe_link;

enum {
    PF_PROBE_LINE = 1024, /* twice the longest first line a server may send (RFC 2449 section 4) */
    PF_PROBE_WAIT = 10000 /* ms for any single answer */
};

struct pf_probe_tls {
    const char *version, *cipher;
    char subject[256], issuer[256], names[512];
    int days_left;
    unsigned chain;        /* certificates the server sent */
    bool verified;
    char problem[160];     /* why not verified */
    char alpn[16];
};

/* NULL with err when no address of the host answers. */
struct pf_probe_link *pf_probe_connect(const char *host, const char *port, struct pf_err *err);
void pf_probe_close(struct pf_probe_link *);

/* One line without its end, NUL-terminated; PF_TEMP when it does not come in time, PF_GONE at EOF,
 * PF_TOO_LONG. */
enum pf_code pf_probe_read(struct pf_probe_link *, char line[PF_PROBE_LINE], struct pf_err *err);
enum pf_code pf_probe_write(struct pf_probe_link *, const char *text, struct pf_err *err);
/* Octets that came and were not read yet. */
size_t pf_probe_pending(const struct pf_probe_link *);

/* Handshake as a client, with SNI `host`; a certificate that does not verify is reported, not
 * refused. `ca_file` NULL: the system's. */
enum pf_code pf_probe_tls(struct pf_probe_link *, const char *host, const char *ca_file,
                          struct pf_probe_tls *out_tls, struct pf_err *err);

#endif
