/* Auth for others: the process that knows passwords answers gates.
 *
 * A gate is a process that strangers talk to, and may be in their hands. It gets verdicts, challenges and
 * tickets; never a hash, a password of somebody else, or the key of tickets. Each gate has its own
 * descriptor, and a ticket names that gate (base/ticket.h). A frame that is not exactly one of auth_wire.h
 * drops the gate that sent it; its questions and exchanges are forgotten.
 *
 * A gate that lies about the connection (`tls`, an address, a client's certificate) can only do so for its own
 * guests: what it may claim is what a gate is trusted with. The certificate's name is the strongest of
 * those claims, since EXTERNAL asks for nothing else; so it is believed only when the settings name a client-ca.
 *
 * The verdict is followed by a ticket only when it is PF_OK: rights, path, expiry and quota are computed here
 * (right.h), whatever the gate thinks. */
#ifndef POSTFACH_AUTH_AUTH_SERVE_H
#define POSTFACH_AUTH_AUTH_SERVE_H

#include "auth/auth.h"
#include "sys/seal.h"

struct pf_auth_serve;

/* Which store process serves maildrops of that owner? Answered by the role, now or on a later turn. */
struct pf_auth_store_ask {
    void (*done)(struct pf_auth_store_ask *);
    const char *user; /* whose maildrop */
    uint32_t store;   /* out; 0: there is none now, the login is told PF_TEMP */
};

struct pf_auth_serve_parts { /* owned by the role; all outlive it */
    struct pf_loop *loop;
    struct pf_auth *auth;
    struct pf_lookup *lookup; /* NULL: no mail is taken */
    struct pf_conf *conf;
    struct pf_seal *seal;
    void (*store_of)(void *self, struct pf_auth_store_ask *); /* calls done once, also inside the call */
    void (*trouble)(void *self, const struct pf_err *); /* for the log: a gate was dropped, a file is broken */
    void *self;
};

struct pf_auth_serve *pf_auth_serve_new(const struct pf_auth_serve_parts *, struct pf_err *err);
/* A gate and its number; fd is taken over, also on failure. */
enum pf_code pf_auth_serve_gate(struct pf_auth_serve *, int fd, uint32_t gate, struct pf_err *err);
unsigned pf_auth_serve_gates(const struct pf_auth_serve *); /* how many are there */
/* What is offered may have changed (a password file was read anew): all gates are told if so. To be called now and
 * then; it also happens behind each check. */
void pf_auth_serve_look(struct pf_auth_serve *);
/* New settings: tickets are made by them from now on. The old ones need not live longer. */
void pf_auth_serve_conf(struct pf_auth_serve *, struct pf_conf *);
/* Drops all gates. Checks under way are abandoned; so free it before pf_auth. NULL is allowed. */
void pf_auth_serve_free(struct pf_auth_serve *);

#endif
