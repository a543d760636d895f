#include "store/maildir/anchor.h"

#include "store/maildir/mix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "maildir_anchor";

enum {
    OLD_SECONDS = 3600, /* kernels write within a minute or so; laptops that spare their disks, within ten */
    LEVELS = 2048       /* PATH_MAX has no more; a way up that never ends is a fault */
};

/* A folder among those that hold it. */
struct level {
    int fd;
    struct statx st;
};

static int look(struct level *l)
{
    return statx(l->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_CTIME | STATX_BTIME, &l->st);
}

/* A time to come is one from before the clock was set. */
static bool is_old(const struct statx_timestamp *t, int64_t now)
{
    return t->tv_sec < now - OLD_SECONDS;
}

static bool born_long_ago(const struct level *l, int64_t now)
{
    return l->st.stx_mask & STATX_BTIME && is_old(&l->st.stx_btime, now);
}

/* At the top of its file system, or of all. */
static bool is_top(const struct level *l, const struct level *holder)
{
    return l->st.stx_dev_major != holder->st.stx_dev_major || l->st.stx_dev_minor != holder->st.stx_dev_minor ||
           l->st.stx_ino == holder->st.stx_ino;
}

/* Syncs holders from `l` on up. Takes both descriptors over. An errno, or 0. */
static int climb(struct level l, struct level holder, int64_t now)
{
    int bad = 0;

    for (int i = 0; i < LEVELS && !bad; i++) {
        bad = look(&l) != 0 || look(&holder) != 0 ? errno : 0;
        if (bad || is_top(&l, &holder) || born_long_ago(&l, now) || is_old(&holder.st.stx_ctime, now))
            break;
        if (fsync(holder.fd) != 0)
            bad = errno;
        close(l.fd);
        l = holder;
        holder.fd = openat(l.fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (bad || holder.fd >= 0)
            continue;
        /* Who made this one could write into the next, but perhaps not open it: all of the file system, then. */
        if (errno != EACCES || (!born_long_ago(&l, now) && syncfs(l.fd) != 0))
            bad = errno;
        break;
    }
    close(l.fd);
    if (holder.fd >= 0)
        close(holder.fd);
    return bad;
}

/* Never 0. */
static uint64_t key_of(const struct level *fresh)
{
    const uint64_t parts[] = {
        (uint64_t)fresh->st.stx_dev_major << 32 | fresh->st.stx_dev_minor,
        fresh->st.stx_ino,
        (uint64_t)fresh->st.stx_btime.tv_sec,
        fresh->st.stx_btime.tv_nsec,
    };
    uint64_t key = pf_maildir_sum(parts, sizeof parts);

    return key ? key : 1;
}

static int copy_of(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static int climb_from(const struct pf_maildir_dirs *dirs, int64_t now)
{
    struct level l = {.fd = copy_of(dirs->fresh)}, holder = {.fd = copy_of(dirs->root)};
    int bad = errno;

    if (l.fd >= 0 && holder.fd >= 0)
        return climb(l, holder, now);
    if (l.fd >= 0)
        close(l.fd);
    if (holder.fd >= 0)
        close(holder.fd);
    return bad;
}

enum pf_code pf_maildir_anchor(struct pf_maildir *maildir, const struct pf_maildir_dirs *dirs, const char *path,
                               struct pf_err *err)
{
    const int64_t now = time(NULL) + maildir->clock_ahead / 1000000000;
    struct level fresh = {.fd = dirs->fresh};
    _Atomic uint64_t *place = NULL;
    int bad = look(&fresh) == 0 ? 0 : errno;
    uint64_t key = 0;

    if (!bad && born_long_ago(&fresh, now))
        return PF_OK;
    if (!bad && fresh.st.stx_mask & STATX_BTIME) { /* without it, a number of inodes may be used anew */
        key = key_of(&fresh);
        place = &maildir->anchored[key % (sizeof maildir->anchored / sizeof maildir->anchored[0])];
        if (atomic_load(place) == key)
            return PF_OK;
    }
    if (!bad)
        bad = climb_from(dirs, now);
    if (bad)
        return pf_fail(err, pf_code_of_errno(bad), bad, where, "%s: its folders cannot be synced: %s", path,
                       strerror(bad));
    if (place)
        atomic_store(place, key);
    return PF_OK;
}
