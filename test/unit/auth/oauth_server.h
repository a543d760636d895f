/* An HTTP server of one page, in a process of its own, that does what the test has written down. */
#ifndef POSTFACH_TEST_OAUTH_SERVER_H
#define POSTFACH_TEST_OAUTH_SERVER_H

#include "unit/cm.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVER_TEXT = 65536 };

struct server {
    atomic_int hits, status; /* status 0: it says nothing; 1: it closes at once */
    atomic_size_t endless;   /* octets to send instead of the page */
    char page[SERVER_TEXT], more[256], asked[4 * SERVER_TEXT];
    char url[64];
    pid_t pid;
    int listener;
};

static inline void server_read(struct server *server, int fd)
{
    size_t len = 0, want = 0;
    ssize_t got = 1;

    while (got > 0 && (!want || len < want) && len < sizeof server->asked - 1) {
        const char *end, *length;

        got = read(fd, server->asked + len, sizeof server->asked - 1 - len);
        len += got > 0 ? (size_t)got : 0;
        server->asked[len] = 0;
        end = strstr(server->asked, "\r\n\r\n");
        length = strstr(server->asked, "Content-Length: ");
        if (end && !want)
            want = (size_t)(end + 4 - server->asked) + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
}

static inline void server_write(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t put = send(fd, text, len, MSG_NOSIGNAL);

        if (put <= 0)
            return;
        text += put;
        len -= (size_t)put;
    }
}

static inline void server_answer(struct server *server, int fd)
{
    char head[512];
    size_t len = server->endless ? server->endless : strlen(server->page);

    server_read(server, fd);
    server->hits++;
    if (server->status == 0)
        server_read(server, fd); /* until the client has had enough */
    if (server->status < 100)
        return;
    snprintf(head, sizeof head,
             "HTTP/1.1 %d x\r\n%sContent-Type: application/json\r\nConnection: close\r\n\r\n",
             server->status, server->more);
    server_write(fd, head, strlen(head));
    for (size_t i = 0; server->endless && i < len; i += SERVER_TEXT)
        server_write(fd, server->page, SERVER_TEXT);
    if (!server->endless)
        server_write(fd, server->page, len);
}

static inline struct server *server_begin(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof where;
    pid_t pid;
    struct server *server =
        mmap(NULL, sizeof *server, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(server, MAP_FAILED);
    server->status = 200;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&where, &len), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u/x", ntohs(where.sin_port));
    pid = fork();
    assert_true(pid >= 0);
    while (pid == 0) {
        int fd;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        server_answer(server, fd);
        close(fd);
    }
    server->pid = pid; /* shared: only the parent writes it */
    return server;
}

static inline void server_end(struct server *server)
{
    assert_true(server->pid > 0);
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->listener);
    munmap(server, sizeof *server);
}

#endif
