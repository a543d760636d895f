/* The sessions of this process, as ctl sees them: struct pf_ctl_people of a hall and a dock. */
#ifndef POSTFACH_SESSION_CTL_HALL_H
#define POSTFACH_SESSION_CTL_HALL_H

#include "session/ctl_source.h"
#include "session/serve_lmtp.h"
#include "session/serve_pop3.h"

struct pf_ctl_hall { /* the `self` of pf_ctl_hall_people */
    struct pf_hall *hall;
    struct pf_dock *dock; /* or NULL */
};

extern const struct pf_ctl_people pf_ctl_hall_people;

#endif
