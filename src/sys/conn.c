#include "sys/conn_private.h"

#include "base/text.h"
#include "base/words.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static_assert((int)PF_CONN_READ == (int)UV_READABLE && (int)PF_CONN_WRITE == (int)UV_WRITABLE,
              "what is wanted is handed to libuv as it is");

/* One allocation; the handle comes second so that this file alone knows of it. */
struct whole {
    struct pf_conn conn;
    uv_poll_t poll;
};

enum { TOLD_VERSION = 16, TOLD = 64 };

static uv_poll_t *poll_of(struct pf_conn *conn)
{
    return &((struct whole *)conn)->poll;
}

enum pf_io pf_conn_failed(int sys, const char *where, const char *what, struct pf_err *err)
{
    pf_fail(err, PF_IO, sys, where, "%s: %s", pf_words(what), strerror(sys));
    if (err)
        snprintf(err->say, sizeof err->say, "connection trouble");
    return PF_IO_FAILED;
}

static bool hopeless(const struct pf_conn *conn)
{
    return conn->broken || conn->layer == PF_LAYER_DEAD;
}

static bool reading(const struct pf_conn *conn)
{
    return (conn->want & PF_CONN_READ) && !conn->half_record;
}

static bool readable_without_socket(const struct pf_conn *conn)
{
    return conn->eof || pf_conn_tls_pending(conn);
}

static unsigned to_watch(const struct pf_conn *conn)
{
    unsigned events = 0;

    if (hopeless(conn))
        return 0;
    if (conn->layer == PF_LAYER_SHAKING)
        return conn->read_needs_write ? UV_WRITABLE : UV_READABLE;
    if (reading(conn) && !readable_without_socket(conn))
        events |= conn->read_needs_write ? UV_WRITABLE : UV_READABLE;
    if (conn->want & PF_CONN_WRITE)
        events |= conn->write_needs_read ? UV_READABLE : UV_WRITABLE;
    return events;
}

/* What is wanted and can be done although the socket says nothing. */
static unsigned ready(const struct pf_conn *conn)
{
    if (hopeless(conn))
        return conn->want;
    return reading(conn) && readable_without_socket(conn) ? PF_CONN_READ : 0;
}

static void polled(uv_poll_t *poll, int status, int events);

void pf_conn_watch(struct pf_conn *conn, unsigned events)
{
    if (events == conn->watched)
        return;
    conn->watched = events;
    if (events)
        uv_poll_start(poll_of(conn), (int)events, polled);
    else
        uv_poll_stop(poll_of(conn));
}

/* Who wants nothing for the moment is left watched for input: nearly always there is none before
 * it is wanted again, and each change of the handle costs two system calls. */
static bool nearly(const struct pf_conn *conn, unsigned events)
{
    return events == 0 && conn->watched == PF_CONN_READ && !hopeless(conn);
}

void pf_conn_arm(struct pf_conn *conn)
{
    unsigned events = to_watch(conn);

    if (!nearly(conn, events))
        pf_conn_watch(conn, events);
    if (conn->layer != PF_LAYER_SHAKING && ready(conn) && !conn->later.queued)
        pf_loop_later(conn->loop, &conn->later);
}

/* The session may close in its wake; the memory stays until the end of the turn. */
static void wake(struct pf_conn *conn, unsigned what)
{
    if (what)
        conn->wake(conn->self, what);
    if (!conn->closed)
        pf_conn_arm(conn);
}

static void socket_ready(struct pf_conn *conn, unsigned events)
{
    unsigned what = ready(conn);

    if (reading(conn) && (events & (conn->read_needs_write ? PF_CONN_WRITE : PF_CONN_READ)))
        what |= PF_CONN_READ;
    if (events & (conn->write_needs_read ? PF_CONN_READ : PF_CONN_WRITE))
        what |= conn->want & PF_CONN_WRITE;
    if (what & PF_CONN_WRITE)
        pf_conn_peer_ready(conn);
    if (!what)
        pf_conn_watch(conn, to_watch(conn)); /* there was input that nobody wants */
    wake(conn, what);
}

/* What ends the handshake leaves with what the session says then, if it does. */
static void shake(struct pf_conn *conn)
{
    wake(conn, pf_conn_tls_shake(conn) ? PF_CONN_TLS : 0);
    if (!conn->closed)
        pf_conn_cork(conn, false);
}

static void polled(uv_poll_t *poll, int status, int events)
{
    struct pf_conn *conn = poll->data;

    if (status < 0) { /* libuv has stopped the handle */
        conn->broken = true;
        conn->watched = 0;
    }
    if (conn->closed)
        pf_conn_linger(conn, (unsigned)events);
    else if (conn->layer == PF_LAYER_SHAKING)
        shake(conn);
    else
        socket_ready(conn, (unsigned)events);
}

/* Texts that most connections do not have are not part of it. */
static const char no_text[] = "";

static void forget_text(const char *text)
{
    if (text != no_text)
        free((void *)(uintptr_t)text);
}

void pf_conn_keep_text(const char **text, const char *value)
{
    const char *kept = value[0] ? strdup(value) : NULL;

    forget_text(*text);
    *text = kept ? kept : no_text;
}

static void conn_free(struct pf_conn *conn)
{
    forget_text(conn->info.sni);
    forget_text(conn->info.certificate);
    forget_text(conn->info.told_version);
    forget_text(conn->info.told_cipher);
    forget_text(conn->info.told_name);
    free(conn);
}

static void release(struct pf_conn *conn)
{
    if (conn->gone && !conn->later.queued)
        conn_free(conn);
}

static void poll_closed(uv_handle_t *poll)
{
    struct pf_conn *conn = poll->data;

    conn->gone = true;
    release(conn);
}

void pf_conn_end(struct pf_conn *conn)
{
    uv_close((uv_handle_t *)poll_of(conn), poll_closed);
    close(conn->fd);
}

static void woken_without_socket(struct pf_later *later)
{
    struct pf_conn *conn = (struct pf_conn *)((char *)later - offsetof(struct pf_conn, later));

    if (conn->closed)
        release(conn);
    else if (conn->layer != PF_LAYER_SHAKING)
        wake(conn, ready(conn));
}

static void name_end(const struct sockaddr_storage *end, char *out_name, size_t cap, unsigned *out_port)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)end;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)end;

    *out_port = 0;
    snprintf(out_name, cap, "unix");
    if (end->ss_family == AF_INET) {
        *out_port = ntohs(v4->sin_port);
        inet_ntop(AF_INET, &v4->sin_addr, out_name, (socklen_t)cap);
    } else if (end->ss_family == AF_INET6) {
        *out_port = ntohs(v6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out_name, (socklen_t)cap);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, out_name, (socklen_t)cap);
    }
}

static enum pf_code name_ends(struct pf_conn *conn, struct pf_err *err)
{
    struct sockaddr_storage peer = {0}, local = {0};
    socklen_t peer_len = sizeof peer, local_len = sizeof local;

    if (getpeername(conn->fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
        getsockname(conn->fd, (struct sockaddr *)&local, &local_len) != 0)
        return pf_fail(err, PF_IO, errno, __func__, "the new connection is gone: %s", strerror(errno));
    name_end(&peer, conn->info.peer, sizeof conn->info.peer, &conn->info.peer_port);
    name_end(&local, conn->info.local, sizeof conn->info.local, &conn->info.local_port);
    conn->info.tls_version = conn->info.tls_cipher = "";
    conn->info.sni = conn->info.certificate = no_text;
    conn->info.told_version = conn->info.told_cipher = conn->info.told_name = no_text;
    return PF_OK;
}

static enum pf_code init(struct pf_conn *conn, struct pf_err *err)
{
    int on = 1, status;

    if (name_ends(conn, err) != PF_OK)
        return PF_IO;
    /* Answers are written whole, so Nagle would only delay them; both fail on unix sockets. */
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(conn->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    status = uv_poll_init(pf_loop_uv(conn->loop), poll_of(conn), conn->fd);
    if (status < 0)
        return pf_fail(err, PF_IO, -status, __func__, "cannot watch a socket: %s", uv_strerror(status));
    poll_of(conn)->data = conn;
    return PF_OK;
}

struct pf_conn *pf_conn_new(struct pf_loop *loop, int fd, void (*wake_it)(void *self, unsigned what),
                            void *self, struct pf_err *err)
{
    struct pf_conn *conn = calloc(1, sizeof(struct whole));

    if (!conn) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for a connection");
        close(fd);
        return NULL;
    }
    conn->loop = loop;
    conn->fd = fd;
    conn->wake = wake_it;
    conn->self = self;
    conn->later.run = woken_without_socket;
    if (init(conn, err) == PF_OK)
        return conn;
    free(conn);
    close(fd);
    return NULL;
}

void pf_conn_want(struct pf_conn *conn, unsigned what)
{
    assert(!conn->closed);
    conn->want = what & (PF_CONN_READ | PF_CONN_WRITE);
    pf_conn_arm(conn);
}

static enum pf_io receive(struct pf_conn *conn, unsigned char *at, size_t cap, int flags, size_t *out_len,
                          struct pf_err *err)
{
    ssize_t n;

    do
        n = recv(conn->fd, at, cap, flags);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *out_len = (size_t)n;
        return PF_IO_DONE;
    }
    if (n == 0)
        return PF_IO_EOF;
    return errno == EAGAIN ? PF_IO_WAIT : pf_conn_failed(errno, __func__, "reading", err);
}

static enum pf_io plain_write(struct pf_conn *conn, struct pf_bytes b, size_t *out_len, struct pf_err *err)
{
    ssize_t n;

    do
        n = send(conn->fd, b.at, b.len, MSG_NOSIGNAL | (conn->more ? MSG_MORE : 0));
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *out_len = (size_t)n;
        return PF_IO_DONE;
    }
    return errno == EAGAIN ? PF_IO_WAIT : pf_conn_failed(errno, __func__, "writing", err);
}

static enum pf_io after(struct pf_conn *conn, enum pf_io result)
{
    if (result == PF_IO_EOF)
        conn->eof = true;
    if (result == PF_IO_FAILED && conn->layer == PF_LAYER_PLAIN)
        conn->broken = true;
    pf_conn_arm(conn);
    return result;
}

enum pf_io pf_conn_read(struct pf_conn *conn, unsigned char *at, size_t cap, size_t *out_len,
                        struct pf_err *err)
{
    assert(!conn->closed && cap > 0);
    if (conn->layer == PF_LAYER_SHAKING)
        return PF_IO_WAIT;
    if (conn->layer == PF_LAYER_PLAIN)
        return after(conn, receive(conn, at, cap, 0, out_len, err));
    return after(conn, pf_conn_tls_read(conn, at, cap, out_len, err));
}

void pf_conn_more(struct pf_conn *conn, bool more)
{
    conn->more = more;
}

void pf_conn_cork(struct pf_conn *conn, bool on)
{
    int value = on;

    if (on == conn->corked)
        return;
    conn->corked = on;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value); /* fails on unix sockets */
}

enum pf_io pf_conn_write(struct pf_conn *conn, struct pf_bytes b, size_t *out_len, struct pf_err *err)
{
    enum pf_io result;

    assert(!conn->closed && b.len > 0);
    if (conn->layer == PF_LAYER_SHAKING)
        return PF_IO_WAIT;
    pf_conn_peer_offered(conn, b.len);
    if (conn->layer == PF_LAYER_PLAIN)
        result = plain_write(conn, b, out_len, err);
    else
        result = pf_conn_tls_write(conn, b, out_len, err);
    if (result == PF_IO_DONE)
        pf_conn_peer_sent(conn);
    else if (result == PF_IO_WAIT)
        pf_conn_peer_full(conn);
    return after(conn, result);
}

enum pf_io pf_conn_peek(struct pf_conn *conn, unsigned char *at, size_t cap, size_t *out_len,
                        struct pf_err *err)
{
    assert(!conn->closed && cap > 0 && conn->layer == PF_LAYER_PLAIN);
    return after(conn, receive(conn, at, cap, MSG_PEEK, out_len, err));
}

const struct pf_conn_info *pf_conn_info(const struct pf_conn *conn)
{
    return &conn->info;
}

static void name_told(const unsigned char address[16], unsigned port, char *out_name, unsigned *out_port)
{
    struct sockaddr_storage end = {0};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&end;

    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    memcpy(&six->sin6_addr, address, 16);
    name_end(&end, out_name, sizeof((struct pf_conn_info *)0)->peer, out_port);
}

void pf_conn_told(struct pf_conn *conn, const struct pf_conn_told *told)
{
    struct pf_conn_info *info = &conn->info;

    name_told(told->peer, told->peer_port, info->peer, &info->peer_port);
    if (!told->only_peer)
        name_told(told->local, told->local_port, info->local, &info->local_port);
}

void pf_conn_told_plain(struct pf_conn *conn)
{
    conn->info.told_plain = true;
}

static void keep_told(const char **text, size_t cap, struct pf_bytes told)
{
    char safe[TOLD];

    pf_text_safe(safe, cap, told);
    pf_conn_keep_text(text, safe);
}

void pf_conn_told_tls(struct pf_conn *conn, struct pf_bytes version, struct pf_bytes cipher, struct pf_bytes name)
{
    struct pf_conn_info *info = &conn->info;

    info->told_tls = true;
    keep_told(&info->told_version, TOLD_VERSION, version);
    keep_told(&info->told_cipher, TOLD, cipher);
    keep_told(&info->told_name, TOLD, name);
}
