/* Listeners: the ports of one generation of settings, kept over a reload where they stay the same
 * (a privileged port cannot be bound again once root is given up). */
#ifndef POSTFACH_ROLE_LISTENERS_H
#define POSTFACH_ROLE_LISTENERS_H

#include "base/log.h"
#include "conf/conf.h"
#include "session/ctl.h"
#include "session/serve_lmtp.h"
#include "session/serve_pop3.h"
#include "sys/handed.h"

struct pf_listeners;

/* Who serves those who come: the hall those who fetch mail, the dock those who bring it, ctl the administrator. A
 * process that has no ctl links none: so pf_ctl_caller is named by who has. */
struct pf_listeners_to {
    struct pf_hall *hall;
    struct pf_dock *dock;
    struct pf_ctl *ctl;
    void (*caller)(struct pf_ctl *, int fd, enum pf_ctl_door);
};

/* Opens the ports of `conf` that `old` (NULL for none) does not have. Until commit, which must come before
 * the loop's next turn, nothing else is changed: `old` is as it was, and free takes back what was opened. */
struct pf_listeners *pf_listeners_prepare(struct pf_loop *, const struct pf_conf *, struct pf_listeners *old,
                                          struct pf_err *err);
/* The same, at the start: ports that were handed to this process are taken before any is opened. */
struct pf_listeners *pf_listeners_first(struct pf_loop *, const struct pf_conf *, struct pf_handed *,
                                        struct pf_err *err);
/* Nobody is accepted here, neither from those of prepare and first nor from those of `old` that a commit brings along;
 * other processes do that. Prepared ones may wait for their commit as long as they like then. */
void pf_listeners_pause(struct pf_listeners *);
/* In such a process: sockets for listeners of `conf`; -1: for that one there is none, and nobody comes. Those that were
 * taken over are -1 in `sockets`, also on failure. */
struct pf_listeners *pf_listeners_adopt(struct pf_loop *, const struct pf_conf *, int sockets[], struct pf_err *err);
/* Takes over the ports that `old` has, frees it, and closes those that are not wanted any more. `conf` and
 * `old` are those of prepare. */
void pf_listeners_commit(struct pf_listeners *, const struct pf_listeners_to *, const struct pf_conf *,
                         struct pf_listeners *old);
void pf_listeners_free(struct pf_listeners *);
/* Their sockets, to be handed on with the places of those in the file system ("" for others); they stay theirs, and
 * the lists live until the next call. */
size_t pf_listeners_sockets(struct pf_listeners *, const int **out_sockets, const char *const **out_places);
/* Another process has them now: those in the file system stay there. */
void pf_listeners_leave(struct pf_listeners *);
void pf_listeners_log(const struct pf_listeners *, struct pf_log *);
/* Writes "pop3 127.0.0.1 40001" lines (pop3s, lmtp, smtp; the port of a unix socket is 0) to a file,
 * whole or not at all. */
enum pf_code pf_listeners_write(const struct pf_listeners *, const char *file, struct pf_err *err);

#endif
