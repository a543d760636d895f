#include "unit/fetch/fakemta.h"

#include "unit/cm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct guest {
    const struct fakemta *m;
    FILE *in, *log;
    int out;
    int number; /* of the message, from 0; -1: none yet */
};

/* False: the connection is to be closed. */
static bool reply(struct guest *g, const char *text, const char *good)
{
    if (!text)
        text = good;
    if (!text[0])
        return false;
    return dprintf(g->out, "%s\r\n", text) > 0;
}

static const char *of(struct guest *g, const char *const list[FAKEMTA_MAILS])
{
    return g->number >= 0 && g->number < FAKEMTA_MAILS ? list[g->number] : NULL;
}

static bool take_text(struct guest *g)
{
    char line[4096];
    unsigned taken = 0;

    while (fgets(line, sizeof line, g->in)) {
        fputs(line, g->log);
        fflush(g->log);
        taken += (unsigned)strlen(line);
        if (g->m->text_most && taken > g->m->text_most) {
            (void)reply(g, of(g, g->m->end), "421 enough");
            return false;
        }
        if (strcmp(line, ".\r\n") == 0)
            return reply(g, of(g, g->m->end), "250 2.0.0 taken");
    }
    return false;
}

static bool is(const char *line, const char *verb)
{
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

static bool take_line(struct guest *g, const char *line)
{
    const struct fakemta *m = g->m;

    if (is(line, "LHLO") || is(line, "EHLO"))
        return reply(g, m->hello, "250-fake\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME");
    if (is(line, "HELO"))
        return reply(g, m->helo, "250 fake");
    if (is(line, "MAIL")) {
        g->number++;
        return reply(g, of(g, m->mail), "250 2.1.0 sender");
    }
    if (is(line, "RCPT"))
        return reply(g, of(g, m->rcpt), "250 2.1.5 recipient");
    if (is(line, "DATA")) {
        const char *said = of(g, m->data);

        return reply(g, said, "354 go on") && (said || take_text(g));
    }
    if (is(line, "QUIT")) {
        (void)reply(g, NULL, "221 bye");
        return false;
    }
    return reply(g, NULL, is(line, "RSET") ? "250 reset" : "500 what");
}

static void serve(const struct fakemta *m, int listener, const char *log)
{
    struct guest g = {.m = m, .number = -1};
    char line[4096];

    g.log = fopen(log, "we");
    for (;;) {
        g.out = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        g.in = fdopen(g.out, "r");
        if (g.out < 0 || !g.in || !g.log)
            _exit(1);
        fprintf(g.log, "[connect]\n");
        if (reply(&g, m->greeting, "220 fake ready")) {
            while (fgets(line, sizeof line, g.in)) {
                fputs(line, g.log);
                fflush(g.log);
                if (!take_line(&g, line))
                    break;
            }
        }
        fprintf(g.log, "[closed]\n");
        fflush(g.log);
        fclose(g.in);
    }
}

pid_t fakemta_start(const struct fakemta *m, const char *path, const char *log, unsigned *out_port)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    assert_true(fd >= 0);
    if (path) {
        unlink(path);
        assert_true(strlen(path) < sizeof un.sun_path);
        memcpy(un.sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    } else {
        assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
        *out_port = ntohs(in.sin_port);
    }
    assert_int_equal(listen(fd, 4), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        serve(m, fd, log);
        _exit(0);
    }
    close(fd);
    return pid;
}

void fakemta_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
