#include "store/mbox/box.h"

#include "store/mbox/append.h"
#include "store/mbox/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "mbox_check";

enum { STALE = 300 }; /* seconds; these names live for less than one */

/* `.postfach-….lock`, `.dead` (dotlock.c), `.part` (parcel.c). */
static bool is_passing(const char *name)
{
    const char *end = strrchr(name, '.');

    return strncmp(name, ".postfach-", 10) == 0 &&
           (strcmp(end, ".lock") == 0 || strcmp(end, ".dead") == 0 || strcmp(end, ".part") == 0);
}

static enum pf_code sweep_folder(const struct pf_mbox_place *p, int folder, int64_t now, uint32_t *litter,
                                 struct pf_err *err)
{
    int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;
    struct stat st;

    if (!dir && own >= 0)
        close(own);
    if (!dir)
        return pf_mbox_failed(p, where, "has a folder that cannot be read", err);
    while ((entry = readdir(dir)))
        if (is_passing(entry->d_name) && fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && now - st.st_mtim.tv_sec > STALE)
            *litter += unlinkat(folder, entry->d_name, 0) == 0;
    closedir(dir);
    return PF_OK;
}

/* What is made under the locks under one name, and was not finished, is nobody's when we have them. */
static void sweep_ours(const struct pf_mbox_place *p, uint32_t *litter)
{
    const char *const made[] = {p->state, p->journal};
    char name[PF_MBOX_NAME + 4];

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(name, sizeof name, "%.250s.tmp", made[i]);
        *litter += unlinkat(p->side, name, 0) == 0;
    }
    if (snprintf(name, sizeof name, ".%.240s.postfach-new", p->name) > 0)
        *litter += unlinkat(p->folder, name, 0) == 0;
}

static uint32_t count_old(const struct pf_mbox_place *p, char out_name[PF_MBOX_NAME + 8])
{
    uint32_t count = 0;
    struct stat st;

    for (unsigned i = PF_MBOX_OLD_MAX; i > 0; i--) {
        char name[PF_MBOX_NAME + 8];

        pf_mbox_journal_old(p, i, name);
        if (fstatat(p->side, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        memcpy(out_name, name, sizeof name);
        count++;
    }
    return count;
}

static bool is_there(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum pf_code check_locked(struct pf_mbox_locks *l, int64_t now, struct pf_mbox_report *r, struct pf_err *err)
{
    const struct pf_mbox_place *p = l->place;
    struct pf_mbox_appends a;
    enum pf_code code = pf_mbox_appends_open(l, false, &a, err);

    if (code)
        return code;
    r->torn = a.live;
    pf_mbox_appends_close(&a);
    r->unfinished = is_there(p->side, p->journal);
    code = pf_mbox_recover(l, err);
    if (code)
        return code;
    sweep_ours(p, &r->litter);
    r->old_journals = count_old(p, r->old_journal);
    code = sweep_folder(p, p->folder, now, &r->litter, err);
    return code || !p->apart ? code : sweep_folder(p, p->side, now, &r->litter, err);
}

enum pf_code pf_mbox_check(const struct pf_mbox_settings *settings, const char *path, int64_t now,
                           struct pf_mbox_report *out_report, struct pf_err *err)
{
    struct pf_mbox_report report = {0};
    struct pf_mbox_place place;
    struct pf_mbox_locks locks;
    enum pf_code code = pf_mbox_place_open(&place, settings, path, err);

    if (code)
        return code;
    code = pf_mbox_lock(&place, settings, &locks, err);
    if (!code) {
        code = check_locked(&locks, now, &report, err);
        close(pf_mbox_unlock(&locks));
    }
    pf_mbox_place_close(&place);
    if (!code)
        *out_report = report;
    return code;
}
