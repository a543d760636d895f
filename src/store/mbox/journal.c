#include "store/mbox/journal.h"

#include "store/mbox/append.h"
#include "store/mbox/digest.h"
#include "store/mbox/lines.h"
#include "store/mbox/numbers.h"
#include "store/mbox/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char where[] = "mbox_journal";
static const char kind[] = "postfach-journal 1";

enum {
    NUMBERS = 9,
    KIND_LEN = sizeof kind - 1,
    HEAD_LEN = KIND_LEN + NUMBERS * PF_MBOX_NUMBER + 1,
    TAIL = 65536, /* octets */
    FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
};

struct head {
    uint64_t at, new_size, old_size, ino, dev;
    uint64_t sum[2], tail[2];
};

static enum pf_code failed(const struct pf_mbox_locks *l, const char *what, struct pf_err *err)
{
    return pf_mbox_failed(l->place, where, what, err);
}

static int write_head(int fd, const struct head *h)
{
    const uint64_t n[NUMBERS] = {h->at,  h->new_size, h->old_size, h->ino,    h->dev,
                                 h->sum[0], h->sum[1], h->tail[0], h->tail[1]};
    char text[HEAD_LEN + 1];

    memcpy(text, kind, KIND_LEN);
    pf_mbox_numbers_put(text + KIND_LEN, n, NUMBERS);
    text[HEAD_LEN - 1] = '\n';
    return pf_mbox_write_at(fd, pf_bytes_from(text, HEAD_LEN), 0);
}

static bool parse_head(const char text[HEAD_LEN], struct head *h)
{
    uint64_t n[NUMBERS];

    if (memcmp(text, kind, KIND_LEN) != 0 || text[HEAD_LEN - 1] != '\n' ||
        !pf_mbox_numbers_get(text + KIND_LEN, n, NUMBERS))
        return false;
    *h = (struct head){.at = n[0], .new_size = n[1], .old_size = n[2], .ino = n[3], .dev = n[4],
                       .sum = {n[5], n[6]}, .tail = {n[7], n[8]}};
    return h->at <= h->new_size && h->new_size <= h->old_size && h->old_size <= INT64_MAX;
}

/* The beginning tells enough: what grew behind a cut begins with another From_ line, where the old text had its own. */
static int sum_tail(int fd, uint64_t at, uint64_t end, uint64_t out_sum[2])
{
    uint64_t len = end - at;

    return pf_mbox_sum_part(fd, at, len < TAIL ? len : TAIL, out_sum);
}

static void beside(const struct pf_mbox_place *p, const char *end, char out_name[PF_MBOX_NAME + 4])
{
    snprintf(out_name, PF_MBOX_NAME + 4, "%.250s%s", p->journal, end);
}

static int open_beside(const struct pf_mbox_locks *l, char out_name[PF_MBOX_NAME + 4])
{
    beside(l->place, ".tmp", out_name);
    unlinkat(l->place->side, out_name, 0);
    return openat(l->place->side, out_name, O_RDWR | O_CREAT | O_EXCL | FLAGS, 0600);
}

/* The head is known when all else is written. */
static int finish(const struct pf_mbox_locks *l, int fd, const char *name, const struct head *h)
{
    const struct pf_mbox_place *p = l->place;

    if (!pf_mbox_give(p, fd) || write_head(fd, h) != 0 || fsync(fd) != 0 ||
        renameat(p->side, name, p->side, p->journal) != 0)
        return -1;
    return fsync(p->side);
}

static int fill(struct pf_mbox_locks *l, const struct pf_mbox_mails *m, uint64_t size, int fd, struct head *h)
{
    struct pf_mbox_digest sum;
    struct pf_mbox_sink to = {.fd = fd, .at = HEAD_LEN, .sum = &sum, .locks = l};
    uint32_t first = 0;

    while (first < m->count && !(m->at[first].flags & PF_MBOX_GONE))
        first++;
    if (first == m->count) {
        errno = EINVAL;
        return -1;
    }
    pf_mbox_digest_init(&sum, pf_mbox_sum_seed);
    if (pf_mbox_copy_kept(m, first, l->fd, size, &to) != 0)
        return -1;
    pf_mbox_digest_end(&sum, h->sum);
    h->at = m->at[first].from_at;
    h->new_size = h->at + (to.at - HEAD_LEN);
    h->old_size = size;
    return sum_tail(l->fd, h->new_size, size, h->tail);
}

/* The journal is on disk: now the mbox may change. */
static int play(struct pf_mbox_locks *l, int fd, const struct head *h)
{
    struct pf_mbox_sink to = {.fd = l->fd, .at = h->at, .locks = l};

    if (pf_mbox_copy(fd, HEAD_LEN, h->new_size - h->at, &to) != 0 || fsync(l->fd) != 0 ||
        ftruncate(l->fd, (off_t)h->new_size) != 0 || fsync(l->fd) != 0)
        return -1;
    return 0;
}

static int drop(const struct pf_mbox_locks *l)
{
    return unlinkat(l->place->side, l->place->journal, 0) == 0 ? fsync(l->place->side) : -1;
}

enum pf_code pf_mbox_journal_rewrite(struct pf_mbox_locks *l, const struct pf_mbox_mails *m, const struct stat *st,
                                     struct pf_err *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim}; /* no mail came: MB-018 */
    struct head h = {.ino = st->st_ino, .dev = st->st_dev};
    char name[PF_MBOX_NAME + 4];
    enum pf_code code = PF_OK;
    int fd = open_beside(l, name);

    if (fd < 0)
        return failed(l, "has no place for a journal: is a state_folder needed?", err);
    if (fill(l, m, (uint64_t)st->st_size, fd, &h) != 0 || finish(l, fd, name, &h) != 0) {
        code = failed(l, "cannot have its journal written", err);
        unlinkat(l->place->side, name, 0);
        unlinkat(l->place->side, l->place->journal, 0); /* nothing was changed yet */
    } else if (play(l, fd, &h) != 0 || drop(l) != 0) {
        code = failed(l, "was not rewritten whole; the next session will complete it from its journal", err);
    } else {
        (void)futimens(l->fd, times);
    }
    close(fd);
    return code;
}

/* The file as it is: what of the journal has happened? */
enum progress { PROGRESS_BROKEN = -1, PROGRESS_DONE, PROGRESS_OPEN, PROGRESS_STRANGE };

static enum progress progress(const struct pf_mbox_locks *l, const struct head *h, uint64_t size)
{
    uint64_t sum[2] = {0}, tail[2] = {0};
    bool same, uncut;

    if (size < h->new_size)
        return PROGRESS_STRANGE;
    if (pf_mbox_sum_part(l->fd, h->at, h->new_size - h->at, sum) != 0)
        return PROGRESS_BROKEN;
    same = memcmp(sum, h->sum, sizeof sum) == 0;
    if (size < h->old_size)
        return same ? PROGRESS_DONE : PROGRESS_STRANGE;
    if (sum_tail(l->fd, h->new_size, h->old_size, tail) != 0)
        return PROGRESS_BROKEN;
    uncut = memcmp(tail, h->tail, sizeof tail) == 0;
    if (same)
        return uncut ? PROGRESS_OPEN : PROGRESS_DONE;
    return uncut ? PROGRESS_OPEN : PROGRESS_STRANGE;
}

/* Mail was appended behind the old end since the crash: a journal that has it too takes the place of the old one. */
static int extend(struct pf_mbox_locks *l, int *fd, struct head *h, uint64_t size)
{
    struct pf_mbox_digest sum;
    char name[PF_MBOX_NAME + 4];
    int more = open_beside(l, name);
    struct pf_mbox_sink to = {.fd = more, .at = HEAD_LEN, .sum = &sum, .locks = l};
    struct head next = *h;

    if (more < 0)
        return -1;
    pf_mbox_digest_init(&sum, pf_mbox_sum_seed);
    next.new_size = h->new_size + (size - h->old_size);
    next.old_size = size;
    if (pf_mbox_copy(*fd, HEAD_LEN, h->new_size - h->at, &to) != 0 ||
        pf_mbox_copy(l->fd, h->old_size, size - h->old_size, &to) != 0 ||
        sum_tail(l->fd, next.new_size, size, next.tail) != 0) {
        close(more);
        return -1;
    }
    pf_mbox_digest_end(&sum, next.sum);
    if (finish(l, more, name, &next) != 0) {
        close(more);
        return -1;
    }
    close(*fd);
    *fd = more;
    *h = next;
    return 0;
}

/* A journal that is not about this file as it is now: kept, for it may hold the only copy of a message. */
static int set_aside(const struct pf_mbox_locks *l)
{
    const struct pf_mbox_place *p = l->place;
    char name[PF_MBOX_NAME + 8];

    for (unsigned i = 1; i <= PF_MBOX_OLD_MAX; i++) {
        struct stat st;

        pf_mbox_journal_old(p, i, name);
        if (i < PF_MBOX_OLD_MAX && fstatat(p->side, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        return renameat(p->side, p->journal, p->side, name) == 0 ? fsync(p->side) : -1;
    }
    return -1;
}

void pf_mbox_journal_old(const struct pf_mbox_place *p, unsigned number, char out_name[PF_MBOX_NAME + 8])
{
    if (number == 1)
        snprintf(out_name, PF_MBOX_NAME + 8, "%.245s.old", p->journal);
    else
        snprintf(out_name, PF_MBOX_NAME + 8, "%.245s.old%u", p->journal, number);
}

/* Whether the journal is whole and about this file. -1 with errno: who knows. */
static int is_about(int fd, const struct stat *st, struct head *h)
{
    char text[HEAD_LEN];
    uint64_t sum[2];
    struct stat own;
    int64_t got = pf_mbox_read_at(fd, text, HEAD_LEN, 0);

    if (got < 0 || fstat(fd, &own) != 0)
        return -1;
    if (got != HEAD_LEN || !parse_head(text, h) || h->ino != st->st_ino || h->dev != st->st_dev ||
        (uint64_t)own.st_size < HEAD_LEN + h->new_size - h->at)
        return 0;
    if (pf_mbox_sum_part(fd, HEAD_LEN, h->new_size - h->at, sum) != 0)
        return -1;
    return memcmp(sum, h->sum, sizeof sum) == 0;
}

static int recover(struct pf_mbox_locks *l, int *fd)
{
    struct head h = {0};
    enum progress at;
    struct stat st;
    int about = fstat(l->fd, &st) == 0 ? is_about(*fd, &st, &h) : -1;

    if (about <= 0)
        return about < 0 ? -1 : set_aside(l);
    at = progress(l, &h, (uint64_t)st.st_size);
    if (at == PROGRESS_BROKEN)
        return -1;
    if (at == PROGRESS_STRANGE)
        return set_aside(l);
    if (at == PROGRESS_DONE)
        return drop(l);
    if ((uint64_t)st.st_size > h.old_size && extend(l, fd, &h, (uint64_t)st.st_size) != 0)
        return -1;
    return play(l, *fd, &h) == 0 ? drop(l) : -1;
}

static enum pf_code play_left(struct pf_mbox_locks *l, struct pf_err *err)
{
    int fd = openat(l->place->side, l->place->journal, O_RDONLY | FLAGS);
    enum pf_code code = PF_OK;

    if (fd < 0 && errno == ENOENT)
        return PF_OK;
    if (fd < 0)
        return failed(l, "has a journal that cannot be opened", err);
    if (recover(l, &fd) != 0)
        code = failed(l, "has a journal that cannot be played", err);
    close(fd);
    return code;
}

enum pf_code pf_mbox_recover(struct pf_mbox_locks *l, struct pf_err *err)
{
    enum pf_code code = play_left(l, err);

    return code ? code : pf_mbox_mend(l, err);
}
