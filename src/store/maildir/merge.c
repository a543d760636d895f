#include "store/maildir/merge.h"

#include "store/maildir/mix.h"
#include "store/maildir/size.h"
#include "store/maildir/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char where[] = "maildir_list";

/* One file on its way to a row. */
struct item {
    struct pf_maildir_file *file;
    struct pf_maildir_name name;
    struct pf_bytes base;
    const struct pf_maildir_file *old; /* what the cache knew of it, or NULL */
    uint64_t old_octets;
    uint64_t stored; /* true size, when looked */
    uint64_t octets;
    bool looked;
    bool changed; /* is not what the cache knew */
    bool lies;    /* a session before this one found the name wrong, and no cache says what is right */
};

static struct pf_bytes base_of(const struct pf_maildir_image *m, const struct pf_maildir_file *f)
{
    return pf_bytes_from(m->blob + f->name_at + PF_MAILDIR_FOLDER_LEN, f->base_len);
}

/* The cache's row of this file. `*k` walks along the cache as files come in the same order; among
 * rows of one base name the same inode is better. */
static void find_old(const struct pf_maildir_merge *m, struct item *it, uint32_t *k)
{
    const struct pf_maildir_image *old = m->old;

    for (; *k < old->count; ++*k) {
        const struct pf_maildir_file *f = &old->files[*k];

        if (f->arrival > it->file->arrival ||
            (f->arrival == it->file->arrival &&
             pf_maildir_name_order(base_of(old, f), it->base) >= 0))
            break;
    }
    for (uint32_t i = *k; i < old->count; i++) {
        const struct pf_maildir_file *f = &old->files[i];

        if (f->arrival != it->file->arrival || !pf_bytes_equal(base_of(old, f), it->base))
            return;
        if (it->old && f->ino != it->file->ino)
            continue;
        it->old = f;
        it->old_octets = old->rows[i].octets;
    }
}

static bool sizes_in_name(const struct item *it)
{
    return it->name.has_size && it->name.has_wire &&
           pf_maildir_plausible(it->name.size, it->name.wire);
}

static bool wants_look(const struct pf_maildir_merge *m, const struct item *it, bool twin)
{
    if (twin || it->lies || !it->name.by_form || pf_maildir_uidls_knows(m->uidls, it->base))
        return true;
    if (it->old)
        return it->old->ino != it->file->ino || it->old->flags & PF_MAILDIR_DOUBT;
    return !sizes_in_name(it);
}

static bool is_as_known(const struct item *it)
{
    const struct pf_maildir_file *f = it->file;

    return it->old &&
           (it->old->size == f->size || it->old->size == PF_MAILDIR_NO_SIZE ||
            f->size == PF_MAILDIR_NO_SIZE) &&
           (it->old->mtime == PF_MAILDIR_NO_TIME || it->old->mtime == f->mtime);
}

/* Whether a look saw the very file that the cache knows as squeezed. What it says of the size is about
 * the file then, not about the text. */
static bool is_same_squeezed(const struct item *it)
{
    return it->old && it->old->flags & PF_MAILDIR_SQUEEZED && it->old->size != PF_MAILDIR_NO_SIZE &&
           it->old->ino == it->file->ino && it->old->mtime == it->file->mtime;
}

/* Whether the cache's wire size holds for a file that was looked at: nobody doubts it, and an
 * equal size is not all that speaks for it. */
static bool is_proven(const struct item *it)
{
    return !it->lies && is_as_known(it) && !(it->old->flags & PF_MAILDIR_DOUBT) &&
           (it->old->mtime != PF_MAILDIR_NO_TIME || it->old->ino == it->file->ino);
}

static int folder_of(const struct pf_maildir_merge *m, const struct pf_maildir_file *f)
{
    return m->image->blob[f->name_at] == 'c' ? m->box->dirs.cur : m->box->dirs.fresh;
}

static const char *file_name(const struct pf_maildir_merge *m, const struct pf_maildir_file *f)
{
    return m->image->blob + f->name_at + PF_MAILDIR_FOLDER_LEN;
}

/* Compressing a message in its place does not make it another one while size of text and mtime stay. */
static void is_squeezed(struct pf_maildir_merge *m, struct item *it)
{
    struct pf_maildir_file *f = it->file;

    f->flags |= PF_MAILDIR_SQUEEZED;
    if (it->name.has_size)
        f->size = it->name.size;
    it->stored = f->size;
    it->changed = it->old && m->comparable && !is_as_known(it);
}

/* A file that nobody can read now shall not lock its owner out of all others; nor become another message
 * when it can be read again, and turns out to be squeezed and of another size. */
static void unreadable(struct pf_maildir_merge *m, struct item *it)
{
    struct pf_maildir_file *f = it->file;

    it->octets = sizes_in_name(it) ? it->name.wire : f->size;
    f->flags |= PF_MAILDIR_DOUBT;
    f->size = it->stored = PF_MAILDIR_NO_SIZE;
    it->changed = it->old && m->comparable && !is_as_known(it);
}

static enum pf_code count(struct pf_maildir_merge *m, struct item *it, struct pf_err *err)
{
    struct pf_maildir_file *f = it->file;
    struct pf_maildir_measure measure;
    int bad;

    m->box->counts.opens++;
    m->learned = true;
    bad = pf_maildir_measure(folder_of(m, f), file_name(m, f), &measure);
    if (bad == ENOENT)
        return PF_GONE;
    if (bad == ENOMEM)
        return pf_fail(err, PF_NO_MEMORY, bad, where, "no memory to unpack mail of %s", m->box->path);
    if (bad) {
        unreadable(m, it);
        return PF_OK;
    }
    f->mtime = measure.mtime;
    f->size = it->stored = measure.size;
    f->flags |= PF_MAILDIR_COUNTED;
    it->octets = measure.wire;
    if (measure.squeezed)
        is_squeezed(m, it);
    return PF_OK;
}

/* The sizes of a squeezed file that was looked at. */
static enum pf_code squeezed_size(struct pf_maildir_merge *m, struct item *it,
                                  struct pf_err *err)
{
    if (it->lies || !sizes_in_name(it) || (it->old && it->old->flags & (PF_MAILDIR_DOUBT | PF_MAILDIR_COUNTED)))
        return count(m, it, err);
    is_squeezed(m, it);
    it->octets = it->name.wire;
    return PF_OK;
}

/* The wire size of a file that was looked at and that the cache does not know as it is. */
static enum pf_code new_size(struct pf_maildir_merge *m, struct item *it, struct pf_err *err)
{
    struct pf_maildir_file *f = it->file;
    const struct pf_maildir_name *n = &it->name;
    bool cut = n->has_size && f->size < n->size;
    bool named = n->has_wire && (!n->has_size || n->size == f->size) &&
                 pf_maildir_plausible(f->size, n->wire);

    if ((cut || named) && pf_maildir_is_squeezed(folder_of(m, f), file_name(m, f)))
        return squeezed_size(m, it, err);
    if (cut) { /* on disk: stays listed as it was, and reading fails */
        f->size = n->size;
        it->octets = sizes_in_name(it) ? n->wire : n->size;
        return PF_OK;
    }
    it->changed = it->old && m->comparable && !is_as_known(it);
    if (named && !it->changed && !it->old && !it->lies) {
        it->octets = n->wire;
        return PF_OK;
    }
    return count(m, it, err);
}

static enum pf_code find_size(struct pf_maildir_merge *m, struct item *it, bool twin,
                              struct pf_err *err)
{
    struct pf_maildir_file *f = it->file;
    enum pf_code code = PF_OK;

    it->looked = f->mtime != PF_MAILDIR_NO_TIME;
    if (!it->looked && wants_look(m, it, twin)) {
        code = pf_maildir_merge_look(m, f, err);
        it->looked = true;
    }
    if (code)
        return code;
    if (it->looked && is_same_squeezed(it))
        f->size = it->old->size;
    it->stored = f->size;
    if (!it->looked && !it->old) {
        f->size = it->name.size;
        it->octets = it->name.wire;
        return PF_OK;
    }
    if (it->looked && !is_proven(it))
        return new_size(m, it, err);
    if (!it->looked) {
        f->size = it->old->size;
        f->mtime = it->old->mtime;
    }
    f->flags |= it->old->flags & (PF_MAILDIR_COUNTED | PF_MAILDIR_SQUEEZED);
    it->octets = it->old_octets;
    return PF_OK;
}

static enum pf_code put_uidl(struct pf_maildir_merge *m, struct pf_bytes uidl, struct pf_row *row,
                             struct pf_err *err)
{
    row->uidl_len = (uint8_t)uidl.len;
    return pf_maildir_image_text(m->image, uidl, &row->uidl_at, err);
}

static enum pf_code new_uidl(struct pf_maildir_merge *m, struct pf_bytes base, uint64_t size,
                             int64_t mtime, struct pf_row *row, struct pf_err *err)
{
    char uidl[PF_MAILDIR_UIDL_LEN];
    enum pf_code code = pf_maildir_uidls_make(m->uidls, base, size, mtime, uidl, err);

    return code ? code : put_uidl(m, pf_bytes_from(uidl, sizeof uidl), row, err);
}

static bool uidl_is_base(const struct pf_maildir_image *m, uint32_t i)
{
    return m->rows[i].uidl_at == m->files[i].name_at + PF_MAILDIR_FOLDER_LEN;
}

/* Whether an earlier row of the same base name has it as its UIDL. */
static bool base_taken(const struct pf_maildir_image *m, uint32_t i, struct pf_bytes base)
{
    while (i-- > 0 && pf_bytes_equal(pf_maildir_image_base(m, i), base))
        if (uidl_is_base(m, i))
            return true;
    return false;
}

static enum pf_code find_uidl(struct pf_maildir_merge *m, struct item *it, uint32_t i,
                              struct pf_err *err)
{
    struct pf_row *row = &m->image->rows[i];
    struct pf_bytes uidl;

    if (it->looked &&
        pf_maildir_uidls_find(m->uidls, it->base, it->stored, it->file->mtime, &uidl))
        return put_uidl(m, uidl, row, err);
    if (!it->name.by_form || it->changed || base_taken(m->image, i, it->base))
        return new_uidl(m, it->base, it->stored, it->file->mtime, row, err);
    row->uidl_at = it->file->name_at + PF_MAILDIR_FOLDER_LEN;
    row->uidl_len = it->file->base_len;
    return PF_OK;
}

static bool has_double(const struct pf_maildir_image *m, uint32_t i, uint32_t next)
{
    struct pf_bytes base = pf_maildir_image_base(m, next);

    return (next + 1 < m->count && pf_bytes_equal(base, pf_maildir_image_base(m, next + 1))) ||
           (i > 0 && pf_bytes_equal(base, pf_maildir_image_base(m, i - 1)));
}

/* Makes row i of the file at `next`; files that vanished leave no row, so i <= next. */
static enum pf_code make_row(struct pf_maildir_merge *m, uint32_t i, uint32_t next, uint32_t *k,
                             struct pf_err *err)
{
    struct pf_maildir_image *image = m->image;
    bool twin = has_double(image, i, next);
    struct item it = {.file = &image->files[i]};
    enum pf_code code;

    image->files[i] = image->files[next];
    it.base = pf_maildir_image_base(image, i);
    pf_maildir_name_parse(pf_maildir_image_name(image, i), &it.name);
    it.lies = m->distrust && pf_maildir_distrusts(m->box, it.base);
    find_old(m, &it, k);
    code = find_size(m, &it, twin, err);
    if (!code) {
        image->rows[i] = (struct pf_row){.octets = it.octets};
        if (it.name.seen && pf_maildir_image_in_cur(image, i))
            image->rows[i].flags = PF_ROW_SEEN;
        code = find_uidl(m, &it, i, err);
    }
    if (!code && __builtin_add_overflow(image->octets, it.octets, &image->octets))
        code = pf_fail(err, PF_PERM, 0, where, "%s: sizes of messages overflow", m->box->path);
    return code;
}

enum pf_code pf_maildir_merge_rows(struct pf_maildir_merge *m, struct pf_err *err)
{
    struct pf_maildir_image *image = m->image;
    uint32_t made = 0, k = 0;

    m->distrust = pf_maildir_distrusts(m->box, (struct pf_bytes){0});
    image->rows = reallocarray(NULL, image->count + 1, sizeof *image->rows);
    if (!image->rows)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", m->box->path);
    for (uint32_t i = 0; i < image->count; i++) {
        enum pf_code code = make_row(m, made, i, &k, err);

        if (code == PF_GONE)
            m->moved = true;
        else if (code)
            return code;
        else
            made++;
    }
    image->count = made;
    return PF_OK;
}

static bool uidl_stands(const struct pf_maildir_merge *m, const struct pf_maildir_table *t,
                        struct pf_bytes uidl, uint32_t hash)
{
    uint32_t cursor = 0, i;

    while ((i = pf_maildir_table_next(t, hash, &cursor)) != PF_MAILDIR_NONE)
        if (pf_bytes_equal(pf_bytes_from(m->image->blob + m->image->rows[i].uidl_at,
                                         m->image->rows[i].uidl_len), uidl))
            return true;
    return false;
}

static enum pf_code check_uidl(struct pf_maildir_merge *m, struct pf_maildir_table *t, uint32_t i,
                               struct pf_err *err)
{
    struct pf_maildir_image *image = m->image;
    struct pf_row *row = &image->rows[i];
    struct pf_bytes uidl = pf_bytes_from(image->blob + row->uidl_at, row->uidl_len);
    uint32_t hash = pf_maildir_hash(m->box->maildir->seed, uidl);
    enum pf_code code = PF_OK;

    if (uidl_stands(m, t, uidl, hash)) {
        struct pf_maildir_file *f = &image->files[i];

        code = new_uidl(m, pf_maildir_image_base(image, i), f->size, f->mtime, row, err);
        uidl = pf_bytes_from(image->blob + row->uidl_at, row->uidl_len);
        hash = pf_maildir_hash(m->box->maildir->seed, uidl);
    }
    if (!code)
        pf_maildir_table_put(t, hash, i);
    return code;
}

enum pf_code pf_maildir_merge_unique(struct pf_maildir_merge *m, struct pf_err *err)
{
    struct pf_maildir_image *image = m->image;
    struct pf_maildir_table t;
    enum pf_code code = PF_OK;

    if (!m->uidls->count) /* base names and random UIDLs cannot meet */
        return PF_OK;
    if (!pf_maildir_table_init(&t, image->count))
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", m->box->path);
    for (int stored = 0; stored < 2; stored++) /* base names first: they cannot be changed */
        for (uint32_t i = 0; i < image->count && !code; i++)
            if (uidl_is_base(image, i) != stored)
                code = check_uidl(m, &t, i, err);
    pf_maildir_table_done(&t);
    return code;
}
