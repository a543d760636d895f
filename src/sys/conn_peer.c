#include "sys/conn_private.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Linux ends a connection with TCP_USER_TIMEOUT also when the peer answers but has closed its
 * window for that long (tcp_probe_timer), though RFC 1122 section 4.2.2.17 wants it to live. A mail
 * client that hands a message on to a slow filter does just that, and is not dead. So while something
 * is on its way, the window is looked at, and a closed one has the time of a stall. */
enum {
    LOOKS = 4,  /* in the time of a dead peer: the first is long before the kernel gives up */
    PROBES = 4, /* in the second half of that time */
    SECOND = 1000
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
static bool window_closed(const struct pf_conn *conn)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    return getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_unacked == 0 &&
           pf_conn_untaken(conn);
}

static void look_later(struct pf_conn *conn)
{
    conn->looking = true;
    pf_timer_set(conn->look, pf_loop_now(conn->loop) + conn->dead / LOOKS);
}

static void look(struct pf_timer *timer, void *self)
{
    struct pf_conn *conn = self;

    (void)timer;
    conn->looking = false;
    set(conn, TCP_USER_TIMEOUT, window_closed(conn) ? conn->stall : conn->dead);
    if (pf_conn_untaken(conn))
        look_later(conn);
}

void pf_conn_peer_sent(struct pf_conn *conn)
{
    if (conn->look && !conn->looking)
        look_later(conn);
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
