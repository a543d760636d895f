/* Ctl: the door for the administrator, and the one for figures.
 *
 * The control socket is a unix socket for root and the server's own user; the
 * kernel says who calls (SO_PEERCRED), and others get no answer. A request is a
 * line (proto/ctl_words.h), its answer a line that begins with + or -, more
 * lines, and a dot alone. The port for figures answers GET /metrics and closes.
 * It tells numbers only, no name and no address; so everybody who can reach it
 * may read them, and the settings let it stand on loopback and unix sockets only.
 *
 * Callers are few (CALLERS_MAX), have little time, and what they get is made
 * whole in memory at once, between two turns of the sessions. */
#ifndef POSTFACH_SESSION_CTL_H
#define POSTFACH_SESSION_CTL_H

#include "base/stats.h"
#include "session/serve_lmtp.h"
#include "session/serve_pop3.h"
#include "sys/pool.h"

struct pf_ctl;

struct pf_ctl_parts { /* owned by the role; all outlive the ctl */
    struct pf_loop *loop;
    struct pf_hall *hall;
    struct pf_dock *dock;
    struct pf_pool *disk; /* whose queue is a figure; NULL is allowed */
    struct pf_stats *stats;
    /* Reads the settings anew; tells each mistake as a line. True when they are in force. */
    bool (*reload)(void *self, void (*tell)(void *to, const char *line), void *to);
    void *self;
};

struct pf_ctl *pf_ctl_new(const struct pf_ctl_parts *, struct pf_err *err);
/* Closes on everybody who calls; NULL is allowed. */
void pf_ctl_free(struct pf_ctl *);

enum pf_ctl_door { PF_CTL_DOOR_CONTROL, PF_CTL_DOOR_METRICS };
/* Somebody at a door; fd is taken over. */
void pf_ctl_caller(struct pf_ctl *, int fd, enum pf_ctl_door);

#endif
