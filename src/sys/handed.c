#include "sys/handed.h"

#include "base/text.h"
#include "sys/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HANDED_MAX = 256,  /* four times what the settings can name */
    MANAGERS_FIRST = 3 /* SD_LISTEN_FDS_START */
};

struct pf_handed {
    size_t count;
    int fds[HANDED_MAX]; /* -1: taken */
    char *places; /* lines, or NULL */
    const char *place[HANDED_MAX]; /* in places; NULL: the socket itself knows */
};

/* A stream socket that listens, made ours; anything else is closed: we would not know what to do with it. */
static void add(struct pf_handed *h, int fd, const char *place)
{
    int listens = 0, type = 0;
    socklen_t len = sizeof listens, type_len = sizeof type;

    if (h->count == HANDED_MAX || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 ||
        type != SOCK_STREAM || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        close(fd);
        return;
    }
    h->place[h->count] = place && place[0] ? place : NULL;
    h->fds[h->count++] = fd;
}

static void from_predecessor(struct pf_handed *h)
{
    const char *text = getenv(PF_HANDED_VARIABLE), *places = getenv(PF_HANDED_PLACES);
    int first = 0, count = 0;
    char end, *rest = NULL;

    h->places = strdup(places ? places : "");
    rest = h->places;
    if (text && sscanf(text, "%d:%d%c", &first, &count, &end) == 2 && first > STDERR_FILENO && count > 0 &&
        count <= HANDED_MAX)
        for (int i = 0; i < count; i++)
            add(h, first + i, strsep(&rest, "\n"));
    unsetenv(PF_HANDED_VARIABLE);
    unsetenv(PF_HANDED_PLACES);
}

/* Those of a service manager: from descriptor 3 on, as many as LISTEN_FDS says, for the process that LISTEN_PID names
 * (sd_listen_fds(3)). */
static void from_manager(struct pf_handed *h)
{
    const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
    uint64_t pid = 0, count = 0;

    if (pid_text && count_text && pf_parse_u64(pf_bytes_of(pid_text), &pid) && pid == (uint64_t)getpid() &&
        pf_parse_u64(pf_bytes_of(count_text), &count) && count <= HANDED_MAX)
        for (int fd = MANAGERS_FIRST; fd < MANAGERS_FIRST + (int)count; fd++)
            add(h, fd, NULL);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

struct pf_handed *pf_handed_new(struct pf_err *err)
{
    struct pf_handed *h = calloc(1, sizeof *h);

    if (!h) {
        pf_fail(err, PF_NO_MEMORY, 0, "handed", "no memory");
        return NULL;
    }
    from_manager(h);
    from_predecessor(h);
    return h;
}

static bool is_inet(const struct sockaddr_storage *name, const char *address, unsigned port)
{
    char text[INET6_ADDRSTRLEN];
    const struct sockaddr_in *four = (const struct sockaddr_in *)name;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)name;
    bool is_six = name->ss_family == AF_INET6;
    const void *at = is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr;

    if (!inet_ntop(name->ss_family, at, text, sizeof text) || strcmp(text, address) != 0)
        return false;
    return port == 0 || ntohs(is_six ? six->sin6_port : four->sin_port) == port;
}

static bool is_unix(const struct sockaddr_un *name, socklen_t len, const char *address)
{
    size_t path = len - offsetof(struct sockaddr_un, sun_path);

    return len > offsetof(struct sockaddr_un, sun_path) && strncmp(name->sun_path, address, path) == 0;
}

static bool takes_both(int fd)
{
    int alone = 1;
    socklen_t len = sizeof alone;

    return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, &len) == 0 && !alone;
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_at(int fd, const char *address, unsigned port)
{
    bool both = strcmp(address, PF_LISTEN_BOTH) == 0;
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return false;
    if (name.ss_family == AF_UNIX)
        return is_unix((const struct sockaddr_un *)&name, len, address);
    if (name.ss_family != AF_INET && name.ss_family != AF_INET6)
        return false;
    if (!both)
        return is_inet(&name, address, port);
    if (name.ss_family == AF_INET) /* all that a predecessor could have */
        return is_inet(&name, "0.0.0.0", port) && !has_ipv6();
    return is_inet(&name, "::", port) && takes_both(fd);
}

int pf_handed_take(struct pf_handed *h, const char *address, unsigned port)
{
    for (size_t i = 0; h && i < h->count; i++)
        if (h->place[i] ? h->fds[i] >= 0 && strcmp(h->place[i], address) == 0 : is_at(h->fds[i], address, port)) {
            int fd = h->fds[i];

            h->fds[i] = -1;
            return fd;
        }
    return -1;
}

size_t pf_handed_left(const struct pf_handed *h)
{
    size_t left = 0;

    for (size_t i = 0; h && i < h->count; i++)
        left += h->fds[i] >= 0;
    return left;
}

void pf_handed_free(struct pf_handed *h)
{
    for (size_t i = 0; h && i < h->count; i++)
        if (h->fds[i] >= 0)
            close(h->fds[i]);
    if (h)
        free(h->places);
    free(h);
}
