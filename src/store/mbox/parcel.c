#include "store/mbox/box.h"

#include "store/mbox/convert.h"
#include "store/mbox/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static const char where[] = "mbox_parcel";

struct pf_twin_parcel {
    struct pf_mbox *mbox;
    struct pf_mbox_place place;
    int64_t now;
    int fd; /* the message as it comes, in a file without name, so that the locks are held briefly */
    uint64_t size;
    bool broken;
};

static void parcel_free(struct pf_twin_parcel *p)
{
    if (p->fd >= 0)
        close(p->fd);
    pf_mbox_place_close(&p->place);
    free(p);
}

static enum pf_code failed(const struct pf_twin_parcel *p, const char *what, struct pf_err *err)
{
    return pf_mbox_failed(&p->place, where, what, err);
}

/* Without a name; where the file system has no such files, one whose name is removed at once. */
static int open_nameless(int folder)
{
    const int flags = O_RDWR | O_CLOEXEC;
    uint64_t random = 0;
    char name[48];
    int fd = openat(folder, ".", flags | O_TMPFILE, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(name, sizeof name, ".postfach-%016llx.part", (unsigned long long)random);
    fd = openat(folder, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd >= 0)
        unlinkat(folder, name, 0);
    return fd;
}

static enum pf_code check_file(struct pf_twin_parcel *p, struct pf_err *err)
{
    struct stat st;

    if (fstatat(p->place.folder, p->place.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(st.st_mode) ? PF_OK
                                   : pf_fail(err, PF_NO_BOX, 0, where, "%s is no file", p->place.path);
    if (errno != ENOENT)
        return failed(p, "cannot be looked at", err);
    if (p->mbox->settings.create)
        return PF_OK;
    return pf_fail(err, PF_NO_BOX, ENOENT, where, "%s is missing: make it, or let deliveries create it",
                   p->place.path);
}

enum pf_code pf_mbox_parcel_begin(struct pf_twin *twin, const struct pf_box_where *w,
                                  struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    struct pf_twin_parcel *p = calloc(1, sizeof *p);
    enum pf_code code;

    if (!p)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to deliver to %s", w->path);
    p->mbox = (struct pf_mbox *)twin;
    p->now = w->now;
    p->fd = p->place.folder = p->place.side = -1;
    code = pf_mbox_place_open(&p->place, &p->mbox->settings, w->path, err);
    if (!code)
        code = check_file(p, err);
    if (!code) {
        p->fd = open_nameless(p->place.side);
        if (p->fd < 0)
            code = failed(p, "has no place for a message that comes in", err);
    }
    if (code)
        parcel_free(p);
    else
        *out_parcel = p;
    return code;
}

enum pf_code pf_mbox_parcel_write(struct pf_twin_parcel *p, struct pf_bytes text, struct pf_err *err)
{
    if (pf_mbox_write_at(p->fd, text, p->size) != 0) {
        p->broken = true;
        return failed(p, "has no place for a message that comes in", err);
    }
    p->size += text.len;
    return PF_OK;
}

static enum pf_code make_file(struct pf_twin_parcel *p, struct pf_err *err)
{
    enum pf_code code = check_file(p, err);
    struct stat st;
    int fd;

    if (code || fstatat(p->place.folder, p->place.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return code;
    fd = openat(p->place.folder, p->place.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fsync(p->place.folder) != 0)
        code = failed(p, "cannot be made", err);
    if (fd >= 0)
        close(fd);
    return code;
}

/* What others left behind the last message may lack a line end, or the empty line. */
static int end_last(int fd, uint64_t *size)
{
    unsigned char end[3] = "\n\n\n";
    size_t len = *size < 3 ? (size_t)*size : 3;
    unsigned char *last = end + 3 - len;
    struct pf_bytes lack = {0};

    if (pf_mbox_read_at(fd, last, len, *size - len) != (int64_t)len) {
        errno = EIO;
        return -1;
    }
    if (end[2] != '\n')
        lack = PF_LIT("\n\n");
    else if (end[1] != '\n' && !(end[1] == '\r' && end[0] == '\n'))
        lack = PF_LIT("\n");
    if (pf_mbox_write_at(fd, lack, *size) != 0)
        return -1;
    *size += lack.len;
    return 0;
}

/* The message stands in the file: it must read as exactly one, and gets its UIDL. */
static enum pf_code name_it(struct pf_twin_parcel *p, int fd, const uint64_t part[2], struct pf_parcel_seal *op,
                            struct pf_err *err)
{
    struct pf_mbox_state state;
    struct pf_mbox_mails mails = {0};
    char uidl[PF_MBOX_UIDL_LEN + 1];
    enum pf_code code = pf_mbox_state_load(&p->place, &state, err);
    struct pf_mbox_scanner how = {fd, p->place.path, part[1], state.seed, p->mbox->settings.mboxrd};

    if (code)
        return code;
    code = pf_mbox_scan(&how, part[0], &mails, err);
    if (!code && mails.count != 1)
        code = pf_fail(err, PF_PERM, 0, where, "%s: a message would read as %u", p->place.path, mails.count);
    if (!code && !pf_mbox_new_uidl(uidl))
        code = failed(p, "needs random octets", err);
    if (!code)
        code = pf_mbox_state_append(&p->place, &state, uidl, mails.at[0].id, err);
    if (!code) {
        memcpy(op->uidl, uidl, sizeof uidl);
        op->octets = mails.at[0].octets;
    }
    pf_mbox_mails_done(&mails);
    pf_mbox_state_done(&state);
    return code;
}

static enum pf_code append(struct pf_twin_parcel *p, int fd, uint64_t size, struct pf_parcel_seal *op,
                           struct pf_err *err)
{
    struct pf_mbox_convert c = {
        .from = p->fd, .size = p->size, .to = fd, .at = size, .mboxrd = p->mbox->settings.mboxrd, .when = p->now};
    uint64_t part[2];
    int bad;

    if (size && end_last(fd, &c.at) != 0)
        return failed(p, "cannot be appended to", err);
    part[0] = c.at;
    bad = pf_mbox_convert(&c);
    part[1] = c.at;
    if (!bad && fsync(fd) != 0)
        bad = errno;
    errno = bad;
    if (bad)
        return failed(p, "cannot be appended to", err);
    return name_it(p, fd, part, op, err);
}

static enum pf_code append_locked(struct pf_twin_parcel *p, struct pf_mbox_locks *l, struct pf_parcel_seal *op,
                                  struct pf_err *err)
{
    enum pf_code code = pf_mbox_recover(l, err);
    struct stat st;

    if (code)
        return code;
    if (fstat(l->fd, &st) != 0)
        return failed(p, "cannot be looked at", err);
    code = append(p, l->fd, (uint64_t)st.st_size, op, err);
    if (!code)
        return PF_OK;
    /* Who is told of a failure delivers again: half a message must not stay (MB-017). */
    if (ftruncate(l->fd, st.st_size) == 0)
        (void)fsync(l->fd);
    return code;
}

enum pf_code pf_mbox_parcel_seal(struct pf_twin_parcel *p, struct pf_parcel_seal *op, struct pf_err *err)
{
    struct pf_mbox_locks locks;
    enum pf_code code;

    if (p->broken)
        code = pf_fail(err, PF_IO, 0, where, "%s: a message was not written whole", p->place.path);
    else
        code = make_file(p, err);
    if (!code)
        code = pf_mbox_lock(&p->place, &p->mbox->settings, &locks, err);
    if (!code) {
        code = append_locked(p, &locks, op, err);
        close(pf_mbox_unlock(&locks));
    }
    parcel_free(p);
    return code;
}

void pf_mbox_parcel_drop(struct pf_twin_parcel *p)
{
    parcel_free(p);
}
