/* The one-process shape: loop, store, auth and guests in one process. For development, containers,
 * small hosts and tests; the sessions are the same as in separated processes. */
#ifndef POSTFACH_ROLE_SINGLE_H
#define POSTFACH_ROLE_SINGLE_H

/* Runs until SIGTERM or SIGINT; returns an exit status. Complaints go to stderr. */
int pf_single_run(const char *conf_file);

#endif
