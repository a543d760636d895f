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

/* Another may find the same lock dead, remove it and make its own, all before our removal: so it is
 * taken aside first, and looked at. */
static void remove_dead(const struct pf_mbox_place *p, const char *aside, const struct stat *ours)
{
    struct stat st, moved;

    if (fstatat(p->folder, p->dot, &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_dead(p, &st, ours))
        return;
    if (renameat(p->folder, p->dot, p->folder, aside) != 0)
        return;
    if (fstatat(p->folder, aside, &moved, AT_SYMLINK_NOFOLLOW) == 0 && moved.st_ino != st.st_ino)
        (void)!linkat(p->folder, aside, p->folder, p->dot, 0);
    unlinkat(p->folder, aside, 0);
}

/* 0 or an errno; EEXIST when somebody has it. */
static int take(const struct pf_mbox_place *p, const char *own, const struct stat *ours)
{
    struct stat st;
    int bad;

    if (linkat(p->folder, own, p->folder, p->dot, 0) == 0)
        return 0;
    bad = errno;
    /* NFS may have made it and lost the answer. */
    if (fstatat(p->folder, own, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2 &&
        st.st_ino == ours->st_ino)
        return 0;
    if (bad != EPERM && bad != EOPNOTSUPP && bad != ENOSYS && bad != EMLINK)
        return bad;
    return renameat2(p->folder, own, p->folder, p->dot, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

/* A file of our own that holds the pid. 0 or an errno. */
static int make_own(const struct pf_mbox_place *p, const char *own, struct stat *out_st)
{
    int fd = openat(p->folder, own, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    char text[24];
    int bad = 0;

    if (fd < 0)
        return errno;
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (pf_mbox_write_at(fd, pf_bytes_of(text), 0) != 0 || fstat(fd, out_st) != 0)
        bad = errno;
    close(fd);
    return bad;
}

enum pf_code pf_mbox_dotlock(const struct pf_mbox_place *p, uint64_t *out_ino, struct pf_err *err)
{
    char own[64], aside[64];
    struct stat ours;
    uint64_t random = 0;
    int bad;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint64_t)(uintptr_t)&random;
    snprintf(own, sizeof own, ".postfach-%ld-%016llx.lock", (long)getpid(), (unsigned long long)random);
    snprintf(aside, sizeof aside, ".postfach-%ld-%016llx.dead", (long)getpid(), (unsigned long long)random);
    bad = make_own(p, own, &ours);
    if (!bad)
        bad = take(p, own, &ours);
    if (bad == EEXIST) {
        remove_dead(p, aside, &ours);
        bad = take(p, own, &ours);
    }
    unlinkat(p->folder, own, 0);
    if (!bad) {
        *out_ino = ours.st_ino;
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
