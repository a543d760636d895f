#include "store/maildir/box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char where[] = "maildir_read";

enum { OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

/* The base name for the administrator; the rest of a name changes with its flags. */
#define NAMED(box, index)                                              \
    (box)->path, (int)(box)->image.files[index].base_len,              \
        (box)->image.blob + (box)->image.files[index].name_at + PF_MAILDIR_FOLDER_LEN

static void reader_close(struct pf_maildir_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    pf_maildir_squeeze_free(r->squeeze);
    *r = (struct pf_maildir_reader){.fd = -1};
}

static enum pf_code again(struct pf_err *err)
{
    return pf_fail(err, PF_AGAIN, 0, where, "not in memory");
}

static enum pf_code trouble(struct pf_twin_box *box, uint32_t index, int sys, struct pf_err *err)
{
    return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s: %.*s: %s", NAMED(box, index),
                   strerror(sys));
}

static enum pf_code gone(struct pf_twin_box *box, uint32_t index, struct pf_err *err)
{
    return pf_fail(err, PF_GONE, 0, where, "%s: %.*s was removed", NAMED(box, index));
}

static enum pf_code changed(struct pf_twin_box *box, uint32_t index, struct pf_err *err)
{
    box->image.files[index].flags |= PF_MAILDIR_DOUBT;
    box->state.doubts = box->dirty = true;
    return pf_fail(err, PF_CHANGED, 0, where, "%s: %.*s was changed since it was listed",
                   NAMED(box, index));
}

/* A file that is shorter than the size in its own name stays damaged until somebody mends it; one
 * without that witness will be taken as it is at the next open. */
static enum pf_code damaged(struct pf_twin_box *box, uint32_t index, uint64_t size,
                            struct pf_err *err)
{
    struct pf_maildir_name name;

    pf_maildir_name_parse(pf_maildir_image_name(&box->image, index), &name);
    if (!name.has_size || name.size <= size) {
        box->image.files[index].flags |= PF_MAILDIR_DOUBT;
        box->state.doubts = box->dirty = true;
    }
    return pf_fail(err, PF_DAMAGED, 0, where,
                   "%s: %.*s is cut: it has %llu of %llu octets; restore it from a backup",
                   NAMED(box, index), (unsigned long long)size,
                   (unsigned long long)box->image.files[index].size);
}

/* A squeezed file whose content speaks against itself. */
static enum pf_code broken(struct pf_twin_box *box, uint32_t index, const char *why,
                           struct pf_err *err)
{
    return pf_fail(err, PF_DAMAGED, 0, where, "%s: %.*s is compressed, and %s; restore it from a backup",
                   NAMED(box, index), why);
}

/* Holds what fstat says against what the listing knew; of a squeezed file the size says nothing. */
static enum pf_code check(struct pf_twin_box *box, uint32_t index, const struct stat *st,
                          bool squeezed, struct pf_err *err)
{
    struct pf_maildir_file *f = &box->image.files[index];
    uint64_t size = (uint64_t)st->st_size;
    int64_t mtime = pf_maildir_ns(st->st_mtim);

    if (!S_ISREG(st->st_mode))
        return changed(box, index, err);
    if (f->size == PF_MAILDIR_NO_SIZE && !squeezed) /* it could not be read when it was listed */
        f->size = size;
    if (f->flags & PF_MAILDIR_SQUEEZED && !squeezed && size != f->size && f->mtime == mtime)
        return broken(box, index, "its first octets say so no more", err);
    if (size < f->size && !squeezed)
        return damaged(box, index, size, err);
    if ((size > f->size && !squeezed) || (f->mtime != PF_MAILDIR_NO_TIME && f->mtime != mtime))
        return changed(box, index, err);
    if (f->mtime == PF_MAILDIR_NO_TIME) { /* the listing believed the name; from now on we know */
        f->mtime = mtime;
        box->dirty = true;
    }
    if (squeezed != !!(f->flags & PF_MAILDIR_SQUEEZED)) {
        f->flags ^= PF_MAILDIR_SQUEEZED;
        box->dirty = true;
    }
    return PF_OK;
}

static int open_cached(int dir, const char *name)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_CACHED};

    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

/* A try leaves whatever is not plain sailing to the blocking way. */
static enum pf_code open_try(struct pf_twin_box *box, uint32_t index, int *out_fd,
                             struct pf_err *err)
{
    const char *name;
    int dir;

    if (!pf_maildir_place(box, index, &dir, &name))
        return gone(box, index, err);
    *out_fd = open_cached(dir, name);
    if (*out_fd >= 0)
        return PF_OK;
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM)
        box->no_try = true;
    return again(err);
}

/* A message that is not under its name is searched twice, for a rename may hide it from one scan. */
static enum pf_code open_wait(struct pf_twin_box *box, uint32_t index, int *out_fd,
                              struct pf_err *err)
{
    enum pf_code code;
    const char *name;
    int dir;

    for (int searches = 0;; searches++) {
        if (!pf_maildir_place(box, index, &dir, &name))
            return gone(box, index, err);
        *out_fd = openat(dir, name, OPEN_FLAGS);
        if (*out_fd >= 0)
            return PF_OK;
        if (errno == ELOOP)
            return changed(box, index, err);
        if (errno != ENOENT)
            return trouble(box, index, errno, err);
        if (searches == 2) {
            box->image.files[index].flags |= PF_MAILDIR_GONE;
            return gone(box, index, err);
        }
        code = pf_maildir_search(box, err);
        if (code)
            return code;
    }
}

/* Octets at a place of the file; PF_AGAIN when they are not in memory. */
static enum pf_code read_at(struct pf_twin_box *box, int fd, const struct pf_box_read *op,
                            bool may_block, size_t *out_got, struct pf_err *err)
{
    struct iovec piece = {op->at, op->cap};
    ssize_t got;

    do
        got = preadv2(fd, &piece, 1, (off_t)op->offset, may_block ? 0 : RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    if (got >= 0) {
        *out_got = (size_t)got;
        return PF_OK;
    }
    if (!may_block) {
        box->no_try = box->no_try || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
        return again(err);
    }
    return trouble(box, op->index, errno, err);
}

/* Looks at the first octets, and makes what unpacks them if that is called for. Unpacking takes time,
 * so a try leaves it, and all that goes with it, to the blocking way. */
static enum pf_code reader_begin(struct pf_twin_box *box, struct pf_maildir_reader *r,
                                 const struct stat *st, bool may_block, struct pf_err *err)
{
    unsigned char magic[PF_MAILDIR_MAGIC];
    const struct pf_box_read op = {.index = r->index, .at = magic, .cap = sizeof magic};
    struct pf_bytes head = {magic, 0};
    enum pf_code code = PF_OK;
    bool squeezed;

    if (S_ISREG(st->st_mode))
        code = read_at(box, r->fd, &op, may_block, &head.len, err);
    if (code)
        return code;
    squeezed = pf_maildir_squeeze_is(head);
    if (squeezed && !may_block)
        return again(err);
    code = check(box, r->index, st, squeezed, err);
    if (code || !squeezed)
        return code;
    r->squeeze = pf_maildir_squeeze_new(r->fd, head);
    return r->squeeze ? PF_OK
                      : pf_fail(err, PF_NO_MEMORY, 0, where, "%s: no memory to unpack %.*s",
                                NAMED(box, r->index));
}

static enum pf_code reader_open(struct pf_twin_box *box, uint32_t index, bool may_block,
                                struct pf_err *err)
{
    struct pf_maildir_reader r = {.fd = -1, .index = index};
    enum pf_code code;
    struct stat st;

    reader_close(&box->reader);
    code = may_block ? open_wait(box, index, &r.fd, err) : open_try(box, index, &r.fd, err);
    if (code)
        return code;
    if (fstat(r.fd, &st) != 0)
        code = trouble(box, index, errno, err);
    else
        code = reader_begin(box, &r, &st, may_block, err);
    if (code) {
        close(r.fd);
        return code;
    }
    r.size = (uint64_t)st.st_size;
    r.mtime = pf_maildir_ns(st.st_mtim);
    box->reader = r;
    return PF_OK;
}

static void remember(struct pf_twin_box *box, uint32_t index, uint64_t octets)
{
    struct pf_maildir_fix *fixes =
        reallocarray(box->fixes, box->fix_count + 1, sizeof *box->fixes);

    if (!fixes) { /* then the next session counts once more */
        box->image.files[index].flags |= PF_MAILDIR_DOUBT;
        box->state.doubts = true;
        return;
    }
    box->image.files[index].flags |= PF_MAILDIR_FIXED | PF_MAILDIR_COUNTED;
    box->fixes = fixes;
    box->fixes[box->fix_count++] = (struct pf_maildir_fix){index, octets};
}

/* Of `whole` octets that the file or its text has: was as much counted as the listing promised? */
static enum pf_code vouch_octets(struct pf_twin_box *box, uint32_t index, uint64_t whole, struct pf_err *err)
{
    struct pf_maildir_reader *r = &box->reader;
    uint64_t octets = pf_crlf_total(&r->crlf);

    if (r->counted != whole || octets == box->image.rows[index].octets)
        return PF_OK;
    if (!(box->image.files[index].flags & PF_MAILDIR_FIXED))
        remember(box, index, octets);
    box->dirty = true;
    return pf_fail(err, PF_CHANGED, 0, where,
                   "%s: %.*s was listed with %llu octets but has %llu; the next session "
                   "will list it right", NAMED(box, index),
                   (unsigned long long)box->image.rows[index].octets, (unsigned long long)octets);
}

/* The end of the file was reached: is the message whole, and of the size that was promised? */
static enum pf_code vouch(struct pf_twin_box *box, uint32_t index, struct pf_err *err)
{
    struct pf_maildir_reader *r = &box->reader;
    struct stat st;

    if (fstat(r->fd, &st) != 0)
        return trouble(box, index, errno, err);
    if ((uint64_t)st.st_size < r->size && r->squeeze)
        return broken(box, index, "was cut while it was read", err);
    if ((uint64_t)st.st_size < r->size)
        return damaged(box, index, (uint64_t)st.st_size, err);
    if ((uint64_t)st.st_size > r->size || pf_maildir_ns(st.st_mtim) != r->mtime)
        return changed(box, index, err);
    return vouch_octets(box, index, r->squeeze ? pf_maildir_squeeze_at(r->squeeze) : r->size, err);
}

/* Counts what is read in order; a piece that is read again is not counted again. */
static void count(struct pf_maildir_reader *r, const struct pf_box_read *op, size_t got)
{
    if (op->offset == 0) {
        r->counted = 0;
        r->crlf = (struct pf_crlf){0};
    }
    if (op->offset != r->counted)
        return;
    pf_crlf_add(&r->crlf, pf_bytes_from(op->at, got));
    r->counted += got;
}

static enum pf_code read_piece(struct pf_twin_box *box, struct pf_box_read *op, bool may_block,
                               struct pf_err *err)
{
    struct pf_maildir_reader *r = &box->reader;
    size_t got = 0;
    enum pf_code code = read_at(box, r->fd, op, may_block, &got, err);
    bool last;

    if (code)
        return code;
    if (op->offset > r->size || got > r->size - op->offset)
        return changed(box, op->index, err);
    last = op->offset + got == r->size;
    if (!last && !got)
        return damaged(box, op->index, op->offset, err);
    count(r, op, got);
    if (last) {
        code = vouch(box, op->index, err);
        reader_close(r);
    }
    if (code)
        return code;
    op->got = got;
    op->last = last;
    op->clean = false;
    return PF_OK;
}

/* Whether the message can be had in one try: it will have room as it was listed, and its time was known then. */
static bool is_short(const struct pf_twin_box *box, const struct pf_box_read *op, bool may_block)
{
    const struct pf_maildir_file *f = &box->image.files[op->index];

    return !may_block && op->offset == 0 && f->size <= op->cap && f->mtime != PF_MAILDIR_NO_TIME;
}

/* All of it before the file is looked at: what has the time now that it had when it was listed had it while it
 * was read. So once is enough, and its first octets need no reading of their own. What is not as it was listed
 * is left to the blocking way. */
static enum pf_code read_short(struct pf_twin_box *box, struct pf_box_read *op, struct pf_err *err)
{
    struct pf_maildir_reader *r = &box->reader;
    enum pf_code code;
    struct stat st;
    size_t got = 0;

    reader_close(r);
    code = open_try(box, op->index, &r->fd, err);
    if (!code)
        code = read_at(box, r->fd, op, false, &got, err);
    if (!code && (fstat(r->fd, &st) != 0 || (uint64_t)st.st_size != got || !S_ISREG(st.st_mode) ||
                  pf_maildir_squeeze_is(pf_bytes_from(op->at, got < PF_MAILDIR_MAGIC ? got : PF_MAILDIR_MAGIC))))
        code = again(err);
    if (!code)
        code = check(box, op->index, &st, false, err);
    if (!code) {
        count(r, op, got);
        code = vouch_octets(box, op->index, got, err);
    }
    reader_close(r);
    if (code)
        return code;
    op->got = got;
    op->last = true;
    op->clean = false;
    return PF_OK;
}

/* Text before op->offset is unpacked and let go: so a caller that failed half-way may come back. */
static int unpack(struct pf_maildir_reader *r, const struct pf_box_read *op, size_t *got, bool *end)
{
    uint64_t at;
    int bad = 0;

    while (!bad && !*end && (at = pf_maildir_squeeze_at(r->squeeze)) < op->offset) {
        size_t room = op->offset - at < op->cap ? (size_t)(op->offset - at) : op->cap;

        bad = pf_maildir_squeeze_read(r->squeeze, op->at, room, got, end);
        if (!bad)
            count(r, &(struct pf_box_read){.offset = at, .at = op->at}, *got);
        *got = 0;
    }
    if (!bad && !*end) {
        bad = pf_maildir_squeeze_read(r->squeeze, op->at, op->cap, got, end);
        if (!bad)
            count(r, op, *got);
    }
    return bad;
}

static enum pf_code read_squeezed(struct pf_twin_box *box, struct pf_box_read *op,
                                  struct pf_err *err)
{
    struct pf_maildir_reader *r = &box->reader;
    enum pf_code code = PF_OK;
    bool last = false;
    size_t got = 0;
    int bad = unpack(r, op, &got, &last);

    if (bad == EBADMSG)
        return broken(box, op->index, pf_maildir_squeeze_fault(r->squeeze), err);
    if (bad)
        return trouble(box, op->index, bad, err);
    if (op->offset > pf_maildir_squeeze_at(r->squeeze))
        return changed(box, op->index, err);
    if (last) {
        code = vouch(box, op->index, err);
        reader_close(r);
    }
    if (code)
        return code;
    op->got = got;
    op->last = last;
    op->clean = false;
    return PF_OK;
}

/* Whether the open file can give the octets at this place. From the begin on it is opened anew, so that
 * what is read twice is held against the listing twice. */
static bool is_ready(const struct pf_maildir_reader *r, const struct pf_box_read *op)
{
    return r->fd >= 0 && r->index == op->index && op->offset > 0 &&
           (!r->squeeze || pf_maildir_squeeze_at(r->squeeze) <= op->offset);
}

enum pf_code pf_maildir_box_read(struct pf_twin_box *box, struct pf_box_read *op, bool may_block,
                                 struct pf_err *err)
{
    enum pf_code code = PF_OK;

    if (op->index >= box->image.count)
        return pf_fail(err, PF_NO_MESSAGE, 0, where, "%s: no message %u", box->path, op->index);
    if (pf_marks_has(&box->removed, op->index))
        return gone(box, op->index, err);
    if (!may_block && (box->no_try || box->image.files[op->index].flags & PF_MAILDIR_SQUEEZED))
        return again(err);
    if (is_short(box, op, may_block))
        return read_short(box, op, err);
    if (!is_ready(&box->reader, op))
        code = reader_open(box, op->index, may_block, err);
    if (!code)
        code = box->reader.squeeze ? read_squeezed(box, op, err)
                                   : read_piece(box, op, may_block, err);
    if (code && code != PF_AGAIN)
        reader_close(&box->reader);
    return code;
}
