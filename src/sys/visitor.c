#include "sys/visitor.h"

#include <sys/socket.h>
#include <unistd.h>

bool pf_visitor_is_ours(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;

    /* A TCP socket has no such thing, and gives uid -1 for it. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || len != sizeof who)
        return false;
    return who.uid == 0 || who.uid == geteuid();
}
