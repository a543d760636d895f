#include "unit/store/rogue.h"

#include "store/marks.h"

static struct rogue *of(struct pf_store *store)
{
    return (struct rogue *)store;
}

static bool breaks(struct pf_store *store, enum rogue_breach breach)
{
    return of(store)->breach == breach;
}

static void box_open(struct pf_store *store, struct pf_box_open *o)
{
    of(store)->opens++;
    if (breaks(store, ROGUE_OPEN_REFUSED)) {
        pf_fail(&o->op.err, PF_IN_USE, 0, "rogue", "as asked");
    } else if (!breaks(store, ROGUE_OPEN_NO_BOX)) {
        o->box = &of(store)->box;
        o->box->store = store;
        o->listing = of(store)->listing;
    }
    pf_store_op_done(store, &o->op);
}

static void box_read(struct pf_box *box, struct pf_box_read *r)
{
    struct rogue *s = of(box->store);

    s->last = &r->op;
    r->at[0] = 'x';
    r->got = s->breach == ROGUE_GOT_TOO_MUCH ? r->cap + 1 : s->breach != ROGUE_GOT_NOTHING;
    r->last = s->breach != ROGUE_GOT_NOTHING;
    if (s->breach == ROGUE_FAIL || s->breach == ROGUE_FAIL_WITH_LAST)
        pf_fail(&r->op.err, PF_IO, 0, "rogue", "as asked");
    if (s->breach == ROGUE_FAIL)
        r->got = r->last = 0;
    if (s->breach == ROGUE_DONE_INSIDE)
        r->op.done(&r->op);
    else
        pf_store_op_done(box->store, &r->op);
    if (s->breach == ROGUE_DONE_TWICE)
        pf_store_op_done(box->store, &r->op);
}

static void box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    e->removed = pf_marks_count(e->remove);
    if (breaks(box->store, ROGUE_REMOVES_TOO_MUCH))
        e->removed++;
    if (breaks(box->store, ROGUE_REMOVES_TOO_LITTLE))
        e->removed--;
    pf_store_op_done(box->store, &e->op);
}

static void box_close(struct pf_box *box, struct pf_box_close *c)
{
    struct pf_store *store = box->store;

    of(store)->closes++;
    if (breaks(store, ROGUE_CLOSE_FAILS))
        pf_fail(&c->op.err, PF_IO, 0, "rogue", "as asked");
    if (breaks(store, ROGUE_DONE_AGAIN))
        pf_store_op_done(store, of(store)->last);
    pf_store_op_done(store, &c->op);
}

static void parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    if (breaks(store, ROGUE_OPEN_REFUSED)) {
        pf_fail(&b->op.err, PF_OVER_QUOTA, 0, "rogue", "as asked");
    } else if (!breaks(store, ROGUE_OPEN_NO_BOX)) {
        b->parcel = &of(store)->parcel;
        b->parcel->store = store;
    }
    pf_store_op_done(store, &b->op);
}

static void parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *w)
{
    if (breaks(parcel->store, ROGUE_FAIL))
        pf_fail(&w->op.err, PF_NO_SPACE, 0, "rogue", "as asked");
    pf_store_op_done(parcel->store, &w->op);
}

static void parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    struct pf_store *store = parcel->store;

    memcpy(s->uidl, "a b", 4);
    if (!breaks(store, ROGUE_BAD_UIDL))
        s->uidl[1] = '-';
    if (breaks(store, ROGUE_FAIL))
        pf_fail(&s->op.err, PF_IO, 0, "rogue", "as asked");
    pf_store_op_done(store, &s->op);
}

static void parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    struct pf_store *store = parcel->store;

    if (breaks(store, ROGUE_CLOSE_FAILS))
        pf_fail(&d->op.err, PF_IO, 0, "rogue", "as asked");
    pf_store_op_done(store, &d->op);
}

static void rogue_free(struct pf_store *store)
{
    (void)store;
}

static const struct pf_store_kind kind = {
    .name = "rogue",
    .box_open = box_open,
    .box_read = box_read,
    .box_expunge = box_expunge,
    .box_close = box_close,
    .parcel_begin = parcel_begin,
    .parcel_write = parcel_write,
    .parcel_seal = parcel_seal,
    .parcel_drop = parcel_drop,
    .free = rogue_free,
};

void rogue_init(struct rogue *s, struct pf_loop *loop)
{
    static const struct pf_row rows[] = {{.octets = 1, .uidl_at = 0, .uidl_len = 1},
                                         {.octets = 1, .uidl_at = 1, .uidl_len = 1}};

    *s = (struct rogue){.base.kind = &kind, .base.loop = loop};
    s->listing = (struct pf_listing){.rows = rows, .uidls = (const unsigned char *)"ab", .count = 2, .octets = 2};
}
