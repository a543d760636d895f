#include "role/crew.h"

#include <string.h>

/* START says first which version speaks: a program that was replaced on disk under a keeper that runs fails plainly. */
static const char version[] = PF_VERSION;

static bool put_number(struct pf_span *out, uint64_t number, unsigned octets)
{
    unsigned char at[8];

    for (unsigned i = 0; i < octets; i++)
        at[i] = (unsigned char)(number >> (8 * (octets - 1 - i)));
    return pf_span_put(out, pf_bytes_from(at, octets));
}

static uint64_t take_number(struct pf_bytes *b, unsigned octets)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < octets; i++)
        number = number << 8 | b->at[i];
    *b = pf_bytes_skip(*b, octets);
    return number;
}

/* Printable, so that it can stand in a log and be looked up; not empty. */
static bool is_text(struct pf_bytes b, size_t most)
{
    if (b.len == 0 || b.len > most)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i] < 0x20 || b.at[i] == 0x7f)
            return false;
    return true;
}

static bool is_good(const struct pf_crew *c)
{
    switch (c->kind) {
    case PF_CREW_PEER:
        return c->role > PF_CREW_KEEPER && c->role < PF_CREW_ROLES && c->number;
    case PF_CREW_LISTEN:
        return c->number <= UINT16_MAX;
    case PF_CREW_DRAIN:
        return c->grace >= -1;
    case PF_CREW_FAILED:
        return c->code > PF_OK && c->code < PF_CODES && is_text(pf_bytes_of(c->text), PF_ERR_LOG - 1);
    case PF_CREW_STORE_FOR:
        return is_text(pf_bytes_of(c->text), PF_CREW_USER_MAX);
    case PF_CREW_TOLD:
        return is_text(pf_bytes_of(c->text), PF_CREW_LINE_MAX);
    case PF_CREW_START:
    case PF_CREW_RELOADED:
        return c->number <= 1;
    case PF_CREW_OF_STORE:
    case PF_CREW_SERVED:
    case PF_CREW_READY:
    case PF_CREW_GO:
    case PF_CREW_IDLE:
    case PF_CREW_CLOSE:
    case PF_CREW_RELOAD:
    case PF_CREW_LACKS:
        return true;
    case PF_CREW_KINDS:
        break;
    }
    return false;
}

static bool put(struct pf_span *out, const struct pf_crew *c)
{
    switch (c->kind) {
    case PF_CREW_START:
        return pf_span_put(out, pf_bytes_from(c->secret, sizeof c->secret)) && put_number(out, c->number, 1) &&
               pf_span_put(out, pf_bytes_of(version));
    case PF_CREW_PEER:
        return put_number(out, c->role, 1) && put_number(out, c->number, 4);
    case PF_CREW_OF_STORE:
    case PF_CREW_LISTEN:
    case PF_CREW_RELOADED:
        return put_number(out, c->number, 4);
    case PF_CREW_DRAIN:
        return put_number(out, (uint64_t)c->grace, 8);
    case PF_CREW_SERVED:
        return put_number(out, c->count, 8);
    case PF_CREW_FAILED:
        return put_number(out, c->code, 2) && pf_span_put(out, pf_bytes_of(c->text));
    case PF_CREW_STORE_FOR:
    case PF_CREW_TOLD:
        return pf_span_put(out, pf_bytes_of(c->text));
    case PF_CREW_READY:
    case PF_CREW_GO:
    case PF_CREW_IDLE:
    case PF_CREW_CLOSE:
    case PF_CREW_RELOAD:
    case PF_CREW_LACKS:
        return true;
    case PF_CREW_KINDS:
        break;
    }
    return false;
}

bool pf_crew_write(struct pf_span *out, const struct pf_crew *c)
{
    size_t before = out->len;

    if (is_good(c) && put(out, c))
        return true;
    out->len = before;
    return false;
}

/* Octets that come first; behind them there may be text. */
static size_t head_of(enum pf_crew_kind kind)
{
    switch (kind) {
    case PF_CREW_START:
        return PF_CREW_SECRET + 1;
    case PF_CREW_PEER:
        return 5;
    case PF_CREW_OF_STORE:
    case PF_CREW_LISTEN:
    case PF_CREW_RELOADED:
        return 4;
    case PF_CREW_DRAIN:
    case PF_CREW_SERVED:
        return 8;
    case PF_CREW_FAILED:
        return 2;
    case PF_CREW_STORE_FOR:
    case PF_CREW_TOLD:
    case PF_CREW_READY:
    case PF_CREW_GO:
    case PF_CREW_IDLE:
    case PF_CREW_CLOSE:
    case PF_CREW_RELOAD:
    case PF_CREW_LACKS:
    case PF_CREW_KINDS:
        break;
    }
    return 0;
}

static unsigned descriptors_of(enum pf_crew_kind kind)
{
    return kind == PF_CREW_START || kind == PF_CREW_PEER || kind == PF_CREW_LISTEN;
}

static bool has_text(enum pf_crew_kind kind)
{
    return kind == PF_CREW_FAILED || kind == PF_CREW_STORE_FOR || kind == PF_CREW_TOLD;
}

static void take(struct pf_bytes *b, struct pf_crew *c)
{
    switch (c->kind) {
    case PF_CREW_START:
        memcpy(c->secret, b->at, sizeof c->secret);
        *b = pf_bytes_skip(*b, sizeof c->secret);
        c->number = (uint32_t)take_number(b, 1);
        break;
    case PF_CREW_PEER:
        c->role = (enum pf_crew_role)take_number(b, 1);
        c->number = (uint32_t)take_number(b, 4);
        break;
    case PF_CREW_OF_STORE:
    case PF_CREW_LISTEN:
    case PF_CREW_RELOADED:
        c->number = (uint32_t)take_number(b, 4);
        break;
    case PF_CREW_DRAIN:
        c->grace = (int64_t)take_number(b, 8);
        break;
    case PF_CREW_SERVED:
        c->count = take_number(b, 8);
        break;
    case PF_CREW_FAILED:
        c->code = (enum pf_code)take_number(b, 2);
        break;
    case PF_CREW_STORE_FOR:
    case PF_CREW_TOLD:
    case PF_CREW_READY:
    case PF_CREW_GO:
    case PF_CREW_IDLE:
    case PF_CREW_CLOSE:
    case PF_CREW_RELOAD:
    case PF_CREW_LACKS:
    case PF_CREW_KINDS:
        break;
    }
}

bool pf_crew_read(const struct pf_ipc_frame *frame, struct pf_crew *out)
{
    struct pf_crew c = {.kind = (enum pf_crew_kind)frame->kind};
    struct pf_bytes b = frame->payload;

    if (frame->kind < PF_CREW_START || frame->kind >= PF_CREW_KINDS || b.len < head_of(c.kind) ||
        frame->fd_count != descriptors_of(c.kind))
        return false;
    take(&b, &c);
    if (c.kind == PF_CREW_START) {
        if (!pf_bytes_equal(b, pf_bytes_of(version)))
            return false;
        b.len = 0;
    }
    if (has_text(c.kind)) {
        if (b.len >= sizeof c.text || (b.len && memchr(b.at, 0, b.len)))
            return false;
        memcpy(c.text, b.at, b.len);
        b.len = 0;
    }
    if (b.len || !is_good(&c))
        return false;
    *out = c;
    return true;
}

const char *pf_crew_role_name(enum pf_crew_role role)
{
    static const char *const names[PF_CREW_ROLES] = {"keeper", "gate", "auth", "store", "desk", "journal"};

    return names[role];
}
