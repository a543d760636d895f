#include "store/store_serve_private.h"

#include <errno.h>
#include <time.h>

static struct pf_serve_held *held_of(struct pf_store_op *op)
{
    /* Every member of the union begins with its op. */
    return (struct pf_serve_held *)(void *)((char *)op - offsetof(struct pf_serve_held, op));
}

static void begun(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    const struct pf_parcel_begin *b = &held->op.begin;
    union pf_store_say say = {.begin = {.verdict = pf_store_wire_verdict(&op->err), .entry = held->entry}};

    held->busy = false;
    held->parcel = b->parcel;
    if (held->parcel && !held->gate->ipc) {
        pf_serve_drop_parcel(held);
        return;
    }
    held->what = PF_SERVE_PARCEL;
    say.begin.parcel = held->parcel ? held->number : 0;
    pf_serve_reply(held, PF_STORE_BEGIN, &say, -1);
    if (!held->parcel)
        pf_serve_held_free(held);
}

static void begin(struct pf_serve_held *held, const struct pf_store_ask_begin *ask)
{
    held->busy = true;
    held->where.now = (int64_t)time(NULL);
    held->where.recipient = NULL; /* what it is for stands in the ticket's path */
    held->op.begin = (struct pf_parcel_begin){.op.done = begun, .where = held->where, .ask = ask->ask,
                                              .size = ask->size};
    pf_parcel_begin(held->gate->serve->parts.store, &held->op.begin);
}

void pf_serve_begin(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    struct pf_err err;
    uint64_t entry;
    struct pf_serve_held *held = pf_serve_admit(gate, &ask->begin.show, PF_SERVE_BEGINNING, &entry, &err);
    union pf_store_say say;

    (void)frame;
    if (!held) {
        say.begin = (struct pf_store_say_begin){.verdict = pf_store_wire_verdict(&err), .entry = entry};
        pf_serve_answer(gate, id, PF_STORE_BEGIN, &say, -1);
        return;
    }
    held->request = id;
    begin(held, &ask->begin);
}

static void say_written(struct pf_serve_held *held, const struct pf_err *err)
{
    union pf_store_say say = {.verdict = pf_store_wire_verdict(err)};

    held->spoiled = err->code != PF_OK;
    pf_serve_buffer_give(held->gate->serve, held->buffer);
    held->buffer = NULL;
    if (held->in_slot)
        pf_slot_lend(held->gate->slots, held->slot);
    pf_serve_reply(held, PF_STORE_WRITE, &say, -1);
}

static void written(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);

    held->busy = false;
    say_written(held, &op->err);
    if (!held->gate->ipc)
        pf_serve_leave(held);
}

static void write_text(struct pf_serve_held *held, struct pf_bytes text)
{
    struct pf_err err;

    held->buffer = pf_serve_buffer_take(held->gate->serve);
    if (!held->buffer) {
        pf_fail(&err, PF_NO_MEMORY, ENOMEM, "serve", "no memory for octets of a message");
        say_written(held, &err);
        return;
    }
    memcpy(held->buffer->at, text.at, text.len);
    held->busy = true;
    held->op.write = (struct pf_parcel_write){.op.done = written,
                                              .bytes = pf_bytes_from(held->buffer->at, text.len)};
    pf_parcel_write(held->parcel, &held->op.write);
}

void pf_serve_write(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    const struct pf_store_ask_write *w = &ask->write;
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, w->parcel, PF_SERVE_PARCEL);

    if (!held)
        return;
    if (held->spoiled) {
        pf_serve_drop_gate(gate, "more of a message that could not be written");
        return;
    }
    if (w->in_slot && !pf_serve_slot(gate, frame, w->arena, w->slot))
        return;
    held->in_slot = w->in_slot;
    held->slot = w->slot;
    write_text(held, w->in_slot ? pf_bytes_from(pf_slot_at(gate->slots, w->slot), w->len) : w->text);
}

static void sealed(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);
    const struct pf_parcel_seal *s = &held->op.seal;
    union pf_store_say say = {.seal = {.verdict = pf_store_wire_verdict(&op->err), .uidl = pf_bytes_of(s->uidl),
                                       .octets = s->octets, .size = s->size, .used_octets = s->used_octets,
                                       .used_messages = s->used_messages}};

    held->parcel = NULL;
    pf_serve_reply(held, PF_STORE_SEAL, &say, -1);
    pf_serve_held_free(held);
}

void pf_serve_seal(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, ask->number.number, PF_SERVE_PARCEL);

    (void)frame;
    if (!held)
        return;
    if (held->spoiled) {
        pf_serve_drop_gate(gate, "the end of a message that could not be written");
        return;
    }
    held->busy = true;
    held->op.seal = (struct pf_parcel_seal){.op.done = sealed};
    pf_parcel_seal(held->parcel, &held->op.seal);
}

static void dropped(struct pf_store_op *op)
{
    struct pf_serve_held *held = held_of(op);

    pf_serve_reply(held, PF_STORE_DROP, &(union pf_store_say){0}, -1);
    pf_serve_held_free(held);
}

void pf_serve_drop_parcel(struct pf_serve_held *held)
{
    held->busy = true;
    held->op.drop = (struct pf_parcel_drop){.op.done = dropped};
    pf_parcel_drop(held->parcel, &held->op.drop);
}

void pf_serve_drop(struct pf_serve_gate *gate, uint64_t id, struct pf_ipc_frame *frame, const union pf_store_ask *ask)
{
    struct pf_serve_held *held = pf_serve_held_asked(gate, id, ask->number.number, PF_SERVE_PARCEL);

    (void)frame;
    if (held)
        pf_serve_drop_parcel(held);
}
