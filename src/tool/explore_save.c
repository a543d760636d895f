#include "tool/explore_save.h"

#include "tool/explore_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ENDING = 16, /* a longer one is none: ".document.final" is part of a name */
    TRIES = 1000,
    PIECE = 65536
};

/* Where the ending begins, or the end. */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && dot != name && strlen(dot) <= ENDING ? dot : name + strlen(name);
}

/* Octets of a text up to `most`, between characters. */
static size_t whole(const char *text, size_t most)
{
    size_t at = 0, len;

    while (text[at]) {
        pf_explore_cell(text + at, &len);
        if (at + len > most)
            break;
        at += len;
    }
    return at;
}

static void join(char out[PF_EXPLORE_NAME], const char *stem, size_t stem_len, const char *middle,
                 const char *ending)
{
    size_t rest = strlen(middle) + strlen(ending);

    stem_len =
        whole(stem, stem_len < PF_EXPLORE_NAME - 1 - rest ? stem_len : PF_EXPLORE_NAME - 1 - rest);
    snprintf(out, PF_EXPLORE_NAME, "%.*s%s%s", (int)stem_len, stem, middle, ending);
}

void pf_explore_name(const char *theirs, const char *fallback, char out[PF_EXPLORE_NAME])
{
    const char *base = theirs, *ending;
    char *safe, *end;

    for (const char *c = theirs; *c; c++)
        if (*c == '/' || *c == '\\')
            base = c + 1;
    safe = pf_explore_clean(pf_bytes_of(base), PF_EXPLORE_LINE, PF_EXPLORE_PATH);
    if (!safe) {
        join(out, fallback, strlen(fallback), "", "");
        return;
    }
    for (char *c = safe; *c; c++)
        if (strchr("?*:|<>\"'`;$(){}[]&!#~", *c)) /* not names everywhere, or a shell's */
            *c = '_';
    for (base = safe; *base == '.' || *base == ' ' || *base == '-';) /* hidden; an option of a command */
        base++;
    for (end = safe + strlen(safe); end > base && (end[-1] == ' ' || end[-1] == '.'); end--)
        end[-1] = 0;
    if (!*base)
        base = fallback;
    ending = ending_of(base);
    join(out, base, (size_t)(ending - base), "", ending);
    free(safe);
}

void pf_explore_name_free(char name[PF_EXPLORE_NAME])
{
    char first[PF_EXPLORE_NAME], number[16];
    const char *ending;

    memcpy(first, name, sizeof first);
    ending = ending_of(first);
    for (unsigned i = 2; i < TRIES && faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0; i++) {
        snprintf(number, sizeof number, "-%u", i);
        join(name, first, (size_t)(ending - first), number, ending);
    }
}

int pf_explore_create(const char *path, const char *home, char out_path[PF_EXPLORE_PATH],
                      struct pf_err *err)
{
    bool at_home = path[0] == '~' && path[1] == '/' && home;
    int n = snprintf(out_path, PF_EXPLORE_PATH, "%s%s", at_home ? home : "", at_home ? path + 1 : path),
        fd;

    if (n < 0 || n >= PF_EXPLORE_PATH) {
        pf_fail(err, PF_TOO_LONG, 0, "explore_create", "the name is too long");
        return -1;
    }
    fd = open(out_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        pf_fail(err, errno == EEXIST ? PF_PERM : pf_code_of_errno(errno), errno, "explore_create", "%s",
                out_path);
    return fd;
}

enum pf_code pf_explore_created(int fd, const char *path, bool good, struct pf_err *err)
{
    int sys = 0;

    if (good && fsync(fd) != 0 && errno != EINVAL) /* EINVAL: no file of a disk */
        sys = errno;
    if (close(fd) != 0 && !sys)
        sys = errno;
    if (good && !sys)
        return PF_OK;
    unlink(path);
    return good ? pf_fail(err, pf_code_of_errno(sys), sys, "explore_created", "%s", path) : PF_IO;
}

static bool write_all(int to, const char *at, size_t len)
{
    while (len) {
        ssize_t n = write(to, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

enum pf_code pf_explore_copy(int from, int to, struct pf_err *err)
{
    static char piece[PIECE];
    off_t at = 0;

    for (;;) {
        ssize_t n = pread(from, piece, sizeof piece, at);

        if (n == 0)
            return PF_OK;
        if (n < 0 || !write_all(to, piece, (size_t)n))
            return pf_fail(err, pf_code_of_errno(errno), errno, "explore_copy",
                           "the message cannot be written");
        at += n;
    }
}
