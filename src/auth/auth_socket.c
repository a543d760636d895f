#include "auth/auth_socket.h"

#include "auth/auth_sql_slots.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum pf_code pf_socket_look(const char *kind, const char *path, struct pf_err *err)
{
    if (strlen(path) < sizeof((struct sockaddr_un *)0)->sun_path)
        return PF_OK;
    return pf_fail(err, PF_CONFIG, 0, kind, "userdb %s: a path of %zu octets is too long for a socket's", kind,
                   strlen(path));
}

/* To a socket whose queue is full, only a connect that blocks ever comes through; this bounds it. */
static void bound(int fd, pf_time deadline)
{
    pf_time left = deadline - pf_sql_now();
    struct timeval time = {.tv_sec = left > 0 ? left / 1000 : 0, .tv_usec = left > 0 ? left % 1000 * 1000 : 1000};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

int pf_socket_connect(const char *kind, const char *path, pf_time deadline, struct pf_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, failed;

    if (pf_socket_look(kind, path, err) != PF_OK)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        pf_fail(err, PF_TEMP, errno, kind, "%s: no socket: %s", kind, strerror(errno));
        return -1;
    }
    bound(fd, deadline);
    do
        failed = connect(fd, (const struct sockaddr *)&address, sizeof address);
    while (failed && errno == EINTR && pf_sql_now() < deadline);
    if (!failed)
        return fd;
    if (errno == EAGAIN) /* SO_SNDTIMEO says it so */
        errno = ETIMEDOUT;
    pf_fail(err, PF_TEMP, errno, kind, "%s: %s: %s", kind, path, strerror(errno));
    close(fd);
    return -1;
}

static bool again(int fd, short wanted, pf_time deadline)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN)
        return false;
    if (pf_sql_wait(fd, wanted, deadline))
        return true;
    errno = ETIMEDOUT;
    return false;
}

bool pf_socket_send(int fd, struct pf_bytes bytes, pf_time deadline)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0)
            bytes = pf_bytes_skip(bytes, (size_t)sent);
        else if (!again(fd, POLLOUT, deadline))
            return false;
    }
    return true;
}

ssize_t pf_socket_receive(int fd, void *at, size_t cap, pf_time deadline)
{
    ssize_t got;

    do
        got = recv(fd, at, cap, MSG_DONTWAIT);
    while (got < 0 && again(fd, POLLIN, deadline));
    return got;
}
