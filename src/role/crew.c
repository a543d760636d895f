#include "role/crew.h"

#include "base/number.h"

#include <string.h>

/* START says first which version speaks: a program that was replaced on disk under a keeper that runs fails plainly. */
static const char version[] = PF_VERSION;

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

/* What a kind is made of, in the order in which it stands in the frame. */
static const struct form {
    unsigned descriptors;
    bool secret, role;
    unsigned number; /* octets; 0: it has none */
    uint32_t least, most;
    bool grace, count, code;
    size_t text; /* octets at most; 0: it has none */
    bool version;
} forms[PF_CREW_KINDS] = {
    [PF_CREW_START] = {.descriptors = 1, .secret = true, .number = 1, .most = 1, .version = true},
    [PF_CREW_FAILED] = {.code = true, .text = PF_ERR_LOG - 1},
    [PF_CREW_PEER] = {.descriptors = 1, .role = true, .number = 4, .least = 1, .most = UINT32_MAX},
    [PF_CREW_OF_STORE] = {.number = 4, .most = UINT32_MAX},
    [PF_CREW_LISTEN] = {.descriptors = 1, .number = 4, .most = UINT16_MAX},
    [PF_CREW_STORE_FOR] = {.text = PF_CREW_USER_MAX},
    [PF_CREW_DRAIN] = {.grace = true},
    [PF_CREW_SERVED] = {.count = true},
    [PF_CREW_TOLD] = {.text = PF_CREW_LINE_MAX},
    [PF_CREW_RELOADED] = {.number = 4, .most = 1},
    [PF_CREW_PING] = {.number = 4, .most = UINT32_MAX},
    [PF_CREW_PONG] = {.number = 4, .most = UINT32_MAX},
};

static bool is_kind(uint32_t kind)
{
    return kind >= PF_CREW_START && kind < PF_CREW_KINDS;
}

static bool is_good(const struct pf_crew *c, const struct form *f)
{
    return (!f->role || (c->role > PF_CREW_KEEPER && c->role < PF_CREW_ROLES)) &&
           (!f->number || (c->number >= f->least && c->number <= f->most)) && (!f->grace || c->grace >= -1) &&
           (!f->code || (c->code > PF_OK && c->code < PF_CODES)) &&
           (!f->text || is_text(pf_bytes_of(c->text), f->text));
}

static bool put(struct pf_span *out, const struct pf_crew *c, const struct form *f)
{
    return (!f->secret || pf_span_put(out, pf_bytes_from(c->secret, sizeof c->secret))) &&
           (!f->role || pf_number_put(out, c->role, 1)) && pf_number_put(out, c->number, f->number) &&
           (!f->grace || pf_number_put(out, (uint64_t)c->grace, 8)) && (!f->count || pf_number_put(out, c->count, 8)) &&
           (!f->code || pf_number_put(out, c->code, 2)) && (!f->text || pf_span_put(out, pf_bytes_of(c->text))) &&
           (!f->version || pf_span_put(out, pf_bytes_of(version)));
}

bool pf_crew_write(struct pf_span *out, const struct pf_crew *c)
{
    size_t before = out->len;

    if (is_kind(c->kind) && is_good(c, &forms[c->kind]) && put(out, c, &forms[c->kind]))
        return true;
    out->len = before;
    return false;
}

/* Octets that come first; behind them there may be text. */
static size_t head_of(const struct form *f)
{
    return (f->secret ? PF_CREW_SECRET : 0) + (f->role ? 1u : 0) + f->number + (f->grace ? 8u : 0) +
           (f->count ? 8u : 0) + (f->code ? 2u : 0);
}

static void take_head(struct pf_bytes *b, struct pf_crew *c, const struct form *f)
{
    if (f->secret) {
        memcpy(c->secret, b->at, sizeof c->secret);
        *b = pf_bytes_skip(*b, sizeof c->secret);
    }
    if (f->role)
        c->role = (enum pf_crew_role)pf_number_take(b, 1);
    c->number = (uint32_t)pf_number_take(b, f->number);
    if (f->grace)
        c->grace = (int64_t)pf_number_take(b, 8);
    if (f->count)
        c->count = pf_number_take(b, 8);
    if (f->code)
        c->code = (enum pf_code)pf_number_take(b, 2);
}

/* The rest is the text of this kind, and nothing else. */
static bool take_text(struct pf_bytes b, struct pf_crew *c, const struct form *f)
{
    if (f->version)
        return pf_bytes_equal(b, pf_bytes_of(version));
    if (!f->text)
        return b.len == 0;
    if (b.len >= sizeof c->text || (b.len && memchr(b.at, 0, b.len)))
        return false;
    memcpy(c->text, b.at, b.len);
    return true;
}

bool pf_crew_read(const struct pf_ipc_frame *frame, struct pf_crew *out)
{
    struct pf_crew c = {.kind = (enum pf_crew_kind)frame->kind};
    struct pf_bytes b = frame->payload;
    const struct form *f;

    if (!is_kind(frame->kind))
        return false;
    f = &forms[frame->kind];
    if (b.len < head_of(f) || frame->fd_count != f->descriptors)
        return false;
    take_head(&b, &c, f);
    if (!take_text(b, &c, f) || !is_good(&c, f))
        return false;
    *out = c;
    return true;
}

const char *pf_crew_role_name(enum pf_crew_role role)
{
    static const char *const names[PF_CREW_ROLES] = {"keeper", "gate", "auth", "store", "desk", "journal"};

    return names[role];
}
