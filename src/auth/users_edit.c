#include "auth/users_edit.h"

#include "auth/auth_file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_TRIES = 100 /* the file was replaced each time while we waited: somebody plays with us */ };

struct pf_users {
    char path[PATH_MAX]; /* without symlinks: the file is replaced, not a link to it */
    int fd;              /* locked */
    struct stat st;
    bool created;
    char *text;
    size_t len;
};

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, ENOMEM, "users_edit", "no memory for the file");
}

static enum pf_code failed(const char *path, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, sys == ENOENT ? PF_CONFIG : pf_code_of_errno(sys), sys, "users_edit", "%s: %s",
                   path, strerror(sys));
}

/* True when the path still leads to the file that was locked. */
static bool lock(struct pf_users *users)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat now;
    int status;

    do
        status = fcntl(users->fd, F_OFD_SETLKW, &whole);
    while (status < 0 && errno == EINTR);
    return status == 0 && fstat(users->fd, &users->st) == 0 && stat(users->path, &now) == 0 &&
           now.st_dev == users->st.st_dev && now.st_ino == users->st.st_ino;
}

static enum pf_code open_locked(struct pf_users *users, struct pf_err *err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        users->fd = open(users->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (users->fd < 0)
            return failed(users->path, err);
        if (lock(users))
            return PF_OK;
        close(users->fd);
        users->fd = -1;
    }
    return pf_fail(err, PF_BUSY, 0, "users_edit", "%s is replaced again and again", users->path);
}

static enum pf_code read_text(struct pf_users *users, struct pf_err *err)
{
    struct pf_auth_stamp stamp;

    users->text = pf_auth_file_read(users->path, &users->len, &stamp, err);
    return users->text ? PF_OK : err ? err->code : PF_CONFIG;
}

/* The file's real path; a missing one is made. */
static enum pf_code find_file(struct pf_users *users, const char *path, bool create, struct pf_err *err)
{
    int fd;

    if (create) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        users->created = fd >= 0;
        if (fd < 0 && errno != EEXIST)
            return failed(path, err);
        if (fd >= 0)
            close(fd);
    }
    return realpath(path, users->path) ? PF_OK : failed(path, err);
}

struct pf_users *pf_users_open(const char *path, bool create, struct pf_err *err)
{
    struct pf_users *users = calloc(1, sizeof *users);
    struct pf_err why;

    if (!users) {
        no_memory(err);
        return NULL;
    }
    users->fd = -1;
    if (find_file(users, path, create, &why) == PF_OK && open_locked(users, &why) == PF_OK &&
        read_text(users, &why) == PF_OK)
        return users;
    if (err)
        *err = why;
    pf_users_close(users);
    return NULL;
}

void pf_users_close(struct pf_users *users)
{
    if (!users)
        return;
    if (users->created)
        unlink(users->path);
    if (users->fd >= 0)
        close(users->fd);
    if (users->text)
        pf_wipe(users->text, users->len);
    free(users->text);
    free(users);
}

/* The user's line, without its end; {NULL, 0} when there is none. */
static struct pf_bytes line_of(const struct pf_users *users, const char *name)
{
    struct pf_bytes rest = pf_bytes_from(users->text, users->len);

    while (rest.len) {
        struct pf_bytes line = pf_bytes_head(rest, pf_find(rest, '\n'));
        struct pf_bytes head = pf_bytes_head(line, pf_find(line, ':'));

        if (line.len && line.at[0] != '#' && head.len < line.len &&
            pf_bytes_equal(head, pf_bytes_of(name)))
            return line;
        rest = pf_bytes_skip(rest, line.len + 1);
    }
    return (struct pf_bytes){0};
}

bool pf_users_has(const struct pf_users *users, const char *name)
{
    return line_of(users, name).at != NULL;
}

/* Puts `count` pieces in the place of `old`, which is a part of the text. */
static enum pf_code replace(struct pf_users *users, struct pf_bytes old, const struct pf_bytes *pieces,
                            size_t count, struct pf_err *err)
{
    struct pf_bytes text = pf_bytes_from(users->text, users->len);
    size_t before = (size_t)(old.at - text.at), room = users->len - old.len + 1;
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
    pf_wipe(users->text, users->len);
    free(users->text);
    users->text = (char *)out.at;
    users->len = out.len;
    return PF_OK;
}

static enum pf_code no_user(const char *name, struct pf_err *err)
{
    return pf_fail(err, PF_NO_USER, 0, "users_edit", "there is no user %s", name);
}

enum pf_code pf_users_add(struct pf_users *users, const char *name, const char *stored,
                          const char *extra, struct pf_err *err)
{
    struct pf_bytes end = pf_bytes_from(users->text + users->len, 0);
    bool cut = users->len && users->text[users->len - 1] != '\n';
    struct pf_bytes pieces[] = {
        cut ? PF_LIT("\n") : PF_LIT(""),          pf_bytes_of(name),  PF_LIT(":"),  pf_bytes_of(stored),
        extra[0] ? PF_LIT("::::::") : PF_LIT(""), pf_bytes_of(extra), PF_LIT("\n"),
    };

    if (pf_users_has(users, name))
        return pf_fail(err, PF_STATE, 0, "users_edit", "there is a user %s already", name);
    return replace(users, end, pieces, sizeof pieces / sizeof pieces[0], err);
}

enum pf_code pf_users_password(struct pf_users *users, const char *name, const char *stored,
                               struct pf_err *err)
{
    struct pf_bytes line = line_of(users, name), field, piece = pf_bytes_of(stored);
    size_t end;

    if (!line.at)
        return no_user(name, err);
    field = pf_bytes_skip(line, strlen(name) + 1);
    end = pf_find(field, ':');
    if (end == field.len && end && field.at[end - 1] == '\r')
        end--;
    return replace(users, pf_bytes_head(field, end), &piece, 1, err);
}

enum pf_code pf_users_remove(struct pf_users *users, const char *name, struct pf_err *err)
{
    struct pf_bytes line = line_of(users, name);

    if (!line.at)
        return no_user(name, err);
    if (line.at + line.len < (const unsigned char *)users->text + users->len)
        line.len++; /* its LF */
    return replace(users, line, NULL, 0, err);
}

/* What the server would not read is not saved. Weak schemes may be allowed there. */
static enum pf_code check(const struct pf_users *users, struct pf_err *err)
{
    struct pf_auth_file *file;
    char *copy = malloc(users->len + 1);

    if (!copy)
        return no_memory(err);
    memcpy(copy, users->text, users->len);
    file = pf_auth_file_parse(users->path, copy, users->len, true, err);
    pf_auth_file_free(file);
    return file ? PF_OK : err ? err->code : PF_CONFIG;
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

static bool sync_directory(const char *path)
{
    char parent[PATH_MAX];
    int fd;
    bool synced;

    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = 0;
    fd = open(parent[0] ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

/* The owner first: a change of it clears bits of the mode. */
static bool fill(const struct pf_users *users, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if ((st.st_uid != users->st.st_uid || st.st_gid != users->st.st_gid) &&
        fchown(fd, users->st.st_uid, users->st.st_gid) < 0)
        return false;
    return fchmod(fd, users->st.st_mode & 07777) == 0 &&
           write_all(fd, pf_bytes_from(users->text, users->len)) && fsync(fd) == 0;
}

enum pf_code pf_users_save(struct pf_users *users, struct pf_err *err)
{
    enum pf_code code = check(users, err);
    char temporary[PATH_MAX];
    int len, fd;
    bool done;

    if (code != PF_OK)
        return code;
    len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", users->path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return pf_fail(err, PF_CONFIG, ENAMETOOLONG, "users_edit", "%s: the path is too long",
                       users->path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return failed(temporary, err);
    done = fill(users, fd) && rename(temporary, users->path) == 0;
    if (!done) {
        code = failed(users->path, err);
        unlink(temporary);
    } else {
        users->created = false;
        if (!sync_directory(users->path))
            code = failed(users->path, err);
    }
    close(fd);
    return code;
}
