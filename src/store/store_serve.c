#include "store/store_serve_private.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

static void later(struct pf_later *l)
{
    struct pf_store_serve *serve
        = (struct pf_store_serve *)(void *)((char *)l - offsetof(struct pf_store_serve, later));
    bool idle = serve->idle && serve->open == 0;

    serve->idle = false;
    if (serve->ending && !serve->gates) {
        void (*done)(void *) = serve->done;
        void *self = serve->done_self;

        while (serve->buffers) {
            struct pf_serve_buffer *buffer = serve->buffers;

            serve->buffers = buffer->next;
            free(buffer);
        }
        free(serve);
        if (done)
            done(self);
    } else if (idle && !serve->ending && serve->parts.idle) {
        serve->parts.idle(serve->parts.self);
    }
}

void pf_serve_settle(struct pf_store_serve *serve)
{
    if ((serve->idle || (serve->ending && !serve->gates)) && !serve->later.queued)
        pf_loop_later(serve->parts.loop, &serve->later);
}

struct pf_serve_buffer *pf_serve_buffer_take(struct pf_store_serve *serve)
{
    struct pf_serve_buffer *buffer = serve->buffers;

    if (!buffer)
        return malloc(sizeof *buffer);
    serve->buffers = buffer->next;
    serve->buffer_count--;
    return buffer;
}

void pf_serve_buffer_give(struct pf_store_serve *serve, struct pf_serve_buffer *buffer)
{
    if (!buffer)
        return;
    if (serve->buffer_count == PF_SERVE_BUFFERS) {
        free(buffer);
        return;
    }
    buffer->next = serve->buffers;
    serve->buffers = buffer;
    serve->buffer_count++;
}

void pf_serve_trouble(struct pf_serve_gate *gate, const struct pf_err *err)
{
    const struct pf_store_serve_parts *parts = &gate->serve->parts;

    if (parts->trouble)
        parts->trouble(parts->self, err);
}

void pf_serve_drop_gate(struct pf_serve_gate *gate, const char *why)
{
    if (gate->ipc)
        pf_ipc_drop(gate->ipc, why);
}

void pf_serve_answer(struct pf_serve_gate *gate, uint64_t id, enum pf_store_frame kind, const union pf_store_say *say,
                     int fd)
{
    struct pf_span span = {gate->serve->scratch, 0, sizeof gate->serve->scratch};
    struct pf_ipc_frame frame = {.kind = (uint16_t)kind, .fd_count = fd >= 0, .fds = {fd}};
    bool fits;

    if (!gate->ipc)
        return;
    fits = pf_store_wire_put_say(&span, kind, say);
    assert(fits);
    frame.payload = pf_span_bytes(&span);
    pf_ipc_answer(gate->ipc, id, &frame);
}

void pf_serve_reply(struct pf_serve_held *held, enum pf_store_frame kind, const union pf_store_say *say, int fd)
{
    uint64_t id = held->request;

    held->request = 0;
    pf_serve_answer(held->gate, id, kind, say, fd);
}

void pf_serve_gate_free(struct pf_serve_gate *gate)
{
    struct pf_store_serve *serve = gate->serve;

    *(gate->prev ? &gate->prev->next : &serve->gates) = gate->next;
    if (gate->next)
        gate->next->prev = gate->prev;
    pf_purse_free(gate->entries);
    pf_slots_free(gate->slots);
    free(gate->held);
    free(gate->free_places);
    free(gate);
    pf_serve_settle(serve);
}

void pf_serve_leave(struct pf_serve_held *held)
{
    if (held->busy)
        return;
    if (held->box)
        pf_serve_close_box(held);
    else if (held->parcel)
        pf_serve_drop_parcel(held);
    else
        pf_serve_held_free(held);
}

/* What it holds goes as if its guests had hung up. */
static void leave(struct pf_serve_gate *gate)
{
    gate->serve->gate_count--;
    pf_ipc_close(gate->ipc);
    gate->ipc = NULL;
    gate->count++; /* while we look, it is not freed */
    for (uint32_t i = 0; i < gate->room; i++)
        if (gate->held[i])
            pf_serve_leave(gate->held[i]);
    if (--gate->count == 0)
        pf_serve_gate_free(gate);
}

static void gone(void *self, const struct pf_err *err)
{
    struct pf_serve_gate *gate = self;
    struct pf_err told;

    if (err->code == PF_PERM) {
        pf_fail(&told, PF_PERM, 0, "serve", "gate %u: %.300s", gate->number, err->log);
        pf_serve_trouble(gate, &told);
    }
    leave(gate);
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    static void (*const serve[PF_STORE_FRAMES])(struct pf_serve_gate *, uint64_t, struct pf_ipc_frame *,
                                                const union pf_store_ask *) = {
        [PF_STORE_OPEN] = pf_serve_open,   [PF_STORE_READ] = pf_serve_read,   [PF_STORE_EXPUNGE] = pf_serve_expunge,
        [PF_STORE_CLOSE] = pf_serve_close, [PF_STORE_BEGIN] = pf_serve_begin, [PF_STORE_WRITE] = pf_serve_write,
        [PF_STORE_SEAL] = pf_serve_seal,   [PF_STORE_DROP] = pf_serve_drop,
    };
    struct pf_serve_gate *gate = self;
    uint32_t arena = 0;
    union pf_store_ask ask;

    if (!pf_store_wire_get_ask(frame->payload, frame->kind, &ask) || !serve[frame->kind]) {
        pf_serve_drop_gate(gate, "a request of no form");
        return;
    }
    if (frame->kind == PF_STORE_READ)
        arena = ask.read.arena;
    else if (frame->kind == PF_STORE_WRITE && ask.write.in_slot)
        arena = ask.write.arena;
    if (frame->fd_count != (arena != 0)) {
        pf_serve_drop_gate(gate, "a descriptor too many or too few");
        return;
    }
    serve[frame->kind](gate, id, frame, &ask);
}

struct pf_store_serve *pf_store_serve_new(const struct pf_store_serve_parts *parts, struct pf_err *err)
{
    struct pf_store_serve *serve = calloc(1, sizeof *serve);

    if (!serve) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory to serve gates");
        return NULL;
    }
    serve->parts = *parts;
    serve->later.run = later;
    return serve;
}

static void enlist(struct pf_store_serve *serve, struct pf_serve_gate *gate)
{
    gate->next = serve->gates;
    if (gate->next)
        gate->next->prev = gate;
    serve->gates = gate;
    serve->gate_count++;
}

enum pf_code pf_store_serve_gate(struct pf_store_serve *serve, int fd, uint32_t number, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.request = request, .gone = gone};
    struct pf_serve_gate *gate = calloc(1, sizeof *gate);
    struct pf_err why;

    assert(!serve->ending);
    if (gate)
        gate->entries = pf_purse_new();
    if (!gate || !gate->entries) {
        free(gate);
        close(fd);
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for gate %u", number);
    }
    gate->serve = serve;
    gate->number = number;
    gate->ipc = pf_ipc_new(serve->parts.loop, fd,
                           &(struct pf_ipc_settings){.calls = &calls, .self = gate, .any_uid = true}, &why);
    if (!gate->ipc) {
        pf_purse_free(gate->entries);
        free(gate);
        if (err)
            *err = why;
        return why.code;
    }
    enlist(serve, gate);
    return PF_OK;
}

unsigned pf_store_serve_open(const struct pf_store_serve *serve)
{
    return serve->open;
}

unsigned pf_store_serve_gates(const struct pf_store_serve *serve)
{
    return serve->gate_count;
}

void pf_store_serve_end(struct pf_store_serve *serve, void (*done)(void *self), void *self)
{
    assert(!serve->ending);
    serve->ending = true;
    serve->done = done;
    serve->done_self = self;
    for (struct pf_serve_gate *gate = serve->gates, *next; gate; gate = next) {
        next = gate->next;
        if (gate->ipc)
            leave(gate);
    }
    pf_serve_settle(serve);
}
