#include "auth/auth_serve_private.h"

#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

void pf_auth_serve_answer(struct pf_auth_serve_gate *gate, uint64_t id, uint16_t kind, size_t len)
{
    struct pf_ipc_frame frame = {.kind = kind, .payload = pf_bytes_from(gate->serve->buffer, len)};

    pf_ipc_answer(gate->ipc, id, &frame);
    pf_wipe(gate->serve->buffer, len);
}

/* It lies in the buffer of the frames, which is written over by the next one only. */
void pf_auth_serve_wipe(struct pf_bytes payload)
{
    pf_wipe((void *)(uintptr_t)payload.at, payload.len);
}

/* What is offered. A certificate counts for nothing where nobody's signature under it is looked at. */
static void offer_now(const struct pf_auth_serve *serve, struct pf_auth_wire_offer *out)
{
    const struct pf_auth *auth = serve->parts.auth;

    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++) {
        struct pf_auth_link link = pf_auth_wire_offer_link(i);

        if (!serve->parts.conf->client_ca)
            link.certificate = NULL;
        out->masks[i] = pf_auth_offer(auth, &link);
    }
    out->binds = pf_auth_binds(auth);
    out->apop = pf_auth_offers_apop(auth);
}

static bool same_offer(const struct pf_auth_wire_offer *a, const struct pf_auth_wire_offer *b)
{
    return memcmp(a->masks, b->masks, sizeof a->masks) == 0 && a->binds == b->binds && a->apop == b->apop;
}

/* Who cannot be told now is told with the next look. */
static void tell_offer(struct pf_auth_serve_gate *gate)
{
    unsigned char form[PF_AUTH_WIRE_OFFERS * 8 + 1];
    struct pf_span span = {form, 0, sizeof form};
    struct pf_ipc_frame frame = {.kind = PF_AUTH_WIRE_OFFER};
    enum pf_code code;

    pf_auth_wire_put_offer(&span, &gate->serve->offer);
    frame.payload = pf_span_bytes(&span);
    code = pf_ipc_notice(gate->ipc, &frame);
    gate->owes_offer = code == PF_BUSY || code == PF_NO_MEMORY;
}

void pf_auth_serve_look(struct pf_auth_serve *serve)
{
    struct pf_auth_serve_gate *gate;
    struct pf_auth_wire_offer now;
    bool same;

    offer_now(serve, &now);
    same = same_offer(&now, &serve->offer);
    serve->offer = now;
    LIST_FOREACH (gate, &serve->gates, link)
        if (!same || gate->owes_offer)
            tell_offer(gate);
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct pf_auth_serve_gate *gate = self;
    bool good = false;

    if (frame->kind == PF_AUTH_WIRE_CHECK)
        good = pf_auth_serve_check(gate, id, frame->payload);
    else if (frame->kind == PF_AUTH_WIRE_STEP)
        good = pf_auth_serve_step(gate, id, frame->payload);
    else if (frame->kind == PF_AUTH_WIRE_LOOKUP)
        good = pf_auth_serve_look_up(gate, id, frame->payload);
    pf_auth_serve_wipe(frame->payload);
    if (!good || frame->fd_count)
        pf_ipc_drop(gate->ipc, "a question that is none");
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct pf_auth_serve_gate *gate = self;
    char user[PF_AUTH_NAME_MAX + 1];
    bool good = false;

    if (frame->kind == PF_AUTH_WIRE_END)
        good = pf_auth_serve_end(gate, frame->payload);
    else if (frame->kind == PF_AUTH_WIRE_NOTED)
        good = pf_auth_wire_get_noted(frame->payload, user);
    if (good && frame->kind == PF_AUTH_WIRE_NOTED)
        pf_auth_serve_noted(gate, user);
    if (!good || frame->fd_count)
        pf_ipc_drop(gate->ipc, "a notice that is none");
}

static void gate_free(struct pf_auth_serve_gate *gate)
{
    pf_auth_serve_drop_logins(gate);
    pf_auth_serve_drop_lookups(gate);
    pf_ipc_close(gate->ipc);
    LIST_REMOVE(gate, link);
    gate->serve->gate_count--;
    free(gate);
}

/* A gate that ends is nobody's trouble; one that was dropped is. */
static void gone(void *self, const struct pf_err *why)
{
    struct pf_auth_serve_gate *gate = self;
    struct pf_auth_serve *serve = gate->serve;
    struct pf_err trouble;

    pf_fail(&trouble, why->code, why->sys, "auth", "gate %u: %s", (unsigned)gate->number, why->log);
    gate_free(gate);
    if (why->code == PF_PERM || why->sys)
        serve->parts.trouble(serve->parts.self, &trouble);
}

struct pf_auth_serve *pf_auth_serve_new(const struct pf_auth_serve_parts *parts, struct pf_err *err)
{
    struct pf_auth_serve *serve = calloc(1, sizeof *serve);

    if (!serve) {
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for gates");
        return NULL;
    }
    serve->parts = *parts;
    LIST_INIT(&serve->gates);
    offer_now(serve, &serve->offer);
    return serve;
}

enum pf_code pf_auth_serve_gate(struct pf_auth_serve *serve, int fd, uint32_t number, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.request = request, .notice = notice, .gone = gone};
    struct pf_ipc_settings settings = {.calls = &calls, .any_uid = true};
    struct pf_auth_serve_gate *gate = calloc(1, sizeof *gate);
    struct pf_err why = {0};

    if (!gate) {
        close(fd);
        return pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for a gate");
    }
    settings.self = gate;
    gate->ipc = pf_ipc_new(serve->parts.loop, fd, &settings, &why);
    if (!gate->ipc) {
        free(gate);
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    }
    gate->serve = serve;
    gate->number = number;
    LIST_INSERT_HEAD(&serve->gates, gate, link);
    serve->gate_count++;
    gate->owes_offer = true;
    pf_auth_serve_look(serve);
    return PF_OK;
}

unsigned pf_auth_serve_gates(const struct pf_auth_serve *serve)
{
    return serve->gate_count;
}

void pf_auth_serve_conf(struct pf_auth_serve *serve, struct pf_conf *conf)
{
    serve->parts.conf = conf;
    pf_auth_serve_look(serve);
}

void pf_auth_serve_free(struct pf_auth_serve *serve)
{
    if (!serve)
        return;
    while (LIST_FIRST(&serve->gates))
        gate_free(LIST_FIRST(&serve->gates));
    pf_recent_free(serve->logins);
    free(serve);
}
