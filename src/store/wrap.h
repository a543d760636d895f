/* Wrap: what every store that stands in front of another has in common.
 *
 * A wrapper has boxes and parcels of its own, and each of its ops becomes an
 * op of the store below, asked through the same doors, so that the laws are
 * checked on both sides. It looks at an op on its way down (`before`) and on
 * its way up (`after`), and may change or refuse it. faulty.c and traced.c are
 * such pairs of hooks, and nothing more. */
#ifndef POSTFACH_STORE_WRAP_H
#define POSTFACH_STORE_WRAP_H

#include "store/store.h"

enum pf_wrap_call {
    PF_WRAP_OPEN, PF_WRAP_READ, PF_WRAP_EXPUNGE, PF_WRAP_CLOSE,
    PF_WRAP_BEGIN, PF_WRAP_WRITE, PF_WRAP_SEAL, PF_WRAP_DROP
};

/* A box or parcel of the wrapper, with the one op that it may have at a time. */
struct pf_wrapped {
    union {
        struct pf_box box;
        struct pf_parcel parcel;
    };
    union {
        struct pf_box *inner_box;
        struct pf_parcel *inner_parcel;
    };
    enum pf_wrap_call call;
    bool refused;
    union { /* the op above, by `call` */
        struct pf_store_op *op;
        struct pf_box_open *open;
        struct pf_box_read *read;
        struct pf_box_expunge *expunge;
        struct pf_parcel_begin *begin;
        struct pf_parcel_write *write;
        struct pf_parcel_seal *seal;
    } asked;
    union { /* the op below, by `call` */
        struct pf_store_op op;
        struct pf_box_open open;
        struct pf_box_read read;
        struct pf_box_expunge expunge;
        struct pf_box_close close;
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop;
    } inner;
    int64_t begun;         /* for the hooks */
    struct pf_marks marks; /* for the hooks; the words are freed with the box */
};

/* First member of every wrapper. */
struct pf_wrap {
    struct pf_store base;
    struct pf_store *inner; /* owned */
    /* `inner` is filled and may be changed. False: the op is not passed on, and the hook has filled
     * the results in `asked`, the error too; never for close and drop. */
    bool (*before)(struct pf_wrap *, struct pf_wrapped *);
    /* The results were copied up to `asked`, and may be changed. Not called for a refused op. */
    void (*after)(struct pf_wrap *, struct pf_wrapped *);
};

/* Fills *w, which is the beginning of an allocated block and is freed by pf_store_free. */
void pf_wrap_init(struct pf_wrap *w, struct pf_store *inner);

#endif
