#include "store/maildir/merge.h"

#include <time.h>

/* Time stamps of some file systems have a grain of two seconds. */
#define GRAIN 2000000000

enum { TRIES = 3 }; /* files that move while they are looked at are not chased for ever */

static int64_t now(const struct pf_maildir *maildir)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_REALTIME, &t);
    return pf_maildir_ns(t) + maildir->clock_ahead;
}

static bool older(int64_t stamp, int64_t when)
{
    int64_t age;

    return !__builtin_sub_overflow(when, stamp, &age) && age >= GRAIN;
}

static bool settled(const struct pf_maildir_scan *scan, int64_t began)
{
    bool all = scan->quiet;

    for (int i = 0; i < 2; i++)
        all = all && older(scan->stamps[i].mtime, began) && older(scan->stamps[i].ctime, began);
    return all;
}

static bool same_folders(const struct pf_maildir_state *a, const struct pf_maildir_state *b)
{
    return pf_maildir_stamp_equal(&a->folders[0], &b->folders[0]) &&
           pf_maildir_stamp_equal(&a->folders[1], &b->folders[1]);
}

/* Whether the cache says what a scan would. */
static bool current(struct pf_twin_box *box, const struct pf_maildir_state *state)
{
    struct pf_maildir_state here = {0};

    if (!state->settled || state->doubts || pf_maildir_distrusts(box, (struct pf_bytes){0}) ||
        pf_maildir_dirs_stamps(&box->dirs, box->path, here.folders, NULL) != PF_OK ||
        !same_folders(state, &here))
        return false;
    pf_maildir_uidls_stamp(box->dirs.root, &here.uidls);
    return pf_maildir_stamp_equal(&state->uidls, &here.uidls);
}

static bool has_doubts(const struct pf_maildir_image *image)
{
    for (uint32_t i = 0; i < image->count; i++)
        if (image->files[i].flags & PF_MAILDIR_DOUBT)
            return true;
    return false;
}

/* The cache may be about other folders, copied here with all they hold: then its sizes are still
 * good beside an equal size and mtime, but a new mtime is the copy's, not a changed message's. */
static bool comparable(const struct pf_maildir_state *old, const struct pf_maildir_scan *scan)
{
    for (int i = 0; i < 2; i++)
        if (old->folders[i].dev != scan->stamps[i].dev ||
            old->folders[i].ino != scan->stamps[i].ino)
            return false;
    return true;
}

/* A message that the cache knows and a scan missed is looked for by one more scan. */
static enum pf_code order(struct pf_maildir_merge *m, struct pf_maildir_scan *scan,
                          struct pf_err *err)
{
    const struct pf_maildir_scanner scanner = pf_maildir_scanner_of(m->box);
    struct pf_maildir_scan again;
    enum pf_code code = pf_maildir_merge_order(m, err);

    if (code || !m->missing)
        return code;
    code = pf_maildir_scan(&scanner, &again, err);
    if (code)
        return code;
    code = pf_maildir_scan_join(&scanner, &again.image, &scan->image, err);
    pf_maildir_image_done(&scan->image);
    again.quiet = again.quiet && scan->quiet;
    *scan = again;
    return code ? code : pf_maildir_merge_order(m, err);
}

static enum pf_code rows_and_uidls(struct pf_maildir_merge *m, struct pf_maildir_scan *scan,
                                   struct pf_err *err)
{
    enum pf_code code = order(m, scan, err);

    m->comparable = comparable(&m->box->state, scan);
    if (!code)
        code = pf_maildir_merge_rows(m, err);
    if (!code)
        code = pf_maildir_merge_unique(m, err);
    if (!code)
        code = pf_maildir_uidls_commit(m->uidls, scan->quiet && !m->moved, err);
    return code;
}

/* One scan made to a listing. *out_moved: files went elsewhere meanwhile. */
static enum pf_code scan_once(struct pf_twin_box *box, const struct pf_maildir_image *old,
                              bool *out_moved, struct pf_err *err)
{
    const struct pf_maildir_scanner scanner = pf_maildir_scanner_of(box);
    struct pf_maildir_state state = {0};
    struct pf_maildir_scan scan = {0};
    struct pf_maildir_uidls uidls;
    struct pf_maildir_merge m = {.box = box, .image = &scan.image, .old = old, .uidls = &uidls};
    int64_t began = now(box->maildir);
    enum pf_code code = pf_maildir_scan(&scanner, &scan, err);

    if (code)
        return code;
    code = pf_maildir_uidls_open(&uidls, box->dirs.root, box->path, box->maildir->seed, err);
    if (!code)
        code = rows_and_uidls(&m, &scan, err);
    pf_maildir_uidls_done(&uidls);
    if (code) {
        pf_maildir_image_done(&scan.image);
        return code;
    }
    state = (struct pf_maildir_state){
        .folders = {scan.stamps[0], scan.stamps[1]},
        .settled = settled(&scan, began) && !m.moved,
        .doubts = has_doubts(&scan.image),
    };
    pf_maildir_uidls_stamp(box->dirs.root, &state.uidls);
    box->dirty = m.learned || state.settled != box->state.settled || !same_folders(&state, &box->state);
    box->image = scan.image;
    box->state = state;
    *out_moved = m.moved;
    return PF_OK;
}

static enum pf_code scan_all(struct pf_twin_box *box, const struct pf_maildir_image *old,
                             struct pf_err *err)
{
    const struct pf_maildir_state first = box->state;
    enum pf_code code = PF_OK;
    bool moved = true;

    for (int i = 0; i < TRIES && moved && !code; i++) {
        pf_maildir_image_done(&box->image);
        box->state = first;
        code = scan_once(box, old, &moved, err);
    }
    return code;
}

bool pf_maildir_list_kept(struct pf_twin_box *box)
{
    if (!box->kept || !current(box, &box->kept->state))
        return false;
    box->image = box->kept->image;
    box->state = box->kept->state;
    box->kept->image = (struct pf_maildir_image){0};
    box->counts.cached++;
    return true;
}

enum pf_code pf_maildir_list(struct pf_twin_box *box, bool shared, struct pf_err *err)
{
    struct pf_maildir_image old = {0};
    enum pf_code code;

    if (box->kept) {
        if (current(box, &box->kept->state))
            pf_maildir_kept_prepare(&box->maildir->keeper, box->kept, shared);
        if (pf_maildir_list_kept(box))
            return PF_OK;
        pf_maildir_kept_free(&box->maildir->keeper, box->kept); /* the cache on disk says the same */
        box->kept = NULL;
    }
    if (box->maildir->settings.cache &&
        pf_maildir_cache_load(box->dirs.root, &old, &box->state) && current(box, &box->state)) {
        box->image = old;
        box->counts.cached++;
        return PF_OK;
    }
    code = scan_all(box, &old, err);
    pf_maildir_image_done(&old);
    return code;
}
