#include "fetch/place_maildir.h"

#include "store/maildir/quota.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* A letter of the group fails; for a reason of all, when `all`, the rest fails with it. */
static void fail(struct pf_place_maildir *m, struct pf_letter *l, const struct pf_err *why, bool all)
{
    l->err = *why;
    if (all && !m->err.code)
        m->err = *why;
}

static struct pf_place_folder *folder_of(struct pf_letter *l)
{
    return ((struct pf_place_letter *)l->more)->folder;
}

/* Octets to the disk, and the way to where it goes. A folder that cannot be is the trouble of who goes
 * there. */
static void sync_file(struct pf_place_maildir *m, struct pf_letter *l)
{
    struct pf_err err = {0};
    int sys;

    if (pf_place_folder_open(m, folder_of(l), &err)) {
        if (!m->err.code && folder_of(l)->name[0])
            err.code = PF_TEMP;
        fail(m, l, &err, !folder_of(l)->name[0]);
        return;
    }
    sys = fsync(l->file.fd) != 0 ? errno : 0;
    if (close(l->file.fd) != 0 && !sys)
        sys = errno;
    l->file.fd = -1;
    if (sys) {
        pf_place_trouble(&err, sys, m->path, "written to the disk");
        fail(m, l, &err, true);
    }
}

static bool good(const struct pf_letter *l)
{
    return !l->err.code;
}

static void fail_good(struct pf_place_maildir *m, const struct pf_err *why)
{
    for (size_t i = 0; i < m->group_count; i++) {
        if (good(m->group[i]))
            fail(m, m->group[i], why, true);
    }
}

/* Everything that is good is in tmp for good. */
static void sync_files(struct pf_place_maildir *m)
{
    struct pf_err err;
    size_t count = 0;

    for (size_t i = 0; i < m->group_count; i++) {
        struct pf_letter *l = m->group[i];

        if (good(l) && m->err.code)
            l->err = m->err;
        else if (good(l))
            sync_file(m, l);
        count += good(l);
    }
    if (!count || fsync(m->tmp) == 0)
        return;
    pf_place_trouble(&err, errno, m->path, "written to the disk");
    fail_good(m, &err);
}

/* Records of that state for the letters that `which` says. */
static enum pf_code note(struct pf_place_maildir *m, enum pf_ledger_state state,
                         bool (*which)(const struct pf_letter *), struct pf_err *err)
{
    struct pf_ledger_note notes[PF_PLACE_MOST];
    size_t n = 0;
    enum pf_code code;

    for (size_t i = 0; i < m->group_count; i++) {
        if (which(m->group[i]))
            notes[n++] = pf_place_note(m->group[i], state);
    }
    code =
        n ? pf_ledger_write(m->place->settings.ledger, notes, n, state != PF_LEDGER_DONE, err) : PF_OK;
    for (size_t i = 0; i < m->group_count && !code; i++) {
        if (which(m->group[i]))
            m->group[i]->state = state;
    }
    return code;
}

/* When it fails nobody knows whether the records are on disk: so the files stay in tmp, where the next
 * run finds them if they are. */
static void note_will(struct pf_place_maildir *m)
{
    struct pf_err err;

    if (!note(m, PF_LEDGER_WILL, good, &err))
        return;
    for (size_t i = 0; i < m->group_count; i++) {
        if (good(m->group[i]))
            m->group[i]->name[0] = 0;
    }
    fail_good(m, &err);
}

static void move(struct pf_place_maildir *m, struct pf_letter *l)
{
    struct pf_place_folder *f = folder_of(l);
    struct pf_place_record record;
    char path[4096 + PF_PLACE_FOLDER_MAX];
    struct pf_err err;
    struct pf_ledger_note will = {.name = pf_bytes_of(l->record)};
    int sys;

    (void)pf_ledger_doubted(&will);
    sys = pf_place_record_get(will.name, &record) ? 0 : EINVAL;
    if (!sys)
        sys = pf_place_rename(m->tmp, l->name, f->fresh, record.name);
    if (!sys) {
        l->name[0] = 0;
        f->dirty = true;
        return;
    }
    pf_place_folder_path(m, f, path, sizeof path);
    pf_place_trouble(&err, sys, path, "put into new");
    if (sys == EXDEV) /* a folder on another disk */
        err.code = PF_TEMP;
    fail(m, l, &err, sys != EXDEV);
}

static void move_all(struct pf_place_maildir *m)
{
    for (size_t i = 0; i < m->group_count; i++) {
        struct pf_letter *l = m->group[i];

        if (good(l) && m->err.code)
            l->err = m->err;
        else if (good(l))
            move(m, l);
    }
}

/* A name that may or may not last is no delivery; its `will` stays, and tells the next run to look. */
static void sync_folders(struct pf_place_maildir *m)
{
    for (size_t i = 0; i < m->group_count; i++) {
        struct pf_place_folder *f = folder_of(m->group[i]);
        char path[4096 + PF_PLACE_FOLDER_MAX];
        struct pf_err err;

        if (!f || !f->dirty)
            continue;
        f->dirty = false;
        if (fsync(f->fresh) == 0)
            continue;
        pf_place_folder_path(m, f, path, sizeof path);
        pf_place_trouble(&err, errno, path, "written to the disk");
        for (size_t j = 0; j < m->group_count; j++) {
            if (good(m->group[j]) && folder_of(m->group[j]) == f)
                fail(m, m->group[j], &err, true);
        }
    }
}

static bool stuck(const struct pf_letter *l)
{
    return l->err.code && l->state == PF_LEDGER_WILL && l->name[0];
}

/* What was announced and is still in tmp is taken back, before its file goes; where that cannot be
 * written, the file stays for the next run. */
static void take_back(struct pf_place_maildir *m)
{
    struct pf_err err;

    if (!note(m, PF_LEDGER_GONE, stuck, &err))
        return;
    for (size_t i = 0; i < m->group_count; i++) {
        if (stuck(m->group[i]))
            m->group[i]->name[0] = 0;
    }
}

static bool placed(const struct pf_letter *l)
{
    return good(l) && l->state == PF_LEDGER_WILL;
}

/* Where a quota is kept, other programs want to know. */
static void count_all(struct pf_place_maildir *m)
{
    char path[4096 + PF_PLACE_FOLDER_MAX];

    for (size_t i = 0; i < m->group_count; i++) {
        struct pf_letter *l = m->group[i];

        if (!placed(l))
            continue;
        pf_place_folder_path(m, folder_of(l), path, sizeof path);
        pf_maildir_quota_note(m->root, path, (int64_t)l->file.size, 1);
    }
}

void pf_place_group(struct pf_place_maildir *m)
{
    struct pf_err err;

    sync_files(m);
    note_will(m);
    move_all(m);
    sync_folders(m);
    count_all(m);
    take_back(m);
    /* Not synced: one that a power cut takes is found again through its `will`. */
    if (note(m, PF_LEDGER_DONE, placed, &err) && !m->err.code)
        m->err = err;
}
