#include "store/maildir/quota.h"

#include "store/maildir/dirs.h"
#include "store/maildir/parcel.h"
#include "store/maildir/quota_count.h"
#include "store/maildir/quota_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char file[] = "maildirsize";
static const char where[] = "maildir_quota";

enum {
    OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
    STALE_SECONDS = 15 * 60 /* MP-013 */
};

/* What the file says. */
struct state {
    struct pf_maildir_size_file file;
    bool good; /* can be used as it stands */
    bool old;
};

/* The parent of a folder's descriptor when that is one of Maildir++, else itself again (MP-011). */
static int main_of(int fd)
{
    bool folder = faccessat(fd, "maildirfolder", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    return openat(fd, folder ? ".." : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum pf_code open_main(const char *path, int *out_root, struct pf_err *err)
{
    /* Whoever gave the path answers for its being a link. */
    const struct pf_maildir_settings settings = {.follow_root = true};
    int fd = -1;
    enum pf_code code = pf_maildir_root_open(&settings, path, false, &fd, err);

    if (code)
        return code;
    *out_root = main_of(fd);
    if (*out_root < 0)
        code = pf_fail(err, pf_code_of_errno(errno), errno, where, "%s: %s", path, strerror(errno));
    close(fd);
    return code;
}

/* Octets of the file, at most `cap`; 0 when there is none. */
static size_t load(int root, char *room, size_t cap, int64_t *out_mtime)
{
    int fd = openat(root, file, O_RDONLY | OPEN_FLAGS);
    struct stat st;
    ssize_t got = 0;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *out_mtime = st.st_mtim.tv_sec;
        got = pread(fd, room, cap, 0);
    }
    close(fd);
    return got > 0 ? (size_t)got : 0;
}

static bool same_limit(const struct pf_maildir_quota *a, const struct pf_maildir_quota *b)
{
    return a->octets == b->octets && a->messages == b->messages;
}

static bool has_limit(const struct pf_maildir_quota *q)
{
    return q->octets || q->messages;
}

static struct state read_state(int root, const struct pf_maildir_quota *q, int64_t now)
{
    char text[PF_MAILDIR_SIZE_FILE];
    struct state s = {.good = false};
    int64_t mtime = 0;
    size_t len = load(root, text, sizeof text, &mtime);

    s.good = len && len < sizeof text &&
             pf_maildir_size_parse(pf_bytes_from(text, len), &s.file) &&
             (!has_limit(q) || same_limit(q, &s.file.limit));
    s.old = mtime < now - STALE_SECONDS;
    return s;
}

/* Whether `more` on top of the usage is too much; a limit of 0 is none. */
static bool is_over(const struct pf_maildir_quota *q, const struct pf_maildir_usage *u,
                    const struct pf_maildir_usage *more)
{
    uint64_t octets, messages;

    return (q->octets && (__builtin_add_overflow(u->octets, more->octets, &octets) ||
                          octets > q->octets)) ||
           (q->messages && (__builtin_add_overflow(u->messages, more->messages, &messages) ||
                            messages > q->messages));
}

/* A sum that says "over" is believed only as the one fresh line of a computation: else a lost removal
 * would shut the maildrop for long (MP-013). */
static bool is_doubtful(const struct state *s, const struct pf_maildir_quota *q,
                        const struct pf_maildir_usage *more)
{
    return !s->good || (is_over(q, &s->file.usage, more) && (s->file.lines > 1 || s->old));
}

static bool write_text(int root, int fd, struct pf_bytes text)
{
    bool ok = pf_maildir_give(root, fd) && write(fd, text.at, text.len) == (ssize_t)text.len;

    return close(fd) == 0 && ok;
}

/* The file by way of tmp. Not synced: it can be computed again. */
static bool write_file(int root, const struct pf_maildir_quota *q, const struct pf_maildir_usage *u)
{
    unsigned char text[PF_MAILDIR_SIZE_HEAD + PF_MAILDIR_SIZE_LINE];
    struct pf_span s = {text, 0, sizeof text};
    char name[96];
    uint32_t random = 0;
    bool ok;
    int fd;

    if (u->octets > INT64_MAX || u->messages > INT64_MAX || !pf_maildir_size_put_limit(&s, q) ||
        !pf_maildir_size_put(&s, (int64_t)u->octets, (int64_t)u->messages) ||
        getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(name, sizeof name, "tmp/%lld.P%uR%08x.%s", (long long)time(NULL), (unsigned)getpid(),
             random, file);
    fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
    if (fd < 0)
        return false;
    ok = write_text(root, fd, pf_span_bytes(&s)) && renameat(root, name, root, file) == 0;
    if (!ok)
        unlinkat(root, name, 0);
    return ok;
}

/* Numbers that were true are good for once even when they cannot be kept (MP-012). */
static enum pf_code compute(int root, const char *path, const struct pf_maildir_quota *q,
                            struct pf_maildir_usage *out_usage, struct pf_err *err)
{
    int64_t latest = 0;
    enum pf_code code = pf_maildir_count(root, path, out_usage, &latest, err);

    if (!code && has_limit(q) && write_file(root, q, out_usage) &&
        pf_maildir_count_latest(root) > latest)
        unlinkat(root, file, 0);
    return code;
}

/* The usage, computed where what the file says of it is not to be trusted. */
static enum pf_code usage_beside(const char *path, const struct pf_maildir_quota *q, int64_t now,
                                 const struct pf_maildir_usage *more,
                                 struct pf_maildir_usage *out_usage, struct pf_err *err)
{
    int root = -1;
    enum pf_code code = open_main(path, &root, err);
    struct state s;

    if (code)
        return code;
    s = read_state(root, q, now);
    if (is_doubtful(&s, has_limit(q) ? q : &s.file.limit, more))
        code = compute(root, path, q, out_usage, err);
    else
        *out_usage = s.file.usage;
    close(root);
    return code;
}

enum pf_code pf_maildir_quota_read(const char *path, const struct pf_maildir_quota *q, int64_t now,
                                   struct pf_maildir_usage *out_usage, struct pf_err *err)
{
    const struct pf_maildir_usage nothing = {0};

    return usage_beside(path, q, now, &nothing, out_usage, err);
}

enum pf_code pf_maildir_quota_ask(const char *path, const struct pf_maildir_quota *q,
                                  uint64_t octets, int64_t now, struct pf_err *err)
{
    const struct pf_maildir_usage more = {octets, 1};
    struct pf_maildir_usage usage;
    enum pf_code code;

    if (!has_limit(q))
        return PF_OK;
    code = usage_beside(path, q, now, &more, &usage, err);
    if (code || !is_over(q, &usage, &more))
        return code;
    return pf_fail(err, PF_OVER_QUOTA, 0, where,
                   "%s: %llu octets in %llu messages, and %llu octets more, are over the quota", path,
                   (unsigned long long)usage.octets, (unsigned long long)usage.messages,
                   (unsigned long long)octets);
}

static bool is_trash(const char *path)
{
    static const char trash[] = ".Trash";
    size_t len = strlen(path), name = sizeof trash - 1;

    while (len && path[len - 1] == '/')
        len--;
    return len > name && path[len - name - 1] == '/' && memcmp(path + len - name, trash, name) == 0;
}

/* The line is one write without a lock (MP-008). The file, to be closed, or -1; the offset behind the line. */
static int append(int root, int64_t octets, int64_t messages, off_t *out_end)
{
    unsigned char text[PF_MAILDIR_SIZE_LINE];
    struct pf_span s = {text, 0, sizeof text};
    struct stat st;
    int main_fd, fd;

    if (!pf_maildir_size_put(&s, octets, messages))
        return -1;
    main_fd = main_of(root);
    if (main_fd < 0)
        return -1;
    fd = openat(main_fd, file, O_RDWR | O_APPEND | OPEN_FLAGS);
    close(main_fd);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && write(fd, s.at, s.len) == (ssize_t)s.len) {
        *out_end = lseek(fd, 0, SEEK_CUR);
        return fd;
    }
    close(fd);
    return -1;
}

void pf_maildir_quota_note(int root, const char *path, int64_t octets, int64_t messages)
{
    off_t end;
    int fd = (octets || messages) && !is_trash(path) ? append(root, octets, messages, &end) : -1;

    if (fd >= 0)
        close(fd);
}

/* The sum of the lines up to `end`. */
static bool sum_until(int fd, off_t end, struct pf_maildir_usage *out_usage)
{
    char text[2 * PF_MAILDIR_SIZE_FILE]; /* others may have added to one that was nearly too long */
    struct pf_maildir_size_file sums;

    if (end <= 0 || end >= (off_t)sizeof text || pread(fd, text, (size_t)end, 0) != (ssize_t)end ||
        !pf_maildir_size_parse(pf_bytes_from(text, (size_t)end), &sums))
        return false;
    *out_usage = sums.usage;
    return true;
}

void pf_maildir_quota_arrived(int root, const char *path, const struct pf_maildir_quota *q, uint64_t octets,
                              struct pf_maildir_usage *out_usage)
{
    off_t end = 0;
    int fd = is_trash(path) ? -1 : append(root, (int64_t)octets, 1, &end);
    bool known = fd >= 0 && has_limit(q) && sum_until(fd, end, out_usage);

    if (fd >= 0)
        close(fd);
    if (!known && (!has_limit(q) || pf_maildir_quota_read(path, q, time(NULL), out_usage, NULL) != PF_OK))
        *out_usage = (struct pf_maildir_usage){0};
}

enum pf_code pf_maildir_quota_recount(const char *path, const struct pf_maildir_quota *q,
                                      struct pf_maildir_usage *out_usage, struct pf_err *err)
{
    int root = -1;
    enum pf_code code = open_main(path, &root, err);

    if (code)
        return code;
    if (!has_limit(q))
        unlinkat(root, file, 0);
    code = compute(root, path, q, out_usage, err);
    close(root);
    return code;
}

void pf_maildir_quota_add(const char *path, int64_t octets, int64_t messages)
{
    const struct pf_maildir_settings settings = {.follow_root = true};
    int root = -1;

    if (pf_maildir_root_open(&settings, path, false, &root, NULL) != PF_OK)
        return;
    pf_maildir_quota_note(root, path, octets, messages);
    close(root);
}

enum pf_code pf_maildir_quota_limit(const char *path, struct pf_maildir_quota *out_limit,
                                    struct pf_err *err)
{
    char text[PF_MAILDIR_SIZE_FILE];
    struct pf_bytes all = {(unsigned char *)text, 0};
    int64_t mtime;
    int root = -1;
    enum pf_code code = open_main(path, &root, err);

    if (code)
        return code;
    all.len = load(root, text, sizeof text, &mtime);
    close(root);
    for (size_t i = 0; i < all.len; i++)
        if (text[i] == '\n') {
            pf_maildir_size_limit(pf_bytes_head(all, i), out_limit);
            return PF_OK;
        }
    *out_limit = (struct pf_maildir_quota){0};
    return PF_OK;
}
