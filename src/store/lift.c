#include "store/lift.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct held;

enum {
    COLLECTED_ONE = 32768,    /* octets of a parcel: to copy them costs less than to wake a thread for a write */
    COLLECTED_ALL = 16 << 20  /* of all, so that many who send slowly need no more memory than that */
};

/* What is done for an op. `work` runs on the loop (may_block false) or on a thread. */
struct task {
    enum pf_code (*work)(struct held *, bool may_block);
    bool tries; /* has a form that cannot block */
    bool ends;  /* the box or parcel is gone afterwards, so it may not be refused */
    bool makes; /* the box or parcel is there only when this succeeded */
    bool asks;  /* there is none, before and after */
};

struct lift {
    struct pf_store base;
    struct pf_pool *pool;
    struct pf_twin *twin;
    unsigned flying;      /* jobs of ours that the pool has */
    struct held *waiting; /* tasks that may not be refused and found the pool's queue full */
    struct held **waiting_end;
    size_t collected; /* octets, of all parcels; the loop's thread only */
};

/* A box or a parcel, with the one op that it may have at a time. */
struct held {
    union {
        struct pf_box box;
        struct pf_parcel parcel;
    };
    struct lift *lift;
    union {
        struct pf_twin_box *twin_box;
        struct pf_twin_parcel *twin_parcel;
    };
    struct pf_job job;
    struct held *next;
    const struct task *task;
    struct pf_store_op *op;
    enum pf_code code;
    unsigned char *text; /* a parcel's, taken and not written yet */
    size_t text_len;
};

static enum pf_code work_open(struct held *h, bool may_block)
{
    struct pf_box_open *o = (struct pf_box_open *)h->op;
    struct pf_twin_opened opened;
    enum pf_code code =
        h->lift->twin->kind->box_open(h->lift->twin, &o->where, may_block, &opened, &o->op.err);

    if (code != PF_OK)
        return code;
    h->twin_box = opened.box;
    o->box = &h->box;
    o->listing = opened.listing;
    o->expired = opened.expired;
    return PF_OK;
}

static enum pf_code work_read(struct held *h, bool may_block)
{
    struct pf_box_read *r = (struct pf_box_read *)h->op;

    return h->lift->twin->kind->box_read(h->twin_box, r, may_block, &r->op.err);
}

static enum pf_code work_expunge(struct held *h, bool may_block)
{
    struct pf_box_expunge *e = (struct pf_box_expunge *)h->op;

    (void)may_block;
    return h->lift->twin->kind->box_expunge(h->twin_box, e, &e->op.err);
}

static enum pf_code work_close(struct held *h, bool may_block)
{
    const struct pf_twin_kind *kind = h->lift->twin->kind;

    if (!may_block)
        return kind->box_leave && kind->box_leave(h->twin_box) ? PF_OK : PF_AGAIN;
    kind->box_close(h->twin_box);
    return PF_OK;
}

static enum pf_code work_begin(struct held *h, bool may_block)
{
    struct pf_parcel_begin *b = (struct pf_parcel_begin *)h->op;
    enum pf_code code = h->lift->twin->kind->parcel_begin(h->lift->twin, &b->where, &h->twin_parcel,
                                                          &b->op.err);

    (void)may_block;
    if (code == PF_OK)
        b->parcel = &h->parcel;
    return code;
}

enum pf_code pf_twin_ask(struct pf_twin *twin, const struct pf_box_where *where, uint64_t size, struct pf_err *err)
{
    struct pf_twin_parcel *parcel = NULL;
    enum pf_code code;

    if (twin->kind->parcel_ask)
        return twin->kind->parcel_ask(twin, where, size, err);
    code = twin->kind->parcel_begin(twin, where, &parcel, err);
    if (code == PF_OK)
        twin->kind->parcel_drop(parcel);
    return code;
}

static enum pf_code work_ask(struct held *h, bool may_block)
{
    struct pf_parcel_begin *b = (struct pf_parcel_begin *)h->op;
    const struct pf_twin *twin = h->lift->twin;

    if (!may_block)
        return twin->kind->parcel_ready && twin->kind->parcel_ready(h->lift->twin, &b->where) ? PF_OK : PF_AGAIN;
    return pf_twin_ask(h->lift->twin, &b->where, b->size, &b->op.err);
}

/* What was collected goes before what comes now. */
static enum pf_code write_collected(struct held *h, struct pf_err *err)
{
    if (h->text_len == 0)
        return PF_OK;
    return h->lift->twin->kind->parcel_write(h->twin_parcel, pf_bytes_from(h->text, h->text_len), err);
}

/* A small message is written when it is sealed: one thread is woken for both. */
static bool collect(struct held *h, struct pf_bytes bytes)
{
    struct lift *l = h->lift;
    unsigned char *more;

    if (bytes.len > COLLECTED_ONE - h->text_len || bytes.len > COLLECTED_ALL - l->collected)
        return false;
    more = realloc(h->text, h->text_len + bytes.len);
    if (!more)
        return false;
    memcpy(more + h->text_len, bytes.at, bytes.len);
    h->text = more;
    h->text_len += bytes.len;
    l->collected += bytes.len;
    return true;
}

static void forget_collected(struct held *h)
{
    h->lift->collected -= h->text_len;
    free(h->text);
    h->text = NULL;
    h->text_len = 0;
}

/* Has been collected. */
static enum pf_code work_nothing(struct held *h, bool may_block)
{
    (void)h, (void)may_block;
    return PF_OK;
}

static enum pf_code work_write(struct held *h, bool may_block)
{
    struct pf_parcel_write *w = (struct pf_parcel_write *)h->op;
    enum pf_code code = write_collected(h, &w->op.err);

    (void)may_block;
    return code == PF_OK ? h->lift->twin->kind->parcel_write(h->twin_parcel, w->bytes, &w->op.err) : code;
}

static enum pf_code work_seal(struct held *h, bool may_block)
{
    struct pf_parcel_seal *s = (struct pf_parcel_seal *)h->op;
    enum pf_code code = write_collected(h, &s->op.err);

    (void)may_block;
    if (code != PF_OK) {
        h->lift->twin->kind->parcel_drop(h->twin_parcel);
        return code;
    }
    return h->lift->twin->kind->parcel_seal(h->twin_parcel, s, &s->op.err);
}

static enum pf_code work_drop(struct held *h, bool may_block)
{
    (void)may_block;
    h->lift->twin->kind->parcel_drop(h->twin_parcel);
    return PF_OK;
}

static const struct task opening = {.work = work_open, .tries = true, .makes = true};
static const struct task reading = {.work = work_read, .tries = true};
static const struct task expunging = {.work = work_expunge};
static const struct task closing = {.work = work_close, .tries = true, .ends = true};
static const struct task beginning = {.work = work_begin, .makes = true};
static const struct task asking = {.work = work_ask, .tries = true, .asks = true};
static const struct task collecting = {.work = work_nothing, .tries = true};
static const struct task writing = {.work = work_write};
static const struct task sealing = {.work = work_seal, .ends = true};
static const struct task dropping = {.work = work_drop, .ends = true};

static void forget(struct pf_err *err)
{
    *err = (struct pf_err){.code = PF_OK};
}

/* The op with its result; the box or parcel is freed when it is not, or no more, there. */
static struct pf_store_op *settle(struct held *h)
{
    struct pf_store_op *op = h->op;
    bool failed = h->code != PF_OK;

    h->op = NULL;
    if (!failed)
        forget(&op->err);
    else if (op->err.code != h->code) /* a twin that said nothing of why */
        pf_fail(&op->err, h->code, 0, "lift", "%s gave no reason", h->lift->twin->kind->name);
    if (h->text && (h->task->ends || h->task == &writing))
        forget_collected(h);
    if (h->task->ends || h->task->asks || (h->task->makes && failed))
        free(h);
    return op;
}

static void settle_later(struct held *h)
{
    struct pf_store *store = &h->lift->base;

    pf_store_op_done(store, settle(h));
}

static void work(struct pf_job *job)
{
    struct held *h = (struct held *)((char *)job - offsetof(struct held, job));

    h->code = h->task->work(h, true);
}

static void done(struct pf_job *job);

static bool submit(struct held *h)
{
    h->job.work = work;
    h->job.done = done;
    if (!pf_pool_submit(h->lift->pool, &h->job))
        return false;
    h->lift->flying++;
    return true;
}

/* The last resort, when the pool is full of other people's work and none of ours is left in it to
 * wake us: closing and dropping are short (a few unlinks), and a lock that is never freed is worse
 * than a loop that waits for a disk once. Sealing is long and may be refused. */
static void on_the_loop(struct held *h)
{
    struct lift *l = h->lift;

    if (h->task == &sealing) {
        l->twin->kind->parcel_drop(h->twin_parcel);
        h->code = pf_fail(&h->op->err, PF_BUSY, 0, "lift", "no thread is free");
    } else {
        h->code = h->task->work(h, true);
    }
    settle_later(h);
}

static void serve_waiting(struct lift *l)
{
    while (l->waiting) {
        struct held *h = l->waiting;
        bool taken = submit(h);

        if (!taken && l->flying > 0)
            return;
        l->waiting = h->next;
        if (!l->waiting)
            l->waiting_end = &l->waiting;
        if (!taken)
            on_the_loop(h);
    }
}

static void done(struct pf_job *job)
{
    struct held *h = (struct held *)((char *)job - offsetof(struct held, job));
    struct pf_store_op *op;

    h->lift->flying--;
    serve_waiting(h->lift);
    op = settle(h);
    op->done(op); /* this is a later turn; the asker may free the store in it */
}

static void to_the_pool(struct held *h)
{
    struct lift *l = h->lift;

    if (!l->waiting && submit(h))
        return;
    if (!h->task->ends) {
        h->code = pf_fail(&h->op->err, PF_BUSY, 0, "lift", "no thread is free");
        settle_later(h);
    } else if (l->flying > 0) {
        h->next = NULL;
        *l->waiting_end = h;
        l->waiting_end = &h->next;
    } else {
        on_the_loop(h);
    }
}

static void go(struct held *h, struct pf_store_op *op, const struct task *task)
{
    h->op = op;
    h->task = task;
    if (task->tries) {
        h->code = task->work(h, false);
        if (h->code != PF_AGAIN) {
            settle_later(h);
            return;
        }
        forget(&op->err);
    }
    to_the_pool(h);
}

/* NULL, and op will be completed, without memory. */
static struct held *held_new(struct pf_store *store, struct pf_store_op *op)
{
    struct held *h = calloc(1, sizeof *h);

    if (!h) {
        pf_fail(&op->err, PF_NO_MEMORY, ENOMEM, "lift", "no memory for a maildrop");
        pf_store_op_done(store, op);
        return NULL;
    }
    h->lift = (struct lift *)store;
    return h;
}

static void box_open(struct pf_store *store, struct pf_box_open *o)
{
    struct held *h = held_new(store, &o->op);

    if (!h)
        return;
    h->box.store = store;
    go(h, &o->op, &opening);
}

static void box_read(struct pf_box *box, struct pf_box_read *r)
{
    go((struct held *)box, &r->op, &reading);
}

static void box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    go((struct held *)box, &e->op, &expunging);
}

static void box_close(struct pf_box *box, struct pf_box_close *c)
{
    go((struct held *)box, &c->op, &closing);
}

static void parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct held *h = held_new(store, &b->op);

    if (!h)
        return;
    h->parcel.store = store;
    go(h, &b->op, b->ask ? &asking : &beginning);
}

static void parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *w)
{
    struct held *h = (struct held *)parcel;

    go(h, &w->op, collect(h, w->bytes) ? &collecting : &writing);
}

static void parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    go((struct held *)parcel, &s->op, &sealing);
}

static void parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    go((struct held *)parcel, &d->op, &dropping);
}

static void lift_free(struct pf_store *store)
{
    struct lift *l = (struct lift *)store;

    assert(l->flying == 0 && !l->waiting);
    l->twin->kind->free(l->twin);
    free(l);
}

static const struct pf_store_kind kind = {
    .name = "lift",
    .box_open = box_open,
    .box_read = box_read,
    .box_expunge = box_expunge,
    .box_close = box_close,
    .parcel_begin = parcel_begin,
    .parcel_write = parcel_write,
    .parcel_seal = parcel_seal,
    .parcel_drop = parcel_drop,
    .free = lift_free,
};

struct pf_store *pf_lift_new(struct pf_loop *loop, struct pf_pool *pool, struct pf_twin *twin,
                             struct pf_err *err)
{
    struct lift *l = calloc(1, sizeof *l);

    if (!l) {
        twin->kind->free(twin);
        pf_fail(err, PF_NO_MEMORY, ENOMEM, "lift", "no memory for a store");
        return NULL;
    }
    l->base.kind = &kind;
    l->base.loop = loop;
    l->pool = pool;
    l->twin = twin;
    l->waiting_end = &l->waiting;
    return &l->base;
}
