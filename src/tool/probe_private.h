/* Shared by probe_link.c and probe_tls.c only. */
#ifndef POSTFACH_TOOL_PROBE_PRIVATE_H
#define POSTFACH_TOOL_PROBE_PRIVATE_H

#include "tool/probe_link.h"

#include <openssl/ssl.h>

struct pf_probe_link {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    char buffer[PF_PROBE_LINE];
    size_t len;
};

enum pf_code pf_probe_handshake(struct pf_probe_link *, struct pf_err *err);

#endif
