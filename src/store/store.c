#include "store/store.h"

#include "store/audit.h"
#include "store/marks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    AUDIT_ROWS = 8192 /* looked at in one turn: well below a millisecond */
};

/* What the referee knows of a box or a parcel, from the asking of open or begin until it is gone.
 * The one op that may be under way points here, and its own `done` is kept here. */
struct watch {
    struct pf_store *store;
    struct pf_store_op *op; /* under way, or NULL */
    void (*done)(struct pf_store_op *); /* the asker's */
    void (*then)(struct watch *);       /* our look at the result */
    bool inside;                        /* the store's function has not returned yet */
    bool spoiled;                       /* parcel: a write failed */
    /* box */
    struct pf_box *box;
    uint32_t count;
    uint32_t index; /* which message is being read */
    bool ended;     /* and it was read to its end */
    uint64_t next;  /* and where its next piece begins */
    struct pf_audit *audit;
    struct pf_later later;
    struct pf_box_close *back; /* closes a box whose listing is broken; or NULL */
};

static void deliver(struct pf_later *later)
{
    struct pf_store_op *op
        = (struct pf_store_op *)((char *)later - offsetof(struct pf_store_op, later));

    op->done(op);
}

static void call_later(struct pf_store *store, struct pf_store_op *op)
{
    assert(!op->later.queued);
    op->later.run = deliver;
    pf_loop_later(store->loop, &op->later);
}

void pf_store_op_done(struct pf_store *store, struct pf_store_op *op)
{
    assert(op->referee); /* else it was completed before */
    call_later(store, op);
}

static void clean(struct pf_err *err)
{
    err->code = PF_OK;
    err->sys = 0;
    err->where = NULL;
    err->say[0] = err->log[0] = '\0';
}

/* NULL, and op will be completed, without memory. */
static struct watch *watch_new(struct pf_store *store, struct pf_store_op *op)
{
    struct watch *w;

    if (!store->spare)
        store->spare = malloc(sizeof *store->spare);
    w = store->spare ? calloc(1, sizeof *w) : NULL;
    assert(op->done);
    if (!w) {
        pf_fail(&op->err, PF_NO_MEMORY, ENOMEM, "store", "no memory for a maildrop");
        call_later(store, op);
        return NULL;
    }
    w->store = store;
    store->held++;
    return w;
}

static void completed(struct pf_store_op *op)
{
    struct watch *w = op->referee;

    assert(w && w->op == op); /* exactly once */
    assert(!w->inside);       /* never inside the asking */
    w->then(w);
}

/* Called just before the op goes to the store; after it `w->inside` is to be cleared. */
static void ask(struct watch *w, struct pf_store_op *op, void (*then)(struct watch *))
{
    assert(w && !w->op); /* one at a time */
    assert(op->done);
    clean(&op->err);
    w->op = op;
    w->done = op->done;
    w->then = then;
    w->inside = true;
    op->referee = w;
    op->done = completed;
}

/* Gives the op back to its asker. */
static void answer(struct watch *w)
{
    struct pf_store_op *op = w->op;

    w->op = NULL;
    op->done = w->done;
    op->referee = NULL;
    op->done(op);
}

/* The same, where the box or parcel is gone. */
static void answer_last(struct watch *w)
{
    struct pf_store_op *op = w->op;

    op->done = w->done;
    op->referee = NULL;
    w->store->held--;
    free(w);
    op->done(op);
}

static void refuse_open(struct watch *w)
{
    struct pf_box_open *o = (struct pf_box_open *)w->op;

    o->box = NULL;
    o->listing = (struct pf_listing){0};
    answer_last(w);
}

static void closed_again(struct pf_store_op *op)
{
    struct watch *w = op->referee;

    assert(w && !w->inside);
    if (w->store->spare)
        free(w->back);
    else
        w->store->spare = w->back;
    refuse_open(w);
}

static void close_again(struct watch *w);

static void close_again_later(struct pf_later *later)
{
    close_again((struct watch *)((char *)later - offsetof(struct watch, later)));
}

/* There is one at least, for that was seen to before an open; others that are being closed have it for a moment. */
static bool take_spare(struct watch *w)
{
    w->back = w->store->spare ? w->store->spare : malloc(sizeof *w->back);
    w->store->spare = NULL;
    if (w->back) {
        *w->back = (struct pf_box_close){.op = {.done = closed_again, .referee = w}};
        return true;
    }
    w->later.run = close_again_later;
    pf_loop_later(w->store->loop, &w->later);
    return false;
}

/* The asker's op holds the error already. */
static void close_again(struct watch *w)
{
    if (!take_spare(w))
        return;
    w->inside = true;
    w->store->kind->box_close(w->box, w->back);
    w->inside = false;
}

static struct pf_listing_kept *kept_of(struct watch *w)
{
    return ((struct pf_box_open *)w->op)->listing.kept;
}

static void audit_more(struct pf_later *later)
{
    struct watch *w = (struct watch *)((char *)later - offsetof(struct watch, later));
    enum pf_code code = pf_audit_step(w->audit, AUDIT_ROWS, &w->op->err);

    if (code == PF_AGAIN) {
        w->later.run = audit_more;
        pf_loop_later(w->store->loop, &w->later);
        return;
    }
    pf_audit_free(w->audit);
    w->audit = NULL;
    if (code != PF_OK) {
        close_again(w);
        return;
    }
    if (kept_of(w))
        kept_of(w)->audited = true;
    answer(w);
}

static void opened(struct watch *w)
{
    struct pf_box_open *o = (struct pf_box_open *)w->op;

    if (o->op.err.code != PF_OK) {
        assert(!o->box);
        refuse_open(w);
        return;
    }
    assert(o->box && o->box->store == w->store);
    w->box = o->box;
    w->box->referee = w;
    w->count = o->listing.count;
    w->ended = true; /* nothing can be read on */
    if (kept_of(w) && kept_of(w)->audited) {
        answer(w);
        return;
    }
    w->audit = pf_audit_new(&o->listing);
    if (!w->audit) {
        pf_fail(&o->op.err, PF_NO_MEMORY, ENOMEM, "store", "no memory to check %u messages", w->count);
        close_again(w);
        return;
    }
    audit_more(&w->later);
}

/* PF_TEMP: settings that change can make it so for a moment, between a login and its open. */
static void refuse_recipient(struct pf_store *store, struct pf_box_open *o)
{
    assert(o->op.done);
    pf_fail(&o->op.err, PF_TEMP, 0, "store", "the mail of %s alone was asked for, and this store cannot sift",
            o->where.recipient);
    call_later(store, &o->op);
}

void pf_box_open(struct pf_store *store, struct pf_box_open *o)
{
    bool takes = !o->where.recipient || store->kind->sifts;
    struct watch *w;

    while (!o->where.recipient && store->kind->behind)
        store = store->kind->behind(store);
    w = takes ? watch_new(store, &o->op) : NULL;
    o->box = NULL;
    o->listing = (struct pf_listing){0};
    o->expired = 0;
    if (!takes)
        refuse_recipient(store, o);
    if (!w)
        return;
    assert(o->where.user && o->where.path);
    ask(w, &o->op, opened);
    store->kind->box_open(store, o);
    w->inside = false;
}

static void was_read(struct watch *w)
{
    struct pf_box_read *r = (struct pf_box_read *)w->op;

    if (r->op.err.code == PF_OK) {
        assert(r->got <= r->cap);
        assert(r->got > 0 || r->last);
        w->index = r->index;
        w->next = r->offset + r->got;
        w->ended = r->last;
    } else { /* never a short body that seems whole */
        r->got = 0;
        r->last = false;
    }
    answer(w);
}

void pf_box_read(struct pf_box *box, struct pf_box_read *r)
{
    struct watch *w = box->referee;

    assert(w && w->box == box);
    assert(r->index < w->count);
    assert(r->at && r->cap > 0);
    assert(r->offset == 0 || (r->index == w->index && r->offset == w->next && !w->ended));
    r->got = 0;
    r->last = r->clean = false;
    ask(w, &r->op, was_read);
    box->store->kind->box_read(box, r);
    w->inside = false;
}

static void expunged(struct watch *w)
{
    struct pf_box_expunge *e = (struct pf_box_expunge *)w->op;
    uint32_t marked = pf_marks_count(e->remove);

    assert(e->removed <= marked); /* never one that was not marked */
    /* A store that says all is well while its counts do not must not make a client forget its mail. */
    if (e->op.err.code == PF_OK && e->removed < marked)
        pf_fail(&e->op.err, PF_PARTIAL, 0, "store", "%u of %u messages were not removed",
                marked - e->removed, marked);
    e->failed = marked - e->removed;
    answer(w);
}

void pf_box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    struct watch *w = box->referee;

    assert(w && w->box == box);
    assert(!e->remove || e->remove->count == w->count);
    assert(!e->seen || e->seen->count == w->count);
    e->removed = e->failed = 0;
    ask(w, &e->op, expunged);
    box->store->kind->box_expunge(box, e);
    w->inside = false;
}

static void gone(struct watch *w)
{
    assert(w->op->err.code == PF_OK); /* close and drop always succeed */
    answer_last(w);
}

void pf_box_close(struct pf_box *box, struct pf_box_close *c)
{
    struct watch *w = box->referee;

    assert(w && w->box == box);
    ask(w, &c->op, gone);
    box->store->kind->box_close(box, c);
    w->inside = false;
}

static void begun(struct watch *w)
{
    struct pf_parcel_begin *b = (struct pf_parcel_begin *)w->op;

    if (b->op.err.code != PF_OK) {
        assert(!b->parcel);
        answer_last(w);
        return;
    }
    if (b->ask) {
        assert(!b->parcel);
        answer_last(w);
        return;
    }
    assert(b->parcel && b->parcel->store == w->store);
    b->parcel->referee = w;
    answer(w);
}

void pf_parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct watch *w = watch_new(store, &b->op);

    b->parcel = NULL;
    if (!w)
        return;
    assert(b->where.user && b->where.path);
    ask(w, &b->op, begun);
    store->kind->parcel_begin(store, b);
    w->inside = false;
}

static void written(struct watch *w)
{
    if (w->op->err.code != PF_OK)
        w->spoiled = true;
    answer(w);
}

void pf_parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *p)
{
    struct watch *w = parcel->referee;

    assert(w && !w->spoiled);
    assert(p->bytes.at || p->bytes.len == 0);
    ask(w, &p->op, written);
    parcel->store->kind->parcel_write(parcel, p);
    w->inside = false;
}

static void sealed(struct watch *w)
{
    struct pf_parcel_seal *s = (struct pf_parcel_seal *)w->op;

    assert(s->op.err.code != PF_OK || pf_uidl_legal(pf_bytes_of(s->uidl)));
    answer_last(w);
}

void pf_parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    struct watch *w = parcel->referee;

    assert(w && !w->spoiled); /* a message with a hole is no message */
    s->uidl[0] = '\0';
    s->octets = s->size = s->used_octets = s->used_messages = 0;
    ask(w, &s->op, sealed);
    parcel->store->kind->parcel_seal(parcel, s);
    w->inside = false;
}

void pf_parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    struct watch *w = parcel->referee;

    ask(w, &d->op, gone);
    parcel->store->kind->parcel_drop(parcel, d);
    w->inside = false;
}

void pf_store_free(struct pf_store *store)
{
    if (!store)
        return;
    assert(store->held == 0);
    free(store->spare);
    store->kind->free(store);
}
