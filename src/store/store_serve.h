/* The store for others: the process that may touch mail answers gates.
 *
 * A gate may be in the hands of a stranger. What it may do stands in tickets that it cannot make: open one
 * maildrop, as one user, with these rights, once. So a request names a ticket (then an entry, which this process
 * gave for it), a box or a parcel by a number of this gate's own table, and never a path. Every request is
 * checked against the rights: without DELETE nothing is expunged and nothing expires, without SEEN nothing is marked,
 * with DELIVER alone nothing is opened. A frame that is not exactly one of store_wire.h drops the gate that sent it,
 * and then its boxes are closed as if its guests had hung up: nothing is removed.
 *
 * A refused ticket is no reason to drop a gate (a slow machine lets one expire), but it is told to the log.
 *
 * Where a maildrop is held by a session of any gate, the gate that has it is asked (store_remote.h: wanted) and who
 * wants it is told the facts; when the holder gives way the open waits for the close, up to PF_STORE_SERVE_WAIT. */
#ifndef POSTFACH_STORE_STORE_SERVE_H
#define POSTFACH_STORE_STORE_SERVE_H

#include "store/store.h"
#include "sys/seal.h"

struct pf_store_serve;

enum { PF_STORE_SERVE_WAIT = 5000 /* ms, as session/holders.h */ };

struct pf_store_serve_parts { /* owned by the role; all outlive it */
    struct pf_loop *loop;
    struct pf_store *store; /* the real one, behind its referee */
    struct pf_seal *seal;   /* with a window */
    uint32_t number;        /* of this process: tickets for others are refused */
    void (*trouble)(void *self, const struct pf_err *); /* for the log: a ticket was refused, a gate was dropped */
    void (*idle)(void *self); /* the last box and parcel is closed; NULL is allowed */
    void *self;
};

struct pf_store_serve *pf_store_serve_new(const struct pf_store_serve_parts *, struct pf_err *err);
/* A gate and its number; fd is taken over, also on failure. */
enum pf_code pf_store_serve_gate(struct pf_store_serve *, int fd, uint32_t gate, struct pf_err *err);
unsigned pf_store_serve_open(const struct pf_store_serve *);  /* boxes and parcels that are open */
unsigned pf_store_serve_gates(const struct pf_store_serve *);
/* Drops all gates; ops under way end first, so it takes turns of the loop: `done` is called on a later one, then it
 * is freed. */
void pf_store_serve_end(struct pf_store_serve *, void (*done)(void *self), void *self);

#endif
