#include "fetch/place_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    /* Everybody may sweep from tmp what nobody touched for 36 hours. An hour less, for a record is
     * younger than its file, and clocks differ. */
    SWEPT = 35 * 3600,
    AHEAD = 3600, /* seconds: a record from the future says nothing about its age */
};

enum fate { THERE, MOVED, SEARCH, UNKNOWN };

static int open_dir(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static void close_one(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The folder may have been removed since; then there is nothing to sync. */
static int sync_dir(int at, const char *name)
{
    int fd = open_dir(at, name), sys;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    sys = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return sys;
}

/* The file is in tmp: it is complete, for `will` was written after its sync. */
static enum pf_code move(struct pf_place_maildir *m, const struct pf_place_record *r, struct pf_err *err)
{
    struct pf_place_folder folder = {.root = -1, .fresh = -1};
    char path[4096 + PF_PLACE_FOLDER_MAX];
    enum pf_code code;
    int sys;

    snprintf(folder.name, sizeof folder.name, "%s", r->folder);
    pf_place_folder_path(m, &folder, path, sizeof path);
    code = pf_place_folder_open(m, &folder, err);
    if (code)
        return code;
    sys = pf_place_rename(m->tmp, r->tmp, folder.fresh, r->name);
    if (sys == EEXIST) /* no other message can have that name; the sweep takes what is in tmp */
        sys = 0;
    if (!sys && fsync(folder.fresh) != 0)
        sys = errno;
    close_one(folder.fresh);
    close_one(folder.root);
    return sys ? pf_place_trouble(err, sys, path, "put into new") : PF_OK;
}

/* A rename that happened may not be on disk yet. */
static enum pf_code sync_where_it_went(struct pf_place_maildir *m, const struct pf_place_record *r,
                                       struct pf_err *err)
{
    int root = r->folder[0] ? open_dir(m->root, r->folder) : fcntl(m->root, F_DUPFD_CLOEXEC, 0), sys;

    if (root < 0)
        return PF_OK; /* the folder is gone, by its owner's will */
    sys = sync_dir(root, "new");
    if (!sys)
        sys = sync_dir(root, "cur");
    close(root);
    return sys ? pf_place_trouble(err, sys, m->path, "written to the disk") : PF_OK;
}

static enum fate fate_of(struct pf_place_maildir *m, const struct pf_ledger_note *note,
                         struct pf_place_record *r, int64_t now)
{
    if (!pf_place_record_get(note->name, r))
        return UNKNOWN;
    if (faccessat(m->tmp, r->tmp, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return THERE;
    return r->mark != m->mark || now - note->when > SWEPT || note->when - now > AHEAD ? SEARCH : MOVED;
}

static bool is_name(const char *entry, const char *name)
{
    size_t len = strlen(name);

    return strncmp(entry, name, len) == 0 && (!entry[len] || entry[len] == ':');
}

static DIR *list(int at, const char *name)
{
    int fd = open_dir(at, name);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir)
        close_one(fd);
    return dir;
}

static bool has(int root, const char *folder, const char *name)
{
    DIR *dir = list(root, folder);
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)))
        found = is_name(entry->d_name, name);
    if (dir)
        closedir(dir);
    return found;
}

static bool has_it(int at, const char *folder, const char *name)
{
    int root = open_dir(at, folder);
    bool found = root >= 0 && (has(root, "new", name) || has(root, "cur", name));

    close_one(root);
    return found;
}

/* In any folder of the Maildir. */
static bool search(struct pf_place_maildir *m, const char *name)
{
    bool found = has_it(m->root, ".", name);
    DIR *dir = found ? NULL : list(m->root, ".");
    struct dirent *entry;

    while (dir && !found && (entry = readdir(dir))) {
        const char *d = entry->d_name;

        found = d[0] == '.' && d[1] && strcmp(d, "..") != 0 && has_it(m->root, d, name);
    }
    if (dir)
        closedir(dir);
    return found;
}

static enum pf_code settle_one(struct pf_place_maildir *m, struct pf_place_old *o, int64_t now,
                               struct pf_err *err)
{
    struct pf_place_record record;
    enum pf_ledger_state there = pf_ledger_doubted(&o->note) ? PF_LEDGER_SKIPPED : PF_LEDGER_DONE;
    enum fate fate = fate_of(m, &o->note, &record, now);
    enum pf_code code = PF_OK;
    bool done = fate == THERE || fate == MOVED || (fate == SEARCH && search(m, record.name));

    if (fate == THERE)
        code = move(m, &record, err);
    else if (fate == MOVED)
        code = sync_where_it_went(m, &record, err);
    if (code)
        return code;
    m->again += !done;
    o->note.state = done ? there : PF_LEDGER_GONE;
    o->note.name = (struct pf_bytes){0};
    o->note.when = now;
    return PF_OK;
}

static enum pf_code note_some(struct pf_place_maildir *m, size_t from, size_t n, struct pf_err *err)
{
    struct pf_ledger_note notes[PF_PLACE_MOST];

    for (size_t i = 0; i < n; i++)
        notes[i] = m->olds[from + i].note;
    return pf_ledger_write(m->place->settings.ledger, notes, n, true, err);
}

void pf_place_settle_olds(struct pf_place_maildir *m)
{
    int64_t now = time(NULL);
    enum pf_code code = PF_OK;
    uint32_t swept = 0;
    size_t settled = 0;

    for (size_t i = 0; i < m->old_count && !code; i++) {
        code = settle_one(m, &m->olds[i], now, &m->err);
        settled += !code;
    }
    code = PF_OK;
    for (size_t i = 0; i < settled && !code; i += PF_PLACE_MOST)
        code = note_some(m, i, settled - i < PF_PLACE_MOST ? settled - i : PF_PLACE_MOST, &m->err);
    if (code)
        settled = 0; /* whatever came to disk, the next run looks again */
    m->old_count = settled;
    (void)pf_maildir_sweep_tmp(m->tmp, m->path, now, &swept, NULL);
}
