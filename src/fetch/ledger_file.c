#include "fetch/ledger_private.h"

#include "base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum {
    POLL = 50, /* ms between two looks at the lock: who waits for a carrier hardly notices */
    PID_MAX = 24
};

char *pf_ledger_beside(const char *path, const char *suffix)
{
    size_t room = strlen(path) + strlen(suffix) + 1;
    char *beside = malloc(room);

    if (beside)
        (void)snprintf(beside, room, "%s%s", path, suffix);
    return beside;
}

static enum pf_code sync_path(const char *folder, struct pf_err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        (void)close(fd);
    if (failed && failed != EINVAL) /* a file system that cannot sync folders */
        return pf_fail(err, PF_IO, failed, "ledger", "%s: the folder cannot be synced: %s", folder,
                       strerror(failed));
    return PF_OK;
}

/* The folder above: 0 octets when there is none in the path. */
static bool above(const char *path, char room[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;

    if (len >= PATH_MAX)
        return false;
    memcpy(room, slash ? path : ".", len);
    if (slash == path)
        room[len++] = '/';
    room[len] = 0;
    return true;
}

enum pf_code pf_ledger_sync_folder(const char *path, struct pf_err *err)
{
    char folder[PATH_MAX];

    if (!above(path, folder))
        return pf_fail(err, PF_CONFIG, 0, "ledger",
                       "the path of the record of fetched mail is too long");
    return sync_path(folder, err);
}

enum pf_code pf_ledger_folders(const char *path, struct pf_err *err)
{
    char room[PATH_MAX];
    size_t len = strlen(path);

    if (len >= sizeof room)
        return pf_fail(err, PF_CONFIG, 0, "ledger",
                       "the path of the record of fetched mail is too long");
    memcpy(room, path, len + 1);
    for (char *at = room + 1; *room && (at = strchr(at, '/')); at++) {
        enum pf_code code = PF_OK;
        int made;

        *at = 0;
        made = mkdir(room, 0700);
        if (made != 0 && errno != EEXIST)
            return pf_fail(err, pf_code_of_errno(errno), errno, "ledger",
                           "%s: the folder cannot be made: %s", room, strerror(errno));
        if (made == 0)
            code = pf_ledger_sync_folder(room, err);
        if (code != PF_OK)
            return code;
        *at = '/';
    }
    return PF_OK;
}

static enum pf_code judge(const char *path, int fd, struct pf_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return pf_fail(err, PF_IO, errno, "ledger", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return pf_fail(err, PF_PERM, 0, "ledger", "%s is no plain file", path);
    if (st.st_uid != geteuid())
        return pf_fail(
            err, PF_PERM, 0, "ledger",
            "%s belongs to another user (uid %u); hint: each user fetches with records of their own",
            path, (unsigned)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return pf_fail(err, PF_PERM, 0, "ledger",
                       "%s can be written by others, and so cannot be trusted; hint: chmod go-w", path);
    return PF_OK;
}

enum pf_code pf_ledger_file(const char *path, int flags, int *out_fd, struct pf_err *err)
{
    /* O_NONBLOCK: a FIFO there does not hold us. */
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    enum pf_code code;

    if (fd < 0 && errno == ENOENT && !(flags & O_CREAT))
        return PF_GONE;
    if (fd < 0 && errno == ELOOP)
        return pf_fail(err, PF_PERM, ELOOP, "ledger",
                       "%s is a symbolic link; hint: name the file itself, or the folder it is in",
                       path);
    if (fd < 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, "ledger", "%s: %s", path, strerror(errno));
    code = judge(path, fd, err);
    if (code != PF_OK) {
        (void)close(fd);
        return code;
    }
    *out_fd = fd;
    return PF_OK;
}

/* The pid is for the message of who finds it locked, and for nothing else. */
static void sign(int fd)
{
    char text[PID_MAX];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, (size_t)len, 0);
}

static enum pf_code in_use(const char *path, int fd, struct pf_err *err)
{
    char text[PID_MAX];
    ssize_t len = pread(fd, text, sizeof text, 0);
    struct pf_bytes word = pf_bytes_from(text, len > 0 ? (size_t)len : 0);
    uint64_t pid = 0;

    if (!pf_parse_u64(pf_bytes_head(word, pf_find(word, '\n')), &pid) || pid < 1 || pid > INT_MAX)
        return pf_fail(err, PF_IN_USE, 0, "ledger", "%s is held by another process", path);
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return pf_fail(err, PF_IN_USE, 0, "ledger",
                       "%s is still held: a run that has ended (process %d) has a message under way",
                       path, (int)pid);
    return pf_fail(err, PF_IN_USE, 0, "ledger",
                   "%s is held by process %d, which fetches for this account", path, (int)pid);
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether the file at the path is the one we have: who removed it meanwhile has let another one in. */
static bool still_there(const char *path, int fd)
{
    struct stat here, there;

    return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

/* PF_AGAIN: taken by another; PF_GONE: the file is not the path's any more. */
static enum pf_code try_lock(const char *path, int fd, struct pf_err *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return still_there(path, fd) ? PF_OK : PF_GONE;
    if (errno == EWOULDBLOCK || errno == EINTR)
        return PF_AGAIN;
    return pf_fail(err, PF_IO, errno, "ledger", "%s cannot be locked: %s", path, strerror(errno));
}

enum pf_code pf_ledger_lock(const char *path, pf_time wait, int *out_fd, struct pf_err *err)
{
    static const struct timespec pause = {0, POLL * 1000000};
    int64_t end;
    int fd = -1;

    if (__builtin_add_overflow(now_ms(), wait, &end))
        end = INT64_MAX;
    for (;;) {
        enum pf_code code = fd < 0 ? pf_ledger_file(path, O_RDWR | O_CREAT, &fd, err) : PF_OK;

        if (code != PF_OK)
            return code;
        code = try_lock(path, fd, err);
        if (code == PF_OK)
            break;
        if (code == PF_AGAIN && now_ms() >= end)
            code = in_use(path, fd, err);
        if (code != PF_AGAIN)
            (void)close(fd);
        if (code != PF_AGAIN && code != PF_GONE)
            return code;
        if (code == PF_GONE)
            fd = -1;
        else
            (void)ppoll(NULL, 0, &pause, NULL);
    }
    sign(fd);
    *out_fd = fd;
    return PF_OK;
}

void pf_ledger_unlock(int fd)
{
    if (fd < 0)
        return;
    (void)flock(fd, LOCK_UN); /* a copy in a child that is about to exec must not hold it */
    (void)close(fd);
}

/* What did not fit is taken back, when nobody has appended behind it. */
static void take_back(int fd, off_t before, ssize_t written)
{
    struct stat st;

    if (written > 0 && fstat(fd, &st) == 0 && st.st_size == before + written)
        (void)!ftruncate(fd, before);
}

/* The file by its name, which a carrier was not told. A full disk is somebody's who can make room. */
static enum pf_code trouble(int fd, int failed, const char *what, struct pf_err *err)
{
    char link[64], path[256];
    enum pf_code code = pf_code_of_errno(failed) == PF_NO_SPACE ? PF_NO_SPACE : PF_IO;
    ssize_t len;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = 0;
    return pf_fail(err, code, failed, "ledger", "%s%sthe record of fetched mail cannot be %s: %s%s", path,
                   path[0] ? ": " : "", pf_words(what), strerror(failed),
                   code == PF_NO_SPACE ? pf_words(": make room on that disk") : "");
}

enum pf_code pf_ledger_append(int fd, struct pf_bytes lines, bool sync, struct pf_err *err)
{
    struct stat st;
    ssize_t n = 0;

    if (fstat(fd, &st) != 0)
        return pf_fail(err, PF_IO, errno, "ledger", "the record of fetched mail: %s", strerror(errno));
    if (lines.len) {
        do
            n = write(fd, lines.at, lines.len);
        while (n < 0 && errno == EINTR);
        if (n < 0 || (size_t)n != lines.len) {
            int failed = n < 0 ? errno : ENOSPC;

            take_back(fd, st.st_size, n);
            return trouble(fd, failed, "written", err);
        }
    }
    return sync && fdatasync(fd) != 0 ? trouble(fd, errno, "synced", err) : PF_OK;
}
