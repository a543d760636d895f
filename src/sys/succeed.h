/* Succeed: another program takes the place of this one, and keeps its listening sockets.
 *
 * It is started beside us with the sockets handed on (handed.h) and a pipe on which it says when it serves. Until then
 * nothing has changed here; when it ends before, nothing ever does. One that does neither for PF_SUCCESSOR_PATIENCE
 * hangs, and is killed, and so is one that is given up. So an upgrade that goes wrong is told in the log and hurts
 * nobody. */
#ifndef POSTFACH_SYS_SUCCEED_H
#define POSTFACH_SYS_SUCCEED_H

#include "sys/pool.h"
#include <stddef.h>

struct pf_successor;

enum { PF_SUCCESSOR_PATIENCE = 120 * 1000 /* ms: large files of users, on a machine that swaps */ };

struct pf_successor_asker {
    void *self;
    /* Once, on a later turn: `pid` serves now; or 0, and it is gone. */
    void (*told)(void *self, long pid);
};

struct pf_successor_order {
    const char *program;
    char *const *argv;         /* NULL at the end */
    const int *sockets;        /* listening ones */
    const char *const *places; /* of each: its path, or "" for others */
    size_t count;
    pf_time patience; /* ms; 0: PF_SUCCESSOR_PATIENCE */
};

/* Starts it. The pool's thread waits for its word, so the pool needs one to
 * spare. NULL when it cannot be started. */
struct pf_successor *pf_successor_start(struct pf_pool *, const struct pf_successor_order *,
                                        const struct pf_successor_asker *, struct pf_err *err);

/* It is not wanted any more: killed, unless it serves already; `told` follows as ever. NULL is allowed. */
void pf_successor_give_up(struct pf_successor *);

/* In the program that was started so: says that it serves; nothing where nobody asked. */
void pf_successor_ready(void);
/* The path of the program that runs, as it was when it was started. False when it is not to be had. */
bool pf_successor_program(char *out_path, size_t cap);

#endif
