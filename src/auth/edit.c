#include "auth/edit.h"

#include "auth/auth_file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOCK_TRIES = 100 /* the file was replaced each time while we waited: somebody plays with us */ };

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, ENOMEM, "edit", "no memory for the file");
}

static enum pf_code failed(const char *path, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, sys == ENOENT ? PF_CONFIG : pf_code_of_errno(sys), sys, "edit", "%s: %s",
                   path, strerror(sys));
}

/* True when the path still leads to the file that was locked. */
static bool lock(struct pf_edit *edit)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat now;
    int status;

    do
        status = fcntl(edit->fd, F_OFD_SETLKW, &whole);
    while (status < 0 && errno == EINTR);
    return status == 0 && fstat(edit->fd, &edit->st) == 0 && stat(edit->path, &now) == 0 &&
           now.st_dev == edit->st.st_dev && now.st_ino == edit->st.st_ino;
}

static enum pf_code open_locked(struct pf_edit *edit, struct pf_err *err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        edit->fd = open(edit->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (edit->fd < 0)
            return failed(edit->path, err);
        if (lock(edit))
            return PF_OK;
        close(edit->fd);
        edit->fd = -1;
    }
    return pf_fail(err, PF_BUSY, 0, "edit", "%s is replaced again and again", edit->path);
}

static enum pf_code read_text(struct pf_edit *edit, struct pf_err *err)
{
    struct pf_auth_stamp stamp;

    edit->text = pf_auth_file_read(edit->path, &edit->len, &stamp, err);
    return edit->text ? PF_OK : err ? err->code : PF_CONFIG;
}

/* The file's real path; a missing one is made. */
static enum pf_code find_file(struct pf_edit *edit, const char *path, bool create, struct pf_err *err)
{
    int fd;

    if (create) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        edit->created = fd >= 0;
        if (fd < 0 && errno != EEXIST)
            return failed(path, err);
        if (fd >= 0)
            close(fd);
    }
    return realpath(path, edit->path) ? PF_OK : failed(path, err);
}

enum pf_code pf_edit_open(struct pf_edit *edit, const char *path, bool create, struct pf_err *err)
{
    enum pf_code code;

    *edit = (struct pf_edit){.fd = -1};
    code = find_file(edit, path, create, err);
    if (code == PF_OK)
        code = open_locked(edit, err);
    if (code == PF_OK)
        code = read_text(edit, err);
    if (code != PF_OK)
        pf_edit_close(edit);
    return code;
}

void pf_edit_close(struct pf_edit *edit)
{
    if (edit->created)
        unlink(edit->path);
    if (edit->fd >= 0)
        close(edit->fd);
    if (edit->text)
        pf_wipe(edit->text, edit->len);
    free(edit->text);
    *edit = (struct pf_edit){.fd = -1};
}

enum pf_code pf_edit_replace(struct pf_edit *edit, struct pf_bytes old, const struct pf_bytes *pieces,
                             size_t count, struct pf_err *err)
{
    struct pf_bytes text = pf_bytes_from(edit->text, edit->len);
    size_t before = (size_t)(old.at - text.at), room = edit->len - old.len + 1;
    struct pf_span out = {0};

    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(room, pieces[i].len, &room))
            return no_memory(err);
    out = (struct pf_span){malloc(room), 0, room};
    if (!out.at)
        return no_memory(err);
    pf_span_put(&out, pf_bytes_head(text, before));
    for (size_t i = 0; i < count; i++)
        pf_span_put(&out, pieces[i]);
    pf_span_put(&out, pf_bytes_skip(text, before + old.len));
    pf_wipe(edit->text, edit->len);
    free(edit->text);
    edit->text = (char *)out.at;
    edit->len = out.len;
    return PF_OK;
}

enum pf_code pf_edit_append(struct pf_edit *edit, struct pf_bytes line, struct pf_err *err)
{
    bool cut = edit->len && edit->text[edit->len - 1] != '\n';
    struct pf_bytes pieces[] = {cut ? PF_LIT("\n") : PF_LIT(""), line, PF_LIT("\n")};

    return pf_edit_replace(edit, pf_bytes_from(edit->text + edit->len, 0), pieces, 3, err);
}

enum pf_code pf_edit_remove(struct pf_edit *edit, struct pf_bytes line, struct pf_err *err)
{
    if (line.at + line.len < (const unsigned char *)edit->text + edit->len)
        line.len++; /* its LF */
    return pf_edit_replace(edit, line, NULL, 0, err);
}

/* What the server would not read is not saved. */
static enum pf_code judge(const struct pf_edit *edit,
                          enum pf_code (*check)(const char *, char *, size_t, struct pf_err *),
                          struct pf_err *err)
{
    char *copy = malloc(edit->len + 1);

    if (!copy)
        return no_memory(err);
    memcpy(copy, edit->text, edit->len);
    return check(edit->path, copy, edit->len, err);
}

static bool write_all(int fd, struct pf_bytes rest)
{
    while (rest.len) {
        ssize_t n = write(fd, rest.at, rest.len);

        if (n < 0 && errno != EINTR)
            return false;
        rest = pf_bytes_skip(rest, n < 0 ? 0 : (size_t)n);
    }
    return true;
}

bool pf_edit_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    int fd;
    bool synced;

    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    fd = open(parent[0] ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

/* The owner first: a change of it clears bits of the mode. */
static bool fill(const struct pf_edit *edit, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if ((st.st_uid != edit->st.st_uid || st.st_gid != edit->st.st_gid) &&
        fchown(fd, edit->st.st_uid, edit->st.st_gid) < 0)
        return false;
    return fchmod(fd, edit->st.st_mode & 07777) == 0 &&
           write_all(fd, pf_bytes_from(edit->text, edit->len)) && fsync(fd) == 0;
}

enum pf_code pf_edit_save(struct pf_edit *edit,
                          enum pf_code (*check)(const char *path, char *text, size_t len, struct pf_err *err),
                          struct pf_err *err)
{
    enum pf_code code = judge(edit, check, err);
    char temporary[PATH_MAX];
    int len, fd;
    bool done;

    if (code != PF_OK)
        return code;
    len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", edit->path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return pf_fail(err, PF_CONFIG, ENAMETOOLONG, "edit", "%s: the path is too long",
                       edit->path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return failed(temporary, err);
    done = fill(edit, fd) && rename(temporary, edit->path) == 0;
    if (!done) {
        code = failed(edit->path, err);
        unlink(temporary);
    } else {
        edit->created = false;
        if (!pf_edit_sync_folder(edit->path))
            code = failed(edit->path, err);
    }
    close(fd);
    return code;
}
