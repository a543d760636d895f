#include "store/mbox/place.h"

#include "store/maildir/dirs.h"
#include "store/mbox/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "mbox_place";

enum { PLAIN = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

enum pf_code pf_mbox_failed(const struct pf_mbox_place *p, const char *at, const char *what,
                            struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, at, "%s %s: %s", p->path, what, strerror(sys));
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* In a folder for all mboxes the whole path tells them apart: /var/mail/ada is =2Fvar=2Fmail=2Fada. */
static bool side_stem(const char *path, char out_stem[PF_MBOX_NAME])
{
    struct pf_span s = {(unsigned char *)out_stem, 0, PF_MBOX_NAME - 1};
    bool ok = true;

    for (; *path && ok; path++) {
        struct pf_bytes c = *path == '/' ? PF_LIT("=2F") : *path == '=' ? PF_LIT("=3D") : pf_bytes_from(path, 1);

        ok = pf_span_put(&s, c);
    }
    out_stem[s.len] = 0;
    return ok;
}

static bool name_one(char out_name[PF_MBOX_NAME], const char *front, const char *stem, const char *behind)
{
    int len = snprintf(out_name, PF_MBOX_NAME, "%s%s%s", front, stem, behind);

    return len > 0 && len < PF_MBOX_NAME;
}

static bool name_all(struct pf_mbox_place *p, const char *stem)
{
    return name_one(p->dot, "", p->name, ".lock") && name_one(p->append, ".", stem, ".postfach-append") &&
           name_one(p->lock, ".", stem, ".postfach-lock") &&
           name_one(p->state, ".", stem, ".postfach-state") &&
           name_one(p->journal, ".", stem, ".postfach-journal");
}

static enum pf_code open_all(struct pf_mbox_place *p, const struct pf_mbox_settings *s,
                             struct pf_err *err)
{
    const char *slash = strrchr(p->path, '/');
    char folder[PATH_MAX], stem[PF_MBOX_NAME];
    size_t len = slash ? (size_t)(slash - p->path) : 0;

    if (p->path[0] != '/' || !slash[1] || len >= sizeof folder - 1 || !name_one(p->name, "", slash + 1, "") ||
        strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0)
        return pf_fail(err, PF_CONFIG, 0, where, "%s is no absolute path of an mbox file", p->path);
    memcpy(stem, p->name, sizeof stem);
    if ((s->state_folder && !side_stem(p->path, stem)) || !name_all(p, stem))
        return pf_fail(err, PF_CONFIG, 0, where, "%s is too long a name for an mbox", p->path);
    memcpy(folder, p->path, len);
    memcpy(folder + len, len ? "" : "/", len ? 1 : 2);
    p->folder = open_folder(folder);
    if (p->folder < 0 && errno == ENOENT)
        return pf_fail(err, PF_NO_BOX, ENOENT, where, "%s is missing: make the folder of the mbox", folder);
    if (p->folder < 0)
        return pf_mbox_failed(p, where, "has a folder that cannot be opened", err);
    p->apart = s->state_folder != NULL;
    p->side = s->state_folder ? open_folder(s->state_folder) : fcntl(p->folder, F_DUPFD_CLOEXEC, 0);
    return p->side >= 0 ? PF_OK : pf_mbox_failed(p, where, "has no folder for its state (state_folder)", err);
}

enum pf_code pf_mbox_place_open(struct pf_mbox_place *p, const struct pf_mbox_settings *s,
                                const char *path, struct pf_err *err)
{
    enum pf_code code;

    *p = (struct pf_mbox_place){.folder = -1, .side = -1, .path = strdup(path)};
    if (!p->path)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to open %s", path);
    code = open_all(p, s, err);
    if (code)
        pf_mbox_place_close(p);
    return code;
}

void pf_mbox_place_close(struct pf_mbox_place *p)
{
    if (p->folder >= 0)
        close(p->folder);
    if (p->side >= 0)
        close(p->side);
    free(p->path);
    *p = (struct pf_mbox_place){.folder = -1, .side = -1};
}

enum pf_code pf_mbox_file_open(const struct pf_mbox_place *p, int *out_fd, struct pf_err *err)
{
    struct stat st;
    int fd = openat(p->folder, p->name, O_RDWR | O_NOATIME | PLAIN);

    if (fd < 0 && errno == EPERM) /* only the owner may leave the time of reading alone */
        fd = openat(p->folder, p->name, O_RDWR | PLAIN);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == EISDIR))
        return pf_fail(err, PF_NO_BOX, errno, where, "%s is no mbox file: %s", p->path, strerror(errno));
    if (fd < 0)
        return pf_mbox_failed(p, where, "cannot be opened", err);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *out_fd = fd;
        return PF_OK;
    }
    close(fd);
    return pf_fail(err, PF_NO_BOX, 0, where, "%s is no file", p->path);
}

void pf_mbox_stamp_of(const struct stat *st, struct pf_mbox_stamp *out_stamp)
{
    *out_stamp = (struct pf_mbox_stamp){
        .size = (uint64_t)st->st_size,
        .mtime = pf_maildir_ns(st->st_mtim),
        .ino = st->st_ino,
        .dev = st->st_dev,
        .changed = pf_maildir_ns(st->st_ctim),
    };
}

bool pf_mbox_stamp_equal(const struct pf_mbox_stamp *a, const struct pf_mbox_stamp *b)
{
    return a->size == b->size && a->mtime == b->mtime && a->ino == b->ino && a->dev == b->dev &&
           a->changed == b->changed;
}

bool pf_mbox_give(const struct pf_mbox_place *p, int fd)
{
    struct stat st;

    return geteuid() != 0 || fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
           st.st_uid == 0 || fchown(fd, st.st_uid, st.st_gid) == 0;
}

enum pf_code pf_mbox_side_save(const struct pf_mbox_place *p, const char *name, struct pf_bytes text,
                               struct pf_err *err)
{
    char beside[PF_MBOX_NAME + 4];
    enum pf_code code = PF_OK;
    bool ok;
    int fd;

    snprintf(beside, sizeof beside, "%.250s.tmp", name);
    unlinkat(p->side, beside, 0);
    fd = openat(p->side, beside, O_WRONLY | O_CREAT | O_EXCL | PLAIN, 0600);
    if (fd < 0)
        return pf_mbox_failed(p, where, "has state that cannot be made: is the folder writable, or is there "
                              "a state_folder?", err);
    ok = pf_mbox_give(p, fd) && pf_mbox_write_at(fd, text, 0) == 0 && fsync(fd) == 0;
    if (!ok)
        code = pf_mbox_failed(p, where, "has state that cannot be written", err);
    if (close(fd) != 0 && !code)
        code = pf_mbox_failed(p, where, "has state that cannot be written", err);
    if (!code && (renameat(p->side, beside, p->side, name) != 0 || fsync(p->side) != 0))
        code = pf_mbox_failed(p, where, "has state that cannot be replaced", err);
    if (code)
        unlinkat(p->side, beside, 0);
    return code;
}
