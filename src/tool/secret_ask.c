#include "tool/secret.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

/* Signals that would leave the terminal without its echo, or, behind a stop that nobody can catch, with it. */
static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGTSTP,
                              SIGTTIN, SIGTTOU, SIGALRM, SIGPIPE, SIGCONT};
enum {
    SIGNALS = sizeof signals / sizeof signals[0],
    ROUNDS = 100 /* whom no shell could continue, stop signals do not stop: it ends some time */
};

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

/* What a person had typed before a signal is not there any more; who continues us is asked anew. */
static bool asks_again(int number)
{
    return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU || number == SIGCONT;
}

struct guard {
    struct sigaction before[SIGNALS];
    sigset_t mask;
};

/* They come while we wait, and at no other moment: none is missed between a look and the waiting. */
static void take_signals(struct guard *g)
{
    struct sigaction action = {.sa_handler = catch};
    sigset_t ours;

    sigemptyset(&ours);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&ours, signals[i]);
    sigprocmask(SIG_BLOCK, &ours, &g->mask);
    caught = 0;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &g->before[i]);
}

static void give_signals_back(const struct guard *g)
{
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &g->before[i], NULL);
    sigprocmask(SIG_SETMASK, &g->mask, NULL);
}

static bool wait_for_line(int fd, const struct guard *g)
{
    struct pollfd terminal = {.fd = fd, .events = POLLIN};

    int n;

    do
        n = ppoll(&terminal, 1, NULL, &g->mask);
    while (n < 0 && errno == EINTR && !caught);
    return n > 0 && !caught;
}

/* Whoever is in the background may neither ask nor turn the echo off: it is stopped, as by any such call. */
static bool in_front(int fd)
{
    pid_t front = tcgetpgrp(fd);

    if (front < 0 || front == getpgrp()) /* below 0: it is not our terminal, and stops nobody */
        return true;
    caught = SIGTTOU;
    return false;
}

static bool say(int fd, struct pf_bytes text)
{
    while (text.len) {
        ssize_t put = write(fd, text.at, text.len);

        if (put < 0)
            return false;
        text = pf_bytes_skip(text, (size_t)put);
    }
    return true;
}

/* A line without its end; false for a signal, for the end of input without one, and for one that is too long. */
static bool read_line(int fd, const struct guard *g, struct pf_secret *out)
{
    char c;

    for (;;) {
        ssize_t got = wait_for_line(fd, g) ? read(fd, &c, 1) : -1;

        if (got < 0 || (got == 0 && out->len == 0))
            return false;
        if (got == 0 || c == '\n' || c == '\r')
            break;
        if (c == 0 || out->len == PF_SECRET_MAX)
            return false;
        out->text[out->len++] = c;
    }
    pf_wipe(&c, sizeof c);
    out->text[out->len] = 0;
    return out->len > 0;
}

static bool converse(int fd, const struct guard *g, const char *question, struct pf_secret *out)
{
    char clean[400]; /* names come from settings and servers: nothing may steer the terminal */
    struct termios before, quiet;
    bool good;

    if (!in_front(fd) || tcgetattr(fd, &before) != 0)
        return false;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    pf_text_safe(clean, sizeof clean, pf_bytes_of(question));
    good = tcsetattr(fd, TCSAFLUSH, &quiet) == 0 && say(fd, pf_bytes_of(clean)) && read_line(fd, g, out);
    tcsetattr(fd, TCSAFLUSH, &before);
    say(fd, PF_LIT("\n"));
    return good;
}

/* Asks once; the signal that ended it is done, and told. */
static bool ask(int fd, const char *question, struct pf_secret *out, int *out_signal)
{
    struct guard guard;
    bool good;

    pf_secret_wipe(out);
    take_signals(&guard);
    good = converse(fd, &guard, question, out);
    *out_signal = caught;
    give_signals_back(&guard);
    if (*out_signal)
        raise(*out_signal);
    return good && !*out_signal;
}

enum pf_code pf_secret_ask(const char *terminal, const char *question, struct pf_secret *out, struct pf_err *err)
{
    int fd = open(terminal, O_RDWR | O_CLOEXEC | O_NOCTTY), seen = SIGCONT;
    bool good = false;

    pf_secret_wipe(out);
    if (fd < 0)
        return pf_fail(err, PF_AUTH, errno, "secret",
                       "there is no terminal to ask at (%s): set password-command or keyring", strerror(errno));
    for (int i = 0; i < ROUNDS && asks_again(seen); i++)
        good = ask(fd, question, out, &seen);
    close(fd);
    if (good)
        return PF_OK;
    pf_secret_wipe(out);
    return pf_fail(err, PF_CANCELLED, 0, "secret", "no password was given");
}
