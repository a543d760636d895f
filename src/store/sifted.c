#include "store/sifted.h"

#include "store/marks.h"
#include "store/sifted_head.h"
#include "store/wrap.h"
#include <postfach/pop3_server.h>

#include <errno.h>
#include <stdlib.h>

enum { PIECE = 4096 }; /* octets of a head read at once; a delivery's fields are in the first */

struct sifted {
    struct pf_wrap wrap;
    struct pf_store_kind kind; /* wrap's, but for the open */
};

/* What is needed only until a view is open. */
struct sift {
    uint32_t index;
    uint64_t offset;
    struct pf_sifted_head head;
    unsigned char piece[PIECE];
};

/* A box of ours: somebody's part of a maildrop. Who wants all of it is served by the store below. Only `open` makes
 * one, so every box of this store is one; parcels are wrap's. */
struct sifted_box {
    struct pf_wrapped g; /* first: wrap.c frees it with the box */
    struct sift *sift;
    struct pf_listing all; /* of the store below */
    struct pf_row *rows;   /* those that are shown, and where they are in `all` */
    uint32_t *indexes;
    uint32_t count;
    uint64_t octets;
    struct pf_marks seen; /* while an expunge is under way; those to remove are in g.marks */
};

static struct sifted_box *box_of(struct pf_store_op *op)
{
    return (struct sifted_box *)(void *)((char *)op - offsetof(struct sifted_box, g.inner));
}

static void forget(struct sifted_box *v)
{
    free(v->sift);
    free(v->rows);
    free(v->indexes);
    v->sift = NULL;
    v->rows = NULL;
    v->indexes = NULL;
}

/* There is no box; the asker's op knows why. */
static void answer_without(struct sifted_box *v)
{
    struct pf_store_op *op = v->g.asked.op;

    forget(v);
    free(v);
    op->done(op);
}

static void closed_again(struct pf_store_op *op)
{
    answer_without(box_of(op));
}

/* `err` may lie in the op below. */
static void give_up(struct sifted_box *v, const struct pf_err *err)
{
    v->g.asked.op->err = *err;
    v->g.inner.close = (struct pf_box_close){.op.done = closed_again};
    pf_box_close(v->g.inner_box, &v->g.inner.close);
}

static void answer(struct sifted_box *v, const struct pf_listing *listing)
{
    struct pf_box_open *o = v->g.asked.open;

    o->listing = *listing;
    o->box = &v->g.box;
    o->op.done(&o->op);
}

static void was_read(struct pf_store_op *op);

/* From where the last piece ended; or all are through. */
static void go_on(struct sifted_box *v)
{
    struct sift *s = v->sift;

    if (s->index == v->all.count) {
        const struct pf_listing shown = {
            .rows = v->rows, .uidls = v->all.uidls, .count = v->count, .octets = v->octets};

        free(s);
        v->sift = NULL;
        answer(v, &shown);
        return;
    }
    v->g.inner.read = (struct pf_box_read){.op.done = was_read,
                                           .index = s->index,
                                           .offset = s->offset,
                                           .at = s->piece,
                                           .cap = sizeof s->piece};
    pf_box_read(v->g.inner_box, &v->g.inner.read);
}

static void next_message(struct sifted_box *v, bool shown)
{
    struct sift *s = v->sift;

    if (shown) {
        v->rows[v->count] = v->all.rows[s->index];
        v->indexes[v->count++] = s->index;
        v->octets += v->all.rows[s->index].octets; /* at most that of all, which was checked */
    }
    s->index++;
    s->offset = 0;
    pf_sifted_head_begin(&s->head, v->g.asked.open->where.recipient);
    go_on(v);
}

/* It is the message, and will be so tomorrow. */
static bool concerns_message(enum pf_code code)
{
    return code == PF_GONE || code == PF_CHANGED || code == PF_DAMAGED || code == PF_PERM;
}

static void was_read(struct pf_store_op *op)
{
    struct sifted_box *v = box_of(op);
    const struct pf_box_read *r = &v->g.inner.read;
    enum pf_sifted found;

    if (op->err.code != PF_OK) {
        if (concerns_message(op->err.code))
            next_message(v, false);
        else
            give_up(v, &op->err);
        return;
    }
    found = pf_sifted_head_feed(&v->sift->head, pf_bytes_from(r->at, r->got));
    if (found == PF_SIFTED_MORE && r->last)
        found = pf_sifted_head_end(&v->sift->head);
    v->sift->offset += r->got;
    if (found == PF_SIFTED_MORE)
        go_on(v);
    else
        next_message(v, found == PF_SIFTED_MATCH);
}

static void sift(struct sifted_box *v)
{
    size_t count = v->all.count ? v->all.count : 1;
    struct pf_err err;

    v->sift = malloc(sizeof *v->sift);
    v->rows = calloc(count, sizeof *v->rows);
    v->indexes = calloc(count, sizeof *v->indexes);
    if (!v->sift || !v->rows || !v->indexes) {
        pf_fail(&err, PF_NO_MEMORY, ENOMEM, "sifted", "no memory to sift %u messages", v->all.count);
        give_up(v, &err);
        return;
    }
    v->sift->index = 0;
    v->sift->offset = 0;
    pf_sifted_head_begin(&v->sift->head, v->g.asked.open->where.recipient);
    go_on(v);
}

static void opened(struct pf_store_op *op)
{
    struct sifted_box *v = box_of(op);
    struct pf_box_open *o = v->g.asked.open;

    o->op.err = op->err;
    o->expired = v->g.inner.open.expired;
    v->g.inner_box = v->g.inner.open.box;
    v->all = v->g.inner.open.listing;
    if (!v->g.inner_box)
        answer_without(v);
    else
        sift(v);
}

static void box_open(struct pf_store *store, struct pf_box_open *o)
{
    struct sifted_box *v = calloc(1, sizeof *v);

    if (!v) {
        pf_fail(&o->op.err, PF_NO_MEMORY, ENOMEM, "sifted", "no memory for a maildrop");
        pf_store_op_done(store, &o->op);
        return;
    }
    v->g.box.store = store;
    v->g.asked.open = o;
    v->g.inner.open = (struct pf_box_open){.op.done = opened, .where = o->where};
    v->g.inner.open.where.recipient = NULL;
    v->g.inner.open.where.expire_days = PF_EXPIRE_NEVER;
    pf_box_open(((struct sifted *)store)->wrap.inner, &v->g.inner.open);
}

/* Marks of the view as marks of the whole maildrop. */
static bool map_marks(const struct sifted_box *v, const struct pf_marks *from, struct pf_marks *to)
{
    *to = (struct pf_marks){calloc(pf_marks_words(v->all.count) + 1, sizeof(uint64_t)), v->all.count};
    for (uint32_t i = 0; to->words && i < v->count; i++)
        if (pf_marks_has(from, i))
            pf_marks_set(to, v->indexes[i], true);
    return to->words;
}

static void free_marks(struct sifted_box *v)
{
    free(v->g.marks.words);
    free(v->seen.words);
    v->g.marks.words = v->seen.words = NULL;
}

/* Failing to mark as seen is no error. */
static bool map_expunge(struct sifted_box *v)
{
    struct pf_box_expunge *inner = &v->g.inner.expunge, *e = v->g.asked.expunge;

    if (e->seen)
        inner->seen = map_marks(v, e->seen, &v->seen) ? &v->seen : NULL;
    if (!e->remove)
        return true;
    inner->remove = &v->g.marks;
    if (map_marks(v, e->remove, &v->g.marks))
        return true;
    free_marks(v);
    e->failed = pf_marks_count(e->remove);
    pf_fail(&e->op.err, PF_NO_MEMORY, ENOMEM, "sifted", "no memory to remove %u messages", e->failed);
    return false;
}

static bool before(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct sifted_box *v = (struct sifted_box *)g;

    (void)w;
    if (g->call > PF_WRAP_CLOSE)
        return true;
    if (g->call == PF_WRAP_READ)
        g->inner.read.index = v->indexes[g->asked.read->index];
    return g->call != PF_WRAP_EXPUNGE || map_expunge(v);
}

static void after(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct sifted_box *v = (struct sifted_box *)g;

    (void)w;
    if (g->call > PF_WRAP_CLOSE)
        return;
    if (g->call == PF_WRAP_EXPUNGE)
        free_marks(v);
    else if (g->call == PF_WRAP_CLOSE)
        forget(v);
}

static struct pf_store *behind(struct pf_store *store)
{
    return ((struct sifted *)store)->wrap.inner;
}

struct pf_store *pf_sifted_new(struct pf_store *inner)
{
    struct sifted *s = calloc(1, sizeof *s);

    if (!s) {
        pf_store_free(inner);
        return NULL;
    }
    pf_wrap_init(&s->wrap, inner);
    s->wrap.before = before;
    s->wrap.after = after;
    s->kind = *s->wrap.base.kind;
    s->kind.name = "sifted";
    s->kind.box_open = box_open;
    s->kind.behind = behind;
    s->kind.sifts = true;
    s->wrap.base.kind = &s->kind;
    return &s->wrap.base;
}
