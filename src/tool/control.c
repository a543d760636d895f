#include "tool/control.h"

#include "tool/settings.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *pf_control_path(const char *who, const char *socket, const char *conf_file, struct pf_conf **conf)
{
    if (socket)
        return socket;
    *conf = pf_tool_settings(conf_file);
    for (size_t i = 0; *conf && i < (*conf)->listen_count; i++)
        if ((*conf)->listens[i].protocol == PF_CONF_CONTROL)
            return (*conf)->listens[i].address;
    if (*conf)
        fprintf(stderr,
                "postfach %s: the settings have no control socket: "
                "listen unix:/run/postfach/control { protocol control }\n",
                who);
    return NULL;
}

static const char *reason(void)
{
    switch (errno) {
    case ECONNREFUSED:
    case ENOENT:
        return "no server listens there";
    case EACCES:
        return "only root and the server's user may ask";
    case EAGAIN:
        return "the server is too busy to be asked";
    default:
        return "cannot connect";
    }
}

int pf_control_dial(const char *path, bool now, const char **out_why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        *out_why = "the path is too long for a socket";
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (now ? SOCK_NONBLOCK : 0), 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    *out_why = reason();
    if (fd >= 0)
        close(fd);
    return -1;
}
