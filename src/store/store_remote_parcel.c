#include "store/store_remote_private.h"

#include "store/audit.h"

#include <errno.h>
#include <stdlib.h>

struct parcel {
    struct pf_parcel base;
    struct pf_remote_call call;
    struct pf_store_op *op; /* the asker's, while one is under way */
    uint32_t number;
    uint32_t slot;
    bool in_slot;
    struct pf_bytes rest; /* of the write under way */
    size_t sent;          /* of it, in the frame under way */
};

static struct parcel *parcel_of(struct pf_remote_call *call)
{
    return (struct parcel *)(void *)((char *)call - offsetof(struct parcel, call));
}

static void finish(struct parcel *p)
{
    struct pf_store_op *op = p->op;

    p->op = NULL;
    op->done(op);
}

/* The parcel goes with it. */
static void finish_last(struct parcel *p)
{
    struct pf_store_op *op = p->op;

    pf_remote_release(&p->call);
    free(p);
    op->done(op);
}

static void call_for(struct parcel *p, enum pf_store_frame kind, enum pf_code (*say)(struct pf_remote_call *),
                     bool (*answered)(struct pf_remote_call *, const union pf_store_say *, struct pf_ipc_frame *))
{
    p->call.kind = kind;
    p->call.say = say;
    p->call.answered = answered;
    p->call.err = &p->op->err;
    p->call.ends = kind == PF_STORE_SEAL || kind == PF_STORE_DROP;
    pf_remote_begin(&p->call);
}

static enum pf_code say_begin(struct pf_remote_call *call)
{
    const struct pf_parcel_begin *b = (const struct pf_parcel_begin *)(void *)parcel_of(call)->op;
    union pf_store_ask ask = {.begin = {.ask = b->ask, .size = b->ask ? b->size : 0}};

    if (!pf_remote_show(call, &ask.begin.show))
        return PF_TEMP;
    return pf_remote_send(call, &ask, -1);
}

static bool begun(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct parcel *p = parcel_of(call);
    struct pf_parcel_begin *b = (struct pf_parcel_begin *)(void *)p->op;

    if (say && frame->fd_count)
        return false;
    if (say) {
        pf_remote_entered(call, &say->verdict, say->begin.entry, &b->op.err);
    } else {
        pf_purse_drop(call->remote->purse, call->pass); /* it may have been shown */
    }
    if (b->op.err.code != PF_OK || b->ask) {
        finish_last(p);
        return true;
    }
    p->number = say->begin.parcel;
    b->parcel = &p->base;
    finish(p);
    return true;
}

void pf_remote_parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct parcel *p = calloc(1, sizeof *p);

    if (!p) {
        pf_fail(&b->op.err, PF_NO_MEMORY, ENOMEM, "store", "no memory for a message");
        pf_store_op_done(store, &b->op);
        return;
    }
    p->base.store = store;
    p->op = &b->op;
    p->call.remote = (struct pf_remote *)store;
    p->call.pass = b->where.pass;
    call_for(p, PF_STORE_BEGIN, say_begin, begun);
}

static enum pf_code say_write_slot(struct parcel *p, union pf_store_ask *ask)
{
    struct pf_remote_link *link = p->call.link;
    enum pf_code code = pf_remote_slot_take(link, &p->slot, &ask->write.arena, p->call.err);

    if (code != PF_OK)
        return code;
    p->sent = p->rest.len < PF_SLOT_OCTETS ? p->rest.len : PF_SLOT_OCTETS;
    memcpy(pf_slot_at(link->slots, p->slot), p->rest.at, p->sent);
    ask->write.slot = p->slot;
    ask->write.len = (uint32_t)p->sent;
    code = pf_remote_send(&p->call, ask, ask->write.arena ? pf_slots_fd(link->slots) : -1);
    if (code == PF_OK)
        pf_remote_slot_sent(link, p->slot);
    else
        pf_remote_slot_give(link, p->slot);
    return code;
}

static enum pf_code say_write(struct pf_remote_call *call)
{
    struct parcel *p = parcel_of(call);
    union pf_store_ask ask = {.write = {.parcel = p->number}};

    p->in_slot = ask.write.in_slot = p->rest.len > PF_STORE_TEXT_INLINE;
    if (p->in_slot)
        return say_write_slot(p, &ask);
    p->sent = p->rest.len;
    ask.write.text = p->rest;
    return pf_remote_send(call, &ask, -1);
}

static bool written(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct parcel *p = parcel_of(call);

    if (!say) {
        finish(p);
        return true;
    }
    if (frame->fd_count || (p->in_slot && !pf_remote_slot_back(call->link, p->slot)))
        return false;
    if (p->in_slot)
        pf_remote_slot_give(call->link, p->slot);
    p->rest = pf_bytes_skip(p->rest, p->sent);
    if (say->verdict.code == PF_OK && p->rest.len) {
        call_for(p, PF_STORE_WRITE, say_write, written);
        return true;
    }
    pf_store_wire_err(&say->verdict, &p->op->err);
    finish(p);
    return true;
}

void pf_remote_parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *w)
{
    struct parcel *p = (struct parcel *)parcel;

    if (w->bytes.len == 0) {
        pf_store_op_done(parcel->store, &w->op);
        return;
    }
    p->op = &w->op;
    p->rest = w->bytes;
    call_for(p, PF_STORE_WRITE, say_write, written);
}

static enum pf_code say_number(struct pf_remote_call *call)
{
    const union pf_store_ask ask = {.number = {parcel_of(call)->number}};

    return pf_remote_send(call, &ask, -1);
}

static bool sealed(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct parcel *p = parcel_of(call);
    struct pf_parcel_seal *s = (struct pf_parcel_seal *)(void *)p->op;
    bool good = say && say->verdict.code == PF_OK;

    if (say && (frame->fd_count || (good && !pf_uidl_legal(say->seal.uidl))))
        return false;
    if (say)
        pf_store_wire_err(&say->verdict, &s->op.err);
    if (good) {
        memcpy(s->uidl, say->seal.uidl.at, say->seal.uidl.len);
        s->uidl[say->seal.uidl.len] = '\0';
        s->octets = say->seal.octets;
        s->size = say->seal.size;
        s->used_octets = say->seal.used_octets;
        s->used_messages = say->seal.used_messages;
    }
    finish_last(p);
    return true;
}

void pf_remote_parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    struct parcel *p = (struct parcel *)parcel;

    p->op = &s->op;
    call_for(p, PF_STORE_SEAL, say_number, sealed);
}

/* Also where there is no answer: a store that is gone lets go of all parcels. */
static bool dropped(struct pf_remote_call *call, const union pf_store_say *say, struct pf_ipc_frame *frame)
{
    struct parcel *p = parcel_of(call);

    (void)say;
    (void)frame;
    p->op->err = (struct pf_err){0};
    finish_last(p);
    return true;
}

void pf_remote_parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    struct parcel *p = (struct parcel *)parcel;

    p->op = &d->op;
    call_for(p, PF_STORE_DROP, say_number, dropped);
}
