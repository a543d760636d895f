#include "store/mbox/box.h"

#include "store/maildir/mix.h"
#include "store/maildir/table.h"
#include "store/marks.h"
#include "store/mbox/append.h"
#include "store/mbox/journal.h"
#include "store/mbox/rewrite.h"

#include <errno.h>
#include <unistd.h>

static const char where[] = "mbox_expunge";

struct removal {
    struct pf_twin_box *box;
    struct pf_mbox_locks locks;
    struct pf_mbox_list now;         /* the file as it is */
    struct pf_maildir_table session; /* of box->mails by UIDL */
    struct pf_maildir_table current; /* of now.mails */
    struct pf_maildir_table strangers; /* of those of now.mails that the session does not know, by From_ line */
    uint32_t ours, others, failed;
};

static bool index_mails(struct pf_maildir_table *t, const struct pf_mbox_mails *m)
{
    if (!pf_maildir_table_init(t, m->count))
        return false;
    for (uint32_t i = 0; i < m->count; i++)
        pf_maildir_table_put(t, pf_maildir_hash(0, pf_mbox_uidl(m, i)), i);
    return true;
}

static uint32_t find(const struct pf_maildir_table *t, const struct pf_mbox_mails *m, struct pf_bytes uidl)
{
    uint32_t cursor = 0, i;

    do
        i = pf_maildir_table_next(t, pf_maildir_hash(0, uidl), &cursor);
    while (i != PF_MAILDIR_NONE && !pf_bytes_equal(pf_mbox_uidl(m, i), uidl));
    return i;
}

static bool index_strangers(struct removal *r)
{
    if (!pf_maildir_table_init(&r->strangers, r->now.mails.count))
        return false;
    for (uint32_t i = 0; i < r->now.mails.count; i++)
        if (find(&r->session, &r->box->mails, pf_mbox_uidl(&r->now.mails, i)) == PF_MAILDIR_NONE)
            pf_maildir_table_put(&r->strangers, (uint32_t)r->now.mails.at[i].from_sum, i);
    return true;
}

/* A message that is not found may have been edited, and then it is not the one that was marked (LK-010):
 * a stranger with its From_ line stands in the file. */
static bool may_be_edited(const struct removal *r, const struct pf_mbox_mail *m)
{
    uint32_t cursor = 0, i;

    do
        i = pf_maildir_table_next(&r->strangers, (uint32_t)m->from_sum, &cursor);
    while (i != PF_MAILDIR_NONE && r->now.mails.at[i].from_sum != m->from_sum);
    return i != PF_MAILDIR_NONE;
}

static void mark(struct removal *r, const struct pf_box_expunge *op)
{
    struct pf_twin_box *box = r->box;

    for (uint32_t i = 0; i < box->count; i++) {
        const struct pf_mbox_mail *m = &box->mails.at[box->shown[i]];
        uint32_t k = find(&r->current, &r->now.mails, pf_mbox_uidl(&box->mails, box->shown[i]));

        if (k != PF_MAILDIR_NONE && op->seen && pf_marks_has(op->seen, i))
            r->now.mails.at[k].flags |= PF_MBOX_SEEN;
        if (!op->remove || !pf_marks_has(op->remove, i))
            continue;
        if (k != PF_MAILDIR_NONE) {
            r->now.mails.at[k].flags |= PF_MBOX_GONE;
            r->ours++;
        } else if (m->flags & PF_MBOX_GONE || !may_be_edited(r, m)) {
            r->others++;
        } else {
            r->failed++;
        }
    }
}

/* The session goes on with the file as it is now. */
static void follow(struct removal *r)
{
    struct pf_twin_box *box = r->box;

    for (uint32_t i = 0; i < box->mails.count; i++) {
        struct pf_mbox_mail *m = &box->mails.at[i];
        uint32_t k = find(&r->current, &r->now.mails, pf_mbox_uidl(&box->mails, i));

        if (k == PF_MAILDIR_NONE || r->now.mails.at[k].flags & PF_MBOX_GONE) {
            m->flags |= PF_MBOX_GONE;
            continue;
        }
        m->from_at = r->now.mails.at[k].from_at;
        m->text_at = r->now.mails.at[k].text_at;
    }
    box->reader.open = false;
    box->counts.in_place++;
}

/* The descriptor of the locks becomes the session's when the mbox is unlocked. */
static enum pf_code remove_ours(struct removal *r, struct pf_err *err)
{
    enum pf_code code;

    if (!r->ours)
        return PF_OK;
    code = pf_mbox_rewrite(&r->locks, &r->now.mails, err);
    if (code)
        return code;
    follow(r);
    if (fstat(r->locks.fd, &r->now.st) == 0) /* without new state the next session looks at all */
        (void)pf_mbox_list_save(r->box, &r->locks, &r->now, NULL);
    return PF_OK;
}

/* What others removed has to be on disk as if we had done it. */
static enum pf_code sync_others(struct removal *r, struct pf_err *err)
{
    if (!r->others || (fsync(r->locks.fd) == 0 && fsync(r->box->place.folder) == 0))
        return PF_OK;
    return pf_mbox_failed(&r->box->place, where, "cannot be synced", err);
}

static enum pf_code verdict(struct removal *r, enum pf_code code, struct pf_box_expunge *op, struct pf_err *err)
{
    if (code) {
        r->failed += r->ours;
        r->ours = 0;
    } else if (r->failed) {
        code = pf_fail(err, PF_CHANGED, 0, where, "%s: %u messages were changed by others, and stay",
                       r->box->place.path, r->failed);
    }
    op->removed = r->ours + r->others;
    op->failed = r->failed;
    if (!code || !op->removed)
        return code;
    if (err)
        err->code = PF_PARTIAL;
    return PF_PARTIAL;
}

static enum pf_code remove_locked(struct removal *r, struct pf_box_expunge *op, struct pf_err *err)
{
    struct pf_twin_box *box = r->box;
    enum pf_code code = pf_mbox_recover(&r->locks, err);

    if (!code)
        code = pf_mbox_settle(&r->locks, err);
    if (!code)
        code = pf_mbox_list(box, &r->locks, true, &r->now, err);
    if (!code && (!index_mails(&r->session, &box->mails) || !index_mails(&r->current, &r->now.mails) ||
                  !index_strangers(r)))
        code = pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to remove messages of %s", box->place.path);
    if (code) {
        op->failed = pf_marks_count(op->remove);
        return code;
    }
    mark(r, op);
    code = remove_ours(r, err);
    if (!code && r->others)
        code = sync_others(r, err);
    if (code && r->others) { /* nothing is vouched for */
        r->failed += r->others;
        r->others = 0;
    }
    if (!r->ours && op->seen)
        (void)pf_mbox_list_save(box, &r->locks, &r->now, NULL);
    return verdict(r, code, op, err);
}

static bool nothing_to_do(const struct pf_twin_box *box, const struct pf_box_expunge *op)
{
    for (uint32_t i = 0; i < box->count; i++) {
        const struct pf_mbox_mail *m = &box->mails.at[box->shown[i]];

        if ((op->remove && pf_marks_has(op->remove, i)) ||
            (op->seen && pf_marks_has(op->seen, i) && !(m->flags & PF_MBOX_SEEN)))
            return false;
    }
    return true;
}

enum pf_code pf_mbox_box_expunge(struct pf_twin_box *box, struct pf_box_expunge *op, struct pf_err *err)
{
    struct removal r = {.box = box};
    enum pf_code code;
    bool rewritten;
    int fd;

    op->removed = op->failed = 0;
    if (nothing_to_do(box, op))
        return PF_OK;
    code = pf_mbox_lock(&box->place, &box->mbox->settings, &r.locks, err);
    if (code) {
        op->failed = pf_marks_count(op->remove);
        return code;
    }
    code = remove_locked(&r, op, err);
    rewritten = r.ours > 0;
    fd = pf_mbox_unlock(&r.locks);
    close(rewritten ? box->fd : fd);
    if (rewritten)
        box->fd = fd;
    pf_maildir_table_done(&r.session);
    pf_maildir_table_done(&r.current);
    pf_maildir_table_done(&r.strangers);
    pf_mbox_list_done(&r.now);
    return code;
}

enum pf_code pf_mbox_expire(struct pf_twin_box *box, struct pf_mbox_locks *locks, struct pf_mbox_list *list,
                            int64_t before, uint32_t *out_expired, struct pf_err *err)
{
    uint32_t count = 0;
    enum pf_code code;

    for (uint32_t i = 0; i < list->mails.count; i++) {
        struct pf_mbox_mail *m = &list->mails.at[i];

        if (m->flags & PF_MBOX_HIDDEN || m->arrival <= 0 || m->arrival >= before)
            continue;
        m->flags |= PF_MBOX_GONE;
        count++;
    }
    if (!count)
        return PF_OK;
    code = pf_mbox_rewrite(locks, &list->mails, err);
    if (code)
        return code;
    *out_expired = count;
    if (fstat(locks->fd, &list->st) == 0)
        (void)pf_mbox_list_save(box, locks, list, NULL);
    return PF_OK;
}
