/* Starting another program. Whatever is blocked, handled or ignored here, it finds its signals as a
 * program does that a shell starts; of our descriptors it has only what the actions give it, for all of
 * ours close themselves. */
#ifndef POSTFACH_SYS_LAUNCH_H
#define POSTFACH_SYS_LAUNCH_H

#include <spawn.h>
#include <stdbool.h>

struct pf_launch {
    const char *program; /* a path */
    bool search;         /* or a name that is looked for in PATH */
    bool group; /* the first of a group of its own, so that what it starts can be ended with it */
    const posix_spawn_file_actions_t *actions;
    char *const *argv, *const *environment;
};

/* 0 or an errno. */
int pf_launch(const struct pf_launch *, pid_t *out_pid);

#endif
