#include "sim.h"

#include <assert.h>
#include <stdlib.h>

enum { FAULTS = 6 }; /* at once, at most */

struct sim_parcel {
    struct sim_parcel *next;
    struct sim *sim;
    struct sim_drop *drop;
    struct sim_message *message; /* NULL: it is the maildrop's, or was dropped */
    struct pf_parcel *parcel;
    size_t at;
    bool struck, placed;
    union {
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop_op;
    } op;
};

void __wrap_pf_box_open(struct pf_store *, struct pf_box_open *);
void __wrap_pf_box_read(struct pf_box *, struct pf_box_read *);
void __wrap_pf_box_expunge(struct pf_box *, struct pf_box_expunge *);
void __wrap_pf_box_close(struct pf_box *, struct pf_box_close *);
void __real_pf_box_open(struct pf_store *, struct pf_box_open *);
void __real_pf_box_read(struct pf_box *, struct pf_box_read *);
void __real_pf_box_expunge(struct pf_box *, struct pf_box_expunge *);
void __real_pf_box_close(struct pf_box *, struct pf_box_close *);

static struct sim_drop *drop_at(struct sim *s, const char *path)
{
    for (unsigned i = 0; i < SIM_USERS; i++)
        if (strcmp(s->drops[i].path, path) == 0)
            return &s->drops[i];
    sim_fail(s, "maildrop %s belongs to nobody", path);
}

/* The guest's op goes on under our eyes: its `done` comes through `ours` first. */
static struct sim_client *watch(struct pf_store_op *op, void (*ours)(struct pf_store_op *))
{
    struct sim_client *c = sim_client_of(sim_world, op);

    c->done = op->done;
    op->done = ours;
    return c;
}

static void pass_on(struct sim_client *c, struct pf_store_op *op)
{
    op->done = c->done;
    c->done = NULL;
    op->done(op);
}

static void opened(struct pf_store_op *op)
{
    struct sim_client *c = sim_client_of(sim_world, op);
    struct pf_box_open *o = (struct pf_box_open *)op;

    c->opens[c->opens_tail++ % SIM_OPENS] = op->err.code;
    if (c->struck ? op->err.code == PF_OK : op->err.code != c->open_wanted)
        sim_fail(sim_world, "client %u: open gives %s, struck %d, wanted %s", c->number,
                 pf_verdict(op->err.code)->name, c->struck, pf_verdict(c->open_wanted)->name);
    if (op->err.code == PF_OK && o->listing.count != c->listed)
        sim_fail(sim_world, "client %u: %u messages listed, not %u", c->number, o->listing.count, c->listed);
    for (uint32_t i = 0; op->err.code == PF_OK && i < c->listed; i++) {
        struct pf_bytes uidl = pf_listing_uidl(&o->listing, i);
        struct sim_message *m = c->listing[i];

        if (!m->uidl[0] && uidl.len <= PF_UIDL_MAX) /* sealed, and not told yet */
            memcpy(m->uidl, uidl.at, uidl.len);
        if (!pf_bytes_equal(uidl, pf_bytes_of(m->uidl)) || o->listing.rows[i].octets != m->octets)
            sim_fail(sim_world, "client %u: row %u is not message %s", c->number, i + 1, m->uidl);
    }
    pass_on(c, op);
}

void __wrap_pf_box_open(struct pf_store *store, struct pf_box_open *o)
{
    unsigned fired = pf_faulty_fired(sim_world->store);
    struct sim_client *c;

    if (store != sim_world->store) { /* what faulty asks of memory */
        __real_pf_box_open(store, o);
        return;
    }
    c = watch(&o->op, opened);
    c->opens_tail -= c->guest->hold.until != 0; /* the same login tries again: it was not answered */
    c->drop = drop_at(sim_world, o->where.path);
    c->open_wanted = c->drop->holder ? PF_IN_USE : c->drop->count ? PF_OK : PF_NO_BOX;
    c->listed = 0;
    for (unsigned i = 0; i < c->drop->count; i++)
        if (!c->drop->messages[i]->gone)
            c->listing[c->listed++] = c->drop->messages[i];
    __real_pf_box_open(store, o);
    c->struck = pf_faulty_fired(sim_world->store) != fired;
    if (!c->struck && c->open_wanted == PF_OK)
        c->drop->holder = c;
    sim_world->counts.in_use += !c->struck && c->open_wanted == PF_IN_USE;
}

static void was_read(struct pf_store_op *op)
{
    struct sim_client *c = sim_client_of(sim_world, op);

    struct pf_box_read *r = (struct pf_box_read *)op;

    if (op->err.code != PF_OK && !c->struck)
        sim_fail(sim_world, "client %u: a read failed that no fault struck", c->number);
    r->at = c->read_to;
    memcpy(r->at, c->late, r->got);
    free(c->late);
    c->late = NULL;
    pass_on(c, op);
}

void __wrap_pf_box_read(struct pf_box *box, struct pf_box_read *r)
{
    unsigned fired = pf_faulty_fired(sim_world->store);
    struct sim_client *c;

    if (box->store != sim_world->store) {
        __real_pf_box_read(box, r);
        return;
    }
    c = watch(&r->op, was_read);
    if (c->drop->holder != c)
        sim_fail(sim_world, "client %u reads in a maildrop that is not its own", c->number);
    /* A thread writes until the op is complete, so the octets come only then. */
    c->read_to = r->at;
    c->late = r->at = malloc(r->cap);
    assert(c->late);
    __real_pf_box_read(box, r);
    c->struck = pf_faulty_fired(sim_world->store) != fired;
    c->struck_reads[r->index] += c->struck;
}

/* The fault's definition says how many went: none, or the first half. */
static void expunged(struct pf_store_op *op)
{
    struct sim_client *c = sim_client_of(sim_world, op);
    struct pf_box_expunge *e = (struct pf_box_expunge *)op;
    unsigned marked = (unsigned)__builtin_popcountll(c->marks), left = e->removed;

    if (c->struck ? op->err.code == PF_OK && marked : op->err.code != PF_OK)
        sim_fail(sim_world, "client %u: expunge says %s, struck %d", c->number, pf_verdict(op->err.code)->name,
                 c->struck);
    if (c->struck ? e->removed != 0 && e->removed != marked / 2 : e->removed != marked)
        sim_fail(sim_world, "client %u: %u of %u removed, struck %d", c->number, e->removed, marked, c->struck);
    for (unsigned i = 0; i < c->listed && left; i++)
        if (c->marks >> i & 1) {
            c->listing[i]->gone = true;
            left--;
        }
    sim_world->counts.removed += e->removed;
    c->drop->in_flight = 0;
    c->committed = true;
    c->commit_code = op->err.code;
    pass_on(c, op);
}

void __wrap_pf_box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    unsigned fired = pf_faulty_fired(sim_world->store);
    uint64_t allowed;
    struct sim_client *c;

    if (box->store != sim_world->store) {
        __real_pf_box_expunge(box, e);
        return;
    }
    c = watch(&e->op, expunged);
    allowed = c->may_delete | (sim_world->expire_0 ? c->may_fetch : 0);
    c->marks = e->remove && e->remove->count ? e->remove->words[0] : 0;
    if (c->drop->holder != c || !c->quit_sent || c->marks & ~allowed)
        sim_fail(sim_world, "client %u: removes %llx, may %llx, QUIT %ssent", c->number,
                 (unsigned long long)c->marks, (unsigned long long)allowed, c->quit_sent ? "" : "not ");
    c->drop->in_flight = (unsigned)__builtin_popcountll(c->marks);
    __real_pf_box_expunge(box, e);
    c->struck = pf_faulty_fired(sim_world->store) != fired;
}

void __wrap_pf_box_close(struct pf_box *box, struct pf_box_close *b)
{
    struct sim_client *c;

    if (box->store == sim_world->store) {
        c = sim_client_of(sim_world, &b->op);
        if (c->drop->holder != c)
            sim_fail(sim_world, "client %u closes a maildrop that is not its own", c->number);
        c->drop->holder = NULL;
    }
    __real_pf_box_close(box, b);
}

static bool full(const struct sim_drop *d)
{
    unsigned on_their_way = 0;

    for (const struct sim_parcel *p = sim_world->parcels; p; p = p->next)
        on_their_way += p->drop == d;
    return d->count + on_their_way >= SIM_MESSAGES;
}

void sim_deliver(struct sim *s, struct sim_drop *d)
{
    struct sim_message *m;

    if (full(d))
        return;
    m = sim_message_new(s);
    snprintf(m->uidl, sizeof m->uidl, "%s-%u", d->path + 3, d->count);
    if (pf_memory_add(s->memory, d->path, pf_bytes_from(m->text.at, m->text.len), m->uidl, NULL) != PF_OK)
        sim_fail(s, "no message can be added");
    d->messages[d->count++] = m;
    s->counts.deliveries++;
}

static void parcel_end(struct sim_parcel *p)
{
    struct sim_parcel **at = &p->sim->parcels;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (!p->placed)
        sim_message_free(p->message);
    free(p);
}

static struct sim_parcel *parcel_of(struct pf_store_op *op)
{
    return (struct sim_parcel *)(void *)((char *)op - offsetof(struct sim_parcel, op));
}

static void parcel_gone(struct pf_store_op *op)
{
    struct sim_parcel *p = parcel_of(op);

    if (p->placed && op->err.code != PF_OK)
        sim_fail(p->sim, "a seal failed that no fault struck");
    if (p->placed) {
        memcpy(p->message->uidl, p->op.seal.uidl, sizeof p->message->uidl);
        if (p->op.seal.octets != p->message->octets)
            sim_fail(p->sim, "a seal tells the wrong size");
        p->sim->counts.deliveries++;
    }
    parcel_end(p);
}

/* Listed from the moment of the seal on, whenever the answer comes. */
static void seal(struct sim_parcel *p)
{
    unsigned fired = pf_faulty_fired(p->sim->store);

    p->op.seal = (struct pf_parcel_seal){.op.done = parcel_gone};
    pf_parcel_seal(p->parcel, &p->op.seal);
    p->placed = pf_faulty_fired(p->sim->store) == fired;
    if (p->placed)
        p->drop->messages[p->drop->count++] = p->message;
}

static void parcel_step(struct pf_store_op *op)
{
    struct sim_parcel *p = parcel_of(op);
    struct pf_bytes rest = pf_bytes_from(p->message->text.at, p->message->text.len);

    if (!p->parcel) {
        p->parcel = p->op.begin.parcel;
        if (op->err.code != PF_OK) {
            parcel_end(p);
            return;
        }
    }
    rest = pf_bytes_skip(rest, p->at);
    if (op->err.code != PF_OK || sim_chance(p->sim, 3)) {
        p->op.drop_op = (struct pf_parcel_drop){.op.done = parcel_gone};
        pf_parcel_drop(p->parcel, &p->op.drop_op);
    } else if (rest.len) {
        rest = pf_bytes_head(rest, 1 + sim_pick(p->sim, 20000));
        p->at += rest.len;
        p->op.write = (struct pf_parcel_write){.op.done = parcel_step, .bytes = rest};
        pf_parcel_write(p->parcel, &p->op.write);
    } else {
        seal(p);
    }
}

void sim_parcel_begin(struct sim *s, struct sim_drop *d)
{
    struct sim_parcel *p;

    if (full(d))
        return;
    p = calloc(1, sizeof *p);
    assert(p);
    p->sim = s;
    p->drop = d;
    p->message = sim_message_new(s);
    p->next = s->parcels;
    s->parcels = p;
    p->op.begin = (struct pf_parcel_begin){.op.done = parcel_step, .where = {.user = "sim", .path = d->path}};
    pf_parcel_begin(s->store, &p->op.begin);
}

void sim_fault(struct sim *s)
{
    static const enum pf_code codes[] = {PF_IO, PF_NO_SPACE, PF_GONE, PF_CHANGED, PF_DAMAGED, PF_NO_MEMORY,
                                         PF_PARTIAL, PF_BUSY, PF_PERM};
    struct pf_fault f = {
        .at = (enum pf_fault_at)sim_pick(s, PF_FAULT_SEAL + 1),
        .number = 1 + sim_pick(s, 4),
        .index = sim_chance(s, 60) ? -1 : (int64_t)sim_pick(s, 6),
        .after = sim_chance(s, 50) ? 0 : sim_pick(s, sim_chance(s, 50) ? 300 : 100000),
        .code = codes[sim_pick(s, sizeof codes / sizeof codes[0])],
        .silent = sim_chance(s, 30),
    };

    if (sim_chance(s, 60))
        f.at = sim_chance(s, 60) ? PF_FAULT_READ : PF_FAULT_EXPUNGE;
    if (f.at != PF_FAULT_READ && sim_chance(s, 60))
        f.number = 1;
    if (f.at == PF_FAULT_EXPUNGE && sim_chance(s, 50))
        f.code = PF_PARTIAL;
    if (s->faults_added++ % FAULTS == 0)
        pf_faulty_clear(s->store);
    pf_faulty_add(s->store, &f);
    sim_trace(s, "fault at %d, number %u, after %llu, silent %d", f.at, f.number, (unsigned long long)f.after,
              f.silent);
}

/* What the store holds now: all that must be there, and no more than may. */
void sim_check_counts(struct sim *s)
{
    for (unsigned i = 0; i < SIM_USERS; i++) {
        const struct sim_drop *d = &s->drops[i];
        unsigned there = 0, count = pf_memory_count(s->memory, d->path);

        for (unsigned k = 0; k < d->count; k++)
            there += !d->messages[k]->gone;
        if (count > there || count + d->in_flight < there)
            sim_fail(s, "%s holds %u messages, %u should be there, %u may go", d->path, count, there,
                     d->in_flight);
    }
}

struct look {
    struct sim *sim;
    bool done;
    union {
        struct pf_box_open open;
        struct pf_box_read read;
        struct pf_box_close close;
    } op;
};

static void looked(struct pf_store_op *op)
{
    ((struct look *)(void *)((char *)op - offsetof(struct look, op)))->done = true;
}

static void wait_for(struct look *l)
{
    while (!l->done)
        sim_turn(l->sim);
    l->done = false;
}

static void read_one(struct look *l, struct pf_box *box, uint32_t index, const struct sim_message *m)
{
    unsigned char piece[4096];
    uint64_t at = 0;

    do {
        l->op.read = (struct pf_box_read){.op.done = looked, .index = index, .offset = at, .at = piece,
                                          .cap = sizeof piece};
        pf_box_read(box, &l->op.read);
        wait_for(l);
        if (l->op.read.op.err.code != PF_OK || l->op.read.got > m->text.len - at ||
            (l->op.read.got && memcmp(piece, m->text.at + at, l->op.read.got) != 0))
            sim_fail(l->sim, "message %s is not as it was", m->uidl);
        at += l->op.read.got;
    } while (!l->op.read.last);
    if (at != m->text.len)
        sim_fail(l->sim, "message %s is cut", m->uidl);
}

/* At the end: no lock, and every message that must be there, octet for octet, and no other. */
void sim_check_drop(struct sim *s, struct sim_drop *d)
{
    struct look l = {.sim = s};
    struct pf_box *box;
    uint32_t index = 0;

    if (!d->count)
        return;
    l.op.open = (struct pf_box_open){.op.done = looked, .where = {.user = "sim", .path = d->path}};
    pf_box_open(s->memory, &l.op.open);
    wait_for(&l);
    box = l.op.open.box;
    if (!box || d->holder)
        sim_fail(s, "%s is still locked", d->path);
    for (unsigned i = 0; i < d->count; i++) {
        struct sim_message *m = d->messages[i];

        if (m->gone)
            continue;
        if (index >= l.op.open.listing.count ||
            !pf_bytes_equal(pf_listing_uidl(&l.op.open.listing, index), pf_bytes_of(m->uidl)))
            sim_fail(s, "message %s was lost", m->uidl);
        index++;
    }
    if (index != l.op.open.listing.count)
        sim_fail(s, "%s holds more than it should", d->path);
    index = 0;
    for (unsigned i = 0; i < d->count; i++)
        if (!d->messages[i]->gone)
            read_one(&l, box, index++, d->messages[i]);
    l.op.close = (struct pf_box_close){.op.done = looked};
    pf_box_close(box, &l.op.close);
    wait_for(&l);
}
