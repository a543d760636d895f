/* A process answers the desk: who is here, who is to go, and what was counted in it.
 *
 * Each gate, auth and each store has one. It answers at once, from what is there;
 * only a process that has sessions is given `people`, and others refuse to be
 * asked for them. When the process is about to end it says so, with its last
 * figures, so that counters of the server do not go back (pf_desk_serve_bye). */
#ifndef POSTFACH_SESSION_DESK_SERVE_H
#define POSTFACH_SESSION_DESK_SERVE_H

#include "session/ctl_source.h"
#include "sys/loop.h"

struct pf_desk_serve;

struct pf_desk_serve_parts { /* owned by the role; all outlive it */
    struct pf_loop *loop;
    char role;                                 /* its letter in base/stats.def: g, a, s */
    struct pf_stats *stats;
    const struct pf_ctl_people *people;        /* &pf_ctl_hall_people (ctl_hall.h), or NULL */
    void *people_self;                         /* its struct pf_ctl_hall */
    void (*look)(void *self, struct pf_stats *); /* sets gauges of the role, as queues; NULL is allowed */
    void (*gone)(void *self, const struct pf_err *); /* the desk is gone, once; for the log. NULL is allowed */
    void *self;
};

/* fd is one end of a pf_ipc_pair and is taken over, also on failure. Parts are copied. */
struct pf_desk_serve *pf_desk_serve_new(const struct pf_desk_serve_parts *, int fd, struct pf_err *err);
/* Tells the last figures. */
void pf_desk_serve_bye(struct pf_desk_serve *);
void pf_desk_serve_free(struct pf_desk_serve *); /* NULL is allowed */

#endif
