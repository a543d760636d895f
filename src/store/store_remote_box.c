#include "store/store_remote_private.h"

#include "store/marks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Octets that were asked for before anybody wanted them. */
struct ahead {
    enum { NONE, ASKED, THERE } stage;
    uint32_t index, slot;
    uint64_t offset;   /* of the next octet that it has */
    uint32_t at, got;  /* within the slot */
    bool last, clean;
    struct pf_err err; /* instead of octets */
};

struct box {
    struct pf_box base;
    struct pf_remote_call call;
    struct pf_store_op *op; /* the asker's, while one is under way */
    void (*begin)(struct box *);
    uint32_t number;
    struct pf_slot_listing *mapped; /* or NULL */
    void *block; /* rows and UIDLs that came in a frame */
    uint32_t slot, cap; /* of the read under way */
    struct ahead ahead;
    uint32_t word;       /* of the marks, the next to be sent */
    uint32_t words_sent; /* in the frame under way */
    struct pf_err refused; /* why the open fails, while the box is being closed again */
};

static struct box *box_of(struct pf_remote_call *call)
{
    return (struct box *)(void *)((char *)call - offsetof(struct box, call));
}

static struct pf_box_read *read_of(const struct box *b)
{
    return (struct pf_box_read *)(void *)b->op;
}

static struct pf_box_expunge *expunge_of(const struct box *b)
{
    return (struct pf_box_expunge *)(void *)b->op;
}

static void finish(struct box *b)
{
    struct pf_store_op *op = b->op;

    b->op = NULL;
    op->done(op);
}

static void fail(struct box *b)
{
    b->op->err = b->call.err;
    finish(b);
}

static void box_free(struct box *b)
{
    if (b->mapped)
        pf_slot_listings_give(b->call.remote->listings, b->mapped);
    free(b->block);
    pf_remote_release(&b->call);
    free(b);
}

static void call_for(struct box *b, enum pf_store_frame kind, enum pf_code (*say)(struct pf_remote_call *),
                     bool (*answered)(struct pf_remote_call *, const union pf_store_say *, struct pf_ipc_frame *))
{
    b->call.kind = kind;
    b->call.say = say;
    b->call.answered = answered;
    b->call.ends = kind == PF_STORE_CLOSE;
    pf_remote_begin(&b->call);
}

static enum pf_code say_number(struct pf_remote_call *call)
{
    const union pf_store_ask ask = {.number = {box_of(call)->number}};

    return pf_remote_send(call, &ask, -1);
}

/* Open */

static enum pf_code say_open(struct pf_remote_call *call)
{
    union pf_store_ask ask = {0};

    if (!pf_remote_show(call, &ask.open.show))
        return PF_TEMP;
    return pf_remote_send(call, &ask, -1);
}

static void refuse(struct box *b)
{
    struct pf_store_op *op = b->op;

    box_free(b);
    op->done(op);
}

static bool closed_again(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);

    (void)say;
    (void)frame;
    b->op->err = b->refused;
    refuse(b);
    return true;
}

static enum pf_code take_listing(struct box *b, const struct pf_store_say_open *said, struct pf_ipc_frame *frame,
                                 struct pf_listing *out)
{
    enum pf_code code;

    if (said->how == PF_STORE_LISTING_HERE) {
        code = pf_store_wire_listed(said, out, &b->block);
        return code == PF_OK ? PF_OK : pf_fail(&b->refused, code, ENOMEM, "store", "a listing could not be kept");
    }
    code = pf_slot_listings_take(b->call.remote->listings, frame->fds[0], PF_SLOT_LISTING_MAX, &b->mapped, &b->refused);
    if (code == PF_OK)
        *out = b->mapped->listing;
    return code;
}

/* False for a listing that no store makes. */
static bool take_box(struct box *b, const struct pf_store_say_open *said, struct pf_ipc_frame *frame)
{
    struct pf_box_open *o = (struct pf_box_open *)(void *)b->op;
    enum pf_code code = take_listing(b, said, frame, &o->listing);

    if (code == PF_PERM)
        return false;
    b->number = said->box;
    if (code != PF_OK) {
        call_for(b, PF_STORE_CLOSE, say_number, closed_again);
        return true;
    }
    o->expired = said->expired;
    o->box = &b->base;
    finish(b);
    return true;
}

static bool opened(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);
    bool good = say && say->verdict.code == PF_OK;

    if (say && frame->fd_count != (good && say->open.how == PF_STORE_LISTING_IN_MEMORY))
        return false;
    if (say)
        pf_remote_entered(call, &say->verdict, say->open.entry, &b->op->err);
    if (good)
        return take_box(b, &say->open, frame);
    if (!say) {
        pf_purse_drop(call->remote->purse, call->pass); /* it may have been shown */
        b->op->err = call->err;
    }
    refuse(b);
    return true;
}

void pf_remote_box_open(struct pf_store *store, struct pf_box_open *o)
{
    struct box *b = calloc(1, sizeof *b);

    if (!b) {
        pf_fail(&o->op.err, PF_NO_MEMORY, ENOMEM, "store", "no memory for a maildrop");
        pf_store_op_done(store, &o->op);
        return;
    }
    b->base.store = store;
    b->op = &o->op;
    b->call.remote = (struct pf_remote *)store;
    b->call.pass = o->where.pass;
    call_for(b, PF_STORE_OPEN, say_open, opened);
}

/* Read */

static void forget_ahead(struct box *b)
{
    if (b->ahead.stage == THERE && b->ahead.err.code == PF_OK)
        pf_remote_slot_give(b->call.link, b->ahead.slot);
    b->ahead.stage = NONE;
}

static enum pf_code say_read(struct pf_remote_call *call, uint32_t index, uint64_t offset)
{
    struct box *b = box_of(call);
    struct pf_remote_link *link = call->link;
    union pf_store_ask ask = {.read = {.box = b->number, .index = index, .offset = offset, .cap = b->cap}};
    enum pf_code code = pf_remote_slot_take(link, &ask.read.slot, &ask.read.arena, &call->err);

    if (code != PF_OK)
        return code;
    b->slot = ask.read.slot;
    code = pf_remote_send(call, &ask, ask.read.arena ? pf_slots_fd(link->slots) : -1);
    if (code == PF_OK)
        pf_remote_slot_sent(link, b->slot);
    else
        pf_remote_slot_give(link, b->slot);
    return code;
}

static enum pf_code say_read_asked(struct pf_remote_call *call)
{
    const struct pf_box_read *r = read_of(box_of(call));

    return say_read(call, r->index, r->offset);
}

static enum pf_code say_read_ahead(struct pf_remote_call *call)
{
    const struct ahead *ahead = &box_of(call)->ahead;

    return say_read(call, ahead->index, ahead->offset);
}

/* An answer to a READ, whose slot is ours again. */
static bool piece_holds(struct box *b, const union pf_store_say *say, const struct pf_ipc_frame *frame)
{
    return !frame->fd_count && pf_remote_slot_back(b->call.link, b->slot) &&
           (say->verdict.code != PF_OK || say->read.got <= b->cap);
}

static bool was_read_ahead(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);
    struct ahead *ahead = &b->ahead;

    if (say && !piece_holds(b, say, frame))
        return false;
    ahead->stage = THERE;
    ahead->err = call->err;
    if (say) {
        pf_store_wire_err(&say->verdict, &ahead->err);
        ahead->slot = b->slot;
        ahead->at = 0;
        ahead->got = say->read.got;
        ahead->last = say->read.last;
        ahead->clean = say->read.clean;
        if (say->verdict.code != PF_OK)
            pf_remote_slot_give(call->link, b->slot);
    }
    if (b->op)
        b->begin(b);
    return true;
}

/* Who reads on will go on; who has read one piece may have wanted only that (TOP). */
static void go_ahead(struct box *b, const struct pf_box_read *r)
{
    if (r->last || r->offset == 0 || !pf_remote_slot_plenty(b->call.link))
        return;
    b->ahead = (struct ahead){.stage = ASKED, .index = r->index, .offset = r->offset + r->got};
    call_for(b, PF_STORE_READ, say_read_ahead, was_read_ahead);
}

static bool was_read(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);
    struct pf_box_read *r = read_of(b);

    if (!say) {
        fail(b);
        return true;
    }
    if (!piece_holds(b, say, frame))
        return false;
    pf_store_wire_err(&say->verdict, &r->op.err);
    if (say->verdict.code == PF_OK) {
        r->got = say->read.got;
        r->last = say->read.last;
        r->clean = say->read.clean;
        memcpy(r->at, pf_slot_at(call->link->slots, b->slot), r->got);
    }
    pf_remote_slot_give(call->link, b->slot);
    if (say->verdict.code == PF_OK)
        go_ahead(b, r);
    finish(b);
    return true;
}

/* The read that is asked is the one that is there. */
static void serve_ahead(struct box *b)
{
    struct pf_box_read *r = read_of(b);
    struct ahead *ahead = &b->ahead;
    size_t left = ahead->got - ahead->at;

    if (ahead->err.code != PF_OK) {
        r->op.err = ahead->err;
        ahead->stage = NONE;
        return;
    }
    r->got = left < r->cap ? left : r->cap;
    r->clean = ahead->clean;
    r->last = ahead->last && r->got == left;
    memcpy(r->at, pf_slot_at(b->call.link->slots, ahead->slot) + ahead->at, r->got);
    ahead->at += (uint32_t)r->got;
    ahead->offset += r->got;
    if (ahead->at < ahead->got)
        return;
    forget_ahead(b);
    go_ahead(b, r);
}

/* True when it is done already. */
static bool read_at_once(struct box *b)
{
    struct pf_box_read *r = read_of(b);

    if (b->ahead.stage == THERE && b->call.link->ipc && b->ahead.index == r->index && b->ahead.offset == r->offset) {
        b->cap = (uint32_t)(r->cap < PF_SLOT_OCTETS ? r->cap : PF_SLOT_OCTETS);
        serve_ahead(b);
        return true;
    }
    forget_ahead(b);
    b->cap = (uint32_t)(r->cap < PF_SLOT_OCTETS ? r->cap : PF_SLOT_OCTETS);
    call_for(b, PF_STORE_READ, say_read_asked, was_read);
    return false;
}

/* Behind what was read ahead. */
static void read_later(struct box *b)
{
    if (read_at_once(b))
        finish(b);
}

/* What was read ahead comes first: a box has one call at a time. */
static bool must_wait(struct box *b, struct pf_store_op *op, void (*begin)(struct box *))
{
    b->op = op;
    b->begin = begin;
    return b->call.stage != PF_REMOTE_IDLE;
}

void pf_remote_box_read(struct pf_box *box, struct pf_box_read *r)
{
    struct box *b = (struct box *)box;

    if (must_wait(b, &r->op, read_later) || !read_at_once(b))
        return;
    b->op = NULL;
    pf_store_op_done(box->store, &r->op);
}

/* Expunge */

static bool any(const struct pf_marks *marks)
{
    return marks && pf_marks_count(marks) > 0;
}

/* Words as they lie in memory, without what stands behind the last message. */
static struct pf_bytes words_of(const struct box *b, const struct pf_marks *marks, uint64_t *room)
{
    size_t words = pf_marks_words(marks->count), behind = words * 64 - marks->count;

    memcpy(room, marks->words + b->word, b->words_sent * sizeof *room);
    if (b->word + b->words_sent == words)
        room[b->words_sent - 1] &= UINT64_MAX >> behind;
    return pf_bytes_from(room, b->words_sent * sizeof *room);
}

static enum pf_code say_expunge(struct pf_remote_call *call)
{
    struct box *b = box_of(call);
    const struct pf_box_expunge *e = expunge_of(b);
    uint64_t remove[PF_STORE_MARK_WORDS], seen[PF_STORE_MARK_WORDS];
    union pf_store_ask ask = {.expunge = {.box = b->number, .has_remove = any(e->remove), .has_seen = any(e->seen)}};
    const struct pf_marks *marks = ask.expunge.has_remove ? e->remove : ask.expunge.has_seen ? e->seen : NULL;
    size_t words = marks ? pf_marks_words(marks->count) - b->word : 0;

    b->words_sent = (uint32_t)(words < PF_STORE_MARK_WORDS ? words : PF_STORE_MARK_WORDS);
    ask.expunge.first = b->word;
    ask.expunge.more = words > PF_STORE_MARK_WORDS;
    if (ask.expunge.has_remove)
        ask.expunge.remove = words_of(b, e->remove, remove);
    if (ask.expunge.has_seen)
        ask.expunge.seen = words_of(b, e->seen, seen);
    return pf_remote_send(call, &ask, -1);
}

static bool expunged(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);
    struct pf_box_expunge *e = expunge_of(b);
    const struct pf_marks *marks = any(e->remove) ? e->remove : e->seen;

    if (!say) {
        fail(b);
        return true;
    }
    if (frame->fd_count || say->expunge.removed > pf_marks_count(e->remove))
        return false;
    b->word += b->words_sent;
    if (say->verdict.code == PF_OK && any(marks) && b->word < pf_marks_words(marks->count)) {
        call_for(b, PF_STORE_EXPUNGE, say_expunge, expunged);
        return true;
    }
    pf_store_wire_err(&say->verdict, &e->op.err);
    e->removed = say->expunge.removed;
    finish(b);
    return true;
}

static void expunge(struct box *b)
{
    forget_ahead(b);
    b->word = 0;
    call_for(b, PF_STORE_EXPUNGE, say_expunge, expunged);
}

void pf_remote_box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    struct box *b = (struct box *)box;

    if (!must_wait(b, &e->op, expunge))
        expunge(b);
}

/* Close */

/* Also where there is no answer: a store that is gone holds no lock. */
static bool closed(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct box *b = box_of(call);
    struct pf_store_op *op = b->op;

    (void)say;
    (void)frame;
    op->err = (struct pf_err){0};
    box_free(b);
    op->done(op);
    return true;
}

static void close_box(struct box *b)
{
    forget_ahead(b);
    call_for(b, PF_STORE_CLOSE, say_number, closed);
}

void pf_remote_box_close(struct pf_box *box, struct pf_box_close *c)
{
    struct box *b = (struct box *)box;

    if (!must_wait(b, &c->op, close_box))
        close_box(b);
}
