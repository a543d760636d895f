/* Notify: what the service manager is told (sd_notify(3)); nothing where there is none.
 *
 * READY when the ports are open and the settings in force, RELOADING while they are read anew, STOPPING when the
 * end begins, MAINPID when another process takes over, and where it asks for it, a sign of life from the loop: a
 * loop that hangs gives none. */
#ifndef POSTFACH_SYS_NOTIFY_H
#define POSTFACH_SYS_NOTIFY_H

#include "sys/loop.h"

enum pf_notify { PF_NOTIFY_READY, PF_NOTIFY_RELOADING, PF_NOTIFY_STOPPING };

void pf_notify(enum pf_notify);
void pf_notify_main_pid(long pid);

/* Signs of life as often as the manager wants them; NULL where it wants none, or without memory. */
struct pf_watchdog;
struct pf_watchdog *pf_watchdog_new(struct pf_loop *);
void pf_watchdog_free(struct pf_watchdog *); /* NULL is allowed */

#endif
