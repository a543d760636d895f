/* Preload: what libraries would else load or read late.
 *
 * Behind a jail nothing becomes executable any more and most files are out of reach (sys/sandbox.h). Libraries load
 * parts of theirs when they are first needed: modules that know the machine's users and hosts (nsswitch.conf(5)),
 * mechanisms of GSS-API, plug-ins that log in to a data base, tables of letters. So each is needed once here,
 * before. Nobody is asked over the network, and what is not installed is no mistake: who needs it will say so. */
#ifndef POSTFACH_AUTH_AUTH_PRELOAD_H
#define POSTFACH_AUTH_AUTH_PRELOAD_H

#include "conf/conf.h"

/* To be called by the process's only thread, as the user who will log in to data bases. */
void pf_auth_preload(const struct pf_conf *);

#endif
