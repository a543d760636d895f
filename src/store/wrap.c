#include "store/wrap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void finish(struct pf_wrapped *g, bool later)
{
    struct pf_store_op *op = g->asked.op;
    struct pf_store *store = g->box.store; /* a parcel's lies in the same place */
    bool makes = g->call == PF_WRAP_OPEN || g->call == PF_WRAP_BEGIN;
    bool ends = g->call == PF_WRAP_CLOSE || g->call == PF_WRAP_SEAL || g->call == PF_WRAP_DROP;

    bool asks = g->call == PF_WRAP_BEGIN && g->asked.begin->ask;

    if (ends || asks || (makes && op->err.code != PF_OK)) {
        free(g->marks.words);
        free(g);
    }
    if (later)
        pf_store_op_done(store, op);
    else
        op->done(op);
}

static void copy_up(struct pf_wrapped *g)
{
    g->asked.op->err = g->inner.op.err;
    switch (g->call) {
    case PF_WRAP_OPEN:
        g->asked.open->listing = g->inner.open.listing;
        g->asked.open->expired = g->inner.open.expired;
        g->inner_box = g->inner.open.box;
        g->asked.open->box = g->inner_box ? &g->box : NULL;
        break;
    case PF_WRAP_READ:
        g->asked.read->got = g->inner.read.got;
        g->asked.read->last = g->inner.read.last;
        g->asked.read->clean = g->inner.read.clean;
        break;
    case PF_WRAP_EXPUNGE:
        g->asked.expunge->removed = g->inner.expunge.removed;
        g->asked.expunge->failed = g->inner.expunge.failed;
        break;
    case PF_WRAP_BEGIN:
        g->inner_parcel = g->inner.begin.parcel;
        g->asked.begin->parcel = g->inner_parcel ? &g->parcel : NULL;
        break;
    case PF_WRAP_SEAL:
        memcpy(g->asked.seal->uidl, g->inner.seal.uidl, sizeof g->asked.seal->uidl);
        g->asked.seal->octets = g->inner.seal.octets;
        g->asked.seal->size = g->inner.seal.size;
        g->asked.seal->used_octets = g->inner.seal.used_octets;
        g->asked.seal->used_messages = g->inner.seal.used_messages;
        break;
    case PF_WRAP_CLOSE:
    case PF_WRAP_WRITE:
    case PF_WRAP_DROP:
        break;
    }
}

static void back(struct pf_store_op *op)
{
    struct pf_wrapped *g = (struct pf_wrapped *)((char *)op - offsetof(struct pf_wrapped, inner));
    struct pf_wrap *w = (struct pf_wrap *)g->box.store;

    if (!g->refused) {
        copy_up(g);
        w->after(w, g);
    }
    finish(g, false);
}

static void copy_down(struct pf_wrapped *g)
{
    switch (g->call) {
    case PF_WRAP_OPEN:
        g->inner.open = (struct pf_box_open){.where = g->asked.open->where};
        break;
    case PF_WRAP_READ:
        g->inner.read = (struct pf_box_read){.index = g->asked.read->index,
                                             .offset = g->asked.read->offset,
                                             .at = g->asked.read->at,
                                             .cap = g->asked.read->cap};
        break;
    case PF_WRAP_EXPUNGE:
        g->inner.expunge = (struct pf_box_expunge){.remove = g->asked.expunge->remove,
                                                   .seen = g->asked.expunge->seen};
        break;
    case PF_WRAP_CLOSE:
        g->inner.close = (struct pf_box_close){0};
        break;
    case PF_WRAP_BEGIN:
        g->inner.begin = (struct pf_parcel_begin){.where = g->asked.begin->where,
                                                  .ask = g->asked.begin->ask,
                                                  .size = g->asked.begin->size};
        break;
    case PF_WRAP_WRITE:
        g->inner.write = (struct pf_parcel_write){.bytes = g->asked.write->bytes};
        break;
    case PF_WRAP_SEAL:
        g->inner.seal = (struct pf_parcel_seal){0};
        break;
    case PF_WRAP_DROP:
        g->inner.drop = (struct pf_parcel_drop){0};
        break;
    }
    g->inner.op.done = back;
}

static void pass(struct pf_wrap *w, struct pf_wrapped *g)
{
    switch (g->call) {
    case PF_WRAP_OPEN:
        pf_box_open(w->inner, &g->inner.open);
        break;
    case PF_WRAP_READ:
        pf_box_read(g->inner_box, &g->inner.read);
        break;
    case PF_WRAP_EXPUNGE:
        pf_box_expunge(g->inner_box, &g->inner.expunge);
        break;
    case PF_WRAP_CLOSE:
        pf_box_close(g->inner_box, &g->inner.close);
        break;
    case PF_WRAP_BEGIN:
        pf_parcel_begin(w->inner, &g->inner.begin);
        break;
    case PF_WRAP_WRITE:
        pf_parcel_write(g->inner_parcel, &g->inner.write);
        break;
    case PF_WRAP_SEAL:
        pf_parcel_seal(g->inner_parcel, &g->inner.seal);
        break;
    case PF_WRAP_DROP:
        pf_parcel_drop(g->inner_parcel, &g->inner.drop);
        break;
    }
}

static void go(struct pf_wrapped *g, struct pf_store_op *asked, enum pf_wrap_call call)
{
    struct pf_wrap *w = (struct pf_wrap *)g->box.store;

    g->asked.op = asked;
    g->call = call;
    copy_down(g);
    g->refused = !w->before(w, g);
    if (!g->refused) {
        pass(w, g);
    } else if (call == PF_WRAP_SEAL) { /* the parcel is gone after a seal, whatever became of it */
        g->inner.drop = (struct pf_parcel_drop){.op.done = back};
        pf_parcel_drop(g->inner_parcel, &g->inner.drop);
    } else {
        assert(call != PF_WRAP_CLOSE && call != PF_WRAP_DROP);
        finish(g, true);
    }
}

/* NULL, and op will be completed, without memory. */
static struct pf_wrapped *wrapped_new(struct pf_store *store, struct pf_store_op *op)
{
    struct pf_wrapped *g = calloc(1, sizeof *g);

    if (!g) {
        pf_fail(&op->err, PF_NO_MEMORY, ENOMEM, "wrap", "no memory for a maildrop");
        pf_store_op_done(store, op);
        return NULL;
    }
    g->box.store = store;
    return g;
}

static void box_open(struct pf_store *store, struct pf_box_open *o)
{
    struct pf_wrapped *g = wrapped_new(store, &o->op);

    if (g)
        go(g, &o->op, PF_WRAP_OPEN);
}

static void box_read(struct pf_box *box, struct pf_box_read *r)
{
    go((struct pf_wrapped *)box, &r->op, PF_WRAP_READ);
}

static void box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    go((struct pf_wrapped *)box, &e->op, PF_WRAP_EXPUNGE);
}

static void box_close(struct pf_box *box, struct pf_box_close *c)
{
    go((struct pf_wrapped *)box, &c->op, PF_WRAP_CLOSE);
}

static void parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct pf_wrapped *g = wrapped_new(store, &b->op);

    if (g)
        go(g, &b->op, PF_WRAP_BEGIN);
}

static void parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *p)
{
    go((struct pf_wrapped *)parcel, &p->op, PF_WRAP_WRITE);
}

static void parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    go((struct pf_wrapped *)parcel, &s->op, PF_WRAP_SEAL);
}

static void parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    go((struct pf_wrapped *)parcel, &d->op, PF_WRAP_DROP);
}

static void wrap_free(struct pf_store *store)
{
    pf_store_free(((struct pf_wrap *)store)->inner);
    free(store);
}

#define ROWS \
    .name = "wrap", \
    .box_open = box_open, \
    .box_read = box_read, \
    .box_expunge = box_expunge, \
    .box_close = box_close, \
    .parcel_begin = parcel_begin, \
    .parcel_write = parcel_write, \
    .parcel_seal = parcel_seal, \
    .parcel_drop = parcel_drop, \
    .free = wrap_free,

static const struct pf_store_kind kind = {ROWS}, sifting = {ROWS .sifts = true};
#undef ROWS

void pf_wrap_init(struct pf_wrap *w, struct pf_store *inner)
{
    w->base.kind = inner->kind->sifts ? &sifting : &kind; /* who is asked for one recipient's mail is in there */
    w->base.loop = inner->loop;
    w->inner = inner;
}
