#include "tool/probe_link.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/probe_private.h"

static enum pf_code wait_for(int fd, short what, struct pf_err *err)
{
    struct pollfd poll_fd = {.fd = fd, .events = what};
    int n;

    do
        n = poll(&poll_fd, 1, PF_PROBE_WAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return PF_OK;
    return pf_fail(err, PF_TEMP, 0, "probe", "no answer within %d seconds", PF_PROBE_WAIT / 1000);
}

static int connect_one(const struct addrinfo *address, struct pf_err *err)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int problem = 0;
    socklen_t len = sizeof problem;

    if (fd < 0) {
        pf_fail(err, PF_TEMP, errno, "probe", "no socket");
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    if (errno != EINPROGRESS)
        pf_fail(err, PF_TEMP, errno, "probe", "cannot connect");
    else if (wait_for(fd, POLLOUT, err) == PF_OK) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len);
        if (!problem)
            return fd;
        pf_fail(err, PF_TEMP, problem, "probe", "cannot connect");
    }
    close(fd);
    return -1;
}

struct pf_probe_link *pf_probe_connect(const char *host, const char *port, struct pf_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    struct pf_probe_link *link;
    int fd = -1;
    int problem = getaddrinfo(host, port, &hints, &list);

    if (problem) {
        pf_fail(err, PF_TEMP, 0, "probe", "%s: %s", host, gai_strerror(problem));
        return NULL;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a, err);
    freeaddrinfo(list);
    link = fd < 0 ? NULL : calloc(1, sizeof *link);
    if (link)
        link->fd = fd;
    else if (fd >= 0)
        close(fd);
    return link;
}

void pf_probe_close(struct pf_probe_link *link)
{
    if (!link)
        return;
    if (link->ssl) {
        SSL_shutdown(link->ssl);
        SSL_free(link->ssl);
        SSL_CTX_free(link->context);
    }
    close(link->fd);
    free(link);
}

/* What an SSL call wants before it can go on. */
static enum pf_code ssl_wait(struct pf_probe_link *link, int result, struct pf_err *err)
{
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(link->fd, POLLIN, err);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(link->fd, POLLOUT, err);
    case SSL_ERROR_ZERO_RETURN:
        return pf_fail(err, PF_GONE, 0, "probe", "the server closed the connection");
    default:
        return pf_fail(err, PF_GONE, 0, "probe", "the connection broke");
    }
}

static enum pf_code fill(struct pf_probe_link *link, struct pf_err *err)
{
    enum pf_code code = PF_OK;
    ssize_t n;

    while (code == PF_OK) {
        char *at = link->buffer + link->len;
        size_t room = sizeof link->buffer - link->len;

        ERR_clear_error();
        n = link->ssl ? SSL_read(link->ssl, at, (int)room) : read(link->fd, at, room);
        if (n > 0) {
            link->len += (size_t)n;
            return PF_OK;
        }
        if (link->ssl)
            code = ssl_wait(link, (int)n, err);
        else if (n == 0)
            code = pf_fail(err, PF_GONE, 0, "probe", "the server closed the connection");
        else if (errno == EAGAIN)
            code = wait_for(link->fd, POLLIN, err);
        else
            code = pf_fail(err, PF_GONE, errno, "probe", "the connection broke");
    }
    return code;
}

enum pf_code pf_probe_read(struct pf_probe_link *link, char line[PF_PROBE_LINE], struct pf_err *err)
{
    for (;;) {
        char *end = memchr(link->buffer, '\n', link->len);
        enum pf_code code;

        if (end) {
            size_t taken = (size_t)(end - link->buffer) + 1;
            size_t len = taken - 1 - (taken > 1 && end[-1] == '\r');

            memcpy(line, link->buffer, len);
            line[len] = 0;
            link->len -= taken;
            memmove(link->buffer, end + 1, link->len);
            return PF_OK;
        }
        if (link->len == sizeof link->buffer)
            return pf_fail(err, PF_TOO_LONG, 0, "probe", "a line of more than %zu octets", link->len);
        code = fill(link, err);
        if (code != PF_OK)
            return code;
    }
}

enum pf_code pf_probe_write(struct pf_probe_link *link, const char *text, struct pf_err *err)
{
    size_t len = strlen(text);
    enum pf_code code = PF_OK;

    while (len && code == PF_OK) {
        ssize_t n;

        ERR_clear_error();
        n = link->ssl ? SSL_write(link->ssl, text, (int)len) : send(link->fd, text, len, MSG_NOSIGNAL);
        if (n > 0)
            text += n, len -= (size_t)n;
        else if (link->ssl)
            code = ssl_wait(link, (int)n, err);
        else if (errno == EAGAIN)
            code = wait_for(link->fd, POLLOUT, err);
        else
            code = pf_fail(err, PF_GONE, errno, "probe", "the connection broke");
    }
    return code;
}

size_t pf_probe_pending(const struct pf_probe_link *link)
{
    return link->len;
}

enum pf_code pf_probe_handshake(struct pf_probe_link *link, struct pf_err *err)
{
    for (;;) {
        enum pf_code code;
        int result;

        ERR_clear_error();
        result = SSL_connect(link->ssl);
        if (result == 1)
            return PF_OK;
        if (SSL_get_error(link->ssl, result) == SSL_ERROR_SSL)
            return pf_fail(err, PF_TEMP, 0, "probe", "the TLS handshake failed: %s",
                           ERR_reason_error_string(ERR_peek_last_error()));
        code = ssl_wait(link, result, err);
        if (code != PF_OK)
            return code;
    }
}
