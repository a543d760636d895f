#include "store/maildir/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const char where[] = "maildir_list";

static struct pf_bytes name_of(const struct pf_maildir_image *m, const struct pf_maildir_file *f)
{
    return pf_bytes_from(m->blob + f->name_at + PF_MAILDIR_FOLDER_LEN, f->name_len);
}

enum pf_code pf_maildir_merge_look(struct pf_maildir_merge *m, struct pf_maildir_file *f,
                                   struct pf_err *err)
{
    const char *name = m->image->blob + f->name_at;
    int dir = name[0] == 'c' ? m->box->dirs.cur : m->box->dirs.fresh;
    struct stat st;

    m->box->counts.stats++;
    m->learned = true;
    if (fstatat(dir, name + PF_MAILDIR_FOLDER_LEN, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PF_GONE;
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s/%s: %s", m->box->path, name,
                       strerror(errno));
    }
    if (!S_ISREG(st.st_mode))
        return PF_GONE;
    f->size = (uint64_t)st.st_size;
    f->mtime = pf_maildir_ns(st.st_mtim);
    return PF_OK;
}

/* The time that a name gives, or else the file's. */
static enum pf_code find_arrival(struct pf_maildir_merge *m, struct pf_maildir_file *f,
                                 struct pf_err *err)
{
    struct pf_maildir_name name;
    enum pf_code code = PF_OK;

    pf_maildir_name_parse(name_of(m->image, f), &name);
    if (name.has_arrival) {
        f->arrival = name.arrival;
        return PF_OK;
    }
    if (f->mtime == PF_MAILDIR_NO_TIME)
        code = pf_maildir_merge_look(m, f, err);
    f->arrival = f->mtime / 1000;
    return code;
}

static enum pf_code find_arrivals(struct pf_maildir_merge *m, struct pf_err *err)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < m->image->count; i++) {
        struct pf_maildir_file *f = &m->image->files[i];
        enum pf_code code = find_arrival(m, f, err);

        if (code && code != PF_GONE)
            return code;
        if (code)
            m->moved = true;
        else
            m->image->files[kept++] = *f;
    }
    m->image->count = kept;
    return PF_OK;
}

static int order_files(const struct pf_maildir_image *ma, const struct pf_maildir_file *a,
                       const struct pf_maildir_image *mb, const struct pf_maildir_file *b)
{
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival ? -1 : 1;
    return pf_maildir_name_order(pf_bytes_head(name_of(ma, a), a->base_len),
                                 pf_bytes_head(name_of(mb, b), b->base_len));
}

/* Beside the listing's order: of two files with one base name the one in cur comes first. */
static int compare(const void *a, const void *b, void *image)
{
    const struct pf_maildir_image *m = image;
    const struct pf_maildir_file *fa = a, *fb = b;
    int order = order_files(m, fa, m, fb);

    return order ? order : strcmp(m->blob + fa->name_at, m->blob + fb->name_at);
}

static bool same_base(const struct pf_maildir_image *m, const struct pf_maildir_file *a,
                      const struct pf_maildir_file *b)
{
    return pf_bytes_equal(pf_bytes_head(name_of(m, a), a->base_len),
                          pf_bytes_head(name_of(m, b), b->base_len));
}

/* Two names with one base: one file that moved or that has two links, or an exact copy, are one
 * message. Sets *out_same; looks at both files where the inodes differ. */
static enum pf_code same_message(struct pf_maildir_merge *m, struct pf_maildir_file *a,
                                 struct pf_maildir_file *b, bool *out_same, struct pf_err *err)
{
    enum pf_code code = PF_OK;

    *out_same = a->ino == b->ino;
    if (*out_same)
        return PF_OK;
    if (a->mtime == PF_MAILDIR_NO_TIME)
        code = pf_maildir_merge_look(m, a, err);
    if (code == PF_GONE) { /* what is left of the two is b */
        *a = *b;
        *out_same = m->moved = true;
        return PF_OK;
    }
    if (!code && b->mtime == PF_MAILDIR_NO_TIME)
        code = pf_maildir_merge_look(m, b, err);
    if (code == PF_GONE)
        *out_same = m->moved = true;
    else if (!code)
        *out_same = a->size == b->size && a->mtime == b->mtime;
    return code == PF_GONE ? PF_OK : code;
}

static enum pf_code join_doubles(struct pf_maildir_merge *m, struct pf_err *err)
{
    struct pf_maildir_image *image = m->image;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < image->count; i++) {
        struct pf_maildir_file *f = &image->files[i];
        struct pf_maildir_file *last = kept ? &image->files[kept - 1] : NULL;
        bool same = false;

        if (last && last->arrival == f->arrival && same_base(image, last, f)) {
            enum pf_code code = same_message(m, last, f, &same, err);

            if (code)
                return code;
            if (same)
                last->flags |= PF_MAILDIR_TWIN;
        }
        if (!same)
            image->files[kept++] = *f;
    }
    image->count = kept;
    return PF_OK;
}

/* Whether the scan lacks a message that the cache knows; both are in order. */
static bool lacks(const struct pf_maildir_image *image, const struct pf_maildir_image *old)
{
    uint32_t i = 0;

    for (uint32_t k = 0; k < old->count; k++) {
        int order = 1;

        while (i < image->count &&
               (order = order_files(image, &image->files[i], old, &old->files[k])) < 0)
            i++;
        if (i == image->count || order != 0)
            return true;
    }
    return false;
}

enum pf_code pf_maildir_merge_order(struct pf_maildir_merge *m, struct pf_err *err)
{
    enum pf_code code = find_arrivals(m, err);

    if (code)
        return code;
    if (m->image->count)
        qsort_r(m->image->files, m->image->count, sizeof *m->image->files, compare, m->image);
    code = join_doubles(m, err);
    m->missing = !code && lacks(m->image, m->old);
    return code;
}
