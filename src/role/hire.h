/* Hire: a program of ours is started as a child, with nothing of ours but what it is to have.
 *
 * A child gets descriptors 0 to 2, its channel as 3 (crew.h), and no other: whatever this process was given by who
 * started it, and everything it opened since, is close-on-exec. Signals are as for any program. The environment is
 * ours without what is for us alone (systemd's notifications, sockets handed on). It has our user still, and becomes
 * its own when it has what that user may not read. */
#ifndef POSTFACH_ROLE_HIRE_H
#define POSTFACH_ROLE_HIRE_H

#include <postfach/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* To be called once, before anything is opened: what was inherited goes no further. */
void pf_hire_cover(void);

/* Where the program lies: beside this one, or in the folder where programs are installed that nobody calls by name.
 * False when it is in neither, or cannot be executed. `beside`: the path of this program, or "". */
bool pf_hire_find(const char *beside, const char *name, char *out_path, size_t cap);

/* Starts it; `channel` stays the caller's. argv ends with NULL. */
enum pf_code pf_hire_start(const char *path, char *const argv[], int channel, pid_t *out_pid, struct pf_err *err);

#endif
