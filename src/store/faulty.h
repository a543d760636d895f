/* The faulty store: any store, with faults at chosen calls.
 *
 * Wraps another store and fails the n-th call of one function, in a chosen
 * way. What real disks do at bad moments becomes a line in a test. Where two
 * faults fire at the same call, the one that was added first decides. A close
 * or a drop cannot fail, so there are no faults for them. */
#ifndef POSTFACH_STORE_FAULTY_H
#define POSTFACH_STORE_FAULTY_H

#include "store/store.h"

enum pf_fault_at { PF_FAULT_OPEN, PF_FAULT_READ, PF_FAULT_EXPUNGE, PF_FAULT_BEGIN, PF_FAULT_WRITE,
                   PF_FAULT_SEAL };

struct pf_fault {
    enum pf_fault_at at;
    unsigned number;      /* the n-th call from now on, from 1; 0: every call */
    int64_t index;        /* READ: only of this message (index from 0); -1: any */
    uint64_t after;       /* READ: only where offset + got would pass this; 0: any. The piece is
                           * cut there, and the next read fails */
    enum pf_code code;    /* how it fails; EXPUNGE: PF_PARTIAL removes the first half of what is
                           * marked (rounded down), any other code nothing */
    bool silent;          /* READ: instead of failing, end the message there with `last`: the lying
                           * disk. EXPUNGE: remove nothing, report the failure */
};

/* Takes over `inner`; NULL, and inner is freed, without memory. */
struct pf_store *pf_faulty_new(struct pf_store *inner);
/* Up to 16 faults at once; each fires once unless number is 0. */
void pf_faulty_add(struct pf_store *, const struct pf_fault *);
void pf_faulty_clear(struct pf_store *);
/* How many calls were struck since the store was made. */
unsigned pf_faulty_fired(const struct pf_store *);

#endif
