/* The sandbox: what a process of each role may still do once it has started.
 *
 * A process takes what it needs (settings, sockets, keys, the arena), becomes its user (sys/proc.h), and
 * then enters its sandbox, once, for good, before it has threads and before a stranger's first octet:
 *
 *   no new privileges   set-user-ID programs and file capabilities mean nothing any more
 *   not dumpable        no core file, and no other process of the user may look into its memory
 *   limits              no core file; a gate has no child
 *   landlock            files: a gate sees none at all, the others the paths that they are given; TCP ports
 *                       neither bound nor connected to, unless it is auth with sources on the network
 *   capabilities        all emptied, in the bounding set too; the keeper keeps a few
 *   seccomp             a list of the system calls that the role needs (sandbox_calls.def)
 *
 * Three answers to a call that is not on the list. Most get EPERM: libraries try things (a locale, a
 * socket for the log) and go on without, and a process that carries sessions must not die of a new
 * version of one of them. What no honest library ever calls here and an attacker does (execve, ptrace, bpf,
 * setns … : rows PF_KILL) ends the process at once, so that it is seen and cannot be tried twice.
 * Some get ENOSYS, as if the kernel were older (PF_ABSENT): io_uring, which would walk around all this and
 * which newer libuv tries, and clone3, whose flags lie in memory where a filter cannot see them; the C library
 * then takes clone, whose flags it can. The keeper has no list of allowed calls, since what it starts inherits
 * what it has; PF_KILL and PF_ABSENT hold for it, but for execve and clone3.
 *
 * Nothing of this needs root, and in a container some of it may be refused. What could not be had
 * comes back as words, to be told in the log at start; it is no error, since less is better than none.
 * An error is what is wrong on our side: threads, a path that is not there.
 *
 * What is not limited, and why. RLIMIT_FSIZE: it also counts for shared memory and for the log when that is a
 * file, and the answer to reaching it is a signal. RLIMIT_NPROC of auth and store: it counts all
 * processes of the user, and threads; the filter allows threads and no processes.
 *
 * A build with the address sanitizer is lax: its run-time reads /proc, and at its end traces its own threads.
 * That is among the words ("strictness"). The filter is tested without sanitizers. */
#ifndef POSTFACH_SYS_SANDBOX_H
#define POSTFACH_SYS_SANDBOX_H

#include <postfach/err.h>
#include <stdbool.h>
#include <stddef.h>

enum pf_sandbox_role { PF_SANDBOX_KEEPER, PF_SANDBOX_GATE, PF_SANDBOX_AUTH, PF_SANDBOX_STORE, PF_SANDBOX_ROLES };

/* A file, or a folder with all that is below it. */
struct pf_sandbox_path {
    const char *path;
    bool write;    /* else it can be read only */
    bool optional; /* it need not be there, or within reach; what comes later is not seen */
};

struct pf_sandbox {
    enum pf_sandbox_role role;
    bool network;                        /* auth alone: sources of users that are asked over the network */
    const struct pf_sandbox_path *paths; /* auth and store alone (asserted) */
    size_t count;
    bool sockets;                        /* auth alone: sources behind unix sockets; `network` has these too */
};

struct pf_sandbox_report {
    /* What could not be had, with blanks between, or "": seccomp landlock landlock-truncate landlock-network
     * landlock-scope bounding-set capabilities another-user strictness. */
    char missing[200];
    int landlock; /* version of the kernel's landlock, 0 for none */
};

/* Enters. After PF_OK there is no way back, also for threads and processes that start later. With anything else
 * it may have been entered in part: the process is to end. PF_CONFIG: a path, or there are threads; PF_NO_MEMORY. */
enum pf_code pf_sandbox_enter(const struct pf_sandbox *, struct pf_sandbox_report *out, struct pf_err *err);

/* "gate" */
const char *pf_sandbox_role_name(enum pf_sandbox_role);

#endif
