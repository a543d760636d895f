#include "store/store_remote_box.h"

#include "store/marks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct pf_box_expunge *expunge_of(const struct pf_remote_box *b)
{
    return (struct pf_box_expunge *)(void *)b->op;
}

void pf_remote_box_finish(struct pf_remote_box *b)
{
    struct pf_store_op *op = b->op;

    b->op = NULL;
    op->done(op);
}

void pf_remote_box_fail(struct pf_remote_box *b)
{
    pf_remote_box_finish(b);
}

static void box_free(struct pf_remote_box *b)
{
    pf_remote_box_forget_ahead(b);
    if (b->mapped)
        pf_slot_listings_give(b->call.remote->listings, b->mapped);
    free(b->block);
    pf_remote_release(&b->call);
    free(b);
}

void pf_remote_box_call(struct pf_remote_box *b, enum pf_store_frame kind, enum pf_code (*say)(struct pf_remote_call *),
                        bool (*answered)(struct pf_remote_call *, const union pf_store_say *, struct pf_ipc_frame *))
{
    b->call.kind = kind;
    b->call.say = say;
    b->call.answered = answered;
    b->call.ends = kind == PF_STORE_CLOSE;
    b->call.err = b->call.ends ? &b->call.remote->untold : b->ahead ? &b->ahead->err : &b->op->err;
    pf_remote_begin(&b->call);
}

static enum pf_code say_number(struct pf_remote_call *call)
{
    const union pf_store_ask ask = {.number = {pf_remote_box_of(call)->number}};

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

static void refuse(struct pf_remote_box *b)
{
    struct pf_store_op *op = b->op;

    box_free(b);
    op->done(op);
}

static bool closed_again(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct pf_remote_box *b = pf_remote_box_of(call);

    (void)say;
    (void)frame;
    refuse(b); /* the op knows why */
    return true;
}

static enum pf_code take_listing(struct pf_remote_box *b, const struct pf_store_say_open *said,
                                 struct pf_ipc_frame *frame,
                                 struct pf_listing *out)
{
    enum pf_code code;

    if (said->how == PF_STORE_LISTING_HERE) {
        code = pf_store_wire_listed(said, out, &b->block);
        return code == PF_OK ? PF_OK : pf_fail(&b->op->err, code, ENOMEM, "store", "a listing could not be kept");
    }
    code = pf_slot_listings_take(b->call.remote->listings, frame->fds[0], PF_SLOT_LISTING_MAX, &b->mapped, &b->op->err);
    if (code == PF_OK)
        *out = b->mapped->listing;
    return code;
}

/* False for a listing that no store makes. */
static bool take_box(struct pf_remote_box *b, const struct pf_store_say_open *said, struct pf_ipc_frame *frame)
{
    struct pf_box_open *o = (struct pf_box_open *)(void *)b->op;
    enum pf_code code = take_listing(b, said, frame, &o->listing);

    if (code == PF_PERM)
        return false;
    b->number = said->box;
    if (code != PF_OK) {
        pf_remote_box_call(b, PF_STORE_CLOSE, say_number, closed_again);
        return true;
    }
    b->listing = o->listing;
    o->expired = said->expired;
    o->box = &b->base;
    pf_remote_box_finish(b);
    return true;
}

static bool opened(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
    bool good = say && say->verdict.code == PF_OK;

    if (say && frame->fd_count != (good && say->open.how == PF_STORE_LISTING_IN_MEMORY))
        return false;
    if (say)
        pf_remote_entered(call, &say->verdict, say->open.entry, &b->op->err);
    if (good)
        return take_box(b, &say->open, frame);
    if (!say) {
        pf_purse_drop(call->remote->purse, call->pass); /* it may have been shown */
    }
    refuse(b);
    return true;
}

void pf_remote_box_open(struct pf_store *store, struct pf_box_open *o)
{
    struct pf_remote_box *b = calloc(1, sizeof *b);

    if (!b) {
        pf_fail(&o->op.err, PF_NO_MEMORY, ENOMEM, "store", "no memory for a maildrop");
        pf_store_op_done(store, &o->op);
        return;
    }
    b->base.store = store;
    b->op = &o->op;
    b->call.remote = (struct pf_remote *)store;
    b->call.pass = o->where.pass;
    pf_remote_box_call(b, PF_STORE_OPEN, say_open, opened);
}

/* What was read ahead comes first: a box has one call at a time. */
bool pf_remote_box_must_wait(struct pf_remote_box *b, struct pf_store_op *op, void (*begin)(struct pf_remote_box *))
{
    b->op = op;
    b->begin = begin;
    return b->call.stage != PF_REMOTE_IDLE;
}

/* Expunge */

static bool any(const struct pf_marks *marks)
{
    return marks && pf_marks_count(marks) > 0;
}

/* Words as they lie in memory, without what stands behind the last message. */
static struct pf_bytes words_of(const struct pf_remote_box *b, const struct pf_marks *marks, uint64_t *room)
{
    size_t words = pf_marks_words(marks->count), behind = words * 64 - marks->count;

    memcpy(room, marks->words + b->word, b->words_sent * sizeof *room);
    if (b->word + b->words_sent == words)
        room[b->words_sent - 1] &= UINT64_MAX >> behind;
    return pf_bytes_from(room, b->words_sent * sizeof *room);
}

static enum pf_code say_expunge(struct pf_remote_call *call)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
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
    struct pf_remote_box *b = pf_remote_box_of(call);
    struct pf_box_expunge *e = expunge_of(b);
    const struct pf_marks *marks = any(e->remove) ? e->remove : e->seen;

    if (!say) {
        pf_remote_box_fail(b);
        return true;
    }
    if (frame->fd_count || say->expunge.removed > pf_marks_count(e->remove))
        return false;
    b->word += b->words_sent;
    if (say->verdict.code == PF_OK && any(marks) && b->word < pf_marks_words(marks->count)) {
        pf_remote_box_call(b, PF_STORE_EXPUNGE, say_expunge, expunged);
        return true;
    }
    pf_store_wire_err(&say->verdict, &e->op.err);
    e->removed = say->expunge.removed;
    pf_remote_box_finish(b);
    return true;
}

static void expunge(struct pf_remote_box *b)
{
    pf_remote_box_forget_ahead(b);
    b->word = 0;
    pf_remote_box_call(b, PF_STORE_EXPUNGE, say_expunge, expunged);
}

void pf_remote_box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    struct pf_remote_box *b = (struct pf_remote_box *)box;

    if (!pf_remote_box_must_wait(b, &e->op, expunge))
        expunge(b);
}

/* Close */

/* Also where there is no answer: a store that is gone holds no lock. */
static bool closed(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
    struct pf_store_op *op = b->op;

    (void)say;
    (void)frame;
    op->err = (struct pf_err){0};
    box_free(b);
    op->done(op);
    return true;
}

static void close_box(struct pf_remote_box *b)
{
    pf_remote_box_forget_ahead(b);
    pf_remote_box_call(b, PF_STORE_CLOSE, say_number, closed);
}

void pf_remote_box_close(struct pf_box *box, struct pf_box_close *c)
{
    struct pf_remote_box *b = (struct pf_remote_box *)box;

    if (!pf_remote_box_must_wait(b, &c->op, close_box))
        close_box(b);
}
