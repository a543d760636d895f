#include "store/maildir/parcel.h"

#include "store/maildir/anchor.h"
#include "store/maildir/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "maildir_parcel";

enum {
    NAMES = 8,              /* a name that is taken already is a wonder; eight are a fault */
    SWEEP_ONE_OF = 16,      /* deliveries: what a crash left may lie for 36 hours anyway */
    GIVE_UP_SECONDS = 86400 /* sweepers take what is older for abandoned, after a margin (MD-003) */
};

struct pf_twin_parcel {
    struct pf_maildir *maildir;
    char *path;
    int root;
    int tmp;
    int fresh; /* new */
    int fd;
    struct pf_maildir_birth birth;
    char tmp_name[PF_UIDL_MAX + 1]; /* "" when there is no file */
    int64_t now;
    int64_t deadline; /* seconds on the monotonic clock */
    uint64_t size;
    struct pf_crlf crlf;
    bool broken; /* a write failed: never to be sealed */
    struct pf_maildir_quota quota;
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void unlink_tmp(struct pf_twin_parcel *p)
{
    if (p->tmp_name[0])
        unlinkat(p->tmp, p->tmp_name, 0);
    p->tmp_name[0] = 0;
}

static void parcel_free(struct pf_twin_parcel *p)
{
    close_one(&p->fd);
    unlink_tmp(p);
    close_one(&p->fresh);
    close_one(&p->tmp);
    close_one(&p->root);
    free(p->path);
    free(p);
}

static int64_t monotonic(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static enum pf_code trouble(struct pf_twin_parcel *p, const char *what, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s: a message cannot be %s: %s", p->path,
                   what, strerror(sys));
}

static enum pf_code open_folders(struct pf_twin_parcel *p, struct pf_err *err)
{
    const struct pf_maildir_settings *settings = &p->maildir->settings;
    enum pf_code code = pf_maildir_root_open(settings, p->path, settings->create, &p->root, err);
    int cur = -1;

    if (!code)
        code = pf_maildir_folder_open(p->root, p->path, "tmp", settings->create, &p->tmp, err);
    if (!code)
        code = pf_maildir_folder_open(p->root, p->path, "new", settings->create, &p->fresh, err);
    if (!code && settings->create)
        code = pf_maildir_folder_open(p->root, p->path, "cur", true, &cur, err);
    close_one(&cur);
    if (!code)
        code = pf_maildir_anchor(p->maildir, &(struct pf_maildir_dirs){p->root, p->fresh, -1}, p->path, err);
    return code;
}

static void new_name(struct pf_twin_parcel *p)
{
    pf_maildir_born(p->maildir, p->now, &p->birth);
    pf_maildir_birth_name(&p->birth, p->maildir->host, PF_MAILDIR_NO_SIZE, 0, p->tmp_name);
}

static enum pf_code open_file(struct pf_twin_parcel *p, struct pf_err *err)
{
    for (int i = 0; i < NAMES && p->fd < 0; i++) {
        new_name(p);
        p->fd = openat(p->tmp, p->tmp_name,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (p->fd < 0) {
            p->tmp_name[0] = 0; /* not ours */
            if (errno != EEXIST)
                break;
        }
    }
    if (p->fd < 0)
        return trouble(p, "begun", err);
    return pf_maildir_give(p->root, p->fd) ? PF_OK : trouble(p, "given to its owner", err);
}

/* The first delivery of a process does it, for many are the only one. */
static void sweep_sometimes(const struct pf_twin_parcel *p)
{
    uint32_t swept = 0;

    if (p->birth.number == 0 || p->birth.random % SWEEP_ONE_OF == 0)
        (void)pf_maildir_sweep_tmp(p->tmp, p->path, time(NULL), &swept, NULL);
}

enum pf_code pf_maildir_parcel_begin(struct pf_twin *twin, const struct pf_box_where *w,
                                     struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    struct pf_twin_parcel *p = calloc(1, sizeof *p);
    enum pf_code code;

    if (!p)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to deliver to %s", w->path);
    p->maildir = (struct pf_maildir *)twin;
    p->root = p->tmp = p->fresh = p->fd = -1;
    p->now = w->now;
    p->quota = (struct pf_maildir_quota){w->quota_octets, w->quota_messages};
    p->deadline = monotonic() + GIVE_UP_SECONDS;
    p->path = strdup(w->path);
    code = p->path ? open_folders(p, err)
                   : pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to deliver to %s", w->path);
    if (!code)
        code = open_file(p, err);
    if (code) {
        parcel_free(p);
        return code;
    }
    sweep_sometimes(p);
    *out_parcel = p;
    return PF_OK;
}

enum pf_code pf_maildir_parcel_write(struct pf_twin_parcel *p, struct pf_bytes text,
                                     struct pf_err *err)
{
    struct pf_bytes rest = text;

    while (rest.len) {
        ssize_t put = write(p->fd, rest.at, rest.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            p->broken = true;
            errno = put ? errno : EIO;
            return trouble(p, "written", err);
        }
        rest = pf_bytes_skip(rest, (size_t)put);
    }
    pf_crlf_add(&p->crlf, text);
    p->size += text.len;
    return PF_OK;
}

static enum pf_code finish_file(struct pf_twin_parcel *p, struct pf_err *err)
{
    int fd = p->fd;

    if (p->broken)
        return pf_fail(err, PF_IO, 0, where, "%s: a message was not written whole", p->path);
    if (monotonic() > p->deadline)
        return pf_fail(err, PF_TEMP, 0, where, "%s: a delivery took more than a day", p->path);
    if (fsync(fd) != 0)
        return trouble(p, "synced", err);
    p->fd = -1;
    return close(fd) == 0 ? PF_OK : trouble(p, "closed", err);
}

/* For file systems without hard links: a rename that does not overwrite, or at least one that
 * looked before. */
static int rename_into_new(struct pf_twin_parcel *p, const char *name)
{
    if (renameat2(p->tmp, p->tmp_name, p->fresh, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (faccessat(p->fresh, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(p->tmp, p->tmp_name, p->fresh, name) == 0 ? 0 : errno;
}

static int put_into_new(struct pf_twin_parcel *p, const char *name)
{
    if (linkat(p->tmp, p->tmp_name, p->fresh, name, 0) == 0)
        return 0;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
        return rename_into_new(p, name);
    return errno;
}

static enum pf_code place(struct pf_twin_parcel *p, char name[PF_UIDL_MAX + 1], struct pf_err *err)
{
    enum pf_code code;
    int bad = EEXIST;

    for (int i = 0; i < NAMES && bad == EEXIST; i++) {
        if (i)
            pf_maildir_born(p->maildir, p->now, &p->birth);
        pf_maildir_birth_name(&p->birth, p->maildir->host, p->size, pf_crlf_total(&p->crlf), name);
        bad = put_into_new(p, name);
    }
    errno = bad;
    if (bad)
        return trouble(p, "put into new", err);
    unlink_tmp(p); /* goes with the same commit as the link */
    if (fsync(p->fresh) == 0)
        return PF_OK;
    /* Who is told of a failure delivers again: what may or may not last must not be listed. */
    code = trouble(p, "synced into new", err);
    unlinkat(p->fresh, name, 0);
    return code;
}

enum pf_code pf_maildir_parcel_seal(struct pf_twin_parcel *p, struct pf_parcel_seal *op,
                                    struct pf_err *err)
{
    char name[PF_UIDL_MAX + 1] = "";
    struct pf_maildir_usage used = {0};
    enum pf_code code = pf_maildir_quota_ask(p->path, &p->quota, p->size, p->now, err);

    if (!code)
        code = finish_file(p, err);

    if (!code)
        code = place(p, name, err);
    if (!code) {
        pf_maildir_quota_arrived(p->root, p->path, &p->quota, p->size, &used);
        op->size = used.messages ? p->size : 0;
        op->used_octets = used.octets;
        op->used_messages = used.messages;
        memcpy(op->uidl, name, sizeof name);
        op->octets = pf_crlf_total(&p->crlf);
    }
    parcel_free(p);
    return code;
}

void pf_maildir_parcel_drop(struct pf_twin_parcel *p)
{
    parcel_free(p);
}
