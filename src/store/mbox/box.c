#include "store/mbox/box.h"

#include "store/maildir/lock.h"
#include "store/mbox/append.h"
#include "store/mbox/journal.h"
#include "store/mbox/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "mbox_open";

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void box_free(struct pf_twin_box *box)
{
    close_one(&box->fd);
    pf_mbox_mails_done(&box->mails);
    free(box->rows);
    free(box->uidls);
    free(box->shown);
    free(box->memory);
    if (box->session >= 0) /* from here on another session may work */
        pf_maildir_unlock(box->session);
    pf_mbox_place_close(&box->place);
    free(box);
}

static bool make_rows(struct pf_twin_box *box, uint32_t count, size_t uidls)
{
    size_t at = 0;

    box->rows = calloc((size_t)count + 1, sizeof *box->rows);
    box->shown = calloc((size_t)count + 1, sizeof *box->shown);
    box->uidls = malloc(uidls + 1);
    if (!box->rows || !box->shown || !box->uidls || uidls > UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < box->mails.count; i++) {
        const struct pf_mbox_mail *m = &box->mails.at[i];
        struct pf_bytes uidl = pf_mbox_uidl(&box->mails, i);

        if (m->flags & (PF_MBOX_HIDDEN | PF_MBOX_GONE))
            continue;
        memcpy(box->uidls + at, uidl.at, uidl.len);
        box->rows[box->count] = (struct pf_row){
            .octets = m->octets,
            .uidl_at = (uint32_t)at,
            .uidl_len = (uint8_t)uidl.len,
            .flags = m->flags & PF_MBOX_SEEN ? PF_ROW_SEEN : 0,
        };
        box->shown[box->count++] = i;
        box->octets += m->octets;
        at += uidl.len;
    }
    return true;
}

static enum pf_code make_listing(struct pf_twin_box *box, struct pf_err *err)
{
    uint32_t count = 0;
    size_t uidls = 0;

    for (uint32_t i = 0; i < box->mails.count; i++)
        if (!(box->mails.at[i].flags & (PF_MBOX_HIDDEN | PF_MBOX_GONE))) {
            count++;
            uidls += box->mails.at[i].uidl_len;
        }
    if (make_rows(box, count, uidls))
        return PF_OK;
    return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", box->place.path);
}

static enum pf_code list_locked(struct pf_twin_box *box, struct pf_mbox_locks *locks,
                                const struct pf_box_where *w, uint32_t *out_expired, struct pf_err *err)
{
    struct pf_mbox_list list;
    enum pf_code code = pf_mbox_recover(locks, err);

    *out_expired = 0;
    if (!code)
        code = pf_mbox_settle(locks, err);
    if (!code)
        code = pf_mbox_list(box, locks, false, &list, err);
    if (code)
        return code;
    if (w->expire_days > 0)
        code = pf_mbox_expire(box, locks, &list, w->now - (int64_t)w->expire_days * 86400, out_expired,
                              err);
    if (!code) {
        box->mails = list.mails;
        list.mails = (struct pf_mbox_mails){0};
    }
    pf_mbox_list_done(&list);
    return code;
}

static enum pf_code fill(struct pf_twin_box *box, const struct pf_box_where *w, uint32_t *out_expired,
                         struct pf_err *err)
{
    struct pf_mbox_locks locks;
    enum pf_code code = pf_mbox_place_open(&box->place, &box->mbox->settings, w->path, err);
    struct stat st;

    if (!code && fstatat(box->place.folder, box->place.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return pf_fail(err, PF_NO_BOX, errno, where,
                       "%s is missing: make it, or let deliveries create it", w->path);
    if (!code)
        code = pf_mbox_session_lock(&box->place, &box->session, err);
    if (!code)
        code = pf_mbox_lock(&box->place, &box->mbox->settings, &locks, err);
    if (code)
        return code;
    code = list_locked(box, &locks, w, out_expired, err);
    box->fd = pf_mbox_unlock(&locks);
    return code ? code : make_listing(box, err);
}

enum pf_code pf_mbox_box_open(struct pf_twin *twin, const struct pf_box_where *w, bool may_block,
                              struct pf_twin_opened *out_opened, struct pf_err *err)
{
    struct pf_twin_box *box;
    uint32_t expired = 0;
    enum pf_code code;

    if (!may_block)
        return pf_fail(err, PF_AGAIN, 0, where, "%s: opening blocks", w->path);
    box = calloc(1, sizeof *box);
    if (!box)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to open %s", w->path);
    box->mbox = (struct pf_mbox *)twin;
    box->session = box->fd = box->place.folder = box->place.side = -1;
    code = fill(box, w, &expired, err);
    if (code) {
        box_free(box);
        return code;
    }
    out_opened->box = box;
    out_opened->listing = (struct pf_listing){
        .rows = box->rows, .uidls = box->uidls, .count = box->count, .octets = box->octets};
    out_opened->expired = expired;
    return PF_OK;
}

static void distrust(struct pf_twin_box *box)
{
    struct pf_mbox_state head = {.there = true};
    struct pf_mbox_locks locks;

    if (pf_mbox_lock(&box->place, &box->mbox->settings, &locks, NULL) != PF_OK)
        return;
    (void)pf_mbox_state_append(&box->place, &head, NULL, NULL, NULL);
    close(pf_mbox_unlock(&locks));
}

void pf_mbox_box_close(struct pf_twin_box *box)
{
    if (box->doubts)
        distrust(box);
    box_free(box);
}
