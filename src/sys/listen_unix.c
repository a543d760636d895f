#include "sys/listen_unix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char where[] = "pf_listen_open";

static enum pf_code cannot(const char *what, const char *path, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, PF_CONFIG, sys, where, "cannot %s %s: %s", what, path, strerror(sys));
}

static bool name_of(const char *path, struct sockaddr_un *out_name)
{
    size_t len = strlen(path);

    *out_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len >= sizeof out_name->sun_path)
        return false;
    memcpy(out_name->sun_path, path, len);
    return true;
}

/* May the place be taken? Nothing stands there, or a socket that refuses to be connected to: its
 * listener has died. */
static enum pf_code look_at(const char *path, struct pf_err *err)
{
    struct sockaddr_un name;
    struct stat st;
    int fd, sys;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? PF_OK : cannot("look at", path, err);
    if (!S_ISSOCK(st.st_mode))
        return pf_fail(err, PF_CONFIG, 0, where, "%s is there already, and is no socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !name_of(path, &name))
        return cannot("make a socket for", path, err);
    sys = connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 ? 0 : errno;
    close(fd);
    if (sys == ECONNREFUSED)
        return PF_OK;
    return pf_fail(err, PF_CONFIG, sys, where, "another program listens on %s", path);
}

static bool make(const char *path, const struct pf_listen_place *place, int fd)
{
    struct sockaddr_un name;

    if (!name_of(path, &name)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return bind(fd, (const struct sockaddr *)&name, sizeof name) == 0 && chmod(path, (mode_t)place->mode) == 0 &&
           listen(fd, place->backlog) == 0;
}

static enum pf_code take_place(const char *temporary, const struct pf_listen_place *place, struct pf_err *err)
{
    enum pf_code code = look_at(place->address, err);

    if (code == PF_OK && rename(temporary, place->address) != 0)
        code = cannot("make the socket", place->address, err);
    return code;
}

static enum pf_code open_at(const struct pf_listen_place *place, struct pf_listen_unix *s, int fd, struct pf_err *err)
{
    char temporary[128];
    enum pf_code code;
    struct stat st;

    snprintf(temporary, sizeof temporary, "%s.%x", place->address, (unsigned)getpid());
    unlink(temporary); /* of a process that had our number and died right here */
    if (!make(temporary, place, fd) || lstat(temporary, &st) != 0) {
        code = cannot("listen on", place->address, err);
        unlink(temporary);
        return code;
    }
    code = take_place(temporary, place, err);
    if (code != PF_OK)
        unlink(temporary);
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return code;
}

enum pf_code pf_listen_unix_open(const struct pf_listen_place *place, struct pf_listen_unix *out_socket,
                                 int *out_fd, struct pf_err *err)
{
    struct pf_listen_unix s = {.path = strdup(place->address)};
    int fd = s.path ? socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    enum pf_code code;

    code = fd < 0 ? cannot("make a socket for", place->address, err) : open_at(place, &s, fd, err);
    if (code == PF_OK) {
        *out_socket = s;
        *out_fd = fd;
        return PF_OK;
    }
    if (fd >= 0)
        close(fd);
    free(s.path);
    return code;
}

void pf_listen_unix_remove(struct pf_listen_unix *s)
{
    struct stat st;

    if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
        unlink(s->path);
    free(s->path);
    s->path = NULL;
}

void pf_listen_unix_leave(struct pf_listen_unix *socket_file)
{
    free(socket_file->path);
    socket_file->path = NULL;
}
