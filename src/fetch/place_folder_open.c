#include "fetch/place_maildir.h"

#include "store/maildir/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct pf_place_folder *pf_place_folder_of(struct pf_place_maildir *m, const char *name)
{
    struct pf_place_folder *f = m->folders;

    while (f && strcmp(f->name, name) != 0)
        f = f->next;
    if (f)
        return f;
    f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    snprintf(f->name, sizeof f->name, "%s", name);
    f->root = f->fresh = -1;
    f->next = m->folders;
    m->folders = f;
    return f;
}

void pf_place_folder_path(const struct pf_place_maildir *m, const struct pf_place_folder *f, char *room,
                          size_t cap)
{
    snprintf(room, cap, "%s%s%s", m->path, f->name[0] ? "/" : "", f->name);
}

/* Tells other programs that this folder is a part of a Maildir (Maildir++). */
static enum pf_code put_mark(int root, const char *path, struct pf_err *err)
{
    int fd = faccessat(root, "maildirfolder", F_OK, AT_SYMLINK_NOFOLLOW) == 0
                 ? -1
                 : pf_maildir_own_file(root, "maildirfolder", O_WRONLY);
    int sys = fd < 0 ? errno : 0;

    if (fd < 0)
        return !sys || faccessat(root, "maildirfolder", F_OK, AT_SYMLINK_NOFOLLOW) == 0
                   ? PF_OK
                   : pf_place_trouble(err, sys, path, "put there");
    sys = fsync(fd) != 0 || fsync(root) != 0 ? errno : 0;
    close(fd);
    return sys ? pf_place_trouble(err, sys, path, "put there") : PF_OK;
}

static enum pf_code open_parts(struct pf_place_maildir *m, int root, const char *path, int *out_fresh,
                               struct pf_err *err)
{
    static const char *const others[] = {"tmp", "cur"};
    enum pf_code code = PF_OK;
    int fd = -1;

    for (size_t i = 0; i < 2 && !code; i++) {
        code = pf_maildir_folder_open(root, path, others[i], true, &fd, err);
        if (!code)
            close(fd);
    }
    fd = -1;
    if (!code)
        code = pf_maildir_folder_open(root, path, "new", true, &fd, err);
    if (!code)
        code = pf_maildir_anchor((struct pf_maildir *)m->store, &(struct pf_maildir_dirs){root, fd, -1},
                                 path, err);
    if (!code)
        *out_fresh = fd;
    else if (fd >= 0)
        close(fd);
    return code;
}

enum pf_code pf_place_folder_open(struct pf_place_maildir *m, struct pf_place_folder *f,
                                  struct pf_err *err)
{
    char path[4096 + PF_PLACE_FOLDER_MAX];
    enum pf_code code = PF_OK;
    int root = -1;

    if (f->fresh >= 0)
        return PF_OK;
    pf_place_folder_path(m, f, path, sizeof path);
    if (f->name[0])
        code = pf_maildir_folder_open(m->root, m->path, f->name, true, &root, err);
    else if ((root = fcntl(m->root, F_DUPFD_CLOEXEC, 0)) < 0)
        code = pf_place_trouble(err, errno, path, "put there");
    if (!code && f->name[0])
        code = put_mark(root, path, err);
    if (!code)
        code = open_parts(m, root, path, &f->fresh, err);
    if (!code)
        f->root = root;
    else if (root >= 0)
        close(root);
    return code;
}

int pf_place_rename(int from, const char *name, int to, const char *new_name)
{
    if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    /* File systems that cannot: at least one that looked before. */
    if (faccessat(to, new_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(from, name, to, new_name) == 0 ? 0 : errno;
}
