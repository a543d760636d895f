#include "store/maildir/box.h"

#include "store/maildir/quota_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "maildir_expunge";

/* The first as listed, the others searched: a rename may hide a file from one search, and from the next
 * the next. What is still not found in quiet then stays, and is said to. */
enum { ROUNDS = 8 };

/* Removing messages: what is still to do, what failed, and which folders must be synced. */
struct removal {
    struct pf_twin_box *box;
    const struct pf_marks *wanted;
    struct pf_marks open; /* not yet known to be gone */
    uint32_t left;        /* bits in it */
    bool touched[2];      /* new, cur */
    uint32_t unlinked;
    struct pf_maildir_usage freed; /* of the quota */
    enum pf_code cause; /* of the first failure */
    struct pf_err first;
};

static enum pf_code failed(struct removal *r, uint32_t i, enum pf_code code, int sys,
                           const char *what)
{
    struct pf_twin_box *box = r->box;
    struct pf_bytes base = pf_maildir_image_base(&box->image, i);

    if (!r->cause)
        r->cause = pf_fail(&r->first, code, sys, where, "%s: %.*s: %s", box->path, (int)base.len,
                           (const char *)base.at, what);
    return code;
}

/* Never what was not marked: a file that became another message under the same name stays. One
 * that is shorter than its name says was listed so, and a squeezed one has a size of its own. */
static bool is_marked_one(const struct pf_maildir_file *f, const struct stat *st)
{
    return S_ISREG(st->st_mode) &&
           (f->mtime == PF_MAILDIR_NO_TIME ||
            (f->mtime == pf_maildir_ns(st->st_mtim) &&
             ((uint64_t)st->st_size <= f->size || f->flags & PF_MAILDIR_SQUEEZED)));
}

static void weigh(struct removal *r, const char *file, const struct stat *st)
{
    struct pf_maildir_name name;
    uint64_t octets, sum;

    pf_maildir_name_parse(pf_bytes_of(file), &name);
    if (!pf_maildir_weighs(&name, st, &octets) ||
        __builtin_add_overflow(r->freed.octets, octets, &sum) || sum > INT64_MAX)
        return;
    r->freed.octets = sum;
    r->freed.messages++;
}

/* PF_OK: unlinked; PF_GONE: not there; else it stays. */
static enum pf_code unlink_one(struct removal *r, uint32_t i)
{
    struct pf_twin_box *box = r->box;
    const char *name;
    struct stat st;
    int dir;

    if (!pf_maildir_place(box, i, &dir, &name))
        return PF_GONE;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? PF_GONE
                               : failed(r, i, pf_code_of_errno(errno), errno, strerror(errno));
    if (!is_marked_one(&box->image.files[i], &st))
        return failed(r, i, PF_CHANGED, 0, "was changed since it was listed, and stays");
    if (unlinkat(dir, name, 0) != 0)
        return errno == ENOENT ? PF_GONE
                               : failed(r, i, pf_code_of_errno(errno), errno, strerror(errno));
    r->touched[dir == box->dirs.cur] = true;
    weigh(r, name, &st);
    return PF_OK;
}

static void settle(struct removal *r, uint32_t i, bool unlinked)
{
    pf_marks_set(&r->open, i, false);
    r->left--;
    r->unlinked += unlinked;
    pf_marks_set(&r->box->removed, i, true);
}

/* One pass over what is open. A message with two names has its other one searched for. What a
 * search did not find is gone. */
static void pass(struct removal *r, bool searched, bool final)
{
    struct pf_twin_box *box = r->box;

    for (uint32_t i = 0; i < box->image.count && r->left; i++) {
        enum pf_code code;

        if (!pf_marks_has(&r->open, i))
            continue;
        code = unlink_one(r, i);
        if (code == PF_OK && (final || !(box->image.files[i].flags & PF_MAILDIR_TWIN)))
            settle(r, i, true);
        else if (code == PF_GONE && searched && box->image.files[i].flags & PF_MAILDIR_GONE)
            settle(r, i, false);
        else if (code == PF_GONE && final) {
            failed(r, i, PF_CHANGED, 0, "is renamed all the time, and stays");
            pf_marks_set(&r->open, i, false);
            r->left--;
        } else if (code && code != PF_GONE) {
            pf_marks_set(&r->open, i, false);
            r->left--;
        }
    }
}

static bool sync_folder(struct removal *r, int fd, const char *folder)
{
    if (fsync(fd) == 0)
        return true;
    r->cause = pf_fail(&r->first, pf_code_of_errno(errno), errno, where,
                       "%s/%s cannot be synced: %s", r->box->path, folder, strerror(errno));
    return false;
}

/* Somebody else's removal counts as ours, so it has to be on disk as ours has. */
static bool sync_folders(struct removal *r, uint32_t removed)
{
    bool others = removed > r->unlinked;
    bool ok = true;

    if (r->touched[0] || others)
        ok = sync_folder(r, r->box->dirs.fresh, "new");
    if (r->touched[1] || others)
        ok = sync_folder(r, r->box->dirs.cur, "cur") && ok;
    return ok;
}

static bool prepare(struct removal *r)
{
    struct pf_twin_box *box = r->box;
    size_t words = pf_marks_words(box->image.count) + 1; /* never a request for nothing */

    if (!box->removed.words) {
        box->removed.words = calloc(words, sizeof *box->removed.words);
        box->removed.count = box->removed.words ? box->image.count : 0;
    }
    r->open = (struct pf_marks){calloc(words, sizeof *r->open.words), box->image.count};
    return box->removed.words && r->open.words;
}

static uint32_t mark_wanted(struct removal *r)
{
    uint32_t wanted = 0;

    for (uint32_t i = 0; i < r->box->image.count; i++) {
        if (!pf_marks_has(r->wanted, i))
            continue;
        wanted++;
        if (pf_marks_has(&r->box->removed, i))
            continue;
        pf_marks_set(&r->open, i, true);
        r->left++;
    }
    return wanted;
}

static enum pf_code verdict(struct removal *r, uint32_t removed, struct pf_err *err)
{
    if (!r->cause)
        return PF_OK;
    if (err)
        *err = r->first;
    if (err && removed)
        err->code = PF_PARTIAL;
    return removed ? PF_PARTIAL : r->cause;
}

static enum pf_code remove_all(struct removal *r, uint32_t *out_removed, uint32_t *out_failed,
                               struct pf_err *err)
{
    struct pf_twin_box *box = r->box;
    uint32_t wanted = mark_wanted(r), removed = 0;

    for (int round = 0; round < ROUNDS && r->left; round++) {
        if (round && pf_maildir_search(box, &r->first) != PF_OK) {
            r->cause = r->first.code;
            break;
        }
        pass(r, round > 0, round + 1 == ROUNDS);
    }
    box->dirty = box->dirty || wanted;
    for (uint32_t i = 0; i < box->image.count; i++)
        removed += pf_marks_has(r->wanted, i) && pf_marks_has(&box->removed, i);
    /* One line for all, as Maildir++ asks; what is unlinked is free, whether a crash would bring it back or not. */
    pf_maildir_quota_note(box->dirs.root, box->path, -(int64_t)r->freed.octets,
                          -(int64_t)r->freed.messages);
    if (removed && !sync_folders(r, removed))
        removed = 0; /* they may come back after a crash: nothing is vouched for */
    *out_removed = removed;
    *out_failed = wanted - removed;
    return verdict(r, removed, err);
}

static enum pf_code remove_marked(struct pf_twin_box *box, const struct pf_marks *wanted,
                                  uint32_t *out_removed, uint32_t *out_failed, struct pf_err *err)
{
    struct removal r = {.box = box, .wanted = wanted};
    enum pf_code code;

    if (prepare(&r))
        code = remove_all(&r, out_removed, out_failed, err);
    else
        code = pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to remove messages of %s", box->path);
    free(r.open.words);
    return code;
}

/* Failing to mark is no error (store.h). */
static void mark_seen(struct pf_twin_box *box, uint32_t i)
{
    char room[PF_MAILDIR_NAME_MAX + 1];
    struct pf_span made = {(unsigned char *)room, 0, PF_MAILDIR_NAME_MAX};
    const char *name;
    int dir;

    if (!pf_maildir_place(box, i, &dir, &name) ||
        !pf_maildir_name_mark_seen(pf_bytes_of(name), &made))
        return;
    room[made.len] = 0;
    if (renameat2(dir, name, box->dirs.cur, room, RENAME_NOREPLACE) == 0)
        return;
    if (errno == EINVAL && faccessat(box->dirs.cur, room, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        (void)renameat(dir, name, box->dirs.cur, room);
}

enum pf_code pf_maildir_box_expunge(struct pf_twin_box *box, struct pf_box_expunge *op,
                                    struct pf_err *err)
{
    enum pf_code code = PF_OK;
    uint32_t removed = 0, failures = 0;

    if (op->remove)
        code = remove_marked(box, op->remove, &removed, &failures, err);
    op->removed = removed;
    op->failed = failures;
    if (!op->seen || !box->maildir->settings.mark_seen)
        return code;
    for (uint32_t i = 0; i < box->image.count; i++)
        if (pf_marks_has(op->seen, i) && !pf_marks_has(op->remove ? op->remove : &box->removed, i))
            mark_seen(box, i);
    return code;
}

enum pf_code pf_maildir_expire(struct pf_twin_box *box, int64_t before, uint32_t *out_expired,
                               struct pf_err *err)
{
    struct pf_marks old = {.count = box->image.count};
    uint32_t failures = 0, gone = 0;
    bool any = false;
    enum pf_code code;

    *out_expired = 0;
    old.words = calloc(pf_marks_words(old.count) + 1, sizeof *old.words);
    if (!old.words)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to expire mail of %s", box->path);
    for (uint32_t i = 0; i < old.count && box->image.files[i].arrival / 1000000 < before; i++) {
        pf_marks_set(&old, i, true);
        any = true;
    }
    code = any ? remove_marked(box, &old, out_expired, &failures, err) : PF_OK;
    free(old.words);
    if (box->removed.words) {
        gone = box->image.count;
        pf_maildir_image_drop(&box->image, &box->removed);
        gone -= box->image.count;
        free(box->removed.words);
        box->removed = (struct pf_marks){0};
        free(box->found_at); /* was by the old numbers */
        box->found_at = NULL;
    }
    /* What cannot be removed stays in the listing; but what was removed has to be on disk. */
    return gone == *out_expired && code != PF_NO_MEMORY ? PF_OK : code;
}
