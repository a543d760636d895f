/* Where log lines go: stderr, syslog(3), journald (each field as POSTFACH_KEY=). */
#ifndef POSTFACH_SYS_LOG_SINK_H
#define POSTFACH_SYS_LOG_SINK_H

#include "base/log.h"

/* stderr lines begin with the time (ISO 8601, UTC, milliseconds) and the level, e.g.
 * "2026-11-22T04:32:17.123Z notice event=start …". One write(2) per line. */
struct pf_log *pf_log_stderr(enum pf_level from);
struct pf_log *pf_log_syslog(enum pf_level from, const char *facility, struct pf_err *err);
/* Its socket is opened here, so that a sandbox may follow. The other one is where the journal is elsewhere. */
struct pf_log *pf_log_journald(enum pf_level from, struct pf_err *err);
struct pf_log *pf_log_journald_at(const char *socket, enum pf_level from, struct pf_err *err);
void pf_log_free(struct pf_log *);

#endif
