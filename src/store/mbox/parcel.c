#include "store/mbox/box.h"

#include "store/mbox/append.h"
#include "store/mbox/convert.h"
#include "store/mbox/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static const char where[] = "mbox_parcel";

enum { APPENDS_MAX = 512 }; /* in a list that each delivery reads, when no session takes them */

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

/* Its name is synced before the first message (append.c). */
static enum pf_code make_file(struct pf_twin_parcel *p, struct pf_err *err)
{
    enum pf_code code = check_file(p, err);
    struct stat st;
    int fd;

    if (code || fstatat(p->place.folder, p->place.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return code;
    fd = openat(p->place.folder, p->place.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(p, "cannot be made", err);
    close(fd);
    return PF_OK;
}

/* What others left behind the last message may lack a line end, or the empty line. -1 with errno. */
static int lack_of(int fd, uint64_t size, struct pf_bytes *out_lack)
{
    unsigned char end[3] = "\n\n\n";
    size_t len = size < 3 ? (size_t)size : 3;
    int64_t got = pf_mbox_read_at(fd, end + 3 - len, len, size - len);

    if (got != (int64_t)len) {
        errno = got < 0 ? errno : EIO;
        return -1;
    }
    *out_lack = (struct pf_bytes){0};
    if (end[2] == '\r') /* text, which must not become half of a line end */
        *out_lack = PF_LIT("\r\n\n");
    else if (end[2] != '\n')
        *out_lack = PF_LIT("\n\n");
    else if (end[1] != '\n' && !(end[1] == '\r' && end[0] == '\n'))
        *out_lack = PF_LIT("\n");
    return 0;
}

/* The message stands in the list of appends: it must read as exactly one, and gets its UIDL. */
static enum pf_code name_it(struct pf_twin_parcel *p, const struct pf_mbox_scanner *how, uint64_t from,
                            struct pf_mbox_record *r, uint64_t *out_octets, struct pf_err *err)
{
    struct pf_mbox_mails mails = {0};
    enum pf_code code = pf_mbox_scan(how, from, &mails, err);

    if (!code && mails.count != 1)
        code = pf_fail(err, PF_PERM, 0, where, "%s: a message would read as %u", p->place.path, mails.count);
    if (!code && !pf_mbox_new_uidl(r->uidl))
        code = failed(p, "needs random octets", err);
    if (!code) {
        memcpy(r->id, mails.at[0].id, sizeof r->id);
        *out_octets = mails.at[0].octets;
    }
    pf_mbox_mails_done(&mails);
    return code;
}

/* All that is to be appended is written down. */
static enum pf_code prepare(struct pf_twin_parcel *p, const struct pf_mbox_locks *l, struct pf_mbox_appends *a,
                            struct pf_mbox_record *r, uint64_t *out_octets, struct pf_err *err)
{
    struct pf_mbox_convert c = {
        .from = p->fd, .size = p->size, .to = a->fd, .mboxrd = p->mbox->settings.mboxrd, .when = p->now};
    uint64_t text = a->end + PF_MBOX_RECORD;
    struct pf_mbox_state state;
    struct pf_bytes lack;
    struct stat st;
    enum pf_code code;

    if (fstat(l->fd, &st) != 0 || lack_of(l->fd, (uint64_t)st.st_size, &lack) != 0 ||
        pf_mbox_write_at(a->fd, lack, text) != 0)
        return failed(p, "cannot be prepared for a message", err);
    c.at = text + lack.len;
    errno = pf_mbox_convert(&c);
    if (errno)
        return failed(p, "cannot be prepared for a message", err);
    r->lead = lack.len;
    r->len = c.at - text;
    code = pf_mbox_state_head(&p->place, &state, err);
    if (!code) {
        struct pf_mbox_scanner how = {a->fd, p->place.path, c.at, state.seed, c.mboxrd, NULL};

        code = name_it(p, &how, text + lack.len, r, out_octets, err);
        pf_mbox_state_done(&state);
    }
    return code ? code : pf_mbox_append_note(l, a, r, &st, err);
}

static enum pf_code append_locked(struct pf_twin_parcel *p, struct pf_mbox_locks *l, struct pf_parcel_seal *op,
                                  struct pf_err *err)
{
    struct pf_mbox_appends a;
    struct pf_mbox_record r = {0};
    enum pf_code code = pf_mbox_recover(l, err);

    if (!code)
        code = pf_mbox_appends_open(l, true, &a, err);
    if (code)
        return code;
    code = prepare(p, l, &a, &r, &op->octets, err);
    if (code)
        pf_mbox_append_drop(&a);
    else
        code = pf_mbox_append_put(l, &a, &r, err);
    if (!code)
        memcpy(op->uidl, r.uidl, sizeof r.uidl);
    if (a.count >= APPENDS_MAX)
        (void)pf_mbox_settle(l, NULL);
    pf_mbox_appends_close(&a);
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
