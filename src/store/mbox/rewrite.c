#include "store/mbox/rewrite.h"

#include "store/mbox/journal.h"
#include "store/mbox/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char where[] = "mbox_rewrite";

enum { PIECE = 32768, TAILS = 3 };

int pf_mbox_copy(int from, uint64_t at, uint64_t len, struct pf_mbox_sink *to)
{
    unsigned char piece[PIECE];

    while (len) {
        size_t want = len < PIECE ? (size_t)len : PIECE;
        int64_t got = pf_mbox_read_at(from, piece, want, at);
        struct pf_bytes b = pf_bytes_from(piece, got > 0 ? (size_t)got : 0);

        if (got >= 0 && (size_t)got != want)
            errno = EIO;
        if (got < 0 || (size_t)got != want || (to->fd >= 0 && pf_mbox_write_at(to->fd, b, to->at) != 0))
            return -1;
        if (to->sum)
            pf_mbox_digest_add(to->sum, b);
        if (to->locks)
            pf_mbox_lock_touch(to->locks);
        to->at += b.len;
        at += b.len;
        len -= b.len;
    }
    return 0;
}

int pf_mbox_copy_kept(const struct pf_mbox_mails *m, uint32_t first, int from, uint64_t size, struct pf_mbox_sink *to)
{
    uint32_t i = first;

    while (i < m->count) {
        uint32_t next = i;
        uint64_t end;

        while (next < m->count && !(m->at[next].flags & PF_MBOX_GONE))
            next++;
        end = next < m->count ? m->at[next].from_at : size;
        if (next > i && pf_mbox_copy(from, m->at[i].from_at, end - m->at[i].from_at, to) != 0)
            return -1;
        i = next + 1;
    }
    return 0;
}

static void move_offsets(struct pf_mbox_mails *m, uint64_t size)
{
    uint64_t less = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t end = i + 1 < m->count ? m->at[i + 1].from_at : size;

        if (m->at[i].flags & PF_MBOX_GONE) {
            less += end - m->at[i].from_at;
            continue;
        }
        m->at[i].from_at -= less;
        m->at[i].text_at -= less;
    }
}

static int set_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Who ignores locks may append while we copy. */
static int copy_tail(int old, uint64_t size, struct pf_mbox_sink *to, uint64_t *out_size)
{
    struct stat st;

    for (int i = 0; i < TAILS; i++) {
        if (fstat(old, &st) != 0)
            return -1;
        if ((uint64_t)st.st_size == size)
            break;
        if ((uint64_t)st.st_size < size) {
            errno = EIO;
            return -1;
        }
        if (pf_mbox_copy(old, size, (uint64_t)st.st_size - size, to) != 0)
            return -1;
        size = (uint64_t)st.st_size;
    }
    *out_size = size;
    return 0;
}

static int fill(struct pf_mbox_rewrite *r, int fresh, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim}; /* no mail came: MB-018 */
    struct pf_mbox_sink to = {.fd = fresh, .locks = r->locks};
    int old = r->locks->fd;

    if (pf_mbox_copy(old, 0, r->mails->at[0].from_at, &to) != 0 ||
        pf_mbox_copy_kept(r->mails, 0, old, (uint64_t)st->st_size, &to) != 0 ||
        copy_tail(old, (uint64_t)st->st_size, &to, &r->left_size) != 0)
        return -1;
    return futimens(fresh, times) == 0 && fsync(fresh) == 0 && set_lock(fresh, F_WRLCK) == 0 ? 0 : -1;
}

static bool same_owner(int fd, const struct stat *st)
{
    struct stat now;

    if (fstat(fd, &now) != 0)
        return false;
    if ((now.st_uid != st->st_uid || now.st_gid != st->st_gid) && fchown(fd, st->st_uid, st->st_gid) != 0)
        return false;
    return fchmod(fd, st->st_mode & 07777) == 0;
}

/* PF_AGAIN: here it cannot be done by renaming. */
static enum pf_code make_fresh(const struct pf_mbox_place *p, const struct stat *st, int *out_fd,
                               struct pf_err *err)
{
    int fd;

    if (st->st_nlink > 1)
        return PF_AGAIN;
    unlinkat(p->folder, p->fresh, 0);
    fd = openat(p->folder, p->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
        return PF_AGAIN;
    if (fd < 0)
        return pf_mbox_failed(p, where, "cannot be written anew", err);
    if (same_owner(fd, st)) {
        *out_fd = fd;
        return PF_OK;
    }
    close(fd);
    unlinkat(p->folder, p->fresh, 0);
    return PF_AGAIN;
}

static enum pf_code by_rename(struct pf_mbox_rewrite *r, const struct stat *st, struct pf_err *err)
{
    const struct pf_mbox_place *p = r->locks->place;
    enum pf_code code;
    int fresh = -1;

    code = make_fresh(p, st, &fresh, err);
    if (code)
        return code;
    if (fill(r, fresh, st) != 0 || renameat(p->folder, p->fresh, p->folder, p->name) != 0) {
        code = pf_mbox_failed(p, where, "cannot be written anew", err);
        close(fresh);
        unlinkat(p->folder, p->fresh, 0);
        return code;
    }
    if (fsync(p->folder) != 0) { /* it is replaced, but who knows for how long */
        code = pf_mbox_failed(p, where, "cannot be synced", err);
        close(fresh);
        return code;
    }
    r->left = r->locks->fd;
    r->locks->fd = fresh;
    (void)set_lock(r->left, F_UNLCK);
    return PF_OK;
}

enum pf_code pf_mbox_rewrite(struct pf_mbox_rewrite *r, struct pf_err *err)
{
    const struct pf_mbox_place *p = r->locks->place;
    enum pf_code code;
    struct stat st;

    r->left = -1;
    if (fstat(r->locks->fd, &st) != 0)
        return pf_mbox_failed(p, where, "cannot be looked at", err);
    code = by_rename(r, &st, err);
    r->in_place = code == PF_AGAIN;
    if (r->in_place)
        code = pf_mbox_journal_rewrite(r->locks, r->mails, &st, err);
    if (!code)
        move_offsets(r->mails, (uint64_t)st.st_size);
    return code;
}

enum pf_code pf_mbox_take_over(struct pf_mbox_locks *l, int from, uint64_t at, struct pf_err *err)
{
    struct pf_mbox_sink to = {.fd = l->fd, .locks = l};
    struct stat old, now;

    if (fstat(from, &old) != 0 || fstat(l->fd, &now) != 0)
        return pf_mbox_failed(l->place, where, "cannot be looked at", err);
    if ((uint64_t)old.st_size <= at)
        return PF_OK;
    to.at = (uint64_t)now.st_size;
    if (pf_mbox_copy(from, at, (uint64_t)old.st_size - at, &to) == 0 && fsync(l->fd) == 0)
        return PF_OK;
    return pf_mbox_failed(l->place, where, "cannot take over mail from the file that it replaced", err);
}
