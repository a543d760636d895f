/* A look at the files that users come from: has one changed, and may it be read now?
 *
 * At most once a second, before a check, a thread of the pool compares the
 * stamps of the files with those it knows. A file that was changed less than a
 * second ago is taken for one that somebody is still writing (editors empty a
 * file and fill it again, or remove it and write another): then the users as
 * they were stay for now, and only those logins that fail wait for what the
 * file becomes. A file that is bad, missing for a second, or empty where there
 * were users is trouble: the old users stay until it is put right.
 *
 * A file that never comes to rest is read all the same after ten seconds. */
#ifndef POSTFACH_AUTH_AUTH_LOOK_H
#define POSTFACH_AUTH_AUTH_LOOK_H

#include "auth/auth_tables.h"

enum {
    PF_LOOK_EVERY = 1000, /* ms between looks */
    PF_LOOK_AGAIN = 200,  /* ms to the next while a file is written and a login waits for it */
    PF_LOOK_MISSING = 1000,
    PF_LOOK_RESTLESS = 10000
};

enum pf_look_verdict {
    PF_LOOK_SAME,
    PF_LOOK_BUSY, /* being written */
    PF_LOOK_NEW,  /* `fresh` was read */
    PF_LOOK_BAD   /* err says why */
};

struct pf_auth_look {
    struct pf_job job; /* the first member */
    struct pf_auth_tables *tables;
    struct pf_auth_stamps judged;
    pf_time flux; /* ms since a look first saw it being written */

    enum pf_look_verdict verdict; /* out */
    struct pf_auth_stamps now;    /* out */
    struct pf_auth_tables *fresh; /* out; one hold */
    struct pf_err err;            /* out */
};

void pf_auth_look_work(struct pf_job *);

#endif
