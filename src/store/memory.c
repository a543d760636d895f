#include "store/memory.h"

#include "base/crlf.h"
#include "store/audit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    PARCEL_MAX = 256 << 20, /* larger than any mail that a developer's tests have a use for */
    DAY = 86400
};

struct message {
    struct pf_bytes text; /* owned */
    uint64_t octets;      /* on the wire */
    int64_t arrival;      /* seconds since 1970 */
    uint8_t flags;        /* PF_ROW_... */
    bool gone;            /* expunged; its place is freed when the box is closed */
    char uidl[PF_UIDL_MAX + 1];
};

struct drop {
    struct drop *next;
    struct message **messages; /* in order of arrival */
    uint32_t count, room;
    bool open;
    char path[];
};

struct memory {
    struct pf_store base;
    struct drop *drops;
    uint64_t origin, made; /* UIDLs are <origin>.<how many were made> */
};

struct box {
    struct pf_box base;
    struct drop *drop;
    uint32_t count;
    struct pf_row *rows;
    unsigned char *uidls;
};

struct parcel {
    struct pf_parcel base;
    int64_t now;
    uint64_t quota_octets, quota_messages;
    unsigned char *at;
    size_t len, room;
    char path[];
};

static uint64_t wire_octets(struct pf_bytes text)
{
    struct pf_crlf count = {0};

    pf_crlf_add(&count, text);
    return pf_crlf_total(&count);
}

static void message_free(struct message *m)
{
    if (!m)
        return;
    free((void *)(uintptr_t)m->text.at);
    free(m);
}

static struct drop *find_drop(const struct memory *s, const char *path)
{
    for (struct drop *d = s->drops; d; d = d->next)
        if (strcmp(d->path, path) == 0)
            return d;
    return NULL;
}

static struct drop *make_drop(struct memory *s, const char *path)
{
    struct drop *d = find_drop(s, path);

    if (d)
        return d;
    d = calloc(1, sizeof *d + strlen(path) + 1);
    if (!d)
        return NULL;
    memcpy(d->path, path, strlen(path));
    d->next = s->drops;
    s->drops = d;
    return d;
}

static bool append(struct drop *d, struct message *m)
{
    if (d->count == d->room) {
        uint32_t room = d->room ? d->room * 2 : 16;
        struct message **messages = NULL;

        if (room > d->room)
            messages = reallocarray(d->messages, room, sizeof(struct message *));
        if (!messages)
            return false;
        d->messages = messages;
        d->room = room;
    }
    d->messages[d->count++] = m;
    return true;
}

static void sweep(struct drop *d)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        if (d->messages[i]->gone)
            message_free(d->messages[i]);
        else
            d->messages[kept++] = d->messages[i];
    }
    d->count = kept;
}

/* `text` is taken over when this succeeds. A path that is unknown is made. */
static struct message *keep(struct memory *s, const char *path, struct pf_bytes text, int64_t arrival)
{
    struct drop *d = make_drop(s, path);
    struct message *m = d ? calloc(1, sizeof *m) : NULL;

    if (!m || !append(d, m)) {
        free(m);
        return NULL;
    }
    m->text = text;
    m->octets = wire_octets(text);
    m->arrival = arrival;
    snprintf(m->uidl, sizeof m->uidl, "%016llx.%llu", (unsigned long long)s->origin,
             (unsigned long long)++s->made);
    return m;
}

enum pf_code pf_memory_add(struct pf_store *store, const char *path, struct pf_bytes message,
                           const char *uidl, struct pf_err *err)
{
    unsigned char *copy;
    struct message *m;

    if (uidl && !pf_uidl_legal(pf_bytes_of(uidl)))
        return pf_fail(err, PF_PERM, 0, "memory", "UIDL \"%s\" is not legal", uidl);
    copy = malloc(message.len + !message.len);
    if (!copy)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a message");
    if (message.len)
        memcpy(copy, message.at, message.len);
    m = keep((struct memory *)store, path, pf_bytes_from(copy, message.len), time(NULL));
    if (!m) {
        free(copy);
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a message");
    }
    if (uidl)
        snprintf(m->uidl, sizeof m->uidl, "%s", uidl);
    return PF_OK;
}

uint32_t pf_memory_count(struct pf_store *store, const char *path)
{
    const struct drop *d = find_drop((const struct memory *)store, path);
    uint32_t count = 0;

    for (uint32_t i = 0; d && i < d->count; i++)
        count += !d->messages[i]->gone;
    return count;
}

static uint32_t expire(struct drop *d, const struct pf_box_where *where)
{
    uint32_t expired = 0;

    if (where->expire_days <= 0)
        return 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (where->now - d->messages[i]->arrival > (int64_t)where->expire_days * DAY) {
            d->messages[i]->gone = true;
            expired++;
        }
    }
    sweep(d);
    return expired;
}

static void box_free(struct box *b)
{
    if (!b)
        return;
    free(b->rows);
    free(b->uidls);
    free(b);
}

/* A box for the drop as it is now, and its listing; NULL without memory. */
static struct box *box_new(struct pf_store *store, struct drop *d, struct pf_listing *out_listing)
{
    struct box *b = calloc(1, sizeof *b);
    uint32_t at = 0;

    if (!b)
        return NULL;
    b->base.store = store;
    b->drop = d;
    b->count = d->count;
    b->rows = calloc((size_t)d->count + 1, sizeof b->rows[0]);
    b->uidls = calloc((size_t)d->count + 1, PF_UIDL_MAX);
    if (!b->rows || !b->uidls || d->count > UINT32_MAX / PF_UIDL_MAX) {
        box_free(b);
        return NULL;
    }
    *out_listing = (struct pf_listing){.rows = b->rows, .uidls = b->uidls, .count = b->count};
    for (uint32_t i = 0; i < d->count; i++) {
        const struct message *m = d->messages[i];
        size_t len = strlen(m->uidl);

        memcpy(b->uidls + at, m->uidl, len);
        b->rows[i] = (struct pf_row){
            .octets = m->octets, .uidl_at = at, .uidl_len = (uint8_t)len, .flags = m->flags};
        at += (uint32_t)len;
        out_listing->octets += m->octets;
    }
    return b;
}

static void open_drop(struct memory *s, struct pf_box_open *o)
{
    struct drop *d = find_drop(s, o->where.path);
    struct box *b;

    if (!d) {
        pf_fail(&o->op.err, PF_NO_BOX, 0, "memory", "no maildrop %s for %s", o->where.path, o->where.user);
        return;
    }
    if (d->open) {
        pf_fail(&o->op.err, PF_IN_USE, 0, "memory", "maildrop %s of %s is open", o->where.path,
                o->where.user);
        return;
    }
    o->expired = expire(d, &o->where);
    b = box_new(&s->base, d, &o->listing);
    if (!b) {
        pf_fail(&o->op.err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a listing");
        return;
    }
    d->open = true;
    o->box = &b->base;
}

static void box_open(struct pf_store *store, struct pf_box_open *o)
{
    open_drop((struct memory *)store, o);
    pf_store_op_done(store, &o->op);
}

static void box_read(struct pf_box *box, struct pf_box_read *r)
{
    const struct message *m = ((struct box *)box)->drop->messages[r->index];

    if (m->gone) {
        pf_fail(&r->op.err, PF_GONE, 0, "memory", "message %u was expunged", r->index + 1);
    } else {
        struct pf_bytes rest = pf_bytes_skip(m->text, r->offset);
        struct pf_bytes piece = pf_bytes_head(rest, r->cap);

        if (piece.len)
            memcpy(r->at, piece.at, piece.len);
        r->got = piece.len;
        r->last = piece.len == rest.len;
    }
    pf_store_op_done(box->store, &r->op);
}

static void box_expunge(struct pf_box *box, struct pf_box_expunge *e)
{
    struct box *b = (struct box *)box;

    for (uint32_t i = 0; i < b->count; i++) {
        struct message *m = b->drop->messages[i];

        if (e->seen && pf_marks_has(e->seen, i))
            m->flags |= PF_ROW_SEEN;
        if (e->remove && pf_marks_has(e->remove, i)) {
            m->gone = true;
            e->removed++;
        }
    }
    pf_store_op_done(box->store, &e->op);
}

static void box_close(struct pf_box *box, struct pf_box_close *c)
{
    struct box *b = (struct box *)box;
    struct pf_store *store = box->store;

    sweep(b->drop);
    b->drop->open = false;
    box_free(b);
    pf_store_op_done(store, &c->op);
}

struct usage {
    uint64_t octets, messages;
};

static struct usage usage_of(const struct drop *d)
{
    struct usage u = {0};

    for (uint32_t i = 0; d && i < d->count; i++) {
        u.octets += d->messages[i]->gone ? 0 : d->messages[i]->text.len;
        u.messages += !d->messages[i]->gone;
    }
    return u;
}

/* Whether a message more is one too many, or too large. */
static enum pf_code judge(const struct pf_store *store, const char *path, const struct usage *quota, uint64_t size,
                          struct pf_err *err)
{
    struct usage u = usage_of(find_drop((const struct memory *)store, path));

    if ((quota->octets && (size > quota->octets || u.octets > quota->octets - size)) ||
        (quota->messages && u.messages >= quota->messages))
        return pf_fail(err, PF_OVER_QUOTA, 0, "memory", "%s is full", path);
    return PF_OK;
}

static void parcel_ask(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct usage quota = {b->where.quota_octets, b->where.quota_messages};

    judge(store, b->where.path, &quota, b->size, &b->op.err);
    pf_store_op_done(store, &b->op);
}

static void parcel_begin(struct pf_store *store, struct pf_parcel_begin *b)
{
    struct parcel *p = b->ask ? NULL : calloc(1, sizeof *p + strlen(b->where.path) + 1);

    if (b->ask) {
        parcel_ask(store, b);
        return;
    }
    if (!p) {
        pf_fail(&b->op.err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a parcel");
    } else {
        p->quota_octets = b->where.quota_octets;
        p->quota_messages = b->where.quota_messages;
        p->base.store = store;
        p->now = b->where.now;
        memcpy(p->path, b->where.path, strlen(b->where.path));
        b->parcel = &p->base;
    }
    pf_store_op_done(store, &b->op);
}

static bool grow(struct parcel *p, size_t need)
{
    size_t room = p->room ? p->room : 4096;
    unsigned char *at;

    while (room < need)
        room *= 2;
    if (room == p->room)
        return true;
    at = realloc(p->at, room);
    if (!at)
        return false;
    p->at = at;
    p->room = room;
    return true;
}

static void parcel_write(struct pf_parcel *parcel, struct pf_parcel_write *w)
{
    struct parcel *p = (struct parcel *)parcel;

    if (w->bytes.len > PARCEL_MAX - p->len) {
        pf_fail(&w->op.err, PF_NO_SPACE, 0, "memory", "a message of more than %d octets", PARCEL_MAX);
    } else if (!grow(p, p->len + w->bytes.len)) {
        pf_fail(&w->op.err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a message");
    } else if (w->bytes.len) {
        memcpy(p->at + p->len, w->bytes.at, w->bytes.len);
        p->len += w->bytes.len;
    }
    pf_store_op_done(parcel->store, &w->op);
}

static void parcel_free(struct parcel *p)
{
    free(p->at);
    free(p);
}

static void seal(struct pf_store *store, struct parcel *p, struct pf_parcel_seal *s)
{
    const struct usage quota = {p->quota_octets, p->quota_messages};
    const struct message *m;
    struct usage used;

    if (judge(store, p->path, &quota, p->len, &s->op.err) != PF_OK)
        return;
    m = keep((struct memory *)store, p->path, pf_bytes_from(p->at, p->len), p->now);
    if (!m) {
        pf_fail(&s->op.err, PF_NO_MEMORY, ENOMEM, "memory", "no memory for a message");
        return;
    }
    p->at = NULL;
    s->octets = m->octets;
    memcpy(s->uidl, m->uidl, sizeof s->uidl);
    if (quota.octets || quota.messages) {
        used = usage_of(find_drop((struct memory *)store, p->path));
        s->size = m->text.len;
        s->used_octets = used.octets;
        s->used_messages = used.messages;
    }
}

static void parcel_seal(struct pf_parcel *parcel, struct pf_parcel_seal *s)
{
    struct parcel *p = (struct parcel *)parcel;
    struct pf_store *store = parcel->store;

    seal(store, p, s);
    parcel_free(p);
    pf_store_op_done(store, &s->op);
}

static void parcel_drop(struct pf_parcel *parcel, struct pf_parcel_drop *d)
{
    struct pf_store *store = parcel->store;

    parcel_free((struct parcel *)parcel);
    pf_store_op_done(store, &d->op);
}

static void memory_free(struct pf_store *store)
{
    struct memory *s = (struct memory *)store;

    while (s->drops) {
        struct drop *d = s->drops;

        s->drops = d->next;
        assert(!d->open);
        for (uint32_t i = 0; i < d->count; i++)
            message_free(d->messages[i]);
        free(d->messages);
        free(d);
    }
    free(s);
}

static const struct pf_store_kind kind = {
    .name = "memory",
    .box_open = box_open,
    .box_read = box_read,
    .box_expunge = box_expunge,
    .box_close = box_close,
    .parcel_begin = parcel_begin,
    .parcel_write = parcel_write,
    .parcel_seal = parcel_seal,
    .parcel_drop = parcel_drop,
    .free = memory_free,
};

struct pf_store *pf_memory_new(struct pf_loop *loop)
{
    struct memory *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->base.kind = &kind;
    s->base.loop = loop;
    /* Clients remember UIDLs for longer than this process lives. */
    if (getrandom(&s->origin, sizeof s->origin, GRND_NONBLOCK) != sizeof s->origin)
        s->origin = (uint64_t)time(NULL);
    return &s->base;
}
