#include "sys/journal_day.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 3600 };

static const char prefix[] = "journal-";

bool pf_journal_day_name(char out_name[PF_JOURNAL_NAME], int64_t day)
{
    time_t seconds;
    struct tm tm;

    if (__builtin_mul_overflow(day, DAY, &seconds) || !gmtime_r(&seconds, &tm) || tm.tm_year < 0 ||
        tm.tm_year > 9999 - 1900)
        return false;
    return strftime(out_name, PF_JOURNAL_NAME, "journal-%Y%m%d", &tm) == PF_JOURNAL_NAME - 1;
}

bool pf_journal_day_of(const char *name, int64_t *out_day)
{
    char again[PF_JOURNAL_NAME];
    struct tm tm = {0};
    unsigned long number;
    int64_t day;

    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strlen(name) != PF_JOURNAL_NAME - 1)
        return false;
    number = strtoul(name + sizeof prefix - 1, NULL, 10);
    tm.tm_year = (int)(number / 10000) - 1900;
    tm.tm_mon = (int)(number / 100 % 100) - 1;
    tm.tm_mday = (int)(number % 100);
    day = timegm(&tm) / DAY;
    if (!pf_journal_day_name(again, day) || strcmp(again, name) != 0)
        return false;
    *out_day = day;
    return true;
}

void pf_journal_day_close(struct pf_journal_day *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static enum pf_code failed(struct pf_err *err, const char *what, const char *path)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, "journal", "%s %s: %s", what, path, strerror(sys));
}

static void sweep(const struct pf_journal_day *d)
{
    DIR *folder = d->keep_days < 0 ? NULL : opendir(d->folder);
    const struct dirent *entry;
    int64_t day;

    while (folder && (entry = readdir(folder)))
        if (pf_journal_day_of(entry->d_name, &day) && day < d->day - d->keep_days)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

/* What root makes must not lock out the server's user, whose folder it is. */
static void give_to_owner(int fd, const char *folder)
{
    struct stat st;

    if (geteuid() == 0 && stat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) != 0)
        return; /* then root reads it */
}

static int open_path(const char *path, const char *folder)
{
    int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(path, flags | O_CREAT | O_EXCL, 0600);

    if (fd >= 0)
        give_to_owner(fd, folder);
    return fd < 0 && errno == EEXIST ? open(path, flags) : fd;
}

/* Not a file of ours alone: a trap, or a mistake. */
static enum pf_code look_at(struct pf_journal_day *d, const char *path, struct pf_err *err)
{
    struct stat st;
    char last;

    if (fstat(d->fd, &st) != 0)
        return failed(err, "cannot look at", path);
    if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        return pf_fail(err, PF_PERM, 0, "journal", "%s is no file with one name", path);
    d->torn = st.st_size > 0 && pread(d->fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
    return PF_OK;
}

static enum pf_code open_day(struct pf_journal_day *d, int64_t day, struct pf_err *err)
{
    char name[PF_JOURNAL_NAME], path[PATH_MAX];
    enum pf_code code;

    if (!pf_journal_day_name(name, day) ||
        (size_t)snprintf(path, sizeof path, "%s/%s", d->folder, name) >= sizeof path)
        return pf_fail(err, PF_CONFIG, 0, "journal", "%s: no file name for this day", d->folder);
    d->fd = open_path(path, d->folder);
    if (d->fd < 0 && errno == ENOENT && mkdir(d->folder, 0700) == 0)
        d->fd = open_path(path, d->folder);
    if (d->fd < 0)
        return failed(err, "cannot open", path);
    d->day = day;
    code = look_at(d, path, err);
    if (code == PF_OK)
        sweep(d);
    else
        pf_journal_day_close(d);
    return code;
}

/* The file of another day, or one that somebody removed, is not written to. */
static enum pf_code turn_to(struct pf_journal_day *d, int64_t day, struct pf_err *err)
{
    struct stat st;

    if (d->fd >= 0 && (d->day != day || fstat(d->fd, &st) != 0 || st.st_nlink == 0))
        pf_journal_day_close(d);
    return d->fd >= 0 ? PF_OK : open_day(d, day, err);
}

static size_t whole_lines(struct pf_bytes lines)
{
    const unsigned char *end = lines.len ? memrchr(lines.at, '\n', lines.len) : NULL;

    return end ? (size_t)(end + 1 - lines.at) : 0;
}

static ssize_t put(int fd, struct pf_bytes b)
{
    ssize_t n;

    do
        n = write(fd, b.at, b.len);
    while (n < 0 && errno == EINTR);
    return n;
}

enum pf_code pf_journal_day_write(struct pf_journal_day *d, struct pf_bytes lines, int64_t now, size_t *out_taken,
                                  struct pf_err *err)
{
    enum pf_code code = turn_to(d, now / DAY, err);
    ssize_t n;

    *out_taken = 0;
    if (code != PF_OK || lines.len == 0)
        return code;
    if (d->torn && put(d->fd, PF_LIT("\n")) != 1)
        return failed(err, "cannot write the journal in", d->folder);
    d->torn = false;
    n = put(d->fd, lines);
    if (n < 0)
        return failed(err, "cannot write the journal in", d->folder);
    *out_taken = whole_lines(pf_bytes_head(lines, (size_t)n));
    d->torn = *out_taken < (size_t)n;
    if ((size_t)n == lines.len)
        return PF_OK;
    return pf_fail(err, PF_NO_SPACE, ENOSPC, "journal", "there is no room for the journal in %s", d->folder);
}
