#include "store/store_remote_box.h"

#include <stdlib.h>

enum { LOOKED_AT = 16 /* slots that are kept, for one that may be had; nearly always the first */ };

static struct pf_box_read *read_of(const struct pf_remote_box *b)
{
    return (struct pf_box_read *)(void *)b->op;
}

static struct pf_remote_ahead *ahead_new(struct pf_remote *remote)
{
    struct pf_remote_ahead *ahead = remote->spare_aheads;

    if (!ahead)
        return malloc(sizeof *ahead);
    remote->spare_aheads = ahead->next_spare;
    return ahead;
}

void pf_remote_box_forget_ahead(struct pf_remote_box *b)
{
    struct pf_remote_ahead *ahead = b->ahead;

    if (!ahead)
        return;
    b->ahead = NULL;
    if (ahead->there && ahead->err.code == PF_OK) {
        pf_remote_queue_take(&b->call);
        pf_remote_slot_give(b->call.link, ahead->slot);
    }
    ahead->next_spare = b->call.remote->spare_aheads;
    b->call.remote->spare_aheads = ahead;
}

void pf_remote_spares_free(struct pf_remote *remote)
{
    struct pf_remote_ahead *ahead;

    while ((ahead = remote->spare_aheads)) {
        remote->spare_aheads = ahead->next_spare;
        free(ahead);
    }
}

static enum pf_code say_read(struct pf_remote_call *call, struct pf_store_ask_read wanted)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
    struct pf_remote_link *link = call->link;
    union pf_store_ask ask = {.read = wanted};
    enum pf_code code = pf_remote_slot_take(link, &ask.read.slot, &ask.read.arena, call->err);

    if (code != PF_OK)
        return code;
    ask.read.box = b->number;
    ask.read.cap = b->cap;
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
    const struct pf_box_read *r = read_of(pf_remote_box_of(call));

    return say_read(call, (struct pf_store_ask_read){.index = r->index, .offset = r->offset});
}

static enum pf_code say_read_ahead(struct pf_remote_call *call)
{
    const struct pf_remote_ahead *ahead = pf_remote_box_of(call)->ahead;

    return say_read(call, (struct pf_store_ask_read){
                              .index = ahead->index, .offset = ahead->offset, .more = ahead->more});
}

/* An answer to a READ, whose slot is ours again. */
static bool piece_holds(struct pf_remote_box *b, const union pf_store_say *say,
                        const struct pf_ipc_frame *frame, uint32_t more)
{
    return !frame->fd_count && pf_remote_slot_back(b->call.link, b->slot) &&
           (say->verdict.code != PF_OK || (say->read.got <= b->cap && say->read.more <= more));
}

static bool was_read_ahead(struct pf_remote_call *call, const union pf_store_say *say,
                           struct pf_ipc_frame *frame)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
    struct pf_remote_ahead *ahead = b->ahead;

    if (say && !piece_holds(b, say, frame, ahead->more))
        return false;
    ahead->there = true;
    ahead->since = pf_loop_now(call->remote->base.loop);
    ahead->more = say ? say->read.more : 0;
    if (say) {
        pf_store_wire_err(&say->verdict, &ahead->err);
        ahead->slot = b->slot;
        ahead->at = ahead->next = 0;
        ahead->end = say->read.got;
        ahead->last = say->read.last;
        ahead->clean = say->read.clean;
        memcpy(ahead->further, say->read.further, ahead->more * sizeof ahead->further[0]);
        if (say->verdict.code == PF_OK)
            pf_remote_queue_add(&call->link->kept, call);
        else
            pf_remote_slot_give(call->link, b->slot);
    }
    if (b->op)
        b->begin(b);
    return true;
}

/* How many messages behind this one are worth it, and will have room in the slot as far as the listing
 * tells: what is stored is seldom longer than what is sent. */
static uint32_t room_for(const struct pf_remote_box *b, uint32_t index, uint64_t offset)
{
    uint32_t most = b->run <= PF_STORE_FURTHER ? b->run - 1 : PF_STORE_FURTHER, more = 0;
    uint64_t octets = b->listing.rows[index].octets;

    octets -= offset < octets ? offset : octets;
    while (more < most && b->listing.count - index - more > 1 &&
           (octets += b->listing.rows[index + more + 1].octets) <= PF_SLOT_OCTETS)
        more++;
    return more;
}

/* Whether there is a slot to read ahead. One that somebody left lying may be had: he asks anew. Not
 * within a message, where the store has gone on. */
static bool may_have_slot(struct pf_remote_link *link)
{
    struct pf_remote_call *call = link->kept.first;

    if (pf_remote_slot_plenty(link))
        return true;
    for (unsigned i = 0; call && i < LOOKED_AT; i++, call = call->next)
        if (pf_remote_box_of(call)->ahead->offset == 0) {
            pf_remote_box_forget_ahead(pf_remote_box_of(call));
            break;
        }
    return pf_remote_slot_plenty(link);
}

/* As many octets as go into a slot, in pieces of the size that is read: a short one at the end would
 * be sent by itself. */
static uint32_t whole_pieces(size_t piece)
{
    return piece < PF_SLOT_OCTETS ? PF_SLOT_OCTETS - PF_SLOT_OCTETS % (uint32_t)piece : PF_SLOT_OCTETS;
}

/* Who reads on will go on. Who has read one piece may have wanted only that (TOP), and who has read one
 * message only that one, but not who took the two before it whole. */
static void go_ahead(struct pf_remote_box *b, const struct pf_box_read *r)
{
    bool in_order = b->run > 1 && b->follows == r->index + r->last;
    uint32_t index = r->index + r->last;
    uint64_t offset = r->last ? 0 : r->offset + r->got;

    if (index == b->listing.count || !(in_order || (r->offset && !r->last)) ||
        !may_have_slot(b->call.link))
        return;
    b->ahead = ahead_new(b->call.remote);
    if (!b->ahead)
        return;
    *b->ahead = (struct pf_remote_ahead){.index = index, .offset = offset};
    if (in_order)
        b->ahead->more = room_for(b, index, offset);
    b->cap = whole_pieces(r->cap);
    pf_remote_box_call(b, PF_STORE_READ, say_read_ahead, was_read_ahead);
}

/* Before the asker hears of it: what he asks then may be on its way. */
static void given(struct pf_remote_box *b, const struct pf_box_read *r)
{
    if (r->last) {
        b->run = b->follows == r->index ? b->run + 1 : 1;
        b->follows = r->index + 1;
    }
    if (!b->ahead)
        go_ahead(b, r);
}

static bool was_read(struct pf_remote_call *call, const union pf_store_say *say,
                     struct pf_ipc_frame *frame)
{
    struct pf_remote_box *b = pf_remote_box_of(call);
    struct pf_box_read *r = read_of(b);

    if (!say) {
        pf_remote_box_fail(b);
        return true;
    }
    if (!piece_holds(b, say, frame, 0))
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
        given(b, r);
    pf_remote_box_finish(b);
    return true;
}

static void turn_to_next(struct pf_remote_ahead *ahead)
{
    const struct pf_store_further *next = &ahead->further[ahead->next++];

    ahead->more--;
    ahead->index++;
    ahead->offset = 0;
    ahead->at = ahead->end;
    ahead->end += next->got;
    ahead->last = true;
    ahead->clean = next->clean;
}

/* Whether what is asked is there. Who leaves out a message that he has may still want the next. */
static bool is_there(struct pf_remote_box *b, const struct pf_box_read *r)
{
    struct pf_remote_ahead *ahead = b->ahead;

    if (!ahead || !ahead->there || !b->call.link->ipc)
        return false;
    while (r->offset == 0 && ahead->more && ahead->index < r->index)
        turn_to_next(ahead);
    if (ahead->index != r->index || ahead->offset != r->offset)
        return false;
    return r->offset || pf_loop_now(b->call.remote->base.loop) - ahead->since <= PF_REMOTE_FRESH;
}

static void serve_ahead(struct pf_remote_box *b)
{
    struct pf_box_read *r = read_of(b);
    struct pf_remote_ahead *ahead = b->ahead;
    size_t left = ahead->end - ahead->at;

    if (ahead->err.code != PF_OK) {
        r->op.err = ahead->err;
        pf_remote_box_forget_ahead(b);
        return;
    }
    r->got = left < r->cap ? left : r->cap;
    r->clean = ahead->clean;
    r->last = ahead->last && r->got == left;
    memcpy(r->at, pf_slot_at(b->call.link->slots, ahead->slot) + ahead->at, r->got);
    ahead->at += (uint32_t)r->got;
    ahead->offset += r->got;
    if (ahead->at == ahead->end) {
        if (ahead->more)
            turn_to_next(ahead);
        else
            pf_remote_box_forget_ahead(b);
    }
    given(b, r);
}

/* True when it is done already. */
static bool read_at_once(struct pf_remote_box *b)
{
    struct pf_box_read *r = read_of(b);

    if (is_there(b, r)) {
        serve_ahead(b);
        return true;
    }
    if (b->ahead && b->ahead->there && r->offset == 0)
        b->run = 0; /* it was read for nothing */
    pf_remote_box_forget_ahead(b);
    b->cap = (uint32_t)(r->cap < PF_SLOT_OCTETS ? r->cap : PF_SLOT_OCTETS);
    pf_remote_box_call(b, PF_STORE_READ, say_read_asked, was_read);
    return false;
}

/* Behind what was read ahead. */
static void read_later(struct pf_remote_box *b)
{
    if (read_at_once(b))
        pf_remote_box_finish(b);
}

void pf_remote_box_read(struct pf_box *box, struct pf_box_read *r)
{
    struct pf_remote_box *b = (struct pf_remote_box *)box;

    if (pf_remote_box_must_wait(b, &r->op, read_later) || !read_at_once(b))
        return;
    b->op = NULL;
    pf_store_op_done(box->store, &r->op);
}
