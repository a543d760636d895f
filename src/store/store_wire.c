#include "store/store_wire.h"

#include "base/number.h"

/* A payload that is being written or read: the forms below are the same for both. */
struct wire {
    struct pf_bytes from; /* reading: what is left */
    struct pf_span *to;   /* writing; NULL when reading */
    bool bad;
};

static bool room(struct wire *w, size_t octets)
{
    if (octets > (w->to ? pf_span_room(w->to) : w->from.len))
        w->bad = true;
    return !w->bad;
}

static void must(struct wire *w, bool lawful)
{
    if (!lawful)
        w->bad = true;
}

static void number(struct wire *w, uint64_t *n, size_t octets)
{
    if (!room(w, octets))
        return;
    if (w->to)
        pf_number_put(w->to, *n, octets);
    else
        *n = pf_number_take(&w->from, octets);
}

static void u64(struct wire *w, uint64_t *n)
{
    number(w, n, 8);
}

static void u32(struct wire *w, uint32_t *n)
{
    uint64_t wide = *n;

    number(w, &wide, 4);
    *n = (uint32_t)wide;
}

static void u16(struct wire *w, uint32_t *n)
{
    uint64_t wide = *n;

    must(w, *n <= UINT16_MAX || !w->to);
    number(w, &wide, 2);
    *n = (uint32_t)wide;
}

static void flag(struct wire *w, bool *on)
{
    uint64_t wide = *on;

    number(w, &wide, 1);
    must(w, wide <= 1);
    *on = wide == 1;
}

static void octets(struct wire *w, struct pf_bytes *b, size_t len)
{
    if (w->to)
        must(w, b->len == len);
    if (!room(w, len))
        return;
    if (w->to) {
        pf_span_put(w->to, pf_bytes_head(*b, len));
        return;
    }
    *b = pf_bytes_head(w->from, len);
    w->from = pf_bytes_skip(w->from, len);
}

/* With its length in front, which must be from `least` to `most`. */
static void counted(struct wire *w, struct pf_bytes *b, size_t least, size_t most)
{
    uint32_t len = (uint32_t)b->len;

    if (w->to)
        must(w, b->len <= UINT16_MAX);
    u16(w, &len);
    must(w, len >= least && len <= most);
    if (!w->bad)
        octets(w, b, len);
}

static void text(struct wire *w, struct pf_bytes *b, size_t least, size_t most)
{
    counted(w, b, least, most);
    for (size_t i = 0; !w->bad && i < b->len; i++)
        must(w, b->at[i] >= ' ' && b->at[i] != 0x7F);
}

/* All the rest. */
static void rest(struct wire *w, struct pf_bytes *b)
{
    octets(w, b, w->to ? b->len : w->from.len);
}

static void show(struct wire *w, struct pf_store_show *s)
{
    bool entered = s->entry != 0;

    flag(w, &entered);
    if (!entered) {
        counted(w, &s->ticket, 1, PF_SEAL_TICKET_MAX);
        return;
    }
    u64(w, &s->entry);
    must(w, s->entry != 0);
}

static void ask_open(struct wire *w, union pf_store_ask *a)
{
    show(w, &a->open.show);
}

static void ask_read(struct wire *w, union pf_store_ask *a)
{
    u32(w, &a->read.box);
    u32(w, &a->read.index);
    u64(w, &a->read.offset);
    u32(w, &a->read.cap);
    u32(w, &a->read.slot);
    u32(w, &a->read.arena);
    u16(w, &a->read.more);
    must(w, a->read.more <= PF_STORE_FURTHER);
    must(w, a->read.cap >= 1 && a->read.cap <= PF_SLOT_OCTETS);
}

static void ask_expunge(struct wire *w, union pf_store_ask *a)
{
    struct pf_store_ask_expunge *e = &a->expunge;
    uint32_t words = (uint32_t)((e->has_remove ? e->remove.len : e->has_seen ? e->seen.len : 0) / 8);

    u32(w, &e->box);
    u32(w, &e->first);
    flag(w, &e->has_remove);
    flag(w, &e->has_seen);
    flag(w, &e->more);
    u16(w, &words);
    must(w, words <= PF_STORE_MARK_WORDS && (words > 0) == (e->has_remove || e->has_seen));
    must(w, words > 0 || (!e->more && e->first == 0));
    if (!w->bad && e->has_remove)
        octets(w, &e->remove, (size_t)words * 8);
    if (!w->bad && e->has_seen)
        octets(w, &e->seen, (size_t)words * 8);
}

static void ask_number(struct wire *w, union pf_store_ask *a)
{
    u32(w, &a->number.number);
}

static void ask_begin(struct wire *w, union pf_store_ask *a)
{
    show(w, &a->begin.show);
    flag(w, &a->begin.ask);
    u64(w, &a->begin.size);
    must(w, a->begin.ask || a->begin.size == 0);
}

static void ask_write(struct wire *w, union pf_store_ask *a)
{
    u32(w, &a->write.parcel);
    flag(w, &a->write.in_slot);
    if (!a->write.in_slot) {
        rest(w, &a->write.text);
        must(w, a->write.text.len >= 1 && a->write.text.len <= PF_STORE_TEXT_INLINE);
        return;
    }
    u32(w, &a->write.slot);
    u32(w, &a->write.len);
    u32(w, &a->write.arena);
    must(w, a->write.len >= 1 && a->write.len <= PF_SLOT_OCTETS);
}

static void ask_wanted(struct wire *w, union pf_store_ask *a)
{
    u64(w, &a->wanted.session);
    text(w, &a->wanted.user, 1, PF_TICKET_USER_MAX);
}

/* True when there is more to say. */
static bool verdict(struct wire *w, struct pf_store_verdict *v)
{
    uint64_t code = v->code;

    number(w, &code, 1);
    must(w, code < PF_CODES);
    if (w->bad)
        return false;
    v->code = (enum pf_code)code;
    if (v->code == PF_OK)
        return true;
    u16(w, &v->sys);
    text(w, &v->say, 0, PF_ERR_SAY - 1);
    text(w, &v->log, 0, PF_ERR_LOG - 1);
    return false;
}

static void say_open(struct wire *w, union pf_store_say *s)
{
    struct pf_store_say_open *o = &s->open;
    bool in_memory = o->how == PF_STORE_LISTING_IN_MEMORY;
    bool good = verdict(w, &o->verdict);

    u64(w, &o->entry);
    if (!good)
        return;
    u32(w, &o->box);
    u32(w, &o->expired);
    flag(w, &in_memory);
    o->how = in_memory ? PF_STORE_LISTING_IN_MEMORY : PF_STORE_LISTING_HERE;
    if (in_memory)
        return;
    u32(w, &o->count);
    rest(w, &o->listing);
    must(w, o->listing.len <= PF_STORE_LISTING_INLINE);
}

static void say_read(struct wire *w, union pf_store_say *s)
{
    uint64_t all;

    if (!verdict(w, &s->read.verdict))
        return;
    u32(w, &s->read.got);
    flag(w, &s->read.last);
    flag(w, &s->read.clean);
    must(w, s->read.got <= PF_SLOT_OCTETS && (s->read.got > 0 || s->read.last));
    u16(w, &s->read.more);
    must(w, s->read.more <= (s->read.last ? PF_STORE_FURTHER : 0));
    all = s->read.got;
    for (uint32_t i = 0; !w->bad && i < s->read.more; i++) {
        u32(w, &s->read.further[i].got);
        flag(w, &s->read.further[i].clean);
        all += s->read.further[i].got;
        must(w, all <= PF_SLOT_OCTETS);
    }
}

/* Also with an error: some may be gone. */
static void say_expunge(struct wire *w, union pf_store_say *s)
{
    verdict(w, &s->expunge.verdict);
    u32(w, &s->expunge.removed);
}

static void say_nothing(struct wire *w, union pf_store_say *s)
{
    verdict(w, &s->verdict);
}

static void say_begin(struct wire *w, union pf_store_say *s)
{
    bool good = verdict(w, &s->begin.verdict);

    u64(w, &s->begin.entry);
    if (good)
        u32(w, &s->begin.parcel);
}

static void say_seal(struct wire *w, union pf_store_say *s)
{
    if (!verdict(w, &s->seal.verdict))
        return;
    text(w, &s->seal.uidl, 1, PF_UIDL_MAX);
    u64(w, &s->seal.octets);
    u64(w, &s->seal.size);
    u64(w, &s->seal.used_octets);
    u64(w, &s->seal.used_messages);
}

static void say_wanted(struct wire *w, union pf_store_say *s)
{
    flag(w, &s->wanted.found);
    if (!s->wanted.found)
        return;
    flag(w, &s->wanted.leaves);
    text(w, &s->wanted.say, 0, PF_ERR_SAY - 1);
    text(w, &s->wanted.facts, 0, PF_ERR_SAY - 1);
}

static const struct form {
    void (*ask)(struct wire *, union pf_store_ask *);
    void (*say)(struct wire *, union pf_store_say *);
} forms[PF_STORE_FRAMES] = {
    [PF_STORE_OPEN] = {ask_open, say_open},       [PF_STORE_READ] = {ask_read, say_read},
    [PF_STORE_EXPUNGE] = {ask_expunge, say_expunge}, [PF_STORE_CLOSE] = {ask_number, say_nothing},
    [PF_STORE_BEGIN] = {ask_begin, say_begin},    [PF_STORE_WRITE] = {ask_write, say_nothing},
    [PF_STORE_SEAL] = {ask_number, say_seal},     [PF_STORE_DROP] = {ask_number, say_nothing},
    [PF_STORE_WANTED] = {ask_wanted, say_wanted},
};

/* All or nothing. */
static bool written(const struct wire *w, size_t began)
{
    if (w->bad)
        w->to->len = began;
    return !w->bad;
}

bool pf_store_wire_put_ask(struct pf_span *span, enum pf_store_frame kind, const union pf_store_ask *ask)
{
    union pf_store_ask copy = *ask;
    struct wire w = {.to = span};
    size_t began = span->len;

    forms[kind].ask(&w, &copy);
    return written(&w, began);
}

bool pf_store_wire_put_say(struct pf_span *span, enum pf_store_frame kind, const union pf_store_say *say)
{
    union pf_store_say copy = *say;
    struct wire w = {.to = span};
    size_t began = span->len;

    forms[kind].say(&w, &copy);
    return written(&w, began);
}

bool pf_store_wire_get_ask(struct pf_bytes b, uint16_t kind, union pf_store_ask *out)
{
    struct wire w = {.from = b};
    union pf_store_ask got;

    memset(&got, 0, sizeof got);
    if (kind >= PF_STORE_FRAMES || !forms[kind].ask)
        return false;
    forms[kind].ask(&w, &got);
    if (w.bad || w.from.len)
        return false;
    *out = got;
    return true;
}

bool pf_store_wire_get_say(struct pf_bytes b, uint16_t kind, union pf_store_say *out)
{
    struct wire w = {.from = b};
    union pf_store_say got;

    memset(&got, 0, sizeof got);
    if (kind >= PF_STORE_FRAMES || !forms[kind].say)
        return false;
    forms[kind].say(&w, &got);
    if (w.bad || w.from.len)
        return false;
    *out = got;
    return true;
}

struct pf_store_verdict pf_store_wire_verdict(const struct pf_err *err)
{
    if (err->code == PF_OK)
        return (struct pf_store_verdict){.code = PF_OK};
    return (struct pf_store_verdict){.code = err->code,
                                     .sys = err->sys > 0 && err->sys <= UINT16_MAX ? (uint32_t)err->sys : 0,
                                     .say = pf_bytes_of(err->say),
                                     .log = pf_bytes_of(err->log)};
}

static void copy_text(struct pf_bytes from, char *to)
{
    if (from.len)
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
}

void pf_store_wire_err(const struct pf_store_verdict *v, struct pf_err *out)
{
    *out = (struct pf_err){.code = v->code};
    if (v->code == PF_OK)
        return;
    out->sys = (int)v->sys;
    out->where = "store";
    copy_text(v->say, out->say);
    copy_text(v->log, out->log);
}
