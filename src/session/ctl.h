/* Ctl: the door for the administrator, and the one for figures.
 *
 * The control socket is a unix socket for root and the server's own user; the
 * kernel says who calls (SO_PEERCRED), and others get no answer. A request is a
 * line (proto/ctl_words.h), its answer a line that begins with + or -, more
 * lines, and a dot alone. The port for figures answers GET /metrics and closes.
 * It tells numbers only, no name and no address; so everybody who can reach it
 * may read them, and the settings let it stand on loopback and unix sockets only.
 *
 * Who is here and what was counted is asked of a source (ctl_source.h): one
 * process, or all that make up the server. Callers are few (CALLERS_MAX) and have
 * little time; each is answered one request after the other. */
#ifndef POSTFACH_SESSION_CTL_H
#define POSTFACH_SESSION_CTL_H

#include "base/log.h"
#include "session/ctl_source.h"
#include "sys/loop.h"

struct pf_ctl;

struct pf_ctl_parts { /* owned by the role; all outlive the ctl */
    struct pf_loop *loop;
    struct pf_log *log;
    struct pf_ctl_source *source;
};

struct pf_ctl *pf_ctl_new(const struct pf_ctl_parts *, struct pf_err *err);
/* Another log from now on. */
void pf_ctl_change(struct pf_ctl *, struct pf_log *);
/* Closes on everybody who calls; NULL is allowed. */
void pf_ctl_free(struct pf_ctl *);

enum pf_ctl_door { PF_CTL_DOOR_CONTROL, PF_CTL_DOOR_METRICS };
/* Somebody at a door; fd is taken over. */
void pf_ctl_caller(struct pf_ctl *, int fd, enum pf_ctl_door);

#endif
