/* Ctl's answers from this very process: the server is one. */
#ifndef POSTFACH_SESSION_CTL_LOCAL_H
#define POSTFACH_SESSION_CTL_LOCAL_H

#include "session/ctl_hall.h"
#include "sys/pool.h"

struct pf_auth;

struct pf_ctl_local_parts { /* owned by the role; all outlive it */
    struct pf_loop *loop;
    struct pf_hall *hall;
    struct pf_dock *dock;
    struct pf_pool *disk; /* whose queue is a figure; NULL is allowed */
    struct pf_auth *auth; /* the same */
    struct pf_stats *stats;
    /* Reads the settings anew; tells each mistake as a line. True when they are in force. */
    bool (*reload)(void *self, void (*tell)(void *to, const char *line), void *to);
    void *self;
};

struct pf_ctl_source *pf_ctl_local_new(const struct pf_ctl_local_parts *, struct pf_err *err);

#endif
