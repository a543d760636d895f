#include "store/maildir/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char where[] = "maildir_dirs";

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK };

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void pf_maildir_dirs_close(struct pf_maildir_dirs *d)
{
    close_one(&d->cur);
    close_one(&d->fresh);
    close_one(&d->root);
}

/* Makes one directory and syncs the one that holds it. An errno, or 0 when it is there: whether one that
 * somebody else has just made lasts, deliveries see to for themselves (anchor.h). */
static int make_one(int at, const char *holder, const char *name)
{
    int fd, bad;

    if (mkdirat(at, name, 0700) != 0)
        return errno == EEXIST ? 0 : errno;
    fd = openat(at, holder, OPEN_DIR);
    if (fd < 0)
        return errno == EACCES ? 0 : errno; /* we may write into it, but not open it (anchor.h) */
    bad = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return bad;
}

/* mkdir -p of an absolute path shorter than PATH_MAX. */
static int make_all(const char *path)
{
    char part[PATH_MAX], holder[PATH_MAX];
    size_t len = strlen(path), last = 1; /* behind the slash in front of the current name */
    int bad = 0;

    for (size_t i = 1; i <= len && !bad; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        memcpy(holder, path, last);
        holder[last] = 0;
        if (i > last)
            bad = make_one(AT_FDCWD, holder, part);
        last = i + 1 <= len ? i + 1 : i;
    }
    return bad;
}

bool pf_maildir_give(int root, int fd)
{
    struct stat st;

    return geteuid() != 0 || fstat(root, &st) != 0 || st.st_uid == 0 ||
           fchown(fd, st.st_uid, st.st_gid) == 0;
}

int pf_maildir_own_file(int root, const char *name, int flags)
{
    const int plain = flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(root, name, plain);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = openat(root, name, plain | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return errno == EEXIST ? openat(root, name, plain) : -1;
    if (pf_maildir_give(root, fd))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static enum pf_code check_owner(const char *path, int fd, struct pf_err *err)
{
    struct stat st;
    uid_t me = geteuid();

    if (fstat(fd, &st) != 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s: %s", path, strerror(errno));
    if (me == 0 || st.st_uid == me)
        return PF_OK;
    return pf_fail(err, PF_PERM, 0, where,
                   "%s belongs to uid %u, but this process runs as uid %u: chown it, or serve it "
                   "as its owner", path, (unsigned)st.st_uid, (unsigned)me);
}

static enum pf_code root_failed(const char *path, int sys, struct pf_err *err)
{
    struct stat st;

    if (sys == ENOENT)
        return pf_fail(err, PF_NO_BOX, sys, where,
                       "%s is missing: make the maildrop, or let deliveries create it", path);
    if ((sys == ELOOP || sys == ENOTDIR) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return pf_fail(err, PF_NO_BOX, sys, where,
                       "%s is a symbolic link: name its target as the maildrop, or allow "
                       "links as maildrop roots", path);
    if (sys == ENOTDIR)
        return pf_fail(err, PF_NO_BOX, sys, where, "%s is not a directory", path);
    return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s: %s", path, strerror(sys));
}

/* Without slashes at the end: behind one, the kernel would follow a link in spite of O_NOFOLLOW. */
static bool bare_path(const char *path, char out_bare[PATH_MAX])
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    if (path[0] != '/' || len >= PATH_MAX)
        return false;
    memcpy(out_bare, path, len);
    out_bare[len] = 0;
    return true;
}

enum pf_code pf_maildir_root_open(const struct pf_maildir_settings *settings, const char *path,
                                  bool make, int *out_fd, struct pf_err *err)
{
    int flags = OPEN_DIR | (settings->follow_root ? 0 : O_NOFOLLOW);
    char bare[PATH_MAX];
    enum pf_code code;
    int fd;

    if (!bare_path(path, bare))
        return pf_fail(err, PF_CONFIG, 0, where, "%s is no absolute path of a maildrop", path);
    fd = open(bare, flags);
    if (fd < 0 && errno == ENOENT && make) {
        int bad = make_all(bare);

        if (bad)
            return pf_fail(err, pf_code_of_errno(bad), bad, where, "%s cannot be made: %s", path,
                           strerror(bad));
        fd = open(bare, flags);
    }
    if (fd < 0)
        return root_failed(bare, errno, err);
    code = check_owner(path, fd, err);
    if (code)
        close(fd);
    else
        *out_fd = fd;
    return code;
}

enum pf_code pf_maildir_folder_open(int root, const char *path, const char *folder, bool make,
                                    int *out_fd, struct pf_err *err)
{
    int fd = openat(root, folder, OPEN_DIR | O_NOFOLLOW);
    int bad = fd < 0 ? errno : 0;

    if (bad == ENOENT && make) {
        bad = make_one(root, ".", folder);
        if (!bad) {
            fd = openat(root, folder, OPEN_DIR | O_NOFOLLOW);
            bad = fd < 0 ? errno : 0;
            if (fd >= 0)
                (void)pf_maildir_give(root, fd);
        }
    }
    if (!bad) {
        *out_fd = fd;
        return PF_OK;
    }
    if (bad == ENOENT)
        return pf_fail(err, PF_NO_BOX, bad, where,
                       "%s is no Maildir, it has no folder %s: make tmp, new and cur", path,
                       folder);
    if (bad == ELOOP || bad == ENOTDIR)
        return pf_fail(err, PF_NO_BOX, bad, where,
                       "%s/%s is a link or a file: replace it by a directory", path, folder);
    return pf_fail(err, pf_code_of_errno(bad), bad, where, "%s/%s: %s", path, folder, strerror(bad));
}

/* A folder is named by who logs in (user+folder), and a slip of his must not make one. */
static bool is_folder(const char *path)
{
    const char *name = strrchr(path, '/');

    return name && name[1] == '.';
}

enum pf_code pf_maildir_dirs_open(const struct pf_maildir_settings *settings, const char *path,
                                  struct pf_maildir_dirs *out_dirs, struct pf_err *err)
{
    struct pf_maildir_dirs d = PF_MAILDIR_NO_DIRS;
    bool make = settings->create && !is_folder(path);
    enum pf_code code = pf_maildir_root_open(settings, path, make, &d.root, err);
    int tmp = -1;

    if (!code)
        code = pf_maildir_folder_open(d.root, path, "new", settings->create, &d.fresh, err);
    if (!code)
        code = pf_maildir_folder_open(d.root, path, "cur", settings->create, &d.cur, err);
    if (!code && settings->create)
        code = pf_maildir_folder_open(d.root, path, "tmp", true, &tmp, err);
    close_one(&tmp);
    if (code)
        pf_maildir_dirs_close(&d);
    else
        *out_dirs = d;
    return code;
}

int pf_maildir_open_cached(int at, const char *name, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_CACHED};

    return (int)syscall(SYS_openat2, at, name, &how, sizeof how);
}

bool pf_maildir_dirs_open_cached(const struct pf_maildir_settings *settings, const char *path,
                                 struct pf_maildir_dirs *out_dirs)
{
    int follow = settings->follow_root ? 0 : O_NOFOLLOW;
    struct pf_maildir_dirs d = PF_MAILDIR_NO_DIRS;
    char bare[PATH_MAX];

    if (!bare_path(path, bare))
        return false;
    d.root = pf_maildir_open_cached(AT_FDCWD, bare, OPEN_DIR | follow);
    if (d.root >= 0 && check_owner(path, d.root, NULL) == PF_OK)
        d.fresh = pf_maildir_open_cached(d.root, "new", OPEN_DIR | O_NOFOLLOW);
    if (d.fresh >= 0)
        d.cur = pf_maildir_open_cached(d.root, "cur", OPEN_DIR | O_NOFOLLOW);
    if (d.cur < 0) {
        pf_maildir_dirs_close(&d);
        return false;
    }
    *out_dirs = d;
    return true;
}

int64_t pf_maildir_ns(struct timespec t)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)t.tv_sec, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
        return t.tv_sec < 0 ? INT64_MIN + 1 : INT64_MAX; /* INT64_MIN means unknown */
    return ns;
}

void pf_maildir_stamp_of(const struct stat *st, struct pf_maildir_stamp *out_stamp)
{
    *out_stamp = (struct pf_maildir_stamp){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size,
        .mtime = pf_maildir_ns(st->st_mtim),
        .ctime = pf_maildir_ns(st->st_ctim),
    };
}

bool pf_maildir_stamp_equal(const struct pf_maildir_stamp *a, const struct pf_maildir_stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
           a->ctime == b->ctime;
}

enum pf_code pf_maildir_dirs_stamps(const struct pf_maildir_dirs *d, const char *path,
                                    struct pf_maildir_stamp out_stamps[2], struct pf_err *err)
{
    struct stat st[2];

    if (fstat(d->fresh, &st[0]) != 0 || fstat(d->cur, &st[1]) != 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s: %s", path, strerror(errno));
    pf_maildir_stamp_of(&st[0], &out_stamps[0]);
    pf_maildir_stamp_of(&st[1], &out_stamps[1]);
    return PF_OK;
}
