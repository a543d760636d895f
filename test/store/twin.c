#include "store/twin.h"

#include "base/crlf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

enum {
    DROPS = 3
};

struct mail {
    struct mail *next;
    unsigned char *at;
    size_t len;
    int64_t arrival;
    unsigned number; /* its UIDL */
};

struct drop {
    char path[200]; /* "" for a place that is free */
    struct mail *first;
    bool open;
};

struct twin {
    struct pf_twin base;
    mtx_t lock; /* for all that follows */
    struct drop drops[DROPS];
    unsigned made;
    atomic_uint tries;
};

struct pf_twin_box {
    struct twin *twin;
    struct drop *drop;
    uint32_t count;
    struct pf_row *rows;
    unsigned char *uidls;
    unsigned *numbers;
};

struct pf_twin_parcel {
    struct twin *twin;
    struct drop *drop;
    struct mail *mail;
};

static bool refuses(struct twin *t, bool may_block)
{
    return !may_block && atomic_fetch_add(&t->tries, 1) % 2 == 0;
}

static struct drop *find(struct twin *t, const char *path, bool make)
{
    for (unsigned i = 0; i < DROPS; i++) {
        if (strcmp(t->drops[i].path, path) == 0)
            return &t->drops[i];
        if (make && !t->drops[i].path[0]) {
            snprintf(t->drops[i].path, sizeof t->drops[i].path, "%s", path);
            return &t->drops[i];
        }
    }
    return NULL;
}

static void remove_mail(struct mail **at)
{
    struct mail *m = *at;

    *at = m->next;
    free(m->at);
    free(m);
}

static struct mail **find_mail(struct drop *d, unsigned number)
{
    struct mail **at = &d->first;

    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static uint32_t expire(struct drop *d, const struct pf_box_where *where)
{
    uint32_t expired = 0;

    for (struct mail **at = &d->first; where->expire_days > 0 && *at;) {
        if (where->now - (*at)->arrival > (int64_t)where->expire_days * 86400) {
            remove_mail(at);
            expired++;
        } else {
            at = &(*at)->next;
        }
    }
    return expired;
}

static void box_free(struct pf_twin_box *b)
{
    free(b->rows);
    free(b->uidls);
    free(b->numbers);
    free(b);
}

/* NULL without memory. */
static struct pf_twin_box *box_new(struct twin *t, struct drop *d)
{
    struct pf_twin_box *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->twin = t;
    b->drop = d;
    for (const struct mail *m = d->first; m; m = m->next)
        b->count++;
    b->rows = calloc(b->count + 1, sizeof b->rows[0]);
    b->uidls = calloc(b->count + 1, 16);
    b->numbers = calloc(b->count + 1, sizeof b->numbers[0]);
    if (b->rows && b->uidls && b->numbers)
        return b;
    box_free(b);
    return NULL;
}

static struct pf_listing list(struct pf_twin_box *b)
{
    struct pf_listing l = {0};
    uint32_t i = 0;

    for (const struct mail *m = b->drop->first; m; m = m->next, i++) {
        struct pf_crlf crlf = {0};
        int len = snprintf((char *)b->uidls + i * 16, 16, "twin-%u", m->number);

        pf_crlf_add(&crlf, pf_bytes_from(m->at, m->len));
        b->numbers[i] = m->number;
        b->rows[i] = (struct pf_row){
            .octets = pf_crlf_total(&crlf), .uidl_at = i * 16, .uidl_len = (uint8_t)len};
        l.octets += b->rows[i].octets;
    }
    l.rows = b->rows;
    l.uidls = b->uidls;
    l.count = b->count;
    return l;
}

static enum pf_code box_open(struct pf_twin *base, const struct pf_box_where *where, bool may_block,
                             struct pf_twin_opened *out_opened, struct pf_err *err)
{
    struct twin *t = (struct twin *)base;
    enum pf_code code = PF_OK;
    struct drop *d;

    if (refuses(t, may_block))
        return pf_fail(err, PF_AGAIN, 0, "twin", "would block");
    mtx_lock(&t->lock);
    d = find(t, where->path, false);
    if (!d || d->open) {
        code = pf_fail(err, d ? PF_IN_USE : PF_NO_BOX, 0, "twin", "%s is in use or missing", where->path);
    } else {
        out_opened->expired = expire(d, where);
        out_opened->box = box_new(t, d);
        d->open = out_opened->box != NULL;
        if (out_opened->box)
            out_opened->listing = list(out_opened->box);
        else
            code = pf_fail(err, PF_NO_MEMORY, 0, "twin", "no memory");
    }
    mtx_unlock(&t->lock);
    return code;
}

static enum pf_code box_read(struct pf_twin_box *b, struct pf_box_read *r, bool may_block, struct pf_err *err)
{
    enum pf_code code = PF_OK;
    const struct mail *m;

    if (refuses(b->twin, may_block))
        return pf_fail(err, PF_AGAIN, 0, "twin", "would block");
    mtx_lock(&b->twin->lock);
    m = *find_mail(b->drop, b->numbers[r->index]);
    if (!m) {
        code = pf_fail(err, PF_GONE, 0, "twin", "message %u was expunged", r->index + 1);
    } else {
        r->got = m->len - r->offset < r->cap ? m->len - r->offset : r->cap;
        if (r->got)
            memcpy(r->at, m->at + r->offset, r->got);
        r->last = r->offset + r->got == m->len;
    }
    mtx_unlock(&b->twin->lock);
    return code;
}

static enum pf_code box_expunge(struct pf_twin_box *b, struct pf_box_expunge *e, struct pf_err *err)
{
    (void)err;
    mtx_lock(&b->twin->lock);
    for (uint32_t i = 0; e->remove && i < b->count; i++) {
        struct mail **at = find_mail(b->drop, b->numbers[i]);

        if (!pf_marks_has(e->remove, i))
            continue;
        if (*at)
            remove_mail(at);
        e->removed++;
    }
    mtx_unlock(&b->twin->lock);
    return PF_OK;
}

static void box_close(struct pf_twin_box *b)
{
    mtx_lock(&b->twin->lock);
    b->drop->open = false;
    mtx_unlock(&b->twin->lock);
    box_free(b);
}

static enum pf_code parcel_begin(struct pf_twin *base, const struct pf_box_where *where,
                                 struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    struct twin *t = (struct twin *)base;
    struct pf_twin_parcel *p = calloc(1, sizeof *p);
    struct mail *m = calloc(1, sizeof *m);
    struct drop *d;

    mtx_lock(&t->lock);
    d = find(t, where->path, true);
    mtx_unlock(&t->lock);
    if (!d || !p || !m) {
        free(p);
        free(m);
        return pf_fail(err, d ? PF_NO_MEMORY : PF_NO_BOX, 0, "twin", "no place for %s", where->path);
    }
    m->arrival = where->now;
    *p = (struct pf_twin_parcel){t, d, m};
    *out_parcel = p;
    return PF_OK;
}

static enum pf_code parcel_write(struct pf_twin_parcel *p, struct pf_bytes bytes, struct pf_err *err)
{
    struct mail *m = p->mail;
    unsigned char *at = realloc(m->at, m->len + bytes.len + 1);

    if (!at)
        return pf_fail(err, PF_NO_MEMORY, 0, "twin", "no memory");
    m->at = at;
    if (bytes.len)
        memcpy(m->at + m->len, bytes.at, bytes.len);
    m->len += bytes.len;
    return PF_OK;
}

static enum pf_code parcel_seal(struct pf_twin_parcel *p, struct pf_parcel_seal *s, struct pf_err *err)
{
    struct pf_crlf crlf = {0};

    (void)err;
    pf_crlf_add(&crlf, pf_bytes_from(p->mail->at, p->mail->len));
    s->octets = pf_crlf_total(&crlf);
    mtx_lock(&p->twin->lock);
    p->mail->number = ++p->twin->made;
    snprintf(s->uidl, sizeof s->uidl, "twin-%u", p->mail->number);
    *find_mail(p->drop, 0) = p->mail; /* nothing has number 0: the end */
    mtx_unlock(&p->twin->lock);
    free(p);
    return PF_OK;
}

static void parcel_drop(struct pf_twin_parcel *p)
{
    free(p->mail->at);
    free(p->mail);
    free(p);
}

static void twin_free(struct pf_twin *base)
{
    struct twin *t = (struct twin *)base;

    for (unsigned i = 0; i < DROPS; i++)
        while (t->drops[i].first)
            remove_mail(&t->drops[i].first);
    mtx_destroy(&t->lock);
    free(t);
}

static enum pf_code parcel_ask(struct pf_twin *base, const struct pf_box_where *where, uint64_t size,
                               struct pf_err *err)
{
    (void)base, (void)where, (void)size, (void)err;
    return PF_OK;
}

static const struct pf_twin_kind kind = {"twin",       box_open,     box_read,    box_expunge, box_close,
                                         parcel_begin, parcel_write, parcel_seal, parcel_drop, twin_free,
                                         parcel_ask,   NULL,         NULL};

struct pf_twin *twin_new(void)
{
    struct twin *t = calloc(1, sizeof *t);

    if (!t || mtx_init(&t->lock, mtx_plain) != thrd_success) {
        free(t);
        return NULL;
    }
    t->base.kind = &kind;
    return &t->base;
}
