/* What a command line of `postfach probe` says. */
#ifndef POSTFACH_TOOL_PROBE_OPTIONS_H
#define POSTFACH_TOOL_PROBE_OPTIONS_H

#include "tool/client.h"

struct pf_probe_options {
    struct pf_client_options client;
    const char *word, *account_name; /* one of both */
    const char *user, *name;         /* NULL: not said */
    pf_time wait;                    /* ms for an answer */
    unsigned messages;
    bool json;
};

/* False: that was all, with this exit status; help or a mistake was told. */
bool pf_probe_options(struct pf_probe_options *, int argc, char **argv, int *out_status);
/* HOST, HOST:PORT, [V6]:PORT, a bare V6, a path; port 0: none is said. */
bool pf_probe_split(const char *target, char host[256], unsigned *out_port);

#endif
