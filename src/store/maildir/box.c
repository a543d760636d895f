#include "store/maildir/box.h"

#include "store/maildir/lock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "maildir_open";

static void box_free(struct pf_twin_box *box)
{
    if (box->reader.fd >= 0)
        close(box->reader.fd);
    pf_maildir_squeeze_free(box->reader.squeeze);
    pf_maildir_image_done(&box->image);
    pf_maildir_image_done(&box->found);
    free(box->found_at);
    free(box->fixes);
    free(box->removed.words);
    pf_maildir_kept_free(&box->maildir->keeper, box->kept);
    free(box->path);
    if (box->lock >= 0) /* last but the folders: from here on another session may work */
        pf_maildir_unlock(box->lock);
    pf_maildir_dirs_close(&box->dirs);
    free(box);
}

static struct pf_twin_box *box_new(struct pf_maildir *maildir, const char *path)
{
    struct pf_twin_box *box = calloc(1, sizeof *box);

    if (!box)
        return NULL;
    box->maildir = maildir;
    box->dirs = PF_MAILDIR_NO_DIRS;
    box->lock = -1;
    box->reader.fd = -1;
    box->path = strdup(path);
    if (box->path)
        return box;
    box_free(box);
    return NULL;
}

static enum pf_code expire(struct pf_twin_box *box, const struct pf_box_where *w,
                           uint32_t *out_expired, struct pf_err *err)
{
    *out_expired = 0;
    if (w->expire_days <= 0)
        return PF_OK;
    return pf_maildir_expire(box, w->now - (int64_t)w->expire_days * 86400, out_expired, err);
}

static enum pf_code fill(struct pf_twin_box *box, const struct pf_box_where *w,
                         uint32_t *out_expired, struct pf_err *err)
{
    enum pf_code code =
        pf_maildir_dirs_open(&box->maildir->settings, box->path, &box->dirs, err);

    if (!code)
        code = pf_maildir_lock(box->dirs.root, box->path, &box->lock, err);
    if (!code)
        code = pf_maildir_list(box, w->shared, err);
    return code ? code : expire(box, w, out_expired, err);
}

/* The way that cannot block, for a maildrop that was open here before. PF_AGAIN: not like that. */
static enum pf_code fill_from_kept(struct pf_twin_box *box, const struct pf_box_where *w, struct pf_err *err)
{
    const struct pf_maildir_kept *k = box->kept;
    bool ready = k && k->near && (k->ready.at || k->image.count < PF_MAILDIR_KEPT_LEAST) && w->expire_days <= 0;
    enum pf_code code;

    if (!ready || !pf_maildir_dirs_open_cached(&box->maildir->settings, box->path, &box->dirs))
        return PF_AGAIN;
    code = pf_maildir_lock_cached(box->dirs.root, box->path, &box->lock, err);
    if (code)
        return code;
    return pf_maildir_list_kept(box) ? PF_OK : PF_AGAIN;
}

static void lend(struct pf_twin_box *box, struct pf_twin_opened *out_opened)
{
    out_opened->box = box;
    out_opened->listing = (struct pf_listing){
        .rows = box->image.rows,
        .uidls = (const unsigned char *)box->image.blob,
        .count = box->image.count,
        .octets = box->image.octets,
    };
    if (box->kept && box->kept->ready.at)
        out_opened->listing = box->kept->ready.listing;
}

/* Back to where it came from: nothing was done with it. */
static void put_back(struct pf_twin_box *box)
{
    if (box->kept)
        pf_maildir_kept_put(&box->maildir->keeper, box->kept);
    box->kept = NULL;
    box_free(box);
}

enum pf_code pf_maildir_box_open(struct pf_twin *twin, const struct pf_box_where *w, bool may_block,
                                 struct pf_twin_opened *out_opened, struct pf_err *err)
{
    struct pf_maildir *maildir = (struct pf_maildir *)twin;
    struct pf_twin_box *box = box_new(maildir, w->path);
    uint32_t expired = 0;
    enum pf_code code;

    if (!box)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to open %s", w->path);
    box->kept = pf_maildir_kept_take(&maildir->keeper, maildir->seed, w->path);
    code = may_block ? fill(box, w, &expired, err) : fill_from_kept(box, w, err);
    if (code == PF_AGAIN && !may_block) {
        put_back(box);
        return pf_fail(err, PF_AGAIN, 0, where, "%s: opening blocks", w->path);
    }
    if (code == PF_IN_USE)
        put_back(box);
    else if (code)
        box_free(box);
    if (code)
        return code;
    lend(box, out_opened);
    out_opened->expired = expired;
    return PF_OK;
}

/* False when it is not on disk. */
static bool save(struct pf_twin_box *box)
{
    bool saved;

    for (size_t i = 0; i < box->fix_count; i++) {
        struct pf_row *row = &box->image.rows[box->fixes[i].index];
        uint64_t sum;

        if (__builtin_add_overflow(box->image.octets - row->octets, box->fixes[i].octets, &sum))
            return false;
        box->image.octets = sum;
        row->octets = box->fixes[i].octets;
    }
    if (box->removed.words)
        pf_maildir_image_drop(&box->image, &box->removed);
    for (uint32_t i = 0; i < box->image.count; i++)
        box->image.files[i].flags &= PF_MAILDIR_COUNTED | PF_MAILDIR_DOUBT | PF_MAILDIR_SQUEEZED;
    saved = pf_maildir_cache_save(box->dirs.root, &box->image, &box->state);
    box->counts.saves += saved;
    return saved;
}

/* Whom the next session must not believe; true when there is anybody. */
static bool note_lies(struct pf_twin_box *box)
{
    struct pf_maildir *m = box->maildir;
    bool some = false;

    for (uint32_t i = 0; i < box->image.count; i++)
        if (box->image.files[i].flags & (PF_MAILDIR_DOUBT | PF_MAILDIR_FIXED)) {
            pf_maildir_lies_add(&m->lies, m->seed, box->path, pf_maildir_image_base(&box->image, i));
            some = true;
        }
    return some;
}

/* What this session learned, put where the next one looks for it; true when it is there, and the image is that. */
static bool keep(struct pf_twin_box *box)
{
    struct pf_maildir *m = box->maildir;
    bool lies = note_lies(box);

    if (m->settings.cache && save(box))
        return true;
    if (lies)
        pf_maildir_lies_add(&m->lies, m->seed, box->path, (struct pf_bytes){0});
    return false;
}

/* The image, for the next session. */
static void leave_it(struct pf_twin_box *box)
{
    struct pf_maildir *m = box->maildir;

    if (!m->keeper.most || !m->settings.cache || box->found_at || !box->state.settled || box->state.doubts)
        return;
    if (!box->kept)
        box->kept = pf_maildir_kept_new(m->seed, box->path, box->dirs.root);
    if (!box->kept)
        return;
    box->kept->image = box->image;
    box->kept->state = box->state;
    box->image = (struct pf_maildir_image){0};
    pf_maildir_kept_put(&m->keeper, box->kept);
    box->kept = NULL;
}

void pf_maildir_box_close(struct pf_twin_box *box)
{
    bool other = box->fix_count || box->removed.words; /* than the lines that are ready */

    if (!box->dirty || keep(box)) {
        if (other) {
            pf_maildir_kept_free(&box->maildir->keeper, box->kept);
            box->kept = NULL;
        }
        leave_it(box);
    }
    box_free(box);
}

bool pf_maildir_box_leave(struct pf_twin_box *box)
{
    if (box->dirty || !box->kept || !box->kept->near)
        return false;
    pf_maildir_box_close(box);
    return true;
}
