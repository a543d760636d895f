#include "store/store_serve_private.h"

#include "sys/slot_listing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct pf_serve_held *held_of(struct pf_store_op *op)
{
    /* Every member of the union begins with its op. */
    return (struct pf_serve_held *)(void *)((char *)op - offsetof(struct pf_serve_held, op));
}

/* Open */

void pf_serve_refuse_open(struct pf_serve_held *held, const struct pf_err *err)
{
    union pf_store_say say = {.open = {.verdict = pf_store_wire_verdict(err), .entry = held->entry}};

    pf_serve_reply(held, PF_STORE_OPEN, &say, -1);
    pf_serve_held_free(held);
}

static void closed_again(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_err err = pf_serve_told(held);

    held->box = NULL;
    pf_serve_freed(held->gate->serve, held->where.path);
    pf_serve_refuse_open(held, &err);
}

/* An entry that opened a maildrop has served. */
static void say_opened(struct pf_serve_held *held, union pf_store_say *say, int fd)
{
    held->what = PF_SERVE_BOX;
    pf_purse_drop(held->gate->entries, held->entry);
    pf_serve_reply(held, PF_STORE_OPEN, say, fd);
}

static bool make_listing(struct pf_serve_held *held, const struct pf_listing *listing, int *out_fd)
{
    struct pf_err err;

    if (pf_slot_listing_make(listing, false, out_fd, &err) == PF_OK)
        return true;
    pf_serve_tell(held, &err);
    return false;
}

/* In memory that is kept for the next session, too, or made for this one. */
static bool hand_out_memory(struct pf_serve_held *held, union pf_store_say *say)
{
    const struct pf_listing *listing = &held->op.open.listing;
    int fd = listing->kept ? listing->kept->memory : -1;
    bool made = fd < 0;

    if (made && !make_listing(held, listing, &fd))
        return false;
    say->open.how = PF_STORE_LISTING_IN_MEMORY;
    say_opened(held, say, fd);
    if (made)
        close(fd);
    return true;
}

/* False, and told, when the listing cannot be handed out. */
static bool hand_out(struct pf_serve_held *held)
{
    const struct pf_listing *listing = &held->op.open.listing;
    unsigned char here[PF_STORE_LISTING_INLINE];
    struct pf_span span = {here, 0, sizeof here};
    union pf_store_say say = {.open = {.box = held->number, .expired = held->op.open.expired}};

    held->count = listing->count;
    if (pf_store_wire_list_octets(listing) <= PF_STORE_LISTING_INLINE) {
        pf_store_wire_list(&span, listing);
        say.open.count = listing->count;
        say.open.listing = pf_span_bytes(&span);
        say_opened(held, &say, -1);
        return true;
    }
    return hand_out_memory(held, &say);
}

/* Its gate has gone. Somebody may wait for what it did not get. */
static void give_up(struct pf_serve_held *held)
{
    held->what = PF_SERVE_BOX;
    pf_serve_freed(held->gate->serve, held->where.path);
    pf_serve_held_free(held);
}

static void opened(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_err err = op->err;

    held->busy = false;
    if (err.code == PF_OK) {
        held->box = held->op.open.box;
        held->ended = true; /* nothing can be read on */
        if (!held->gate->ipc) {
            pf_serve_close_box(held);
        } else if (!hand_out(held)) {
            held->op.close = (struct pf_box_close){.op.done = closed_again};
            held->busy = true;
            pf_box_close(held->box, &held->op.close);
        }
        return;
    }
    if (!held->gate->ipc)
        give_up(held);
    else if (err.code != PF_IN_USE || !pf_serve_contend(held, &err))
        pf_serve_refuse_open(held, &err);
}

void pf_serve_open_box(struct pf_serve_held *held)
{
    held->busy = true;
    held->where.now = (int64_t)time(NULL);
    held->where.shared = true;
    held->op.open = (struct pf_box_open){.op.done = opened, .where = held->where};
    pf_box_open(held->gate->serve->parts.store, &held->op.open);
}

void pf_serve_open(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    struct pf_err err;
    uint64_t entry;
    struct pf_serve_held *held = pf_serve_admit(gate, &ask->open.show, PF_SERVE_OPENING, &entry, &err);
    union pf_store_say say;

    (void)frame;
    if (!held) {
        say.open = (struct pf_store_say_open){.verdict = pf_store_wire_verdict(&err), .entry = entry};
        pf_serve_answer(gate, id, PF_STORE_OPEN, &say, -1);
        return;
    }
    held->request = id;
    pf_serve_open_box(held);
}

/* Read */

static void say_read(struct pf_serve_held *held, struct pf_store_verdict verdict)
{
    struct pf_serve_gate *gate = held->gate;
    struct pf_serve_buffer *buffer = held->buffer;
    union pf_store_say say = {.verdict = verdict};

    if (verdict.code == PF_OK) {
        say.read = buffer->said;
        memcpy(pf_slot_at(gate->slots, held->slot), buffer->at, buffer->used);
    }
    pf_serve_buffer_give(gate->serve, buffer);
    held->buffer = NULL;
    pf_slot_lend(gate->slots, held->slot);
    pf_serve_reply(held, PF_STORE_READ, &say, -1);
}

static void note(struct pf_serve_held *held)
{
    const struct pf_box_read *r = &held->op.read;

    held->index = r->index;
    held->next_octet = r->offset + r->got;
    held->ended = r->last;
    held->buffer->used += (uint32_t)r->got;
}

static void was_read_too(struct pf_store_op *op);

/* Whether one more message is read for the same answer. */
static bool read_one_more(struct pf_serve_held *held)
{
    struct pf_serve_buffer *buffer = held->buffer;

    if (!buffer->more || !held->ended || !held->gate->ipc || buffer->used == PF_SLOT_OCTETS ||
        held->index + 1 == held->count || pf_loop_now(held->gate->serve->parts.loop) > buffer->until)
        return false;
    buffer->more--;
    held->busy = true;
    held->op.read = (struct pf_box_read){.op.done = was_read_too, .index = held->index + 1,
                                         .at = buffer->at + buffer->used, .cap = PF_SLOT_OCTETS - buffer->used};
    pf_box_read(held->box, &held->op.read);
    return true;
}

static void read_more(struct pf_serve_held *held)
{
    struct pf_serve_gate *gate = held->gate;

    if (read_one_more(held))
        return;
    say_read(held, (struct pf_store_verdict){.code = PF_OK});
    if (!gate->ipc)
        pf_serve_leave(held);
}

/* One that has no room, or of which there is to be said why it is not whole, is left for the READ that wants it. */
static void was_read_too(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_serve_buffer *buffer = held->buffer;
    const struct pf_box_read *r = &held->op.read;

    held->busy = false;
    if (op->err.code == PF_OK && r->last) {
        buffer->said.further[buffer->said.more++]
            = (struct pf_store_further){.got = (uint32_t)r->got, .clean = r->clean};
        note(held);
    } else {
        buffer->more = 0;
    }
    read_more(held);
}

static void was_read(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_serve_gate *gate = held->gate;
    const struct pf_box_read *r = &held->op.read;

    held->busy = false;
    if (op->err.code == PF_OK) {
        held->buffer->said
            = (struct pf_store_say_read){.got = (uint32_t)r->got, .last = r->last, .clean = r->clean};
        note(held);
        read_more(held);
        return;
    }
    say_read(held, pf_store_wire_verdict(&op->err));
    if (!gate->ipc)
        pf_serve_leave(held);
}

/* The referee asserts it; of a gate it is asked. */
static bool in_order(const struct pf_serve_held *held, const struct pf_store_ask_read *ask)
{
    return ask->index < held->count &&
           (ask->offset == 0 || (ask->index == held->index && ask->offset == held->next_octet && !held->ended));
}

static void no_memory(struct pf_serve_held *held, enum pf_store_frame kind)
{
    struct pf_err err;
    union pf_store_say say = {0};

    pf_fail(&err, PF_NO_MEMORY, ENOMEM, "serve", "no memory for what a gate asks");
    say.verdict = pf_store_wire_verdict(&err);
    pf_serve_reply(held, kind, &say, -1);
}

void pf_serve_read(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    const struct pf_store_ask_read *r = &ask->read;
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, r->box, PF_SERVE_BOX);

    if (!held)
        return;
    if (!in_order(held, r)) {
        pf_serve_drop_gate(gate, "a read out of order");
        return;
    }
    if (!pf_serve_slot(gate, frame, r->arena, r->slot))
        return;
    held->slot = r->slot;
    held->buffer = pf_serve_buffer_take(gate->serve);
    if (!held->buffer) {
        pf_slot_lend(gate->slots, held->slot);
        no_memory(held, PF_STORE_READ);
        return;
    }
    held->buffer->used = 0;
    held->buffer->more = r->more;
    held->buffer->until = pf_loop_now(gate->serve->parts.loop) + PF_SERVE_TOGETHER;
    held->busy = true;
    held->op.read = (struct pf_box_read){.op.done = was_read, .index = r->index, .offset = r->offset,
                                         .at = held->buffer->at, .cap = r->cap};
    pf_box_read(held->box, &held->op.read);
}

/* Expunge */

static void forget_marks(struct pf_serve_held *held)
{
    free(held->remove.words);
    free(held->seen.words);
    held->remove = held->seen = (struct pf_marks){0};
    held->words = 0;
    held->piecewise = false;
}

static void expunged(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_serve_gate *gate = held->gate;
    union pf_store_say say = {.expunge = {.verdict = pf_store_wire_verdict(&op->err),
                                          .removed = held->op.expunge.removed}};

    held->busy = false;
    forget_marks(held);
    pf_serve_reply(held, PF_STORE_EXPUNGE, &say, -1);
    if (!gate->ipc)
        pf_serve_leave(held);
}

static bool take_words(struct pf_marks *marks, uint32_t count, uint32_t first, struct pf_bytes words)
{
    size_t all = pf_marks_words(count);
    unsigned behind = (unsigned)(all * 64 - count);

    if (!marks->words)
        *marks = (struct pf_marks){calloc(all, sizeof *marks->words), count};
    if (!marks->words)
        return false;
    memcpy(marks->words + first, words.at, words.len);
    marks->words[all - 1] &= UINT64_MAX >> behind;
    return true;
}

/* The next piece, within the listing, of the same marks as the first, and the last says so. */
static bool fits(const struct pf_serve_held *held, const struct pf_store_ask_expunge *e)
{
    size_t words = (e->has_remove ? e->remove.len : e->has_seen ? e->seen.len : 0) / 8;
    size_t all = words ? pf_marks_words(held->count) : 0;

    return e->first == held->words && words <= all - (held->words < all ? held->words : all) &&
           (held->words == 0 || (e->has_remove == (held->remove.words != NULL) &&
                                 e->has_seen == (held->seen.words != NULL))) &&
           e->more == (e->first + words < all);
}

static void expunge(struct pf_serve_held *held)
{
    held->busy = true;
    held->op.expunge = (struct pf_box_expunge){.op.done = expunged,
                                               .remove = held->remove.words ? &held->remove : NULL,
                                               .seen = held->seen.words ? &held->seen : NULL};
    /* Failing to mark is no error; so what may not be marked is left out. */
    if (!(held->rights & PF_TICKET_SEEN))
        held->op.expunge.seen = NULL;
    pf_box_expunge(held->box, &held->op.expunge);
}

static void refuse_expunge(struct pf_serve_held *held)
{
    union pf_store_say say = {0};
    struct pf_err err;

    pf_serve_refused(held->gate, "it would remove mail with a ticket that gives no right to", &err);
    say.verdict = pf_store_wire_verdict(&err);
    pf_serve_reply(held, PF_STORE_EXPUNGE, &say, -1);
}

void pf_serve_expunge(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame,
                      const union pf_store_ask *ask)
{
    const struct pf_store_ask_expunge *e = &ask->expunge;
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, e->box, PF_SERVE_BOX);

    (void)frame;
    if (!held)
        return;
    if (!fits(held, e)) {
        pf_serve_drop_gate(gate, "marks that do not fit the listing");
        return;
    }
    if (e->has_remove && !(held->rights & PF_TICKET_DELETE)) {
        refuse_expunge(held);
        return;
    }
    if ((e->has_remove && !take_words(&held->remove, held->count, e->first, e->remove)) ||
        (e->has_seen && !take_words(&held->seen, held->count, e->first, e->seen))) {
        forget_marks(held);
        no_memory(held, PF_STORE_EXPUNGE);
        return;
    }
    held->words += (uint32_t)((e->has_remove ? e->remove.len : e->seen.len) / 8);
    held->piecewise = e->more;
    if (e->more)
        pf_serve_reply(held, PF_STORE_EXPUNGE, &(union pf_store_say){0}, -1);
    else
        expunge(held);
}

/* Close */

static void closed(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    struct pf_store_serve *serve = held->gate->serve;

    held->box = NULL;
    pf_serve_reply(held, PF_STORE_CLOSE, &(union pf_store_say){0}, -1);
    pf_serve_freed(serve, held->where.path);
    pf_serve_held_free(held);
}

void pf_serve_close_box(struct pf_serve_held *held)
{
    held->busy = held->leaving = true;
    held->op.close = (struct pf_box_close){.op.done = closed};
    pf_box_close(held->box, &held->op.close);
}

void pf_serve_close(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, ask->number.number, PF_SERVE_BOX);

    (void)frame;
    if (held)
        pf_serve_close_box(held);
}
