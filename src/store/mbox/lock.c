#include "store/mbox/lock.h"

#include "store/maildir/dirs.h"
#include "store/mbox/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "mbox_lock";

enum {
    PAUSE_LEAST = 20, /* milliseconds between tries */
    PAUSE_SPREAD = 100,
    TOUCH_EVERY = 30 /* seconds; others count five minutes */
};

static int64_t now_ms(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int set(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &lock);
}

enum pf_code pf_mbox_session_lock(const struct pf_mbox_place *p, int *out_fd, struct pf_err *err)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    enum pf_code code = PF_OK;
    struct stat st;
    int fd = openat(p->side, p->lock, flags);

    if (fd < 0 && errno == ENOENT) {
        fd = openat(p->side, p->lock, flags | O_CREAT | O_EXCL, 0600);
        if (fd >= 0)
            (void)pf_mbox_give(p, fd);
        else if (errno == EEXIST)
            fd = openat(p->side, p->lock, flags);
    }
    if (fd < 0)
        return pf_mbox_failed(p, where, "cannot be locked for a session; where its folder is not "
                              "writable a state_folder is needed", err);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        code = pf_fail(err, PF_PERM, 0, where, "%s has a session lock that is no file", p->path);
    else if (set(fd, F_WRLCK) == 0)
        *out_fd = fd;
    else if (errno == EAGAIN || errno == EACCES)
        code = pf_fail(err, PF_IN_USE, 0, where, "%s is locked by another session", p->path);
    else
        code = pf_mbox_failed(p, where, "cannot be locked: does this file system have locks?", err);
    if (code)
        close(fd);
    return code;
}

/* A rewrite by others may have put another file under the name while we opened the old one. */
static bool is_current(const struct pf_mbox_place *p, int fd)
{
    struct stat open, named;

    return fstat(fd, &open) == 0 && fstatat(p->folder, p->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/* Both or none. PF_AGAIN: somebody has one. */
static enum pf_code try_both(const struct pf_mbox_place *p, bool dotlock, struct pf_mbox_locks *l,
                             struct pf_err *err)
{
    enum pf_code code = pf_mbox_file_open(p, &l->fd, err);

    if (code)
        return code;
    if (set(l->fd, F_WRLCK) != 0)
        code = errno == EAGAIN || errno == EACCES
                   ? pf_fail(err, PF_AGAIN, 0, where, "%s is locked by another program", p->path)
                   : pf_mbox_failed(p, where, "cannot be locked: does this file system have locks?", err);
    if (!code && !is_current(p, l->fd))
        code = pf_fail(err, PF_AGAIN, 0, where, "%s is being replaced", p->path);
    if (!code && dotlock) {
        code = pf_mbox_dotlock(p, &l->dot_ino, err);
        l->dot = !code;
        if (!code && !is_current(p, l->fd)) { /* the last one who had the dotlock replaced it */
            code = pf_fail(err, PF_AGAIN, 0, where, "%s is being replaced", p->path);
            pf_mbox_dotlock_free(p, l->dot_ino);
            l->dot = false;
        }
    }
    if (code) {
        close(l->fd);
        l->fd = -1;
    }
    return code;
}

static void pause_a_little(void)
{
    uint32_t random = 0;
    struct timespec t = {0};

    (void)!getrandom(&random, sizeof random, 0);
    t.tv_nsec = (long)(PAUSE_LEAST + random % PAUSE_SPREAD) * 1000000;
    (void)ppoll(NULL, 0, &t, NULL);
}

enum pf_code pf_mbox_lock(const struct pf_mbox_place *p, const struct pf_mbox_settings *s,
                          struct pf_mbox_locks *out_locks, struct pf_err *err)
{
    unsigned wait = s->lock_wait < PF_MBOX_WAIT_MAX ? s->lock_wait : PF_MBOX_WAIT_MAX;
    int64_t until = now_ms() + (int64_t)wait * 1000;
    enum pf_code code;

    for (;;) {
        struct pf_mbox_locks l = {.place = p, .fd = -1, .touched = now_ms() / 1000};

        code = try_both(p, s->dotlock, &l, err);
        if (!code)
            *out_locks = l;
        if (code != PF_AGAIN)
            return code;
        if (now_ms() >= until)
            return pf_fail(err, PF_TEMP, 0, where, "%s has been locked by another program for %u seconds",
                           p->path, wait);
        pause_a_little();
    }
}

int pf_mbox_unlock(struct pf_mbox_locks *l)
{
    int fd = l->fd;

    if (l->dot)
        pf_mbox_dotlock_free(l->place, l->dot_ino);
    if (fd >= 0)
        (void)set(fd, F_UNLCK);
    *l = (struct pf_mbox_locks){.fd = -1};
    return fd;
}

void pf_mbox_lock_touch(struct pf_mbox_locks *l)
{
    int64_t now = now_ms() / 1000;

    if (!l->dot || now - l->touched < TOUCH_EVERY)
        return;
    l->touched = now;
    (void)utimensat(l->place->folder, l->place->dot, NULL, AT_SYMLINK_NOFOLLOW);
}
