#include "fetch/carry_private.h"

#include "base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char where[] = "carry_link";

enum {
    CONNECT = 30000,   /* ms, for each address */
    REPLY_LINES = 1000 /* of one reply; more is no mail server */
};

static enum pf_code lost(const struct pf_carry_link *l, const char *what, int sys, struct pf_err *err)
{
    return pf_fail(err, PF_AGAIN, sys, where, "%s %s%s%s", l->to, pf_words(what), sys ? ": " : "",
                   sys ? strerror(sys) : "");
}

/* False: the time is over. */
static bool wait_for(int fd, short events, pf_time until)
{
    struct pollfd wanted = {.fd = fd, .events = events};

    for (;;) {
        pf_time left = until - pf_carry_now();
        int n = left > 0 ? poll(&wanted, 1, (int)left) : 0;

        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

/* A socket that is connected, or -1 with errno. */
static int connect_to(const struct sockaddr *at, socklen_t len)
{
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), sys = 0;
    socklen_t size = sizeof sys;

    if (fd < 0)
        return -1;
    if (connect(fd, at, len) != 0)
        sys = errno;
    if (sys == EINPROGRESS || sys == EINTR) {
        sys = 0;
        if (!wait_for(fd, POLLOUT, pf_carry_now() + CONNECT))
            sys = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &size) != 0)
            sys = errno;
    }
    if (!sys)
        return fd;
    close(fd);
    errno = sys;
    return -1;
}

static enum pf_code open_unix(struct pf_carry_link *l, const char *path, struct pf_err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (path[0] != '/' || len >= sizeof at.sun_path)
        return pf_fail(err, PF_CONFIG, 0, where, "%s is no unix:/PATH of a socket", l->to);
    memcpy(at.sun_path, path, len + 1);
    l->fd = connect_to((const struct sockaddr *)&at, sizeof at);
    return l->fd < 0 ? lost(l, "cannot be reached", errno, err) : PF_OK;
}

/* HOST:PORT or [ADDRESS]:PORT */
static bool split(const char *to, char host[256], char port[32])
{
    const char *colon = strrchr(to, ':');
    bool bracket = to[0] == '[' && colon && colon > to && colon[-1] == ']';
    size_t len = colon ? (size_t)(colon - to) - (bracket ? 2 : 0) : 0;

    if (!len || len > 255 || !colon[1] || strlen(colon + 1) > 31)
        return false;
    memcpy(host, to + bracket, len);
    host[len] = 0;
    snprintf(port, 32, "%s", colon + 1);
    return bracket || !strchr(host, ':');
}

static enum pf_code open_inet(struct pf_carry_link *l, struct pf_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char host[256], port[32];
    int bad, sys = 0;

    if (!split(l->to, host, port))
        return pf_fail(err, PF_CONFIG, 0, where, "%s is neither HOST:PORT nor unix:/PATH", l->to);
    bad = getaddrinfo(host, port, &hints, &list);
    if (bad)
        return pf_fail(err, bad == EAI_SERVICE ? PF_CONFIG : PF_AGAIN, 0, where,
                       "%s cannot be looked up: %s", l->to, gai_strerror(bad));
    for (const struct addrinfo *a = list; a && l->fd < 0; a = a->ai_next) {
        l->fd = connect_to(a->ai_addr, a->ai_addrlen);
        sys = errno;
    }
    freeaddrinfo(list);
    return l->fd < 0 ? lost(l, "cannot be reached", sys, err) : PF_OK;
}

enum pf_code pf_carry_link_open(struct pf_carry_link *l, const char *to, struct pf_err *err)
{
    static const char prefix[] = "unix:";

    *l = (struct pf_carry_link){.fd = -1, .to = to};
    if (strncmp(to, prefix, strlen(prefix)) == 0)
        return open_unix(l, to + strlen(prefix), err);
    return open_inet(l, err);
}

void pf_carry_link_close(struct pf_carry_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->in_len = l->in_at = 0;
}

enum pf_code pf_carry_link_send(struct pf_carry_link *l, struct pf_bytes out, pf_time wait,
                                struct pf_err *err)
{
    pf_time until = pf_carry_now() + wait;

    while (out.len) {
        ssize_t n = send(l->fd, out.at, out.len, MSG_NOSIGNAL);

        if (n > 0)
            out = pf_bytes_skip(out, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return lost(l, "has ended the conversation", errno, err);
        else if (!wait_for(l->fd, POLLOUT, until))
            return lost(l, "takes nothing any more", 0, err);
    }
    return PF_OK;
}

static enum pf_code fill(struct pf_carry_link *l, pf_time until, struct pf_err *err)
{
    ssize_t n;

    if (l->in_at)
        memmove(l->in, l->in + l->in_at, l->in_len - l->in_at);
    l->in_len -= l->in_at;
    l->in_at = 0;
    if (l->in_len == sizeof l->in)
        return pf_fail(err, PF_SYNTAX, 0, where, "%s: a line without an end", l->to);
    if (!wait_for(l->fd, POLLIN, until))
        return lost(l, "is silent", 0, err);
    n = recv(l->fd, l->in + l->in_len, sizeof l->in - l->in_len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return PF_OK;
    if (n <= 0)
        return lost(l, "has ended the conversation", n ? errno : 0, err);
    l->in_len += (size_t)n;
    return PF_OK;
}

static enum pf_code next_line(struct pf_carry_link *l, struct pf_bytes *out, pf_time until,
                              struct pf_err *err)
{
    enum pf_code code = PF_OK;

    for (;;) {
        const char *at = l->in + l->in_at;
        const char *end = memchr(at, '\n', l->in_len - l->in_at);

        if (end) {
            size_t len = (size_t)(end - at);

            *out = pf_bytes_from(at, len && at[len - 1] == '\r' ? len - 1 : len);
            l->in_at += len + 1;
            return PF_OK;
        }
        code = fill(l, until, err);
        if (code)
            return code;
    }
}

enum pf_code pf_carry_link_line(struct pf_carry_link *l, struct pf_carry_reply *r, bool *out_more,
                                pf_time wait, struct pf_err *err)
{
    struct pf_bytes line;
    enum pf_code code = next_line(l, &line, pf_carry_now() + wait, err);
    const unsigned char *d = line.at;

    if (code)
        return code;
    if (line.len < 3 || d[0] < '2' || d[0] > '5' || d[1] < '0' || d[1] > '9' || d[2] < '0' ||
        d[2] > '9' || (line.len > 3 && d[3] != ' ' && d[3] != '-'))
        return pf_fail(err, PF_SYNTAX, 0, where, "%s does not speak as a mail server does: \"%.*s\"",
                       l->to, (int)(line.len < 80 ? line.len : 80), (const char *)d);
    r->code = (d[0] - '0') * 100 + (d[1] - '0') * 10 + d[2] - '0';
    snprintf(r->text, sizeof r->text, "%.*s", (int)line.len, (const char *)d);
    *out_more = line.len > 3 && d[3] == '-';
    return PF_OK;
}

enum pf_code pf_carry_link_reply(struct pf_carry_link *l, struct pf_carry_reply *r, pf_time wait,
                                 struct pf_err *err)
{
    enum pf_code code = PF_OK;
    bool more = true;

    for (int i = 0; more && !code; i++) {
        code = i < REPLY_LINES ? pf_carry_link_line(l, r, &more, wait, err)
                               : pf_fail(err, PF_SYNTAX, 0, where, "%s: a reply without an end", l->to);
    }
    return code;
}

enum pf_code pf_carry_link_said(const struct pf_carry_link *l, const struct pf_carry_reply *r,
                                const char *what, enum pf_code code, struct pf_err *err)
{
    return pf_fail(err, code, 0, where, "%s to %s: %s", l->to, pf_words(what), r->text);
}
