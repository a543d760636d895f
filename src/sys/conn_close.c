#include "sys/conn_private.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket that is closed with unread input answers with a reset, and a reset makes the peer's
 * kernel throw away what the peer has not read yet: our last answer. So input is read and thrown
 * away until the peer has ended too. */
enum {
    LINGER_MS = 2000,        /* a client that has our FIN needs a round trip; two seconds are a slow one */
    LINGER_MAX = 256 * 1024, /* more than any pipelined group of commands: who sends more does not listen */
    LINGER_AT_ONCE = 256,    /* nobody counts them any more, and each holds a descriptor: a flood of strangers
                              * who are turned away must not take them all */
    LINGER_TURN = 64 * 1024, /* what one guest may take of a turn */
    SCRATCH = 8 * 1024
};

static void finish(struct pf_conn *conn)
{
    if (conn->linger) {
        pf_timer_free(conn->linger);
        conn->linger = NULL;
        pf_loop_last_remove(&conn->last);
    }
    pf_conn_tls_drop(conn);
    pf_conn_end(conn);
}

/* True when there is nothing more to wait for. */
static bool drain(struct pf_conn *conn)
{
    unsigned char scratch[SCRATCH];
    size_t turn = 0;

    while (turn < LINGER_TURN) {
        ssize_t n = recv(conn->fd, scratch, sizeof scratch, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 || errno != EAGAIN;
        turn += (size_t)n;
        conn->drained += (size_t)n;
        if (conn->drained > LINGER_MAX)
            return true;
    }
    return false;
}

/* Returns what to watch the socket for. */
static unsigned end_output(struct pf_conn *conn)
{
    if (conn->layer == PF_LAYER_TLS)
        pf_conn_cork(conn, true); /* until the FIN */
    if (!pf_conn_tls_goodbye(conn))
        return PF_CONN_READ | PF_CONN_WRITE;
    pf_conn_tls_drop(conn);
    shutdown(conn->fd, SHUT_WR);
    return PF_CONN_READ;
}

void pf_conn_linger(struct pf_conn *conn, unsigned events)
{
    if (conn->broken || ((events & PF_CONN_READ) && drain(conn)))
        finish(conn);
    else if (events & PF_CONN_WRITE)
        pf_conn_watch(conn, end_output(conn));
}

static void long_enough(struct pf_timer *timer, void *self)
{
    (void)timer;
    finish(self);
}

static void cut(struct pf_loop_last *last)
{
    finish((struct pf_conn *)((char *)last - offsetof(struct pf_conn, last)));
}

static void reset(struct pf_conn *conn)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    finish(conn);
}

static bool may_linger(struct pf_conn *conn)
{
    if (conn->broken || pf_loop_last_count(conn->loop) >= LINGER_AT_ONCE || drain(conn))
        return false;
    conn->linger = pf_timer_new(conn->loop, long_enough, conn);
    return conn->linger != NULL;
}

void pf_conn_close(struct pf_conn *conn, bool abrupt)
{
    unsigned events;

    if (!conn)
        return;
    assert(!conn->closed);
    conn->closed = true;
    pf_timer_free(conn->look);
    conn->look = NULL;
    if (abrupt) {
        reset(conn);
        return;
    }
    events = end_output(conn);
    if (!may_linger(conn)) {
        finish(conn);
        return;
    }
    pf_timer_set(conn->linger, pf_loop_now(conn->loop) + LINGER_MS);
    conn->last.cut = cut;
    pf_loop_last_add(conn->loop, &conn->last);
    pf_conn_watch(conn, events);
}
