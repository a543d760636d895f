#include "sys/conn_private.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Linux ends a connection with TCP_USER_TIMEOUT also when the peer answers but has closed its
 * window for that long (tcp_probe_timer), though RFC 1122 section 4.2.2.17 wants it to live. A mail
 * client that hands a message on to a slow filter does just that, and is not dead; but who reads a
 * long message has his window closed most of the time, also when his machine dies. So while
 * something is on its way, the window is looked at, and behind a closed one it is the answers to the
 * kernel's probes that tell the dead from the slow.
 *
 * The kernel doubles the time between probes, up to two minutes, but has one at the latest when the
 * user timeout would end (tcp_clamp_probe0_to_user_timeout). Each look moves that end on, ahead of
 * the probe: so probes keep coming, and none finds the time over. */
enum {
    LOOKS = 8,      /* in the time of a dead peer: several between two probes */
    PROBES = 4,     /* in the second half of that time */
    UNANSWERED = 3, /* probes that show death: one may get lost, and the newest have gone out just now */
    SLACK = 2000,   /* ms by which a loop that is busy may look late without harm to who is slow */
    SECOND = 1000
};

/* The kernel takes as much as it thinks a peer will have soon, up to megabytes, and keeps it for who takes nothing: a
 * thousand slow readers fill what all connections of the machine have in common (tcp_mem), and from then on
 * everybody waits. So what may wait to be sent is bounded, and grows with who shows that he takes it.
 * What is on its way does not count: a long fat line is kept full. */
enum {
    ROOM_FIRST = 16 * 1024, /* who is sent no more on a connection costs no call for it */
    ROOM_MOST = 1024 * 1024,
    QUICK = 100 /* ms in which half of the room was taken */
};

static void set(struct pf_conn *conn, int option, pf_time value)
{
    int number = value > INT32_MAX ? INT32_MAX : (int)value;

    setsockopt(conn->fd, IPPROTO_TCP, option, &number, sizeof number);
}

size_t pf_conn_waiting(const struct pf_conn *conn)
{
    int octets = 0;

    return ioctl(conn->fd, SIOCOUTQ, &octets) == 0 && octets > 0 ? (size_t)octets : 0;
}

bool pf_conn_untaken(const struct pf_conn *conn)
{
    return pf_conn_waiting(conn) > 0;
}

/* Nothing is in flight although something waits: the window is closed, or too small. */
static bool window_closed(const struct pf_conn *conn, struct tcp_info *out_info)
{
    socklen_t len = sizeof *out_info;

    return getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, out_info, &len) == 0 && out_info->tcpi_unacked == 0 &&
           pf_conn_untaken(conn);
}

/* The kernel counts the time of a closed window from some moment after it last sent data. */
static pf_time next_end(const struct pf_conn *conn, const struct tcp_info *info)
{
    pf_time end = (pf_time)info->tcpi_last_data_sent + conn->dead / UNANSWERED + SLACK;

    if (end > conn->stall)
        return conn->stall;
    return end > conn->dead ? end : conn->dead;
}

/* The kernel counts the probes since the last answer. */
static bool silent(const struct pf_conn *conn, const struct tcp_info *info)
{
    return info->tcpi_probes >= UNANSWERED && info->tcpi_last_ack_recv >= conn->dead;
}

/* Reading and writing fail from now on, which wakes the session; what the peer did not take is not
 * kept for him once the socket is closed. */
static void give_up(const struct pf_conn *conn)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    shutdown(conn->fd, SHUT_RDWR);
}

static void look_later(struct pf_conn *conn)
{
    conn->looking = true;
    pf_timer_set(conn->look, pf_loop_now(conn->loop) + conn->dead / LOOKS);
}

static void look(struct pf_timer *timer, void *self)
{
    struct pf_conn *conn = self;
    struct tcp_info info = {0};
    bool closed = window_closed(conn, &info);

    (void)timer;
    conn->looking = false;
    set(conn, TCP_USER_TIMEOUT, closed ? next_end(conn, &info) : conn->dead);
    if (closed && silent(conn, &info))
        give_up(conn);
    else if (pf_conn_untaken(conn))
        look_later(conn);
}

static void give_room(struct pf_conn *conn, int octets)
{
    conn->room = octets;
    set(conn, TCP_NOTSENT_LOWAT, octets);
}

void pf_conn_peer_offered(struct pf_conn *conn, size_t octets)
{
    if (conn->room == 0 && (conn->offered += octets) > ROOM_FIRST)
        give_room(conn, ROOM_FIRST);
}

void pf_conn_peer_sent(struct pf_conn *conn)
{
    if (conn->look && !conn->looking)
        look_later(conn);
}

void pf_conn_peer_full(struct pf_conn *conn)
{
    if (conn->full == 0)
        conn->full = pf_loop_now(conn->loop);
}

void pf_conn_peer_ready(struct pf_conn *conn)
{
    if (conn->full && conn->room && conn->room < ROOM_MOST && pf_loop_now(conn->loop) - conn->full <= QUICK)
        give_room(conn, conn->room * 2);
    conn->full = 0;
}

static pf_time seconds(pf_time ms)
{
    return ms < SECOND ? 1 : ms / SECOND;
}

void pf_conn_dead_after(struct pf_conn *conn, pf_time dead, pf_time stall)
{
    if (conn->info.peer_port == 0) /* a unix socket's peer cannot vanish without notice */
        return;
    conn->dead = dead;
    conn->stall = stall > dead ? stall : dead;
    if (!conn->look)
        conn->look = pf_timer_new(conn->loop, look, conn);
    set(conn, TCP_KEEPIDLE, seconds(dead / 2));
    set(conn, TCP_KEEPINTVL, seconds(dead / 2 / PROBES));
    set(conn, TCP_KEEPCNT, PROBES);
    /* Without a look to lift it, it would end who only takes his time. */
    if (conn->look)
        set(conn, TCP_USER_TIMEOUT, conn->dead);
}
