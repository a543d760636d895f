#include "store/t_mbox_view.h"

#include "base/crlf.h"
#include "base/text.h"

#include <stdlib.h>
#include <threads.h>

struct text {
    unsigned char *at;
    size_t len, cap;
};

struct mail {
    struct mail *next;
    char uidl[PF_UIDL_MAX + 1];
    struct text given, kept;
};

struct view {
    struct pf_twin base;
    struct pf_twin *real;
    bool mboxrd;
};

struct pf_twin_box {
    const struct view *view;
    struct pf_twin_box *real;
    struct pf_listing listing; /* of the real one */
    struct pf_row *rows;
};

struct pf_twin_parcel {
    const struct view *view;
    struct pf_twin_parcel *real;
    struct text given;
};

static struct mail *mails; /* of this world; they outlive a store */
static mtx_t lock;

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void add(struct text *t, struct pf_bytes b)
{
    if (t->len + b.len >= t->cap) {
        t->cap = 2 * (t->len + b.len) + 64;
        t->at = realloc(t->at, t->cap);
    }
    must(t->at != NULL);
    if (b.len)
        memcpy(t->at + t->len, b.at, b.len);
    t->len += b.len;
}

static bool is_note(struct pf_bytes line)
{
    static const char *const names[] = {"Status", "X-Status", "X-Keywords", "X-UID", "X-UIDL", "X-IMAP",
                                        "X-IMAPbase", "Content-Length"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (pf_equal_nocase(pf_bytes_head(line, pf_find(line, ':')), pf_bytes_of(names[i])))
            return true;
    return false;
}

static bool wants_quote(const struct view *v, struct pf_bytes line)
{
    size_t quotes = 0;

    while (quotes < line.len && line.at[quotes] == '>')
        quotes++;
    return !v->mboxrd && !quotes && line.len >= 5 && memcmp(line.at, "From ", 5) == 0;
}

/* The line without its end; the CR of CRLF goes, others stay, and then there is one for the line end as well. */
static void keep_line(const struct view *v, struct text *kept, struct pf_bytes line, bool lf)
{
    size_t crs = 0;

    while (crs < line.len && line.at[line.len - 1 - crs] == '\r')
        crs++;
    if (wants_quote(v, line))
        add(kept, PF_LIT(">"));
    if (lf && crs == 1)
        line.len--;
    add(kept, line);
    if (!lf && crs)
        add(kept, PF_LIT("\r"));
    add(kept, PF_LIT("\n"));
}

static struct text keep(const struct view *v, struct text given)
{
    struct pf_bytes rest = pf_bytes_from(given.at, given.len);
    struct text kept = {0};
    bool head = true, skip = false;

    add(&kept, PF_LIT(""));
    while (rest.len) {
        size_t len = pf_find(rest, '\n');
        struct pf_bytes line = pf_bytes_head(rest, len);
        bool fold = line.len && (line.at[0] == ' ' || line.at[0] == '\t');

        if (!line.len || pf_bytes_equal(line, PF_LIT("\r")))
            head = head && len == rest.len; /* a CR at the very end is no empty line */
        if (!fold)
            skip = head && is_note(line);
        if (!head || !skip)
            keep_line(v, &kept, line, len < rest.len);
        rest = pf_bytes_skip(rest, len + 1);
    }
    return kept;
}

static uint64_t wire(struct text t)
{
    struct pf_crlf crlf = {0};

    pf_crlf_add(&crlf, pf_bytes_from(t.at, t.len));
    return pf_crlf_total(&crlf);
}

static const struct mail *find(struct pf_bytes uidl)
{
    const struct mail *m;

    mtx_lock(&lock);
    for (m = mails; m && !pf_bytes_equal(pf_bytes_of(m->uidl), uidl); m = m->next)
        ;
    mtx_unlock(&lock);
    must(m != NULL);
    return m;
}

static enum pf_code box_open(struct pf_twin *twin, const struct pf_box_where *w, bool may_block,
                             struct pf_twin_opened *out_opened, struct pf_err *err)
{
    const struct view *v = (struct view *)twin;
    struct pf_twin_opened real = {0};
    enum pf_code code = v->real->kind->box_open(v->real, w, may_block, &real, err);
    struct pf_twin_box *box;
    uint64_t octets = 0;

    if (code)
        return code;
    box = calloc(1, sizeof *box);
    must(box != NULL);
    *box = (struct pf_twin_box){v, real.box, real.listing, calloc(real.listing.count + 1, sizeof(struct pf_row))};
    must(box->rows != NULL);
    for (uint32_t i = 0; i < real.listing.count; i++) {
        const struct mail *m = find(pf_listing_uidl(&real.listing, i));

        must(real.listing.rows[i].octets == wire(m->kept));
        box->rows[i] = real.listing.rows[i];
        box->rows[i].octets = wire(m->given);
        octets += wire(m->given);
    }
    *out_opened = real;
    out_opened->box = box;
    out_opened->listing.rows = box->rows;
    out_opened->listing.octets = octets;
    return PF_OK;
}

/* The whole message, in pieces of this size, is what an mbox keeps. */
static enum pf_code compare(struct pf_twin_box *box, const struct pf_box_read *op, const struct mail *m,
                            bool may_block, struct pf_err *err)
{
    struct pf_box_read r = {.index = op->index, .cap = op->cap, .at = malloc(op->cap)};
    enum pf_code code = PF_OK;

    must(r.at != NULL);
    while (!code && !r.last) {
        code = box->view->real->kind->box_read(box->real, &r, may_block, err);
        if (code)
            break;
        must(r.got <= m->kept.len - r.offset && (!r.got || memcmp(r.at, m->kept.at + r.offset, r.got) == 0));
        must(r.got || r.last);
        r.offset += r.got;
    }
    must(code || r.offset == m->kept.len);
    free(r.at);
    return code;
}

static enum pf_code box_read(struct pf_twin_box *box, struct pf_box_read *op, bool may_block, struct pf_err *err)
{
    const struct mail *m = find(pf_listing_uidl(&box->listing, op->index));
    enum pf_code code = op->offset ? PF_OK : compare(box, op, m, may_block, err);

    if (code)
        return code;
    op->got = m->given.len - op->offset < op->cap ? m->given.len - (size_t)op->offset : op->cap;
    if (op->got)
        memcpy(op->at, m->given.at + op->offset, op->got);
    op->last = op->offset + op->got == m->given.len;
    return PF_OK;
}

static enum pf_code box_expunge(struct pf_twin_box *box, struct pf_box_expunge *op, struct pf_err *err)
{
    return box->view->real->kind->box_expunge(box->real, op, err);
}

static void box_close(struct pf_twin_box *box)
{
    box->view->real->kind->box_close(box->real);
    free(box->rows);
    free(box);
}

static enum pf_code parcel_begin(struct pf_twin *twin, const struct pf_box_where *w,
                                 struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    const struct view *v = (struct view *)twin;
    struct pf_twin_parcel *p = calloc(1, sizeof *p);
    enum pf_code code;

    must(p != NULL);
    p->view = v;
    code = v->real->kind->parcel_begin(v->real, w, &p->real, err);
    if (code)
        free(p);
    else
        *out_parcel = p;
    return code;
}

static enum pf_code parcel_write(struct pf_twin_parcel *p, struct pf_bytes b, struct pf_err *err)
{
    add(&p->given, b);
    return p->view->real->kind->parcel_write(p->real, b, err);
}

static enum pf_code parcel_seal(struct pf_twin_parcel *p, struct pf_parcel_seal *op, struct pf_err *err)
{
    enum pf_code code = p->view->real->kind->parcel_seal(p->real, op, err);
    struct mail *m = calloc(1, sizeof *m);

    must(m != NULL);
    add(&p->given, PF_LIT(""));
    m->given = p->given;
    if (code) {
        free(m->given.at);
        free(m);
    } else {
        memcpy(m->uidl, op->uidl, sizeof m->uidl);
        m->kept = keep(p->view, m->given);
        must(op->octets == wire(m->kept));
        op->octets = wire(m->given);
        mtx_lock(&lock);
        m->next = mails;
        mails = m;
        mtx_unlock(&lock);
    }
    free(p);
    return code;
}

static void parcel_drop(struct pf_twin_parcel *p)
{
    p->view->real->kind->parcel_drop(p->real);
    free(p->given.at);
    free(p);
}

static void view_free(struct pf_twin *twin)
{
    struct view *v = (struct view *)twin;

    v->real->kind->free(v->real);
    free(v);
}

bool view_make(struct world *w, const struct pf_mbox_settings *settings)
{
    static const struct pf_twin_kind kind = {"mbox seen plain", box_open,     box_read,    box_expunge, box_close,
                                             parcel_begin,      parcel_write, parcel_seal, parcel_drop, view_free,
                                             NULL,              NULL,         NULL};
    struct view *v = calloc(1, sizeof *v);

    must(v != NULL);
    if (!mails)
        must(mtx_init(&lock, mtx_plain) == thrd_success);
    v->base.kind = &kind;
    v->real = pf_mbox_new(settings, NULL);
    v->mboxrd = settings->mboxrd;
    must(v->real != NULL);
    w->drive.store = pf_lift_new(w->drive.loop, w->pool, &v->base, NULL);
    return w->drive.store != NULL;
}

void view_forget(struct world *w)
{
    (void)w;
    while (mails) {
        struct mail *m = mails;

        mails = m->next;
        free(m->given.at);
        free(m->kept.at);
        free(m);
    }
}
