/* What somebody would try who took over a process. Each attempt returns 0 when it was let, or the errno. */
#ifndef POSTFACH_TEST_ROLE_ATTEMPTS_H
#define POSTFACH_TEST_ROLE_ATTEMPTS_H

#include <stdbool.h>
#include <sys/types.h>

struct attempt {
    const char *name;
    int (*go)(void *);
    const char *refused; /* in which roles: k keeper, g gate, a auth, n auth with the network, s store */
    bool free;           /* an ordinary user without a sandbox is let: what is refused is the sandbox's doing */
};

extern const struct attempt attempts[];
extern const unsigned attempts_count;

/* What attempts are made on; all is there before the sandbox is entered. */
struct attempt_targets {
    int tcp;             /* a fresh socket */
    int listener_port;   /* somebody listens there */
    int terminal;
    int namespace_fd;
    pid_t victim;        /* a process of the same user */
    int victim_fd;       /* its pidfd */
};
extern struct attempt_targets targets;

#endif
