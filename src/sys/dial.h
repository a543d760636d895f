/* The dial: from where somebody is to be called to a connected socket.
 *
 * A host is a name, a numeric address, or the absolute path of a unix socket. Names are looked up on a
 * thread of a pool, because getaddrinfo blocks. The addresses are tried in the order in which the system
 * gives them (RFC 6724); one that is silent is not waited for: after a quarter of a second the next is
 * tried beside it, and the first that answers wins (RFC 8305 section 5). One time limit is on the whole.
 *
 * `done` is called once, on a later turn, unless the dial was freed before. A look-up cannot be called
 * back: its thread goes on until the resolver gives up, and what it finds is thrown away.
 *
 * Errors are sentences with a hint in `log`. Codes: PF_CONFIG (no such name, a path too long), PF_TEMP
 * (the resolver is not to be had; nobody answers; refused; sys tells which), PF_NO_MEMORY, PF_BUSY (the
 * pool is full). */
#ifndef POSTFACH_SYS_DIAL_H
#define POSTFACH_SYS_DIAL_H

#include "sys/loop.h"
#include "sys/pool.h"

struct pf_dial;

struct pf_dial_settings {
    const char *host; /* copied */
    unsigned port;    /* nothing to a path */
    pf_time time;     /* ms for all of it, > 0 */
    /* fd >= 0: connected, non-blocking, close-on-exec, and the callee's now. Else err says why. The dial
     * may be freed in it, and must be at some time. */
    void (*done)(void *self, int fd, const struct pf_err *err);
    void *self;
};

/* `pool` is not needed for numeric addresses and paths. NULL: err says why. */
struct pf_dial *pf_dial_new(struct pf_loop *, struct pf_pool *, const struct pf_dial_settings *,
                            struct pf_err *err);
/* When the addresses were known, on the loop's clock; 0: not yet. */
pf_time pf_dial_looked_up(const struct pf_dial *);
/* At any time, also in `done`; NULL is allowed. */
void pf_dial_free(struct pf_dial *);

#endif
