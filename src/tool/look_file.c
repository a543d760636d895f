#include "tool/look_parts.h"

#include "tool/explore_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TRIES = 10000, SPARE = 6 /* "-9999" */ };

/* Without a name where the file system can do that: then a crash leaves nothing behind. */
static int make(struct pf_look_file *f, const char *folder)
{
    char path[PF_EXPLORE_PATH];
    int fd = -1;

    f->temp[0] = 0;
    if (access("/proc/self/fd", X_OK) == 0) { /* it gets its name from there */
        fd = openat(f->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
            return fd;
    }
    if (snprintf(path, sizeof path, "%s/.postfach-XXXXXX", folder) >= (int)sizeof path)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        snprintf(f->temp, sizeof f->temp, "%s", path + strlen(folder) + 1);
    return fd;
}

enum pf_code pf_look_file_begin(struct pf_look_file *f, const char *folder, struct pf_err *err)
{
    *f = (struct pf_look_file){.fd = -1};
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder >= 0)
        f->fd = make(f, folder);
    if (f->fd >= 0)
        return PF_OK;
    pf_fail(err, pf_code_of_errno(errno), errno, "look", "no file can be made in %.200s", folder);
    if (f->folder >= 0)
        close(f->folder);
    return err->code;
}

void pf_look_file_take(void *self, struct pf_bytes piece)
{
    struct pf_look_file *f = self;

    while (piece.len && f->err.code == PF_OK) {
        ssize_t n = write(f->fd, piece.at, piece.len);

        if (n >= 0)
            piece = pf_bytes_skip(piece, (size_t)n);
        else if (errno != EINTR)
            pf_fail(&f->err, pf_code_of_errno(errno), errno, "look", "a file cannot be written");
    }
}

void pf_look_file_drop(struct pf_look_file *f)
{
    if (f->temp[0])
        unlinkat(f->folder, f->temp, 0);
    close(f->fd);
    close(f->folder);
}

/* Neither puts a file in another's place. */
static bool link_it(const struct pf_look_file *f, const char *name)
{
    char self[32];

    if (f->temp[0])
        return renameat2(f->folder, f->temp, f->folder, name, RENAME_NOREPLACE) == 0 ||
               (errno == EINVAL && linkat(f->folder, f->temp, f->folder, name, 0) == 0);
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    return linkat(AT_FDCWD, self, f->folder, name, AT_SYMLINK_FOLLOW) == 0;
}

/* A character of several octets is not cut in its middle. */
static size_t stem_of(const char *name, size_t most)
{
    size_t len = strlen(name);

    if (len <= most)
        return len;
    for (len = most; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

static bool name_it(const struct pf_look_file *f, const char *name, const char *ending,
                    char out[PF_LOOK_NAME])
{
    const char *dot = ending[0] ? NULL : strrchr(name, '.');
    size_t len;

    if (dot && dot != name && strlen(dot) < 16) /* the number stands before what the name ends with */
        ending = dot;
    len = stem_of(name, PF_EXPLORE_NAME - 1 - SPARE - strlen(ending));
    if (dot && ending == dot && len > (size_t)(dot - name))
        len = (size_t)(dot - name);
    for (unsigned i = 1; i < TRIES; i++) {
        if (i == 1)
            snprintf(out, PF_LOOK_NAME, "%.*s%s", (int)len, name, ending);
        else
            snprintf(out, PF_LOOK_NAME, "%.*s-%u%s", (int)len, name, i, ending);
        if (link_it(f, out))
            return true;
        if (errno != EEXIST)
            return false;
    }
    return false;
}

enum pf_code pf_look_file_keep(struct pf_look_file *f, const char *name, const char *ending,
                               char out_name[PF_LOOK_NAME], struct pf_err *err)
{
    enum pf_code code = f->err.code;

    if (code != PF_OK)
        *err = f->err;
    else if (fsync(f->fd) != 0 || !name_it(f, name, ending, out_name) || fsync(f->folder) != 0)
        code = pf_fail(err, pf_code_of_errno(errno), errno, "look", "%.100s%s cannot be written", name,
                       ending);
    pf_look_file_drop(f);
    return code;
}
