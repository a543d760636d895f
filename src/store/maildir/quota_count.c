#include "store/maildir/quota_count.h"

#include "store/maildir/dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "maildir_quota";

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };

struct tally {
    struct pf_maildir_usage usage;
    int64_t latest;
    bool messages; /* count them; else only times */
};

bool pf_maildir_weighs(const struct pf_maildir_name *name, const struct stat *st,
                       uint64_t *out_octets)
{
    *out_octets = name->has_size ? name->size : (uint64_t)st->st_size;
    return !name->trashed;
}

static bool missing(int sys)
{
    return sys == ENOENT || sys == ENOTDIR || sys == ELOOP;
}

/* 0 or an errno. What moves away meanwhile is no error: times tell of it. */
static int add_message(int dir, const char *file, struct tally *t)
{
    struct pf_maildir_name name;
    struct stat st = {.st_mode = S_IFREG};
    uint64_t octets;

    pf_maildir_name_parse(pf_bytes_of(file), &name);
    if (!name.has_size && fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISREG(st.st_mode) || !pf_maildir_weighs(&name, &st, &octets))
        return 0;
    t->usage.messages++;
    return __builtin_add_overflow(t->usage.octets, octets, &t->usage.octets) ? EOVERFLOW : 0;
}

/* Reads a directory; names with a dot in front are for `dots`, others for `plain`; either may be NULL. */
static int each(int fd, int (*plain)(int, const char *, struct tally *),
                int (*dots)(int, const char *, struct tally *), struct tally *t)
{
    int own = openat(fd, ".", OPEN_DIR), bad = 0;
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;

    if (!dir) {
        bad = errno;
        if (own >= 0)
            close(own);
        return bad;
    }
    while (!bad && (errno = 0, entry = readdir(dir))) {
        int (*take)(int, const char *, struct tally *) = entry->d_name[0] == '.' ? dots : plain;

        if (take)
            bad = take(fd, entry->d_name, t);
    }
    if (!bad)
        bad = errno;
    closedir(dir);
    return bad;
}

static int add_part(int folder, const char *part, struct tally *t)
{
    int fd = openat(folder, part, OPEN_DIR);
    struct stat st;
    int bad = 0;

    if (fd < 0)
        return missing(errno) ? 0 : errno;
    if (fstat(fd, &st) != 0)
        bad = errno;
    else if (pf_maildir_ns(st.st_mtim) > t->latest)
        t->latest = pf_maildir_ns(st.st_mtim);
    if (!bad && t->messages)
        bad = each(fd, add_message, NULL, t);
    close(fd);
    return bad;
}

static int add_folder(int folder, struct tally *t)
{
    int bad = add_part(folder, "new", t);

    return bad ? bad : add_part(folder, "cur", t);
}

/* A folder of Maildir++ (MP-001, MP-003, MP-004). */
static int add_sub(int root, const char *name, struct tally *t)
{
    int fd, bad;

    if (name[1] == 0 || name[1] == '.' || strcmp(name, ".Trash") == 0)
        return 0;
    fd = openat(root, name, OPEN_DIR);
    if (fd < 0)
        return missing(errno) ? 0 : errno;
    bad = add_folder(fd, t);
    close(fd);
    return bad;
}

static int add_all(int root, struct tally *t)
{
    int bad = add_folder(root, t);

    return bad ? bad : each(root, NULL, add_sub, t);
}

enum pf_code pf_maildir_count(int root, const char *path, struct pf_maildir_usage *out_usage,
                              int64_t *out_latest, struct pf_err *err)
{
    struct tally t = {.latest = INT64_MIN, .messages = true};
    int bad = add_all(root, &t);

    if (bad)
        return pf_fail(err, pf_code_of_errno(bad), bad, where, "%s: its quota cannot be counted: %s",
                       path, strerror(bad));
    *out_usage = t.usage;
    *out_latest = t.latest;
    return PF_OK;
}

int64_t pf_maildir_count_latest(int root)
{
    struct tally t = {.latest = INT64_MIN};

    return add_all(root, &t) ? INT64_MAX : t.latest;
}
