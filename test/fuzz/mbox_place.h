/* One mbox in a folder of its own, and what its fuzz targets have in common. The target makes `folder`. */
#ifndef POSTFACH_FUZZ_MBOX_PLACE_H
#define POSTFACH_FUZZ_MBOX_PLACE_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

/* Nothing here outlives a power cut, and nobody has to be waited for. */
int fsync(int fd)
{
    return fd >= 0 ? 0 : -1;
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *t, const sigset_t *mask)
{
    (void)fds, (void)count, (void)t, (void)mask;
    return 0;
}

static void check(bool true_thing, int line)
{
    if (true_thing)
        return;
    fprintf(stderr, "the law in line %d is broken\n", line);
    abort();
}

#define must(true_thing) check(true_thing, __LINE__)

static void forget(void)
{
    static const char *const names[] = {"box", ".box.postfach-state", ".box.postfach-append", ".box.postfach-journal",
                                        ".box.postfach-journal.old", ".box.postfach-lock", "box.lock"};
    char name[120];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        unlink(name);
    }
}

static void leave(void)
{
    forget();
    rmdir(folder);
}

#endif
