/* auth_file on disk: the row of the table, and the reading of the file. */
#include "auth/auth_file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void stamp_of(const struct stat *st, struct pf_auth_stamp *out)
{
    *out = (struct pf_auth_stamp){
        .there = 1,
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .changed = st->st_mtim.tv_sec,
        .changed_nano = st->st_mtim.tv_nsec,
        .touched = st->st_ctim.tv_sec,
        .touched_nano = st->st_ctim.tv_nsec,
    };
}

static bool stamp_fd(int fd, struct pf_auth_stamp *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    stamp_of(&st, out);
    return S_ISREG(st.st_mode);
}

/* Reads `len` octets and looks for one more: what grew meanwhile is read again later. */
static enum pf_code read_all(int fd, char *text, size_t len, struct pf_err *err)
{
    size_t have = 0;

    while (have <= len) {
        ssize_t n = read(fd, text + have, len + 1 - have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pf_fail(err, PF_IO, errno, "auth_file", "read: %s", strerror(errno));
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return have == len ? PF_OK
                       : pf_fail(err, PF_AGAIN, 0, "auth_file", "the file changed while it was read");
}

static char *read_fd(int fd, size_t *out_len, struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    struct pf_auth_stamp before, after;
    char *text;

    if (!stamp_fd(fd, &before) || before.size > PF_AUTH_FILE_MAX) {
        pf_fail(err, PF_CONFIG, 0, "auth_file", "this is no regular file of at most %d MiB",
                PF_AUTH_FILE_MAX / 1024 / 1024);
        return NULL;
    }
    text = malloc((size_t)before.size + 1);
    if (!text) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, "auth_file", "no memory for the file");
        return NULL;
    }
    if (read_all(fd, text, (size_t)before.size, err) == PF_OK) {
        if (stamp_fd(fd, &after) && memcmp(&before, &after, sizeof before) == 0) {
            *out_len = (size_t)before.size;
            *out_stamp = before;
            return text;
        }
        pf_fail(err, PF_AGAIN, 0, "auth_file", "the file changed while it was read");
    }
    pf_wipe(text, (size_t)before.size + 1);
    free(text);
    return NULL;
}

char *pf_auth_file_read(const char *path, size_t *out_len, struct pf_auth_stamp *out_stamp,
                        struct pf_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct pf_err why;
    char *text;

    if (fd < 0) {
        pf_fail(err, PF_CONFIG, errno, "auth_file", "%s: %s", path, strerror(errno));
        return NULL;
    }
    text = read_fd(fd, out_len, out_stamp, &why);
    close(fd);
    if (!text)
        pf_fail(err, why.code, why.sys, why.where, "%s: %s", path, why.log);
    return text;
}

static const char *path_of(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings)
{
    return userdb ? userdb->path : settings->password_file;
}

static void *row_open(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                      struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    const char *path = path_of(userdb, settings);
    size_t len;
    char *text = pf_auth_file_read(path, &len, out_stamp, err);

    return text ? pf_auth_file_parse(path, text, len, settings->allow_weak_schemes, err) : NULL;
}

static void row_close(void *self)
{
    pf_auth_file_free(self);
}

static enum pf_code row_find(void *self, struct pf_bytes name, struct pf_auth_entry *out,
                             struct pf_err *err)
{
    (void)err;
    return pf_auth_file_find(self, name, out);
}

static const char *row_common(const void *self)
{
    return pf_auth_file_common(self);
}

static unsigned row_forms(const void *self)
{
    return pf_auth_file_forms(self);
}

static bool row_some_need_tls(const void *self)
{
    return pf_auth_file_some_need_tls(self);
}

static size_t row_count(const void *self)
{
    return pf_auth_file_count(self);
}

static void row_stamp(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                      struct pf_auth_stamp *out)
{
    struct stat st;

    *out = (struct pf_auth_stamp){0};
    if (stat(path_of(userdb, settings), &st) == 0)
        stamp_of(&st, out);
}

const struct pf_auth_source pf_auth_file_source = {
    .kind = "password_file",
    .in_memory = true,
    .knows_users = true,
    .open = row_open,
    .close = row_close,
    .find = row_find,
    .common = row_common,
    .forms = row_forms,
    .some_need_tls = row_some_need_tls,
    .count = row_count,
    .stamp = row_stamp,
};

enum pf_code pf_auth_file_check(const char *path, bool allow_weak, char *out_warning, struct pf_err *err)
{
    struct pf_auth_stamp stamp;
    struct pf_auth_file *file;
    struct stat st;
    struct pf_err why;
    size_t len;
    char *text = pf_auth_file_read(path, &len, &stamp, &why);

    out_warning[0] = 0;
    file = text ? pf_auth_file_parse(path, text, len, allow_weak, &why) : NULL;
    if (!file)
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO))
        snprintf(out_warning, PF_ERR_LOG, "%s: others may look at it (mode %03o): chmod o= it", path,
                 st.st_mode & 0777);
    else if (pf_auth_file_some_weak(file))
        snprintf(out_warning, PF_ERR_LOG, "%s: holds passwords of weak schemes", path);
    pf_auth_file_free(file);
    return PF_OK;
}
