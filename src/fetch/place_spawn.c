#include "fetch/place_carry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "place_spawn";

enum {
    WORDS = PF_ACCOUNT_WORDS_MOST + 10, /* a command, what is in front of it, a NULL */
    HIGH = 16,                          /* above the numbers that the carrier's descriptors get */
    ENDS = 3
};

struct words {
    const char *at[WORDS];
    size_t count;
};

static void add(struct words *w, const char *word)
{
    if (word && w->count + 1 < WORDS)
        w->at[w->count++] = word;
}

static void say_place(const struct pf_account *a, struct words *w)
{
    if (a->mbox) {
        add(w, "mbox");
        add(w, a->mbox);
    } else if (a->command) {
        add(w, "command");
        add(w, "--");
        for (size_t i = 0; a->command[i]; i++)
            add(w, a->command[i]);
    } else {
        add(w, a->lmtp ? "lmtp" : "smtp");
        add(w, a->lmtp ? a->lmtp : a->smtp);
        add(w, a->recipient);
        add(w, a->sender);
    }
}

/* Beside this program (the build folder), in its libexec otherwise. */
static const char *program(const struct pf_place_settings *s, char room[PATH_MAX + 32])
{
    char own[PATH_MAX];
    ssize_t len = s->carrier ? 0 : readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash;

    if (s->carrier)
        return s->carrier;
    own[len > 0 ? len : 0] = 0;
    slash = strrchr(own, '/');
    if (slash) {
        slash[1] = 0;
        snprintf(room, PATH_MAX + 32, "%spostfach-carry", own);
        if (access(room, X_OK) == 0)
            return room;
    }
    return PF_LIBEXECDIR "/postfach-carry";
}

/* A session of its own: what a terminal does to its programs (^C) must not meet a delivery. */
static int attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;
    int sys;

    sigemptyset(&none);
    sigfillset(&all);
    sys =
        posix_spawnattr_setflags(a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!sys)
        sys = posix_spawnattr_setsigmask(a, &none);
    return sys ? sys : posix_spawnattr_setsigdefault(a, &all);
}

static int actions(posix_spawn_file_actions_t *a, const int high[ENDS])
{
    static const int low[ENDS] = {0, PF_CARRY_LEDGER, PF_CARRY_LOCK};
    int sys = posix_spawn_file_actions_addopen(a, 1, "/dev/null", O_WRONLY, 0);

    if (!sys)
        sys = posix_spawn_file_actions_adddup2(a, 1, 2);
    for (size_t i = 0; i < ENDS && !sys; i++)
        sys = posix_spawn_file_actions_adddup2(a, high[i], low[i]);
    return sys;
}

static int spawn(const char *path, struct words *w, const int high[ENDS], pid_t *out_pid)
{
    posix_spawn_file_actions_t file_actions;
    posix_spawnattr_t attr;
    int sys = posix_spawn_file_actions_init(&file_actions);

    if (sys)
        return sys;
    sys = posix_spawnattr_init(&attr);
    if (sys) {
        posix_spawn_file_actions_destroy(&file_actions);
        return sys;
    }
    sys = attributes(&attr);
    if (!sys)
        sys = actions(&file_actions, high);
    if (!sys)
        sys = posix_spawn(out_pid, path, &file_actions, &attr, (char *const *)(const void *)w->at,
                          environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&file_actions);
    return sys;
}

static void close_all(int fds[ENDS])
{
    for (size_t i = 0; i < ENDS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

/* Above the numbers that they get, so that none is overwritten before it was copied. */
static int lift(const int fds[ENDS], int high[ENDS])
{
    int sys = 0;

    for (size_t i = 0; i < ENDS; i++) {
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
        if (high[i] < 0)
            sys = errno;
    }
    return sys;
}

enum pf_code pf_place_spawn(const struct pf_place_settings *s, int *out_fd, pid_t *out_pid,
                            struct pf_err *err)
{
    char room[PATH_MAX + 32];
    const char *path = program(s, room);
    struct words words = {.at = {"postfach-carry", "--spool", s->spool, "--account", s->account->name},
                          .count = 5};
    int pair[2], high[ENDS] = {-1, -1, -1}, sys;
    enum pf_code code = pf_ipc_pair(pair, err);

    if (code)
        return code;
    say_place(s->account, &words);
    sys = lift((const int[ENDS]){pair[1], pf_ledger_fd(s->ledger), pf_ledger_lock_fd(s->ledger)}, high);
    if (!sys)
        sys = spawn(path, &words, high, out_pid);
    close_all(high);
    close(pair[1]);
    if (!sys) {
        *out_fd = pair[0];
        return PF_OK;
    }
    close(pair[0]);
    return pf_fail(err, PF_CONFIG, sys, where,
                   "%s: %s: install Postfach as a whole; that program belongs to it", path,
                   strerror(sys));
}

void pf_place_carry_text(const struct pf_account *a, char *room, size_t cap)
{
    if (a->mbox)
        snprintf(room, cap, "mbox %s", a->mbox);
    else if (a->command)
        snprintf(room, cap, "command %s", a->command[0]);
    else
        snprintf(room, cap, "%s to %s%s%s", a->lmtp ? "LMTP" : "SMTP", a->lmtp ? a->lmtp : a->smtp,
                 a->recipient ? " for " : "", a->recipient ? a->recipient : "");
}
