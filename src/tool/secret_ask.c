#include "tool/secret.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

/* Signals that would leave the terminal without its echo. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM, SIGPIPE};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

static void take_signals(struct sigaction before[SIGNALS])
{
    struct sigaction action = {.sa_handler = catch}; /* no SA_RESTART: it ends the reading */

    sigemptyset(&action.sa_mask);
    caught = 0;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
}

static void give_signals_back(const struct sigaction before[SIGNALS])
{
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
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
static bool read_line(int fd, struct pf_secret *out)
{
    char c;

    for (;;) {
        ssize_t got = read(fd, &c, 1);

        if (got < 0 || (got == 0 && out->len == 0) || caught)
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

static bool converse(int fd, const char *question, struct pf_secret *out)
{
    char clean[400]; /* names come from settings and servers: nothing may steer the terminal */
    struct termios before, quiet;
    bool good;

    if (tcgetattr(fd, &before) != 0)
        return false;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    pf_text_safe(clean, sizeof clean, pf_bytes_of(question));
    good = tcsetattr(fd, TCSAFLUSH, &quiet) == 0 && say(fd, pf_bytes_of(clean)) && read_line(fd, out);
    while (tcsetattr(fd, TCSAFLUSH, &before) != 0 && errno == EINTR)
        continue;
    say(fd, PF_LIT("\n"));
    return good;
}

enum pf_code pf_secret_ask(const char *terminal, const char *question, struct pf_secret *out, struct pf_err *err)
{
    int fd = open(terminal, O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct sigaction before[SIGNALS];
    int signal_seen;
    bool good;

    pf_secret_wipe(out);
    if (fd < 0)
        return pf_fail(err, PF_AUTH, errno, "secret",
                       "there is no terminal to ask at (%s): set password-command or keyring", strerror(errno));
    take_signals(before);
    good = converse(fd, question, out);
    signal_seen = caught;
    give_signals_back(before);
    close(fd);
    if (signal_seen)
        raise(signal_seen);
    if (good && !signal_seen)
        return PF_OK;
    pf_secret_wipe(out);
    return pf_fail(err, PF_CANCELLED, 0, "secret", "no password was given");
}
