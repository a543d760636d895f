/* The bench of PAM: helpers that were started before, for a process that may start none.
 *
 * Behind its jail (sys/sandbox.h) auth can neither fork nor execute, and it is not root any more, which pam_unix(8)
 * wants. So, while it still is, its role has helpers started here, and each question goes to one of them. The bench
 * is the process's, as its jail is; without one, each question starts a helper (auth_pam.h).
 *
 * A helper that is kept is the same program, postfach-pam; it sees by the kind of its input, a SOCK_SEQPACKET pair,
 * that it is to stay. For each question it forks, and the child is what a helper for one question is: a process
 * group of its own, killed when the time is over. So modules of others never run in what stays. It ends when its
 * socket does.
 *
 *   question   one datagram: milliseconds (four octets, most significant first), then the question as in auth_pam.h
 *   answer     one datagram: the status as of waitpid(2) (four octets), or PF_PAM_LATE; then the line
 *
 * A helper that ends all the same, or does not answer, is lost: the question is PF_TEMP, and the hook is asked for
 * another one. What a role does with it: in auth's start, before it becomes its user,
 *
 *     pf_pam_bench_start(conf, &err)     as many as the blocks `userdb pam` have connections; none: nothing
 *
 * and later, where the keeper answers with a descriptor (it makes a pair by pf_ipc_pair, sets one end to blocking,
 * starts the program with pf_pam_start(pf_pam_helper(), end, &pid), sends the other end), pf_pam_bench_give(fd). Or
 * simpler: now and then pf_pam_bench_lost(), and when it is true the role ends, and is started anew with new
 * helpers. */
#ifndef POSTFACH_AUTH_AUTH_PAM_BENCH_H
#define POSTFACH_AUTH_AUTH_PAM_BENCH_H

#include "conf/conf.h"

#include <sys/types.h>

enum {
    PF_PAM_HEAD = 4,      /* octets before a question or a line */
    PF_PAM_LATE = -1,     /* instead of a status: it was killed for being late */
    PF_PAM_BENCH_MOST = 64, /* helpers; more questions at once wait */
    PF_PAM_GRACE = 1000   /* ms that a helper may be later than its question */
};

/* The program: what was installed, or what POSTFACH_PAM of the environment names. */
const char *pf_pam_helper(void);
/* It, with this as its input and output, in a process group of its own and a clean environment; an errno. */
int pf_pam_start(const char *path, int theirs, pid_t *out_pid);

/* PF_OK also when there is nothing to do. Children that end are reaped by the kernel from then on (SIGCHLD is
 * ignored). */
enum pf_code pf_pam_bench_start(const struct pf_conf *, struct pf_err *err);
bool pf_pam_bench_used(void);
/* One more, from any thread; the descriptor is taken over. Nothing but close when there is no bench. */
void pf_pam_bench_give(int fd);
/* All are lost. */
bool pf_pam_bench_lost(void);
/* Called on a thread of a pool each time one is lost; before there are threads. */
void pf_pam_bench_hook(void (*wanted)(void *self), void *self);

struct pf_pam_said {
    char *line; /* PF_PAM_ANSWER_MAX octets */
    size_t *len;
    int *status;
};
/* From any thread, and blocking: PF_OK with what it said, or PF_TEMP. */
enum pf_code pf_pam_bench_ask(struct pf_bytes request, pf_time deadline, const struct pf_pam_said *,
                              struct pf_err *err);

#endif
