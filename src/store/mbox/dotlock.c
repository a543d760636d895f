#include "store/mbox/dotlock.h"

#include "base/text.h"
#include "store/mbox/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

static const char where[] = "mbox_dotlock";

enum { STALE = 300 }; /* seconds: what liblockfile and others hold to */

static bool is_dead(const struct pf_mbox_place *p, const struct stat *lock, const struct stat *ours)
{
    int fd = openat(p->folder, p->dot, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char text[24];
    int64_t got = fd >= 0 ? pf_mbox_read_at(fd, text, sizeof text, 0) : 0;
    struct pf_bytes b = pf_bytes_from(text, got > 0 ? (size_t)got : 0);
    uint64_t pid;

    if (fd >= 0)
        close(fd);
    while (b.len && (b.at[0] == ' ' || b.at[0] == '\t')) /* as UUCP wrote it */
        b = pf_bytes_skip(b, 1);
    b = pf_bytes_head(b, pf_find(b, '\n'));
    if (pf_parse_u64(b, &pid) && pid > 0 && pid < INT32_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return true;
    return ours->st_mtim.tv_sec - lock->st_mtim.tv_sec > STALE;
}

/* `text` and what tells the file again. */
struct own {
    int fd;
    char name[64]; /* "": it has none */
    char text[24];
    struct stat st;
};

static int name_own(const struct pf_mbox_place *p, struct own *o)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(o->name, sizeof o->name, ".postfach-%ld-%016llx.lock", (long)getpid(), (unsigned long long)random);
    o->fd = openat(p->folder, o->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (o->fd < 0)
        o->name[0] = 0;
    return o->fd;
}

/* A file of our own that holds the pid: without a name, so that nothing stays when we die here; with one where the
 * file system has no such files (NFS), or where a dead lock is to be replaced. 0 or an errno. */
static int make_own(const struct pf_mbox_place *p, bool named, struct own *o)
{
    *o = (struct own){.fd = -1};
    if (!named)
        o->fd = openat(p->folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
    if (o->fd < 0 && (named || errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) && name_own(p, o) < 0)
        return errno;
    if (o->fd < 0)
        return errno;
    snprintf(o->text, sizeof o->text, "%ld\n", (long)getpid());
    return pf_mbox_write_at(o->fd, pf_bytes_of(o->text), 0) == 0 && fstat(o->fd, &o->st) == 0 ? 0 : errno;
}

static void free_own(const struct pf_mbox_place *p, const struct own *o)
{
    if (o->name[0])
        unlinkat(p->folder, o->name, 0);
    if (o->fd >= 0)
        close(o->fd);
}

/* Without /proc and without privilege a file cannot get its first name. */
static int link_nameless(const struct pf_mbox_place *p, const struct own *o)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", o->fd);
    if (linkat(AT_FDCWD, path, p->folder, p->dot, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno == EEXIST)
        return errno;
    return linkat(o->fd, "", p->folder, p->dot, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

static int link_named(const struct pf_mbox_place *p, const struct own *o)
{
    struct stat st;
    int bad;

    if (linkat(p->folder, o->name, p->folder, p->dot, 0) == 0)
        return 0;
    bad = errno;
    /* NFS may have made it and lost the answer. */
    if (fstatat(p->folder, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2 && st.st_ino == o->st.st_ino)
        return 0;
    if (bad != EPERM && bad != EOPNOTSUPP && bad != ENOSYS && bad != EMLINK)
        return bad;
    return renameat2(p->folder, o->name, p->folder, p->dot, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

/* 0 or an errno; EEXIST when somebody has it. */
static int take(const struct pf_mbox_place *p, struct own *o)
{
    int bad = o->name[0] ? link_named(p, o) : link_nameless(p, o);

    if (!bad || bad == EEXIST || o->name[0])
        return bad;
    free_own(p, o);
    bad = make_own(p, true, o);
    return bad ? bad : link_named(p, o);
}

/* Where two names cannot be exchanged, the dead lock is taken aside, and looked at there. */
static int replace_by_steps(const struct pf_mbox_place *p, const struct own *o, const struct stat *dead)
{
    char aside[sizeof o->name + 8];
    struct stat st;

    snprintf(aside, sizeof aside, "%.*s.dead", (int)strlen(o->name) - 5, o->name);
    if (renameat(p->folder, p->dot, p->folder, aside) != 0)
        return errno == ENOENT ? link_named(p, o) : errno;
    if (fstatat(p->folder, aside, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino != dead->st_ino)
        (void)!linkat(p->folder, aside, p->folder, p->dot, 0);
    unlinkat(p->folder, aside, 0);
    return link_named(p, o);
}

/* A dead lock is exchanged for ours: at no moment is there none. What came out is looked at: if another was
 * quicker to replace the dead one, his goes back to its place. */
static int replace_dead(const struct pf_mbox_place *p, struct own *o, const struct stat *dead)
{
    int bad = o->name[0] ? 0 : (free_own(p, o), make_own(p, true, o));
    struct stat st;

    if (bad)
        return bad;
    if (renameat2(p->folder, o->name, p->folder, p->dot, RENAME_EXCHANGE) != 0)
        return errno == ENOENT ? link_named(p, o) : replace_by_steps(p, o, dead);
    if (fstatat(p->folder, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == dead->st_ino)
        return 0;
    (void)!renameat2(p->folder, o->name, p->folder, p->dot, RENAME_EXCHANGE);
    return EEXIST;
}

enum pf_code pf_mbox_dotlock(const struct pf_mbox_place *p, uint64_t *out_ino, struct pf_err *err)
{
    struct own o;
    struct stat held;
    int bad = make_own(p, false, &o);

    if (!bad)
        bad = take(p, &o);
    if (bad == EEXIST && fstatat(p->folder, p->dot, &held, AT_SYMLINK_NOFOLLOW) == 0 && is_dead(p, &held, &o.st))
        bad = replace_dead(p, &o, &held);
    free_own(p, &o);
    if (!bad) {
        *out_ino = o.st.st_ino;
        return PF_OK;
    }
    if (bad == EEXIST)
        return pf_fail(err, PF_AGAIN, 0, where, "%s is held by another program", p->dot);
    errno = bad;
    return pf_mbox_failed(p, where, "cannot get a dotlock; where its folder is not writable, switch dotlocks off", err);
}

void pf_mbox_dotlock_free(const struct pf_mbox_place *p, uint64_t ino)
{
    struct stat st;

    /* A second try, because a lock that stays while its pid lives stops everybody for five minutes. */
    for (int i = 0; i < 2; i++)
        if (fstatat(p->folder, p->dot, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_ino != ino ||
            unlinkat(p->folder, p->dot, 0) == 0)
            return;
}
