/* The log's sinks among themselves. */
#ifndef POSTFACH_SYS_LOG_PRIVATE_H
#define POSTFACH_SYS_LOG_PRIVATE_H

#include "base/log.h"

extern const char pf_log_own_name[];
/* The number that syslog(3) has for a level. */
int pf_log_priority(enum pf_level);
/* Closes what a log of the journal has open; nothing for another one. */
void pf_log_journald_done(struct pf_log *);

#endif
